/* template.c - a recursive descent over expressions whose values are JSON values; NULL: undefined. */
#include "template.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    const char *at, *end;
    const json_t *vars; /* NULL: only check */
    int depth;
    enum lt_err err;
    struct lt_diag *diag;
};

static json_t *ternary(struct reader *r);

static json_t *refuse(struct reader *r, const char *what)
{
    if (!r->err)
        r->err = lt_fail(r->diag, LT_ERR_UNSUPPORTED, "template: %s at \"%.*s\"", what,
                         (int)(r->end - r->at < 20 ? r->end - r->at : 20), r->at);
    return NULL;
}

static void blanks(struct reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at)) r->at++;
}

static int take(struct reader *r, const char *mark)
{
    size_t n = strlen(mark);
    blanks(r);
    if ((size_t)(r->end - r->at) < n || strncmp(r->at, mark, n)) return 0;
    r->at += n;
    return 1;
}

static int is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static int take_word(struct reader *r, const char *word)
{
    size_t n = strlen(word);
    blanks(r);
    if ((size_t)(r->end - r->at) < n || strncmp(r->at, word, n) ||
        ((size_t)(r->end - r->at) > n && is_name(r->at[n])))
        return 0;
    r->at += n;
    return 1;
}

static int read_name(struct reader *r, char out[64])
{
    size_t n = 0;
    blanks(r);
    while (r->at + n < r->end && is_name(r->at[n])) n++;
    if (!n || n > 63 || isdigit((unsigned char)*r->at)) return 0;
    memcpy(out, r->at, n);
    out[n] = '\0';
    r->at += n;
    return 1;
}

/* ---- values ---- */

static int number_of(const json_t *v, double *out)
{
    char *end;
    if (json_is_number(v)) {
        *out = json_number_value(v);
        return 1;
    }
    if (json_is_boolean(v)) {
        *out = json_is_true(v);
        return 1;
    }
    const char *s = json_string_value(v);
    if (!s || !*s) return 0;
    *out = strtod(s, &end);
    while (isspace((unsigned char)*end)) end++;
    return !*end && isfinite(*out);
}

static json_t *number(double x)
{
    if (!isfinite(x)) return NULL;
    return x == floor(x) && fabs(x) < 1e15 ? json_integer((json_int_t)x) : json_real(x);
}

/* As Jinja prints it. 0 when it does not fit. */
static int print(const json_t *v, char *out, size_t cap)
{
    int n = 0;
    if (json_is_string(v)) {
        n = snprintf(out, cap, "%s", json_string_value(v));
    } else if (json_is_integer(v)) {
        n = snprintf(out, cap, "%lld", (long long)json_integer_value(v));
    } else if (json_is_real(v)) {
        double x = json_real_value(v);
        n = snprintf(out, cap, x == floor(x) && fabs(x) < 1e15 ? "%.1f" : "%.12g", x);
    } else if (json_is_boolean(v)) {
        n = snprintf(out, cap, "%s", json_is_true(v) ? "True" : "False");
    } else if (!v || json_is_null(v)) {
        n = snprintf(out, cap, "%s", v ? "None" : "");
    } else {
        char *s = json_dumps(v, 0);
        n = s ? snprintf(out, cap, "%s", s) : (int)cap;
        free(s);
    }
    return n >= 0 && (size_t)n < cap;
}

static int is_true(const json_t *v)
{
    double x;
    if (!v || json_is_null(v)) return 0;
    if (json_is_string(v)) return *json_string_value(v) != '\0';
    if (json_is_object(v)) return json_object_size(v) > 0;
    if (json_is_array(v)) return json_array_size(v) > 0;
    return number_of(v, &x) && x != 0;
}

static int is_equal(const json_t *a, const json_t *b)
{
    if ((json_is_number(a) || json_is_boolean(a)) && (json_is_number(b) || json_is_boolean(b))) {
        double x, y;
        return number_of(a, &x) && number_of(b, &y) && x == y;
    }
    return a && b ? json_equal(a, b) : a == b;
}

/* ---- primaries ---- */

static json_t *quoted(struct reader *r, char mark)
{
    char text[512];
    size_t n = 0;
    r->at++;
    while (r->at < r->end && *r->at != mark) {
        if (*r->at == '\\' && r->at + 1 < r->end) r->at++;
        if (n + 1 >= sizeof text) return refuse(r, "a long text");
        text[n++] = *r->at++;
    }
    if (r->at >= r->end) return refuse(r, "an open text");
    r->at++;
    return json_stringn(text, n);
}

