/* template.c - a recursive descent over expressions whose values are JSON values; NULL: undefined. */
#include "template_int.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

json_t *lt__template_refuse(struct lt__template_reader *r, const char *what)
{
    if (!r->err)
        r->err = lt_fail(r->diag, LT_ERR_UNSUPPORTED, "template: %s at \"%.*s\"", what,
                         (int)(r->end - r->at < 20 ? r->end - r->at : 20), r->at);
    return NULL;
}

void lt__template_blanks(struct lt__template_reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at)) r->at++;
}

static int take(struct lt__template_reader *r, const char *mark)
{
    size_t n = strlen(mark);
    lt__template_blanks(r);
    if ((size_t)(r->end - r->at) < n || strncmp(r->at, mark, n)) return 0;
    r->at += n;
    return 1;
}

static int is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

int lt__template_take_word(struct lt__template_reader *r, const char *word)
{
    size_t n = strlen(word);
    lt__template_blanks(r);
    if ((size_t)(r->end - r->at) < n || strncmp(r->at, word, n) ||
        ((size_t)(r->end - r->at) > n && is_name(r->at[n])))
        return 0;
    r->at += n;
    return 1;
}

int lt__template_name(struct lt__template_reader *r, char out[64])
{
    size_t n = 0;
    lt__template_blanks(r);
    while (r->at + n < r->end && is_name(r->at[n])) n++;
    if (!n || n > 63 || isdigit((unsigned char)*r->at)) return 0;
    memcpy(out, r->at, n);
    out[n] = '\0';
    r->at += n;
    return 1;
}

/* ---- values ---- */

int lt__template_number(const json_t *v, double *out)
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
int lt__template_print(const json_t *v, char *out, size_t cap)
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

int lt__template_is_true(const json_t *v)
{
    double x;
    if (!v || json_is_null(v)) return 0;
    if (json_is_string(v)) return *json_string_value(v) != '\0';
    if (json_is_object(v)) return json_object_size(v) > 0;
    if (json_is_array(v)) return json_array_size(v) > 0;
    return lt__template_number(v, &x) && x != 0;
}

static int is_equal(const json_t *a, const json_t *b)
{
    if ((json_is_number(a) || json_is_boolean(a)) && (json_is_number(b) || json_is_boolean(b))) {
        double x, y;
        return lt__template_number(a, &x) && lt__template_number(b, &y) && x == y;
    }
    return a && b ? json_equal(a, b) : a == b;
}

/* ---- primaries ---- */

static json_t *quoted(struct lt__template_reader *r, char mark)
{
    char text[512];
    size_t n = 0;
    r->at++;
    while (r->at < r->end && *r->at != mark) {
        if (*r->at == '\\' && r->at + 1 < r->end) r->at++;
        if (n + 1 >= sizeof text) return lt__template_refuse(r, "a long text");
        text[n++] = *r->at++;
    }
    if (r->at >= r->end) return lt__template_refuse(r, "an open text");
    r->at++;
    return json_stringn(text, n);
}

static json_t *literal_number(struct lt__template_reader *r)
{
    char text[64], *end;
    size_t n = 0;
    while (r->at + n < r->end && n < 63 && (isdigit((unsigned char)r->at[n]) || r->at[n] == '.'))
        n++;
    memcpy(text, r->at, n);
    text[n] = '\0';
    double x = strtod(text, &end);
    if (*end) return lt__template_refuse(r, "a number");
    r->at += n;
    return strchr(text, '.') ? json_real(x) : json_integer((json_int_t)x);
}

#define ARGUMENTS_MAX 6

/* Where "base=16" goes: the places of the filters' arguments by name. */
static int place_of(const char *name, int i)
{
    static const struct {
        const char *name;
        int place;
    } places[] = {{"default", 0}, {"default_value", 0}, {"base", 1},    {"precision", 0},
                  {"method", 1},  {"if_true", 0},       {"if_false", 1}};
    for (size_t k = 0; k < sizeof places / sizeof *places; k++)
        if (!strcmp(places[k].name, name)) return places[k].place;
    return i;
}

