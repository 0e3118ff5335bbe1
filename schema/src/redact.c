/* redact.c - masking of what may not be kept. */
#include "lt/redact.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lt/buf.h"
#include "lt/json.h"

#define LONG_NUMBER_DIGITS 7                   /* this many digits make a number worth hiding */
#define TEXT_CAP_BYTES     (64u * 1024 * 1024) /* results hold at most a few documents */

int lt_text_mode_parse(const char *name)
{
    static const char *const names[] = {"keep", "redact", "none"};
    for (int i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) return i;
    return -1;
}

/* Copy with every byte that is not part of well-formed UTF-8 replaced; NUL counts as such. */
static enum lt_err clean(const char *s, size_t n, struct lt_buf *out)
{
    enum lt_err err = LT_OK;
    while (!err && n) {
        size_t good = n, nul;
        lt_utf8_is_valid(s, n, &good);
        const char *z = memchr(s, '\0', good);
        if (z && (nul = (size_t)(z - s)) < good) good = nul;
        err = lt_buf_add(out, s, good);
        s += good;
        n -= good;
        if (n && !err) {
            err = lt_buf_adds(out, "\xEF\xBF\xBD"); /* U+FFFD */
            s++;
            n--;
        }
    }
    return err;
}

static int is_mail_char(char c)
{
    return isalnum((unsigned char)c) || strchr("._%+-", c) || (unsigned char)c >= 0x80;
}

/* Length of an e-mail address that starts at s (local part @ domain with a dot), else 0. */
static size_t mail_len(const char *s)
{
    size_t n = 0;
    while (s[n] && is_mail_char(s[n])) n++;
    if (!n || s[n] != '@') return 0;
    size_t domain = ++n, dot = 0;
    for (; s[n] && (isalnum((unsigned char)s[n]) || s[n] == '-' || s[n] == '.'); n++)
        if (s[n] == '.' && n > domain && isalnum((unsigned char)s[n + 1])) dot = n;
    return dot ? n : 0;
}

/* Length of a run of digits that may hold single separators (" -./()+"); *digits counts. */
static size_t number_len(const char *s, int *digits)
{
    size_t n = 0, end = 0;
    *digits = 0;
    if (s[0] == '+' || s[0] == '(')
        n++;
    else if (!isdigit((unsigned char)s[0]))
        return 0;
    for (int gap = 0; s[n] && gap < 3; n++) {
        if (isdigit((unsigned char)s[n])) {
            ++*digits;
            end = n + 1;
            gap = 0;
        } else if (strchr(" -./()", s[n])) {
            gap++;
        } else {
            break;
        }
    }
    return end;
}

static enum lt_err mask(const char *s, int is_every_digit, struct lt_buf *out)
{
    enum lt_err err = LT_OK;
    char before = ' ';
    while (!err && *s) {
        size_t n = is_mail_char(before) ? 0 : mail_len(s);
        int digits = 0;
        if (n) {
            err = lt_buf_adds(out, "<email>");
        } else if ((n = number_len(s, &digits)) && digits >= LONG_NUMBER_DIGITS) {
            err = lt_buf_adds(out, "<number>");
        } else {
            n = 1;
            err = lt_buf_add(out, is_every_digit && isdigit((unsigned char)*s) ? "#" : s, 1);
        }
        before = s[n - 1];
        s += n;
    }
    return err;
}

enum lt_err lt_redact_text(enum lt_text_mode mode, const char *s, size_t n, char **out)
{
    *out = NULL;
    if (!s || mode == LT_TEXT_NONE) return LT_OK;
    struct lt_buf plain, masked;
    lt_buf_init(&plain, TEXT_CAP_BYTES);
    lt_buf_init(&masked, TEXT_CAP_BYTES);
    enum lt_err err = clean(s, n, &plain);
    if (!err && mode == LT_TEXT_REDACT) err = mask(lt_buf_str(&plain), 1, &masked);
    if (!err) {
        *out = lt_buf_take(mode == LT_TEXT_REDACT ? &masked : &plain);
        if (!*out) err = LT_ERR_NOMEM;
    }
    lt_buf_free(&plain);
    lt_buf_free(&masked);
    return err;
}

/* Keys whose values are words of the program, not of people. */
static int is_own_word(const char *key)
{
    static const char *const keys[] = {"name", "route", "why", "trace", "model", "id", "kind"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        if (!strcmp(key, keys[i])) return 1;
    return 0;
}

static json_t *redacted(enum lt_text_mode mode, const json_t *v, int in_arguments);

static json_t *redacted_string(enum lt_text_mode mode, const json_t *v)
{
    if (mode == LT_TEXT_NONE) return json_string("<text>");
    struct lt_buf b;
    lt_buf_init(&b, TEXT_CAP_BYTES);
    json_t *r = mask(json_string_value(v), 0, &b) ? NULL : json_string(lt_buf_str(&b));
    lt_buf_free(&b);
    return r;
}

static json_t *redacted(enum lt_text_mode mode, const json_t *v, int in_arguments)
{
    if (json_is_string(v)) return redacted_string(mode, v);
    json_t *r = json_is_array(v)    ? json_array()
                : json_is_object(v) ? json_object()
                                    : json_deep_copy(v);
    int bad = !r;
    for (size_t i = 0; !bad && json_is_array(v) && i < json_array_size(v); i++)
        bad = json_array_append_new(r, redacted(mode, json_array_get(v, i), in_arguments));
    void *it = json_is_object(v) ? json_object_iter((json_t *)(uintptr_t)v) : NULL;
    for (; !bad && it; it = json_object_iter_next((json_t *)(uintptr_t)v, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *child = json_object_iter_value(it);
        /* inside arguments "name" is a device that somebody said, elsewhere a tool */
        int keep = !in_arguments && is_own_word(key) && json_is_string(child);
        int inner = in_arguments || !strcmp(key, "arguments");
        bad = json_object_set_new(r, key,
                                  keep ? json_deep_copy(child) : redacted(mode, child, inner));
    }
    if (!bad) return r;
    json_decref(r);
    return NULL;
}

enum lt_err lt_redact_json(enum lt_text_mode mode, const char *json, char **out)
{
    *out = NULL;
    if (!json) return LT_OK;
    if (mode == LT_TEXT_KEEP) {
        *out = strdup(json);
        return *out ? LT_OK : LT_ERR_NOMEM;
    }
    json_t *v = NULL, *r = NULL;
    enum lt_err err = lt_json_parse(json, strlen(json), TEXT_CAP_BYTES, &v, NULL);
    if (err == LT_ERR_NOMEM) return err;
    if (err) return lt_redact_text(mode, json, strlen(json), out);
    r = redacted(mode, v, 0);
    if (r) *out = lt_json_dump(r);
    json_decref(v);
    json_decref(r);
    return *out ? LT_OK : LT_ERR_NOMEM;
}