static json_t *literal_number(struct reader *r)
{
    char text[64], *end;
    size_t n = 0;
    while (r->at + n < r->end && n < 63 && (isdigit((unsigned char)r->at[n]) || r->at[n] == '.'))
        n++;
    memcpy(text, r->at, n);
    text[n] = '\0';
    double x = strtod(text, &end);
    if (*end) return refuse(r, "a number");
    r->at += n;
    return strchr(text, '.') ? json_real(x) : json_integer((json_int_t)x);
}

static json_t *member_of(struct reader *r, json_t *v)
{
    char name[64];
    json_t *inner = NULL;
    for (;;) {
        if (r->at < r->end && *r->at == '.') {
            r->at++;
            if (!read_name(r, name)) {
                json_decref(v);
                return refuse(r, "a member");
            }
            inner = json_incref(json_object_get(v, name));
        } else if (r->at < r->end && *r->at == '[') {
            r->at++;
            json_t *key = ternary(r);
            if (!r->err && !take(r, "]")) (void)refuse(r, "a missing ]");
            inner = json_is_string(key) ? json_incref(json_object_get(v, json_string_value(key)))
                    : json_is_integer(key) && json_integer_value(key) >= 0
                        ? json_incref(json_array_get(v, (size_t)json_integer_value(key)))
                        : NULL;
            json_decref(key);
        } else {
            return v;
        }
        json_decref(v);
        v = inner;
        if (r->err) {
            json_decref(v);
            return NULL;
        }
        blanks(r);
        if (r->at < r->end && *r->at == '(') {
            json_decref(v);
            return refuse(r, "a call");
        }
    }
}

static json_t *primary(struct reader *r)
{
    char name[64];
    blanks(r);
    if (r->at >= r->end) return refuse(r, "an expression ends early");
    if (*r->at == '\'' || *r->at == '"') return member_of(r, quoted(r, *r->at));
    if (isdigit((unsigned char)*r->at)) return literal_number(r);
    if (take(r, "(")) {
        json_t *v = ternary(r);
        if (!r->err && !take(r, ")")) (void)refuse(r, "a missing )");
        return member_of(r, v);
    }
    if (!read_name(r, name)) return refuse(r, "a sign");
    if (!strcmp(name, "true") || !strcmp(name, "True")) return json_true();
    if (!strcmp(name, "false") || !strcmp(name, "False")) return json_false();
    if (!strcmp(name, "none") || !strcmp(name, "None")) return json_null();
    blanks(r);
    if (r->at < r->end && *r->at == '(') return refuse(r, "a call");
    return member_of(r, json_incref(json_object_get(r->vars, name)));
}

/* ---- filters ---- */

static json_t *text_filter(struct reader *r, const json_t *v, const char *name)
{
    char text[2048];
    if (!print(v, text, sizeof text)) return refuse(r, "a long text");
    char *s = text;
    if (!strcmp(name, "trim")) {
        while (isspace((unsigned char)*s)) s++;
        size_t n = strlen(s);
        while (n && isspace((unsigned char)s[n - 1])) s[--n] = '\0';
    }
    for (char *p = s; *p && strcmp(name, "trim") && strcmp(name, "string"); p++)
        *p = (char)(!strcmp(name, "lower") ? tolower((unsigned char)*p)
                                           : toupper((unsigned char)*p));
    return json_string(s);
}