/* "(a, b)" or "(name=a)" behind the opening bracket. */
static void arguments_of(struct lt__template_reader *r, json_t *a[ARGUMENTS_MAX])
{
    char name[64];
    for (int i = 0; i < ARGUMENTS_MAX; i++) a[i] = NULL;
    if (take(r, ")")) return;
    for (int i = 0; i < ARGUMENTS_MAX && !r->err; i++) {
        const char *before = r->at;
        int at = i;
        if (!lt__template_name(r, name) || !take(r, "=") || (r->at < r->end && *r->at == '='))
            r->at = before; /* no keyword */
        else
            at = place_of(name, i);
        json_t *v = lt__template_expression(r);
        json_decref(a[at]);
        a[at] = v;
        if (r->err || take(r, ")")) return;
        if (!take(r, ",")) break;
    }
    (void)lt__template_refuse(r, "arguments");
}

static void arguments_free(json_t *a[ARGUMENTS_MAX])
{
    for (int i = 0; i < ARGUMENTS_MAX; i++) json_decref(a[i]);
}

/* The parts of a text between marks, as Python's split. */
static json_t *parts_of(const char *s, const char *mark)
{
    json_t *parts = json_array();
    size_t n = strlen(mark);
    for (const char *next; (next = strstr(s, mark)); s = next + n)
        json_array_append_new(parts, json_stringn(s, (size_t)(next - s)));
    json_array_append_new(parts, json_string(s));
    return parts;
}

static json_t *text_filter(struct lt__template_reader *r, const json_t *v, const char *name);

/* v.name(…) of a text or an object, behind the bracket; takes v. Absent values stay absent. */
static json_t *method(struct lt__template_reader *r, json_t *v, const char *name)
{
    json_t *a[ARGUMENTS_MAX], *out = NULL;
    arguments_of(r, a);
    const char *s = json_string_value(v), *mark = json_string_value(a[0]);
    if (!strcmp(name, "split") && a[0] && !a[1]) {
        out = s && mark && *mark ? parts_of(s, mark) : NULL;
    } else if (!strcmp(name, "get") && (a[0] || !r->vars)) {
        out = json_incref(mark ? json_object_get(v, mark) : NULL);
        if (!out) out = a[1] ? json_incref(a[1]) : json_null();
    } else if (!strcmp(name, "lower") || !strcmp(name, "upper") || !strcmp(name, "strip")) {
        out = s ? text_filter(r, v, *name == 's' ? "trim" : name) : NULL;
    } else {
        (void)lt__template_refuse(r, "a call");
    }
    arguments_free(a);
    json_decref(v);
    return out;
}

/* [a, b] and {a: b} behind the opening bracket; keys are compared as texts. */
static json_t *literal_list(struct lt__template_reader *r, int is_object)
{
    json_t *out = is_object ? json_object() : json_array();
    const char *close = is_object ? "}" : "]";
    while (!r->err && !take(r, close)) {
        json_t *v = lt__template_expression(r);
        char key[64];
        if (is_object && !r->err) {
            int is_key = v && lt__template_print(v, key, sizeof key);
            json_decref(v);
            v = NULL;
            if (!take(r, ":"))
                (void)lt__template_refuse(r, "a missing :");
            else
                v = lt__template_expression(r);
            if (v && is_key) json_object_set(out, key, v);
        } else if (v) {
            json_array_append(out, v);
        }
        json_decref(v);
        if (!r->err && !take(r, ",")) {
            if (!take(r, close)) (void)lt__template_refuse(r, "an open list");
            break;
        }
    }
    if (!r->err) return out;
    json_decref(out);
    return NULL;
}

/* v[key]; keys of objects are compared as texts, places in lists may count from the end. */
static json_t *item_of(const json_t *v, const json_t *key)
{
    char text[64];
    if (json_is_object(v))
        return key && lt__template_print(key, text, sizeof text)
                   ? json_incref(json_object_get(v, text))
                   : NULL;
    json_int_t i = json_integer_value(key), n = (json_int_t)json_array_size(v);
    if (i < 0) i += n;
    return json_is_integer(key) && i >= 0 && i < n ? json_incref(json_array_get(v, (size_t)i))
                                                   : NULL;
}

