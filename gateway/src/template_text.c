/* template_text.c - whole templates: text, {{ expressions }}, and the statements if, elif, else, set. */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template_int.h"

struct source {
    const char *at;
    const json_t *vars; /* NULL: only check */
    json_t *set;        /* a copy of vars with what {% set %} adds; NULL until there is one */
    char *out;          /* NULL: nothing is written */
    size_t cap, n;
    int depth, is_cut; /* is_cut: the last mark takes the blanks after it away */
    int condition;     /* of the elif that ended a body */
    enum lt_err err;
    struct lt_diag *diag;
};

/* What ended a body. */
enum stop { STOP_TEXT, STOP_ELIF, STOP_ELSE, STOP_ENDIF };

static void put(struct source *s, const char *text, size_t len)
{
    if (s->err || !s->out) return;
    if (s->n + len >= s->cap) {
        s->err = lt_fail(s->diag, LT_ERR_LIMIT, "template: the result is too long");
        return;
    }
    memcpy(s->out + s->n, text, len);
    s->n += len;
    s->out[s->n] = '\0';
}

static void refuse(struct source *s, const char *what)
{
    if (!s->err) s->err = lt_fail(s->diag, LT_ERR_UNSUPPORTED, "template: %s", what);
}

/* The mark that closes an expression: the first that is in no text and in no object of its own, so that
 * both "{{ {'a': 1}[x] }}" and "{\"h\": {{ hue }}}" end where Jinja ends them. NULL: none. */
static const char *closing(const char *at, const char *close)
{
    int depth = 0;
    char quote = 0;
    for (; *at; at++) {
        if (quote) {
            if (*at == '\\' && at[1])
                at++;
            else if (*at == quote)
                quote = 0;
        } else if (!depth && !strncmp(at, close, 2)) {
            return at;
        } else if (*at == '\'' || *at == '"') {
            quote = *at;
        } else if (*at == '{') {
            depth++;
        } else if (*at == '}' && depth) {
            depth--;
        }
    }
    return NULL;
}

/* What stands between the mark at s->at and `close`, without its minus signs; s->at goes behind it. */
static struct lt__template_reader inside(struct source *s, const char *close)
{
    struct lt__template_reader r = {.at = s->at + 2, .diag = s->diag};
    const char *end = *close == '#' ? strstr(r.at, close) : closing(r.at, close);
    if (!end) {
        refuse(s, "a mark is never closed");
        r.end = r.at;
        return r;
    }
    s->at = end + 2;
    if (r.at < end && *r.at == '-') r.at++;
    s->is_cut = end > r.at && end[-1] == '-';
    r.end = end - s->is_cut;
    r.vars = s->set ? s->set : s->vars;
    return r;
}

/* The expression must be all that is left. */
static json_t *whole(struct source *s, struct lt__template_reader *r)
{
    json_t *v = s->err ? NULL : lt__template_expression(r);
    lt__template_blanks(r);
    if (!s->err && !r->err && r->at < r->end) (void)lt__template_refuse(r, "what follows");
    if (!s->err) s->err = r->err;
    return v;
}

static void expression(struct source *s, int is_on)
{
    const char *text = s->at;
    char word[2048];
    struct lt__template_reader r = inside(s, "}}");
    if (!is_on) r.vars = NULL;
    json_t *v = whole(s, &r);
    if (!s->err && is_on && s->out) {
        if (!v)
            s->err = lt_fail(s->diag, LT_ERR_NOTFOUND, "template: %.60s has no value here", text);
        else if (!lt__template_print(v, word, sizeof word))
            s->err = lt_fail(s->diag, LT_ERR_LIMIT, "template: the result is too long");
        else
            put(s, word, strlen(word));
    }
    json_decref(v);
}

static enum stop body(struct source *s, int is_on);

/* Behind {% if … %}: one body after the other until endif; the first whose condition holds is on. */
static void choose(struct source *s, int is_on, int condition)
{
    int is_done = 0, is_last = 0;
    if (++s->depth > LT_TEMPLATE_MAX_DEPTH) refuse(s, "deep nesting");
    while (!s->err) {
        enum stop stop = body(s, is_on && condition && !is_done);
        is_done |= condition;
        if (stop == STOP_ENDIF) break;
        if (stop == STOP_TEXT || is_last) refuse(s, "an if without its endif");
        is_last = stop == STOP_ELSE;
        condition = is_last || s->condition;
    }
    s->depth--;
}

