/* pattern.c - regular expressions as a program for a machine that holds all its threads at once.
 *
 * The pattern is compiled to a list of instructions with relative jumps, so that the code of a
 * repeated piece can be copied. Matching keeps the set of instructions that are alive at a position
 * (each at most once), which bounds the work to text times program: no input can make it explode.
 */
#include "lt/pattern.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_GROUP_DEPTH 50   /* nesting of groups: the parser recurses once for each */
#define MAX_RANGES      4000 /* code point ranges of all classes of one pattern */
#define MAX_CODE_POINT  0x10FFFF

enum op_kind {
    OP_SET,
    OP_SPLIT,
    OP_JUMP,
    OP_START,
    OP_END,
    OP_WORD_EDGE,
    OP_NO_WORD_EDGE,
    OP_MATCH
};

struct op {
    enum op_kind kind;
    int x, y; /* SET: first range and count; SPLIT: two relative targets; JUMP: one */
    int is_negated;
};
struct range {
    uint32_t lo, hi;
};
struct lt_pattern {
    struct op *ops;
    int n_ops, cap_ops;
    struct range *ranges;
    int n_ranges, cap_ranges;
};

struct parser {
    const char *text, *p;
    struct lt_pattern *out;
    struct lt_diag *diag;
    enum lt_err err;
    int depth;
};

static void fail(struct parser *c, enum lt_err err, const char *what)
{
    if (c->err) return;
    size_t at = (size_t)(c->p - c->text);
    if (c->diag && !c->diag->code) c->diag->offset_bytes = at;
    c->err = lt_fail(c->diag, err, "pattern \"%.80s\": %s at byte %zu", c->text, what, at);
}

/* Next code point of well-formed UTF-8 (JSON strings are); a stray byte stands for itself. */
static uint32_t next_cp(const char **p, const char *end)
{
    const unsigned char *s = (const unsigned char *)*p;
    size_t left = end ? (size_t)(end - *p) : strlen(*p);
    int n = s[0] < 0x80 ? 1 : s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : s[0] >= 0xC0 ? 2 : 1;
    if ((size_t)n > left) n = 1;
    uint32_t cp = n == 1 ? s[0] : s[0] & (0xFFu >> (n + 1));
    for (int i = 1; i < n; i++) cp = cp << 6 | (s[i] & 0x3Fu);
    *p += n;
    return cp;
}

static void emit(struct parser *c, struct op op)
{
    if (c->out->n_ops == LT_PATTERN_MAX_OPS) {
        fail(c, LT_ERR_LIMIT, "too long once repetitions are written out");
        return;
    }
    if (c->out->n_ops == c->out->cap_ops) {
        int cap = c->out->cap_ops ? c->out->cap_ops * 2 : 16;
        struct op *ops = realloc(c->out->ops, (size_t)cap * sizeof *ops);
        if (!ops) {
            fail(c, LT_ERR_NOMEM, "out of memory");
            return;
        }
        c->out->ops = ops;
        c->out->cap_ops = cap;
    }
    c->out->ops[c->out->n_ops++] = op;
}

/* Put one instruction before the piece that starts at `at`. */
static void insert(struct parser *c, int at, struct op op)
{
    emit(c, op);
    if (c->err) return;
    memmove(c->out->ops + at + 1, c->out->ops + at,
            (size_t)(c->out->n_ops - 1 - at) * sizeof *c->out->ops);
    c->out->ops[at] = op;
}

static void add_range(struct parser *c, uint32_t lo, uint32_t hi)
{
    if (c->out->n_ranges == MAX_RANGES) {
        fail(c, LT_ERR_LIMIT, "too many character classes");
        return;
    }
    if (c->out->n_ranges == c->out->cap_ranges) {
        int cap = c->out->cap_ranges ? c->out->cap_ranges * 2 : 16;
        struct range *ranges = realloc(c->out->ranges, (size_t)cap * sizeof *ranges);
        if (!ranges) {
            fail(c, LT_ERR_NOMEM, "out of memory");
            return;
        }
        c->out->ranges = ranges;
        c->out->cap_ranges = cap;
    }
    c->out->ranges[c->out->n_ranges++] = (struct range){lo, hi};
}