/* v[key] or v[from:to] behind the opening bracket. */
static json_t *bracket(struct lt__template_reader *r, const json_t *v)
{
    double from = NAN, to = NAN;
    int is_slice = take(r, ":");
    json_t *key = is_slice ? NULL : lt__template_expression(r), *out, *last = NULL;
    if (is_slice || (!r->err && take(r, ":"))) {
        if (key && !lt__template_number(key, &from)) from = NAN;
        lt__template_blanks(r);
        if (!r->err && r->at < r->end && *r->at != ']') last = lt__template_expression(r);
        if (last && !lt__template_number(last, &to)) to = NAN;
        json_decref(last);
        out = r->err ? NULL : lt__template_slice(v, from, to);
    } else {
        out = item_of(v, key);
    }
    json_decref(key);
    if (!r->err && !take(r, "]")) (void)lt__template_refuse(r, "a missing ]");
    return out;
}

/* min(a, b), max(a, b), int(x), float(x), iif(c, a, b) behind the opening bracket. */
static json_t *function(struct lt__template_reader *r, const char *name)
{
    json_t *a[ARGUMENTS_MAX], *out = NULL;
    int n = 0;
    arguments_of(r, a);
    while (n < ARGUMENTS_MAX && a[n]) n++;
    double x;
    if (!strcmp(name, "min") || !strcmp(name, "max")) {
        out = n ? lt__template_extreme(a, n, name[1] == 'a') : NULL;
    } else if (!strcmp(name, "int")) {
        out = lt__template_int(a[0], 10, a[1]);
    } else if (!strcmp(name, "float")) {
        out = lt__template_number(a[0], &x) ? json_real(x)
              : a[1]                        ? json_incref(a[1])
                                            : json_real(0);
    } else if (!strcmp(name, "iif")) {
        out = json_incref(a[lt__template_is_true(a[0]) ? 1 : 2]);
    } else {
        (void)lt__template_refuse(r, "a call");
    }
    arguments_free(a);
    return out;
}

static json_t *member_of(struct lt__template_reader *r, json_t *v)
{
    char name[64];
    json_t *inner = NULL;
    for (;;) {
        if (r->at < r->end && *r->at == '.') {
            r->at++;
            if (!lt__template_name(r, name)) {
                json_decref(v);
                return lt__template_refuse(r, "a member");
            }
            if (r->at < r->end && *r->at == '(') {
                r->at++;
                v = method(r, v, name);
                if (r->err) {
                    json_decref(v);
                    return NULL;
                }
                continue;
            }
            inner = json_incref(json_object_get(v, name));
        } else if (r->at < r->end && *r->at == '[') {
            r->at++;
            inner = bracket(r, v);
        } else {
            return v;
        }
        json_decref(v);
        v = inner;
        if (r->err) {
            json_decref(v);
            return NULL;
        }
        lt__template_blanks(r);
        if (r->at < r->end && *r->at == '(') {
            json_decref(v);
            return lt__template_refuse(r, "a call");
        }
    }
}

static json_t *primary(struct lt__template_reader *r)
{
    char name[64];
    lt__template_blanks(r);
    if (r->at >= r->end) return lt__template_refuse(r, "an expression ends early");
    if (*r->at == '\'' || *r->at == '"') return member_of(r, quoted(r, *r->at));
    if (isdigit((unsigned char)*r->at)) return literal_number(r);
    if (take(r, "[")) return member_of(r, literal_list(r, 0));
    if (take(r, "{")) return member_of(r, literal_list(r, 1));
    if (take(r, "(")) {
        json_t *v = lt__template_expression(r);
        if (!r->err && !take(r, ")")) (void)lt__template_refuse(r, "a missing )");
        return member_of(r, v);
    }
    if (!lt__template_name(r, name)) return lt__template_refuse(r, "a sign");
    if (!strcmp(name, "true") || !strcmp(name, "True")) return json_true();
    if (!strcmp(name, "false") || !strcmp(name, "False")) return json_false();
    if (!strcmp(name, "none") || !strcmp(name, "None")) return json_null();
    lt__template_blanks(r);
    if (take(r, "(")) return member_of(r, function(r, name));
    return member_of(r, json_incref(json_object_get(r->vars, name)));
}

/* ---- filters ---- */