static void set(struct source *s, struct lt__template_reader *r, int is_on)
{
    char name[64];
    if (!lt__template_name(r, name)) (void)lt__template_refuse(r, "a name");
    lt__template_blanks(r);
    if (!r->err && (r->at >= r->end || *r->at++ != '='))
        (void)lt__template_refuse(r, "a missing =");
    json_t *v = r->err ? NULL : whole(s, r);
    if (!s->err) s->err = r->err;
    if (!s->err && is_on && s->vars) {
        if (!s->set) s->set = json_copy((json_t *)(uintptr_t)s->vars);
        if (!v)
            (void)json_object_del(s->set, name);
        else if (json_object_set(s->set, name, v))
            s->err = lt_fail(s->diag, LT_ERR_NOMEM, "template: out of memory");
    }
    json_decref(v);
}

/* A statement; what ends a body is returned, STOP_TEXT for what does not. */
static enum stop statement(struct source *s, int is_on)
{
    struct lt__template_reader r = inside(s, "%}");
    if (s->err) return STOP_TEXT;
    int is_elif = lt__template_take_word(&r, "elif");
    if (is_elif || lt__template_take_word(&r, "if")) {
        json_t *v = whole(s, &r);
        int is = lt__template_is_true(v);
        json_decref(v);
        if (is_elif) {
            s->condition = is;
            return STOP_ELIF;
        }
        choose(s, is_on, is);
        return STOP_TEXT;
    }
    if (lt__template_take_word(&r, "set")) {
        set(s, &r, is_on);
        return STOP_TEXT;
    }
    int is_else = lt__template_take_word(&r, "else"), is_end = 0;
    if (!is_else) is_end = lt__template_take_word(&r, "endif");
    lt__template_blanks(&r);
    if ((is_else || is_end) && r.at == r.end) return is_else ? STOP_ELSE : STOP_ENDIF;
    (void)lt__template_refuse(&r, "a statement");
    s->err = r.err;
    return STOP_TEXT;
}

/* The next mark, or the end. */
static const char *mark_after(const char *at)
{
    while ((at = strchr(at, '{')) && at[1] != '{' && at[1] != '%' && at[1] != '#') at++;
    return at;
}

static enum stop body(struct source *s, int is_on)
{
    while (!s->err) {
        const char *mark = mark_after(s->at), *end = mark ? mark : s->at + strlen(s->at);
        if (s->is_cut)
            while (s->at < end && isspace((unsigned char)*s->at)) s->at++;
        s->is_cut = 0;
        size_t n = (size_t)(end - s->at);
        if (mark && mark[2] == '-')
            while (n && isspace((unsigned char)s->at[n - 1])) n--;
        if (is_on) put(s, s->at, n);
        s->at = end;
        if (!mark || s->err) break;
        if (mark[1] == '#') {
            (void)inside(s, "#}");
        } else if (mark[1] == '{') {
            expression(s, is_on);
        } else {
            enum stop stop = statement(s, is_on);
            if (stop != STOP_TEXT) return stop;
        }
    }
    return STOP_TEXT;
}

/* Home Assistant takes the blanks around the whole away. */
static void strip(char *out)
{
    size_t n = strlen(out), lead = 0;
    while (n && isspace((unsigned char)out[n - 1])) out[--n] = '\0';
    while (isspace((unsigned char)out[lead])) lead++;
    memmove(out, out + lead, n - lead + 1);
}

static enum lt_err run(const char *text, const json_t *vars, char *out, size_t cap,
                       struct lt_diag *diag)
{
    struct source s = {.at = text, .vars = vars, .out = out, .cap = cap, .diag = diag};
    if (strlen(text) > LT_TEMPLATE_MAX_BYTES)
        return lt_fail(diag, LT_ERR_LIMIT, "template: longer than %d bytes", LT_TEMPLATE_MAX_BYTES);
    if (out) *out = '\0';
    if (body(&s, 1) != STOP_TEXT) refuse(&s, "an else or endif without its if");
    json_decref(s.set);
    if (!s.err && out && strchr(text, '{')) strip(out);
    return s.err;
}

enum lt_err lt_template_check(const char *text, struct lt_diag *diag)
{
    return run(text, NULL, NULL, 0, diag);
}

enum lt_err lt_template_eval(const char *text, const json_t *vars, char *out, size_t cap,
                             struct lt_diag *diag)
{
    return run(text, vars, out, cap, diag);
}

enum lt_err lt_template_value(const char *text, const char *payload, char *out, size_t cap,
                              struct lt_diag *diag)
{
    json_t *vars = json_pack("{s:s}", "value", payload);
    json_t *parsed = json_loads(payload, JSON_DECODE_ANY, NULL);
    if (!vars) {
        json_decref(parsed);
        return lt_fail(diag, LT_ERR_NOMEM, "template: out of memory");
    }
    if (parsed) json_object_set_new(vars, "value_json", parsed);
    enum lt_err err = run(text, vars, out, cap, diag);
    json_decref(vars);
    return err;
}