static const struct range digit_ranges[] = {{'0', '9'}};
static const struct range word_ranges[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
static const struct range space_ranges[] = {
    {9, 13},          {' ', ' '},       {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};

/* Add \d \w \s or, for the capital, everything else; the tables are in rising order. */
static void add_named_class(struct parser *c, char name)
{
    const struct range *r = name == 'd' || name == 'D'   ? digit_ranges
                            : name == 'w' || name == 'W' ? word_ranges
                                                         : space_ranges;
    size_t n = r == digit_ranges  ? sizeof digit_ranges / sizeof *r
               : r == word_ranges ? sizeof word_ranges / sizeof *r
                                  : sizeof space_ranges / sizeof *r;
    uint32_t from = 0;
    for (size_t i = 0; i < n; i++) {
        if (name >= 'a') {
            add_range(c, r[i].lo, r[i].hi);
        } else {
            if (r[i].lo > from) add_range(c, from, r[i].lo - 1);
            from = r[i].hi + 1;
        }
    }
    if (name < 'a') add_range(c, from, MAX_CODE_POINT);
}

static uint32_t hex_escape(struct parser *c, int digits)
{
    uint32_t v = 0;
    for (int i = 0; i < digits; i++) {
        char ch = *c->p;
        uint32_t d = ch >= '0' && ch <= '9'   ? (uint32_t)(ch - '0')
                     : ch >= 'a' && ch <= 'f' ? (uint32_t)(ch - 'a' + 10)
                     : ch >= 'A' && ch <= 'F' ? (uint32_t)(ch - 'A' + 10)
                                              : 16;
        if (d == 16) {
            fail(c, LT_ERR_INVALID, "a hexadecimal digit is missing");
            return 0;
        }
        v = v << 4 | d;
        c->p++;
    }
    return v;
}

/* After a backslash: the code point it stands for, or -1 when it is a class \d … whose letter then
 * is in *class_name. */
static long escape(struct parser *c, int in_class, char *class_name)
{
    char ch = *c->p;
    if (!ch) {
        fail(c, LT_ERR_INVALID, "ends in a backslash");
        return 0;
    }
    if (strchr("dDwWsS", ch)) {
        *class_name = ch;
        c->p++;
        return -1;
    }
    static const char from[] = "tnrfv", to[] = "\t\n\r\f\v";
    const char *at = strchr(from, ch);
    if (at) {
        c->p++;
        return to[at - from];
    }
    if (ch == 'b' && in_class) {
        c->p++;
        return '\b';
    }
    if (ch == '0' && !(c->p[1] >= '0' && c->p[1] <= '9')) {
        c->p++;
        return 0;
    }
    if (ch == 'x' || ch == 'u') {
        c->p++;
        if (*c->p == '{') {
            fail(c, LT_ERR_UNSUPPORTED, "\\u{…} is not supported, write the character");
            return 0;
        }
        uint32_t v = hex_escape(c, ch == 'x' ? 2 : 4);
        if (v >= 0xD800 && v <= 0xDFFF)
            fail(c, LT_ERR_UNSUPPORTED, "surrogates are not supported, write the character");
        return (long)v;
    }
    if ((ch >= '0' && ch <= '9') || ch == 'k') {
        fail(c, LT_ERR_UNSUPPORTED, "back references are not supported");
        return 0;
    }
    if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')) {
        fail(c, LT_ERR_UNSUPPORTED, "this escape is not supported");
        return 0;
    }
    return (long)next_cp(&c->p, NULL);
}

static void parse_class(struct parser *c)
{
    struct op op = {.kind = OP_SET, .x = c->out->n_ranges};
    if (*c->p == '^') {
        op.is_negated = 1;
        c->p++;
    }
    while (!c->err && *c->p != ']') {
        char name = 0;
        long lo, hi;
        if (!*c->p) {
            fail(c, LT_ERR_INVALID, "a class has no ']'");
            return;
        }
        if (*c->p == '\\') {
            c->p++;
            lo = escape(c, 1, &name);
        } else {
            lo = (long)next_cp(&c->p, NULL);
        }
        if (lo < 0) {
            add_named_class(c, name);
            if (*c->p == '-' && c->p[1] != ']') fail(c, LT_ERR_INVALID, "a range from a class");
            continue;
        }
        hi = lo;
        if (*c->p == '-' && c->p[1] && c->p[1] != ']') {
            c->p++;
            if (*c->p == '\\') {
                c->p++;
                hi = escape(c, 1, &name);
            } else {
                hi = (long)next_cp(&c->p, NULL);
            }
            if (hi < lo) fail(c, LT_ERR_INVALID, "a range is the wrong way round");
        }
        if (!c->err) add_range(c, (uint32_t)lo, (uint32_t)hi);
    }
    if (c->err) return;
    c->p++;
    op.y = c->out->n_ranges - op.x;
    emit(c, op);
}

static void emit_cp(struct parser *c, uint32_t cp)
{
    add_range(c, cp, cp);
    emit(c, (struct op){.kind = OP_SET, .x = c->out->n_ranges - 1, .y = 1});
}

static void parse_alternatives(struct parser *c);

/* One atom; *is_assertion: it may not be repeated. */
static void parse_atom(struct parser *c, int *is_assertion)
{
    char ch = *c->p;
    if (ch == '(') {
        c->p++;
        if (*c->p == '?') {
            if (c->p[1] != ':') {
                fail(c, LT_ERR_UNSUPPORTED, "look-around and named groups are not supported");
                return;
            }
            c->p += 2;
        }
        if (++c->depth > MAX_GROUP_DEPTH) {
            fail(c, LT_ERR_LIMIT, "groups are nested too deeply");
            return;
        }
        parse_alternatives(c);
        c->depth--;
        if (c->err) return;
        if (*c->p != ')') {
            fail(c, LT_ERR_INVALID, "a group has no ')'");
            return;
        }
        c->p++;
    } else if (ch == '[') {
        c->p++;
        parse_class(c);
    } else if (ch == '.') {
        c->p++;
        struct op op = {.kind = OP_SET, .x = c->out->n_ranges, .y = 3, .is_negated = 1};
        add_range(c, '\n', '\n');
        add_range(c, '\r', '\r');
        add_range(c, 0x2028, 0x2029);
        emit(c, op);
    } else if (ch == '^' || ch == '$') {
        c->p++;
        *is_assertion = 1;
        emit(c, (struct op){.kind = ch == '^' ? OP_START : OP_END});
    } else if (ch == '\\' && (c->p[1] == 'b' || c->p[1] == 'B')) {
        emit(c, (struct op){.kind = c->p[1] == 'b' ? OP_WORD_EDGE : OP_NO_WORD_EDGE});
        c->p += 2;
        *is_assertion = 1;
    } else if (ch == '\\') {
        char name = 0;
        c->p++;
        int first = c->out->n_ranges;
        long cp = escape(c, 0, &name);
        if (c->err) return;
        if (cp >= 0) {
            emit_cp(c, (uint32_t)cp);
        } else {
            add_named_class(c, name);
            emit(c, (struct op){.kind = OP_SET, .x = first, .y = c->out->n_ranges - first});
        }
    } else if (strchr("*+?", ch)) {
        fail(c, LT_ERR_INVALID, "nothing to repeat");
    } else {
        emit_cp(c, next_cp(&c->p, NULL));
    }
}

/* "{m}", "{m,}", "{m,n}" at p: its length and values (n = -1: no end), or 0 when it is none. */
static size_t braces(const char *p, long *m, long *n)
{
    const char *s = p + 1;
    if (*s < '0' || *s > '9') return 0;
    for (*m = 0; *s >= '0' && *s <= '9'; s++)
        if (*m <= LT_PATTERN_MAX_REPEAT) *m = *m * 10 + (*s - '0');
    *n = *m;
    if (*s == ',') {
        s++;
        *n = -1;
        if (*s >= '0' && *s <= '9')
            for (*n = 0; *s >= '0' && *s <= '9'; s++)
                if (*n <= LT_PATTERN_MAX_REPEAT) *n = *n * 10 + (*s - '0');
    }
    return *s == '}' ? (size_t)(s + 1 - p) : 0;
}

static void make_optional(struct parser *c, int at)
{
    insert(c, at, (struct op){.kind = OP_SPLIT, .x = 1, .y = c->out->n_ops - at + 1});
}

static void make_star(struct parser *c, int at)
{
    int len = c->out->n_ops - at;
    insert(c, at, (struct op){.kind = OP_SPLIT, .x = 1, .y = len + 2});
    emit(c, (struct op){.kind = OP_JUMP, .x = -(len + 1)});
}

/* Replace the piece [at, end of code) by m copies and then n - m optional ones, or a star. */
static void repeat(struct parser *c, int at, long m, long n)
{
    int len = c->out->n_ops - at;
    if (!len) return; /* nothing, however often, is nothing: "(){0,9}" */
    struct op *piece = malloc((size_t)len * sizeof *piece);
    if (!piece) {
        fail(c, LT_ERR_NOMEM, "out of memory");
        return;
    }
    memcpy(piece, c->out->ops + at, (size_t)len * sizeof *piece);
    c->out->n_ops = at;
    long copies = n < 0 ? m + 1 : n;
    for (long i = 0; i < copies && !c->err; i++) {
        int from = c->out->n_ops;
        for (int j = 0; j < len && !c->err; j++) emit(c, piece[j]);
        if (c->err || i < m) continue;
        if (n < 0)
            make_star(c, from);
        else
            make_optional(c, from);
    }
    free(piece);
}

static void parse_sequence(struct parser *c)
{
    while (!c->err && *c->p && *c->p != '|' && *c->p != ')') {
        int at = c->out->n_ops, is_assertion = 0;
        parse_atom(c, &is_assertion);
        if (c->err) return;
        long m = 0, n = 0;
        size_t brace_len = *c->p == '{' ? braces(c->p, &m, &n) : 0;
        if (!strchr("*+?", *c->p) && !brace_len) continue;
        if (!*c->p) return;
        if (is_assertion) {
            fail(c, LT_ERR_INVALID, "an anchor cannot be repeated");
            return;
        }
        if (brace_len && (m > LT_PATTERN_MAX_REPEAT || n > LT_PATTERN_MAX_REPEAT)) {
            fail(c, LT_ERR_LIMIT, "a repetition is too large");
            return;
        }
        if (brace_len && n >= 0 && n < m) {
            fail(c, LT_ERR_INVALID, "a repetition is the wrong way round");
            return;
        }
        if (brace_len) {
            c->p += brace_len;
            repeat(c, at, m, n);
        } else if (*c->p == '*') {
            c->p++;
            make_star(c, at);
        } else if (*c->p == '?') {
            c->p++;
            make_optional(c, at);
        } else {
            c->p++;
            emit(c, (struct op){.kind = OP_SPLIT, .x = at - c->out->n_ops, .y = 1});
        }
        if (*c->p == '?') c->p++; /* lazy: the same set of texts */
    }
}

static void parse_alternatives(struct parser *c)
{
    int chain = -1; /* jumps that wait for the end, linked through .y */
    for (;;) {
        int at = c->out->n_ops;
        parse_sequence(c);
        if (c->err) return;
        if (*c->p != '|') break;
        c->p++;
        insert(c, at, (struct op){.kind = OP_SPLIT, .x = 1, .y = c->out->n_ops - at + 2});
        emit(c, (struct op){.kind = OP_JUMP, .y = chain});
        chain = c->out->n_ops - 1;
    }
    while (chain >= 0) {
        int before = c->out->ops[chain].y;
        c->out->ops[chain].x = c->out->n_ops - chain;
        chain = before;
    }
}

enum lt_err lt_pattern_compile(const char *text, struct lt_pattern **out, struct lt_diag *diag)
{
    struct lt_pattern *p = calloc(1, sizeof *p);
    if (!p) return lt_fail(diag, LT_ERR_NOMEM, "out of memory compiling a pattern");
    struct parser c = {.text = text, .p = text, .out = p, .diag = diag};
    parse_alternatives(&c);
    if (!c.err && *c.p) fail(&c, LT_ERR_INVALID, "a ')' has no '('");
    if (!c.err) emit(&c, (struct op){.kind = OP_MATCH});
    if (c.err) {
        lt_pattern_free(p);
        return c.err;
    }
    *out = p;
    return LT_OK;
}

static int is_word(uint32_t cp)
{
    for (size_t i = 0; i < sizeof word_ranges / sizeof *word_ranges; i++)
        if (cp >= word_ranges[i].lo && cp <= word_ranges[i].hi) return 1;
    return 0;
}

static int in_set(const struct lt_pattern *p, const struct op *op, uint32_t cp)
{
    for (int i = op->x; i < op->x + op->y; i++)
        if (cp >= p->ranges[i].lo && cp <= p->ranges[i].hi) return !op->is_negated;
    return op->is_negated;
}

struct machine {
    const struct lt_pattern *p;
    int *list, n_list; /* SET instructions alive */
    int *mark;         /* position + 1 at which an instruction was last added */
    int *stack;
    int at, is_start, is_end, is_edge;
};

/* Follow jumps from instruction i; 1 when the match is reached. */
static int add(struct machine *m, int i)
{
    int n = 0;
    m->stack[n++] = i;
    while (n) {
        i = m->stack[--n];
        if (m->mark[i] == m->at) continue;
        m->mark[i] = m->at;
        const struct op *op = m->p->ops + i;
        switch (op->kind) {
        case OP_MATCH:
            return 1;
        case OP_SET:
            m->list[m->n_list++] = i;
            break;
        case OP_JUMP:
            m->stack[n++] = i + op->x;
            break;
        case OP_SPLIT:
            m->stack[n++] = i + op->y;
            m->stack[n++] = i + op->x;
            break;
        case OP_START:
            if (m->is_start) m->stack[n++] = i + 1;
            break;
        case OP_END:
            if (m->is_end) m->stack[n++] = i + 1;
            break;
        case OP_WORD_EDGE:
            if (m->is_edge) m->stack[n++] = i + 1;
            break;
        case OP_NO_WORD_EDGE:
            if (!m->is_edge) m->stack[n++] = i + 1;
            break;
        }
    }
    return 0;
}

int lt_pattern_match(const struct lt_pattern *p, const char *s, size_t n)
{
    size_t n_ops = (size_t)p->n_ops;
    int *mem =
        calloc(n_ops * 6 + 1, sizeof *mem); /* the stack holds at most two entries for each */
    if (!mem) return -1;
    struct machine m = {.p = p, .list = mem, .mark = mem + n_ops, .stack = mem + 2 * n_ops};
    int *next = mem + 4 * n_ops + 1;
    const char *at = s, *end = s + n;
    uint32_t before = 0;
    int is_match = 0;
    for (;;) {
        const char *ahead = at;
        uint32_t cp = at < end ? next_cp(&ahead, end) : 0;
        m.at++;
        m.is_start = at == s;
        m.is_end = at == end;
        m.is_edge = (at > s && is_word(before)) != (at < end && is_word(cp));
        /* threads that arrived here by eating the last character, then a new one */
        int n_arrived = m.n_list;
        memcpy(next, m.list, (size_t)n_arrived * sizeof *next);
        m.n_list = 0;
        for (int i = 0; i < n_arrived && !is_match; i++) is_match = add(&m, next[i] + 1);
        if (!is_match) is_match = add(&m, 0);
        if (is_match || at == end) break;
        int alive = 0;
        for (int i = 0; i < m.n_list; i++)
            if (in_set(p, p->ops + m.list[i], cp)) m.list[alive++] = m.list[i];
        m.n_list = alive;
        before = cp;
        at = ahead;
    }
    free(mem);
    return is_match;
}

void lt_pattern_free(struct lt_pattern *p)
{
    if (!p) return;
    free(p->ops);
    free(p->ranges);
    free(p);
}