/* v | name(argument); takes v. */
static json_t *filter(struct reader *r, json_t *v, const char *name, json_t *argument)
{
    static const char *const texts[] = {"lower", "upper", "trim", "string"};
    json_t *out = NULL;
    double x = 0, digits = 0, scale;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(name, texts[i])) {
            out = text_filter(r, v, name);
            json_decref(v);
            return out;
        }
    int is_number = number_of(v, &x);
    if (!strcmp(name, "default") || !strcmp(name, "d")) {
        if (v && !json_is_null(v)) return v;
        return argument ? json_incref(argument) : json_string("");
    }
    if (!strcmp(name, "int")) {
        out = is_number  ? json_integer((json_int_t)x)
              : argument ? json_incref(argument)
                         : json_integer(0);
    } else if (!strcmp(name, "float")) {
        out = is_number ? json_real(x) : argument ? json_incref(argument) : json_real(0);
    } else if (!strcmp(name, "abs")) {
        out = is_number ? number(fabs(x)) : NULL;
    } else if (!strcmp(name, "round")) {
        (void)number_of(argument, &digits);
        scale = pow(10, digits);
        out = is_number ? json_real(nearbyint(x * scale) / scale) : NULL;
    } else if (!strcmp(name, "tojson") || !strcmp(name, "to_json")) {
        char *s = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
        out = s ? json_string(s) : NULL;
        free(s);
    } else {
        (void)refuse(r, "an unknown filter");
    }
    json_decref(v);
    return out;
}

static json_t *filtered(struct reader *r)
{
    char name[64];
    json_t *v = primary(r);
    while (!r->err && take(r, "|")) {
        json_t *argument = NULL;
        if (!read_name(r, name)) {
            (void)refuse(r, "a filter");
            break;
        }
        if (take(r, "(") && !take(r, ")")) {
            argument = ternary(r);
            if (!r->err && !take(r, ")")) (void)refuse(r, "a filter's arguments");
        }
        v = filter(r, v, name, argument);
        json_decref(argument);
    }
    return v;
}

/* ---- operators ---- */

static json_t *unary(struct reader *r)
{
    if (++r->depth > LT_TEMPLATE_MAX_DEPTH) return refuse(r, "deep nesting");
    json_t *v;
    if (take(r, "-")) {
        double x;
        json_t *inner = unary(r);
        v = number_of(inner, &x) ? number(-x) : NULL;
        json_decref(inner);
    } else {
        v = filtered(r);
    }
    r->depth--;
    return v;
}

static json_t *arithmetic(const json_t *a, const json_t *b, char op)
{
    double x, y;
    if (op == '+' && json_is_string(a) && json_is_string(b)) op = '~';
    if (op == '~') {
        char text[2048];
        if (!print(a, text, sizeof text)) return NULL;
        size_t n = strlen(text);
        return print(b, text + n, sizeof text - n) ? json_string(text) : NULL;
    }
    if (!number_of(a, &x) || !number_of(b, &y)) return NULL;
    if ((op == '/' || op == 'd' || op == '%') && y == 0) return NULL;
    switch (op) {
    case '+':
        return number(x + y);
    case '-':
        return number(x - y);
    case '*':
        return number(x * y);
    case '/':
        return json_real(x / y);
    case 'd':
        return number(floor(x / y));
    default:
        return number(x - y * floor(x / y));
    }
}

static json_t *join(struct reader *r, json_t *a, json_t *(*next)(struct reader *), char op)
{
    json_t *b = next(r), *v = r->err ? NULL : arithmetic(a, b, op);
    json_decref(a);
    json_decref(b);
    return v;
}

static json_t *product(struct reader *r)
{
    json_t *v = unary(r);
    while (!r->err) {
        if (take(r, "//"))
            v = join(r, v, unary, 'd');
        else if (take(r, "*"))
            v = join(r, v, unary, '*');
        else if (take(r, "/"))
            v = join(r, v, unary, '/');
        else if (r->at + 1 < r->end && *r->at == '%' && r->at[1] != '}' && take(r, "%"))
            v = join(r, v, unary, '%');
        else
            break;
    }
    return v;
}

static json_t *sum(struct reader *r)
{
    json_t *v = product(r);
    while (!r->err) {
        if (take(r, "+"))
            v = join(r, v, product, '+');
        else if (take(r, "-"))
            v = join(r, v, product, '-');
        else if (take(r, "~"))
            v = join(r, v, product, '~');
        else
            break;
    }
    return v;
}