static json_t *text_filter(struct lt__template_reader *r, const json_t *v, const char *name)
{
    char text[2048];
    if (!lt__template_print(v, text, sizeof text)) return lt__template_refuse(r, "a long text");
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

/* "a" with every b as c. */
static json_t *replaced(const json_t *v, const json_t *b, const json_t *c)
{
    const char *s = json_string_value(v), *from = json_string_value(b), *to = json_string_value(c);
    char text[2048];
    size_t n = 0;
    if (!s || !from || !*from || !to) return NULL;
    for (const char *next; (next = strstr(s, from)); s = next + strlen(from)) {
        int k = snprintf(text + n, sizeof text - n, "%.*s%s", (int)(next - s), s, to);
        if (k < 0 || (size_t)k >= sizeof text - n) return NULL;
        n += (size_t)k;
    }
    int k = snprintf(text + n, sizeof text - n, "%s", s);
    return k < 0 || (size_t)k >= sizeof text - n ? NULL : json_string(text);
}

/* v | name(a, …); takes v. */
static json_t *filter(struct lt__template_reader *r, json_t *v, const char *name,
                      json_t *a[ARGUMENTS_MAX])
{
    const json_t *argument = a[0];
    static const char *const texts[] = {"lower", "upper", "trim", "string"};
    json_t *out = NULL;
    double x = 0, digits = 0, scale;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(name, texts[i])) {
            out = text_filter(r, v, name);
            json_decref(v);
            return out;
        }
    int is_number = lt__template_number(v, &x);
    if (!strcmp(name, "default") || !strcmp(name, "d")) {
        if (v && !json_is_null(v)) return v;
        return argument ? json_incref(a[0]) : json_string("");
    }
    if (!strcmp(name, "int")) {
        double base = 10;
        (void)lt__template_number(a[1], &base);
        out = lt__template_int(v, (int)base, argument);
    } else if (!strcmp(name, "format")) {
        int n = 0;
        while (n < ARGUMENTS_MAX && a[n]) n++;
        out = json_is_string(v) ? lt__template_format(json_string_value(v), a, n) : NULL;
    } else if (!strcmp(name, "float")) {
        out = is_number ? json_real(x) : argument ? json_incref(a[0]) : json_real(0);
    } else if (!strcmp(name, "abs")) {
        out = is_number ? number(fabs(x)) : NULL;
    } else if (!strcmp(name, "round")) {
        (void)lt__template_number(argument, &digits);
        scale = pow(10, digits);
        const char *how = a[1] ? json_string_value(a[1]) : NULL;
        double whole = how && !strcmp(how, "floor")  ? floor(x * scale)
                       : how && !strcmp(how, "ceil") ? ceil(x * scale)
                                                     : nearbyint(x * scale);
        out = is_number ? json_real(whole / scale) : NULL;
    } else if (!strcmp(name, "is_defined")) {
        return v;
    } else if (!strcmp(name, "multiply") || !strcmp(name, "add")) {
        double y;
        out = is_number && lt__template_number(argument, &y) ? number(*name == 'm' ? x * y : x + y)
                                                             : NULL;
    } else if (!strcmp(name, "bool")) {
        const char *s = json_string_value(v);
        out = json_boolean(s ? strcasecmp(s, "true") == 0 || strcasecmp(s, "on") == 0 ||
                                   strcasecmp(s, "yes") == 0 || !strcmp(s, "1")
                             : lt__template_is_true(v));
    } else if (!strcmp(name, "iif")) {
        json_t *chosen = a[lt__template_is_true(v) ? 0 : 1];
        out = chosen ? json_incref(chosen) : json_boolean(lt__template_is_true(v));
    } else if (!strcmp(name, "replace")) {
        out = replaced(v, a[0], a[1]);
    } else if (!strcmp(name, "from_json")) {
        out = json_is_string(v) ? json_loads(json_string_value(v), JSON_DECODE_ANY, NULL) : NULL;
    } else if (!strcmp(name, "tojson") || !strcmp(name, "to_json")) {
        char *s = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
        out = s ? json_string(s) : NULL;
        free(s);
    } else {
        (void)lt__template_refuse(r, "an unknown filter");
    }
    json_decref(v);
    return out;
}

static json_t *filtered(struct lt__template_reader *r)
{
    char name[64];
    json_t *v = primary(r);
    while (!r->err && take(r, "|")) {
        json_t *a[ARGUMENTS_MAX] = {NULL};
        if (!lt__template_name(r, name)) {
            (void)lt__template_refuse(r, "a filter");
            break;
        }
        if (take(r, "(")) arguments_of(r, a);
        v = filter(r, v, name, a);
        arguments_free(a);
    }
    return v;
}

/* ---- operators ---- */

