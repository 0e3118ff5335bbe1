/* discovery_thing.c - a discovered thing's memory, and the rules of names: what a name may be, how an
 * id is made of it, when two are the same. */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"
#include "lt/fold.h"

/* ---- memory ---- */

struct lt__thing *lt__thing_new(void)
{
    struct lt__thing *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->keep = json_array();
    if (!t->keep) {
        free(t);
        return NULL;
    }
    t->component = t->found_name = t->found_area = t->room_text = t->short_name = t->object = "";
    t->endpoint = t->suffix = t->room_more = "";
    t->pub.id = t->pub.name = t->pub.area = t->pub.domain = t->pub.device_class = t->pub.unit = "";
    t->pub.topic = t->pub.unique_id = t->pub.device_name = t->pub.identifier = "";
    t->pub.query_topic = t->pub.query_payload = t->found_floor = "";
    t->pub.availability_mode = "latest";
    return t;
}

void lt__thing_free(struct lt__thing *t)
{
    if (!t) return;
    free(t->features);
    free(t->availability);
    json_decref(t->keep);
    free(t);
}

void lt__things_free(struct lt__thing **v, size_t n)
{
    for (size_t i = 0; i < n; i++) lt__thing_free(v[i]);
    free(v);
}

json_t *lt__keep_new(struct lt__thing *t, json_t *v)
{
    if (!v || json_array_append_new(t->keep, v)) {
        t->is_broken = 1;
        return NULL;
    }
    return v;
}

const json_t *lt__keep_json(struct lt__thing *t, const json_t *v)
{
    /* the count changes, the value does not */
    return lt__keep_new(t, json_incref((json_t *)(uintptr_t)v));
}

const char *lt__keep(struct lt__thing *t, const char *s)
{
    if (!*s) return "";
    const json_t *kept = lt__keep_new(t, json_string(s));
    return kept ? json_string_value(kept) : "";
}

const char *lt__keepf(struct lt__thing *t, const char *fmt, ...)
{
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return lt__keep(t, text);
}

struct lt_feature *lt__feature_add(struct lt__thing *t, const char *name, enum lt_feature_type type)
{
    size_t n = t->pub.n_features;
    if (n == LT_DISCOVERY_MAX_FEATURES) return NULL;
    if ((n & (n - 1)) == 0) { /* 0, 1, 2, 4, …: full */
        struct lt_feature *more = realloc(t->features, (n ? 2 * n : 1) * sizeof *more);
        if (!more) {
            t->is_broken = 1;
            return NULL;
        }
        t->features = more;
        t->pub.features = more;
    }
    t->features[n] = (struct lt_feature){.name = name, .type = type};
    t->pub.n_features++;
    return t->features + n;
}

void lt__availability_add(struct lt__thing *t, struct lt_thing_availability a)
{
    size_t n = t->pub.n_availability;
    if (n == LT_DISCOVERY_MAX_AVAILABILITY) return;
    if ((n & (n - 1)) == 0) {
        struct lt_thing_availability *more =
            realloc(t->availability, (n ? 2 * n : 1) * sizeof *more);
        if (!more) {
            t->is_broken = 1;
            return;
        }
        t->availability = more;
        t->pub.availability = more;
    }
    t->availability[n] = a;
    t->pub.n_availability++;
}

const struct lt_feature *lt_thing_feature(const struct lt_thing *t, const char *name)
{
    for (size_t i = 0; i < t->n_features; i++)
        if (!strcmp(t->features[i].name, name)) return t->features + i;
    return NULL;
}

int lt__flag(const json_t *v)
{
    static const char *const words[2][5] = {{"0", "false", "no", "off", "disable"},
                                            {"1", "true", "yes", "on", "enable"}};
    const char *s = json_string_value(v);
    if (json_is_boolean(v)) return json_is_true(v);
    if (json_is_integer(v)) return json_integer_value(v) != 0;
    for (int i = 0; s && i < 10; i++)
        if (lt__same(s, words[i / 5][i % 5])) return i / 5;
    return -1;
}

/* ---- names ---- */

/* U+00C0..U+00FF without accents; two letters where that is usual. */
static const char *const latin1[64] = {
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o", "o", "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "ss",
    "a", "a", "a", "a", "a", "a", "ae", "c", "e", "e", "e", "e", "i", "i", "i",  "i",
    "d", "n", "o", "o", "o", "o", "o",  "",  "o", "u", "u", "u", "u", "y", "th", "y",
};
/* U+0100..U+017F likewise, one letter each. */
static const char latin_a[] = "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiiiiijjkkklllllll"
                              "lllnnnnnnnnnoooooooorrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

static int is_word_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

void lt__slug(const char *s, char *out, size_t out_bytes)
{
    size_t n = 0;
    int is_gap = 0;
    while (*s && n + 4 < out_bytes) {
        unsigned char c = (unsigned char)*s++;
        char one[2] = {lower((char)c), 0};
        const char *add = is_word_byte((unsigned char)one[0]) ? one : "";
        if (c >= 0xc3 && c <= 0xc5 && ((unsigned char)*s & 0xc0) == 0x80) {
            unsigned code = ((c & 0x1fu) << 6) | ((unsigned char)*s++ & 0x3fu);
            if (code < 0x100) {
                add = latin1[code - 0xc0];
            } else if (code - 0x100 < sizeof latin_a - 1) {
                one[0] = latin_a[code - 0x100];
                add = one;
            }
        } else if (c >= 0x80) {
            while (((unsigned char)*s & 0xc0) == 0x80) s++;
        } else if (c == '\'') {
            continue; /* "Anna's lamp" is annas_lamp */
        }
        if (!*add) {
            is_gap = n > 0;
            continue;
        }
        if (is_gap) out[n++] = '_';
        is_gap = 0;
        while (*add) out[n++] = *add++;
    }
    out[n] = '\0';
}