static json_t *comparison(struct reader *r)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">"};
    json_t *a = sum(r);
    if (!r->err && take_word(r, "is")) {
        int is_not = take_word(r, "not"), is_defined = a != NULL;
        if (take_word(r, "none"))
            is_defined = a && json_is_null(a) ? 1 : 0;
        else if (!take_word(r, "defined"))
            (void)refuse(r, "an unknown test");
        json_decref(a);
        return r->err ? NULL : json_boolean(is_defined != is_not);
    }
    for (size_t i = 0; !r->err && i < sizeof ops / sizeof *ops; i++) {
        if (!take(r, ops[i])) continue;
        json_t *b = sum(r);
        double x = 0, y = 0;
        int is_number = number_of(a, &x) && number_of(b, &y), is;
        int order = is_number ? (x > y) - (x < y)
                    : json_is_string(a) && json_is_string(b)
                        ? strcmp(json_string_value(a), json_string_value(b))
                        : 0;
        is = i == 0   ? is_equal(a, b)
             : i == 1 ? !is_equal(a, b)
             : i == 2 ? order <= 0
             : i == 3 ? order >= 0
             : i == 4 ? order < 0
                      : order > 0;
        json_decref(a);
        json_decref(b);
        return r->err ? NULL : json_boolean(is);
    }
    return a;
}

static json_t *negation(struct reader *r)
{
    if (!take_word(r, "not")) return comparison(r);
    json_t *inner = comparison(r);
    int is = is_true(inner);
    json_decref(inner);
    return r->err ? NULL : json_boolean(!is);
}

static json_t *logic(struct reader *r)
{
    json_t *a = negation(r);
    while (!r->err) {
        int is_and = take_word(r, "and");
        if (!is_and && !take_word(r, "or")) break;
        json_t *b = negation(r);
        json_t *keep = is_and == is_true(a) ? b : a;
        json_decref(keep == a ? b : a);
        a = keep;
    }
    return a;
}

static json_t *ternary(struct reader *r)
{
    if (++r->depth > LT_TEMPLATE_MAX_DEPTH) return refuse(r, "deep nesting");
    json_t *v = logic(r);
    if (!r->err && take_word(r, "if")) {
        json_t *condition = logic(r), *other = NULL;
        if (!r->err && take_word(r, "else")) other = ternary(r);
        json_t *keep = is_true(condition) ? v : other;
        json_decref(keep == v ? other : v);
        json_decref(condition);
        v = keep;
    }
    r->depth--;
    return v;
}

/* ---- whole templates ---- */

static enum lt_err put(char *out, size_t cap, size_t *n, const char *s, size_t len,
                       struct lt_diag *diag)
{
    if (!out) return LT_OK;
    if (*n + len >= cap) return lt_fail(diag, LT_ERR_LIMIT, "template: the result is too long");
    memcpy(out + *n, s, len);
    *n += len;
    out[*n] = '\0';
    return LT_OK;
}

static enum lt_err run(const char *text, const json_t *vars, char *out, size_t cap,
                       struct lt_diag *diag)
{
    size_t n = 0;
    enum lt_err err = LT_OK;
    if (strlen(text) > LT_TEMPLATE_MAX_BYTES)
        return lt_fail(diag, LT_ERR_LIMIT, "template: longer than %d bytes", LT_TEMPLATE_MAX_BYTES);
    if (strstr(text, "{%") || strstr(text, "{#"))
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "template: statements are not understood");
    if (out) *out = '\0';
    for (const char *at = text; *at && !err;) {
        const char *open = strstr(at, "{{");
        size_t plain = open ? (size_t)(open - at) : strlen(at);
        err = put(out, cap, &n, at, plain, diag);
        at += plain;
        if (!open || err) break;
        const char *close = strstr(open, "}}");
        while (close && close[2] == '}') close++; /* {{ {'a': 1} }} is refused below, not cut */
        if (!close) return lt_fail(diag, LT_ERR_UNSUPPORTED, "template: {{ without }}");
        struct reader r = {.at = open + 2, .end = close, .vars = vars, .diag = diag};
        if (r.at < r.end && *r.at == '-') r.at++;
        if (r.end > r.at && r.end[-1] == '-') r.end--;
        json_t *v = ternary(&r);
        blanks(&r);
        if (!r.err && r.at < r.end) (void)refuse(&r, "what follows");
        err = r.err;
        char word[2048];
        if (!err && out && !v)
            err = lt_fail(diag, LT_ERR_NOTFOUND, "template: %.60s has no value here", text);
        if (!err && out && !print(v, word, sizeof word))
            err = lt_fail(diag, LT_ERR_LIMIT, "template: the result is too long");
        if (!err && out) err = put(out, cap, &n, word, strlen(word), diag);
        json_decref(v);
        at = close + 2;
    }
    return err;
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