static json_t *unary(struct lt__template_reader *r)
{
    if (++r->depth > LT_TEMPLATE_MAX_DEPTH) return lt__template_refuse(r, "deep nesting");
    json_t *v;
    if (take(r, "-")) {
        double x;
        json_t *inner = unary(r);
        v = lt__template_number(inner, &x) ? number(-x) : NULL;
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
        if (!lt__template_print(a, text, sizeof text)) return NULL;
        size_t n = strlen(text);
        return lt__template_print(b, text + n, sizeof text - n) ? json_string(text) : NULL;
    }
    if (!lt__template_number(a, &x) || !lt__template_number(b, &y)) return NULL;
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

static json_t *join(struct lt__template_reader *r, json_t *a,
                    json_t *(*next)(struct lt__template_reader *), char op)
{
    json_t *b = next(r), *v = r->err ? NULL : arithmetic(a, b, op);
    json_decref(a);
    json_decref(b);
    return v;
}

static json_t *product(struct lt__template_reader *r)
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

static json_t *sum(struct lt__template_reader *r)
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

static json_t *comparison(struct lt__template_reader *r)
{
    static const char *const ops[] = {"==", "!=", "<=", ">=", "<", ">"};
    json_t *a = sum(r);
    if (!r->err && lt__template_take_word(r, "is")) {
        int is_not = lt__template_take_word(r, "not"), is_defined = a != NULL;
        double x;
        if (lt__template_take_word(r, "none"))
            is_defined = a && json_is_null(a) ? 1 : 0;
        else if (lt__template_take_word(r, "undefined"))
            is_defined = !a;
        else if (lt__template_take_word(r, "number"))
            is_defined = !json_is_string(a) && lt__template_number(a, &x);
        else if (lt__template_take_word(r, "string"))
            is_defined = json_is_string(a);
        else if (!lt__template_take_word(r, "defined"))
            (void)lt__template_refuse(r, "an unknown test");
        json_decref(a);
        return r->err ? NULL : json_boolean(is_defined != is_not);
    }
    const char *before = r->at;
    int is_not_in = !r->err && lt__template_take_word(r, "not");
    if (!r->err && lt__template_take_word(r, "in")) {
        json_t *b = sum(r), *one;
        size_t k;
        int is_in = json_is_string(a) && json_is_string(b) &&
                    strstr(json_string_value(b), json_string_value(a));
        if (json_is_string(a) && json_object_get(b, json_string_value(a))) is_in = 1;
        json_array_foreach(b, k, one) is_in |= is_equal(a, one);
        json_decref(a);
        json_decref(b);
        return r->err ? NULL : json_boolean(is_in != is_not_in);
    }
    if (is_not_in) r->at = before;
    for (size_t i = 0; !r->err && i < sizeof ops / sizeof *ops; i++) {
        if (!take(r, ops[i])) continue;
        json_t *b = sum(r);
        double x = 0, y = 0;
        int is_number = lt__template_number(a, &x) && lt__template_number(b, &y), is;
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

static json_t *negation(struct lt__template_reader *r)
{
    if (!lt__template_take_word(r, "not")) return comparison(r);
    json_t *inner = comparison(r);
    int is = lt__template_is_true(inner);
    json_decref(inner);
    return r->err ? NULL : json_boolean(!is);
}

static json_t *logic(struct lt__template_reader *r)
{
    json_t *a = negation(r);
    while (!r->err) {
        int is_and = lt__template_take_word(r, "and");
        if (!is_and && !lt__template_take_word(r, "or")) break;
        json_t *b = negation(r);
        json_t *keep = is_and == lt__template_is_true(a) ? b : a;
        json_decref(keep == a ? b : a);
        a = keep;
    }
    return a;
}

json_t *lt__template_expression(struct lt__template_reader *r)
{
    if (++r->depth > LT_TEMPLATE_MAX_DEPTH) return lt__template_refuse(r, "deep nesting");
    json_t *v = logic(r);
    if (!r->err && lt__template_take_word(r, "if")) {
        json_t *condition = logic(r), *other = NULL;
        if (!r->err && lt__template_take_word(r, "else")) other = lt__template_expression(r);
        json_t *keep = lt__template_is_true(condition) ? v : other;
        json_decref(keep == v ? other : v);
        json_decref(condition);
        v = keep;
    }
    r->depth--;
    return v;
}