void lt__pretty(const char *s, char *out, size_t out_bytes)
{
    size_t n = 0;
    int has_capital = 0;
    for (const char *p = s; *p; p++) has_capital |= *p >= 'A' && *p <= 'Z';
    for (; *s && n + 1 < out_bytes; s++) {
        char c = *s == '_' ? ' ' : *s;
        if (c == ' ' && (!n || out[n - 1] == ' ')) continue;
        if (!has_capital && c >= 'a' && c <= 'z' && (!n || out[n - 1] == ' ')) c = (char)(c - 32);
        out[n++] = c;
    }
    while (n && out[n - 1] == ' ') n--;
    out[n] = '\0';
}

void lt__words(const char *s, char *out, size_t out_bytes)
{
    size_t n = 0;
    for (; *s && n + 1 < out_bytes; s++) {
        int is_gap = *s == '_' || *s == '-' || *s == ' ';
        if (is_gap && (!n || out[n - 1] == ' ')) continue;
        out[n++] = is_gap ? ' ' : *s;
    }
    while (n && out[n - 1] == ' ') n--;
    out[n] = '\0';
}

static const char *trim(const char *s, size_t *n)
{
    while (*s == ' ' || *s == '\t') s++;
    *n = strlen(s);
    while (*n && (s[*n - 1] == ' ' || s[*n - 1] == '\t')) (*n)--;
    return s;
}

int lt__same(const char *a, const char *b)
{
    char x[LT_DISCOVERY_MAX_NAME_BYTES + 1], y[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    lt__fold(a, x, sizeof x);
    lt__fold(b, y, sizeof y);
    return !strcmp(x, y);
}

void lt__fold(const char *s, char *out, size_t out_bytes)
{
    size_t n;
    s = trim(s, &n);
    lt_fold(s, n, out, out_bytes);
}

/* Head is compared folded, so its end in s is found character by character. */
const char *lt__after_words(const char *s, const char *head)
{
    char want[LT_DISCOVERY_MAX_NAME_BYTES + 1], have[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    size_t n_want = lt_fold(head, strlen(head), want, sizeof want), n = 0, len = strlen(s);
    if (!n_want) return NULL;
    do n++;
    while (n < len &&
           (((unsigned char)s[n] & 0xc0) == 0x80 || lt_fold(s, n, have, sizeof have) < n_want));
    if (lt_fold(s, n < len ? n : len, have, sizeof have) != n_want || strcmp(want, have) != 0)
        return NULL;
    s += n < len ? n : len;
    if (*s && *s != ' ' && *s != '_' && *s != '-') return NULL;
    while (*s == ' ' || *s == '_' || *s == '-') s++;
    return s;
}

enum lt_err lt__name_check(const char *s, const char *key, struct lt_diag *diag)
{
    size_t n;
    (void)trim(s, &n);
    if (!n) return lt_fail(diag, LT_ERR_INVALID, "%s: is blank", key);
    if (strlen(s) > LT_DISCOVERY_MAX_NAME_BYTES)
        return lt_fail(diag, LT_ERR_LIMIT, "%s: has %zu bytes; at most %d are taken", key,
                       strlen(s), LT_DISCOVERY_MAX_NAME_BYTES);
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return lt_fail(diag, LT_ERR_INVALID, "%s: has a control character (0x%02x)", key,
                           (unsigned)(unsigned char)*p);
    return LT_OK;
}

/* Do '+' and '#' stand where MQTT lets them: alone in their level, '#' in the last? */
static int is_filter(const char *s)
{
    for (const char *p = s; *p; p++) {
        if (*p != '+' && *p != '#') continue;
        if ((p > s && p[-1] != '/') || (p[1] && (p[1] != '/' || *p == '#'))) return 0;
    }
    return 1;
}

enum lt_err lt__filter_check(const char *s, const char *key, struct lt_diag *diag)
{
    char plain[LT_DISCOVERY_MAX_TOPIC_BYTES + 2];
    if (!is_filter(s) || !strcmp(s, "#"))
        return lt_fail(diag, LT_ERR_INVALID, "%s: \"%.100s\" is no filter of one device's topics",
                       key, s);
    snprintf(plain, sizeof plain, "%s", s);
    for (char *p = plain; *p; p++)
        if (*p == '+' || *p == '#') *p = 'x';
    return lt__topic_check(plain, key, diag);
}

enum lt_err lt__topic_check(const char *s, const char *key, struct lt_diag *diag)
{
    size_t n = strlen(s);
    if (!n) return lt_fail(diag, LT_ERR_INVALID, "%s: is empty", key);
    if (n > LT_DISCOVERY_MAX_TOPIC_BYTES)
        return lt_fail(diag, LT_ERR_LIMIT, "%s: has %zu bytes; at most %d are taken", key, n,
                       LT_DISCOVERY_MAX_TOPIC_BYTES);
    for (const char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f || *p == '+' || *p == '#')
            return lt_fail(diag, LT_ERR_INVALID,
                           "%s: \"%.100s\" has a wildcard or control character", key, s);
    if (*s == '$') return lt_fail(diag, LT_ERR_INVALID, "%s: begins with '$'", key);
    return LT_OK;
}
