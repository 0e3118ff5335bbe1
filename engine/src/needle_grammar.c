/* needle_grammar.c - the automaton: one frame per open value, one byte at a time.
 *
 * Frames and their phases; "words" are texts of which one is being written (names, keys, listed
 * values), narrowed byte by byte over a sorted list:
 *
 *     calls    0 --[--> 1 --words--> 2 --(object)--> 3 --}--> 4 --]--> end
 *                       1 --]--> end                 4 --,--> 5 --words--> 2
 *     object   0 --{--> 1 --words--> 2 --(value)--> 3 --}--> end
 *                       1 --}--> end                3 --,--> 4 --words--> 2
 *     array    0 --[--> 1 --(item)--> 3 --]--> end      3 --,--> 4 --(item)--> 3
 *     string   0 --"--> 1 --"--> end
 *     number, words: no phases; they end before a byte that does not go on with them */
#include "needle_grammar.h"

#include <stdlib.h>
#include <string.h>

#include "needle_grammar_impl.h"

/* ---- words ---- */

/* First text of [lo, hi) whose byte `at` is not below b; ended texts come first. */
static int bound(const struct san__grammar *g, int lo, int hi, int at, int b)
{
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        const struct san__g_text *t = &g->texts[mid];
        int byte = (int)t->n > at ? (uint8_t)t->s[at] : -1;
        if (byte < b)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static int narrow(const struct san__grammar *g, struct san__g_state *s, uint8_t byte)
{
    int lo = bound(g, s->lo, s->hi, s->at, byte), hi = bound(g, lo, s->hi, s->at, byte + 1);
    if (lo == hi) return 0;
    s->lo = lo;
    s->hi = hi;
    s->at++;
    return 1;
}

static void words_begin(struct san__g_state *s, const struct san__g_node *n)
{
    s->lo = n->first;
    s->hi = n->first + n->n;
    s->at = 0;
}

/* The one text that is written to its end, or -1. */
static int words_end(const struct san__grammar *g, const struct san__g_state *s)
{
    return (int)g->texts[s->lo].n == s->at ? s->lo : -1;
}

/* ---- numbers: scaled integers, so that every question is one about intervals ---- */

static int64_t power10(int n)
{
    int64_t p = 1;
    while (n-- > 0) p *= 10;
    return p;
}

/* Is there an admissible number whose size lies in [lo, hi]? */
static int has_number(const struct san__g_node *n, int is_negative, int64_t lo, int64_t hi)
{
    int64_t from = is_negative ? -hi : lo, to = is_negative ? -lo : hi;
    if (from < n->lo) from = n->lo;
    if (to > n->hi) to = n->hi;
    if (from > to) return 0;
    int64_t rest = from % n->step;
    int64_t first = rest == 0 ? from : from - rest + (from > 0 ? n->step : 0);
    return first <= to;
}

static int can_complete(const struct san__g_node *n, const struct san__g_state *s)
{
    if (s->n_int + s->n_dec == 0) return has_number(n, s->is_negative, 0, SAN__G_NUMBER_MAX);
    int64_t unit = power10(n->decimals - s->n_dec);
    if (has_number(n, s->is_negative, s->digits * unit, s->digits * unit + unit - 1)) return 1;
    if (s->has_point || s->digits == 0) return 0;
    for (int k = 1; s->n_int + k <= SAN__G_DIGITS - n->decimals; k++)
        if (has_number(n, s->is_negative, s->digits * unit * power10(k),
                       (s->digits + 1) * unit * power10(k) - 1))
            return 1;
    return 0;
}

static int is_number_whole(const struct san__g_node *n, const struct san__g_state *s)
{
    if (!s->n_int || (s->has_point && !s->n_dec)) return 0;
    int64_t v = s->digits * power10(n->decimals - s->n_dec);
    return has_number(n, s->is_negative, v, v);
}

static int step_number(const struct san__g_node *n, struct san__g_state *s, uint8_t b)
{
    if (s->is_closing && is_number_whole(n, s)) return 0;
    if (b == '-') {
        if (s->is_negative || s->n_int) return 0;
        s->is_negative = 1;
        return has_number(n, 1, 1, SAN__G_NUMBER_MAX);
    }
    if (b == '.') {
        if (s->has_point || !s->n_int || !n->decimals) return 0;
        s->has_point = 1;
        int64_t unit = power10(n->decimals);
        return has_number(n, s->is_negative, s->digits * unit, s->digits * unit + unit - 1);
    }
    if (b < '0' || b > '9') return 0;
    if (s->has_point) {
        if (s->n_dec == n->decimals) return 0;
        s->n_dec++;
    } else {
        if (s->n_int && s->digits == 0) return 0; /* no 0 in front */
        if (s->n_int == SAN__G_DIGITS - n->decimals) return 0;
        s->n_int++;
    }
    s->digits = s->digits * 10 + (b - '0');
    return can_complete(n, s);
}

/* ---- strings ---- */

static int step_hex(struct san__g_state *s, uint8_t b)
{
    int v = b >= '0' && b <= '9' ? b - '0' : b >= 'a' && b <= 'f' ? b - 'a' + 10 : -1;
    if (v < 0) return 0;
    if (s->hex_left == 3 && s->hex == 13 && v >= 8) return 0; /* half of a pair */
    if (s->hex_left == 1 && s->hex == 0 && v == 0) return 0;  /* NUL */
    s->hex = s->hex * 16 + v;
    s->hex_left--;
    return 1;
}

static int step_utf8(struct san__g_state *s, uint8_t b)
{
    if (b < s->utf8_lo || b > s->utf8_hi) return 0;
    s->utf8_left--;
    s->utf8_lo = 0x80;
    s->utf8_hi = 0xbf;
    return 1;
}

/* One byte inside the quotes; the closing quote is the caller's. */
static int step_string(const struct san__g_node *n, struct san__g_state *s, uint8_t b)
{
    if (s->hex_left) return step_hex(s, b);
    if (s->utf8_left) return step_utf8(s, b);
    if (s->is_escape) {
        s->is_escape = 0;
        if (b == 'u') {
            s->hex_left = 4;
            s->hex = 0;
            return 1;
        }
        return b && strchr("\"\\/bfnrt", b) != NULL;
    }
    if (b < 0x20 || s->n_chars >= n->max) return 0;
    if (s->is_closing && s->n_chars >= n->min) return 0;
    if (s->n_bytes >= SAN__G_STRING_MAX_BYTES && s->n_chars >= n->min) return 0;
    s->n_chars++;
    s->n_bytes++;
    if (b == '\\') {
        s->is_escape = 1;
        return 1;
    }
    if (b < 0x80) return 1;
    if (b < 0xc2 || b > 0xf4) return 0;
    s->utf8_left = b < 0xe0 ? 1 : b < 0xf0 ? 2 : 3;
    s->utf8_lo = b == 0xe0 ? 0xa0 : b == 0xf0 ? 0x90 : 0x80;
    s->utf8_hi = b == 0xed ? 0x9f : b == 0xf4 ? 0x8f : 0xbf;
    return 1;
}

/* ---- frames ---- */

static void push(const struct san__grammar *g, struct san__g_state *s, int node)
{
    const struct san__g_node *n = &g->nodes[node];
    int i = s->depth++;
    memset(&s->frame[i], 0, sizeof s->frame[i]);
    s->frame[i].node = node;
    if (n->kind == SAN__G_WORDS) words_begin(s, n);
    if (n->kind == SAN__G_NUMBER) {
        s->digits = 0;
        s->n_int = s->n_dec = s->is_negative = s->has_point = 0;
    }
    if (n->kind == SAN__G_STRING) s->n_bytes = s->n_chars = 0;
}

static int is_key_open(const struct san__g_state *s, const struct san__g_node *n, uint64_t used,
                       int i)
{
    uint64_t bit = (uint64_t)1 << (i - n->first);
    return !(used & bit) && (!s->is_closing || (n->required & bit));
}

/* One more byte of a key; at its end its value is due. */
static int step_key(const struct san__grammar *g, struct san__g_state *s, uint8_t b)
{
    int top = s->depth - 1, is_any = 0;
    const struct san__g_node *n = &g->nodes[s->frame[top].node];
    if (!narrow(g, s, b)) return 0;
    for (int i = s->lo; i < s->hi && !is_any; i++)
        is_any = is_key_open(s, n, s->frame[top].used, i);
    if (!is_any) return 0;
    int end = words_end(g, s);
    if (end < 0) return 1;
    if (!is_key_open(s, n, s->frame[top].used, end)) return 0;
    s->frame[top].used |= (uint64_t)1 << (end - n->first);
    s->frame[top].phase = 3;
    push(g, s, g->texts[end].node);
    return 1;
}

static int may_add_key(const struct san__g_state *s, const struct san__g_node *n, uint64_t used)
{
    for (int i = n->first; i < n->first + n->n; i++)
        if (is_key_open(s, n, used, i)) return 1;
    return 0;
}

static int step_object(const struct san__grammar *g, struct san__g_state *s, uint8_t b)
{
    int top = s->depth - 1;
    const struct san__g_node *n = &g->nodes[s->frame[top].node];
    uint64_t used = s->frame[top].used;
    switch (s->frame[top].phase) {
    case 0:
        s->frame[top].phase = 1;
        return b == '{';
    case 1:
    case 3:
        if (b == '}') {
            s->depth--;
            return (used & n->required) == n->required;
        }
        if (!may_add_key(s, n, used)) return 0;
        if (s->frame[top].phase == 3) {
            s->frame[top].phase = 4;
            return b == ',';
        }
        /* fall through */
    case 4:
        s->frame[top].phase = 2;
        words_begin(s, n);
        /* fall through */
    default:
        return step_key(g, s, b);
    }
}

/* An array; 2 when an item begins with this byte. */
static int step_array(const struct san__grammar *g, struct san__g_state *s, uint8_t b)
{
    int top = s->depth - 1, count = s->frame[top].count;
    const struct san__g_node *n = &g->nodes[s->frame[top].node];
    int may_add = count < n->max && (!s->is_closing || count < n->min);
    switch (s->frame[top].phase) {
    case 0:
        s->frame[top].phase = 1;
        return b == '[';
    case 1:
    case 3:
        if (b == ']') {
            s->depth--;
            return count >= n->min;
        }
        if (!may_add) return 0;
        if (s->frame[top].phase == 3) {
            s->frame[top].phase = 4;
            return b == ',';
        }
        /* fall through */
    default:
        s->frame[top].phase = 3;
        s->frame[top].count++;
        push(g, s, n->item);
        return 2;
    }
}

static int step_calls(const struct san__grammar *g, struct san__g_state *s, uint8_t b)
{
    const struct san__g_node *n = &g->nodes[s->frame[0].node];
    int count = s->frame[0].count;
    switch (s->frame[0].phase) {
    case 0:
        if (b == ' ' && !count) {
            s->frame[0].count = 1; /* that one space has been */
            return 1;
        }
        s->frame[0].phase = 1;
        s->frame[0].count = 0;
        return b == '[';
    case 3:
        s->frame[0].phase = 4;
        return b == '}';
    case 1:
    case 4:
        if (b == ']') {
            s->depth = 0;
            return 1;
        }
        if (count >= n->max || !n->n || s->is_closing) return 0;
        if (s->frame[0].phase == 4) {
            s->frame[0].phase = 5;
            return b == ',';
        }
        /* fall through */
    case 5:
        s->frame[0].phase = 2;
        s->frame[0].count++;
        words_begin(s, n);
        /* fall through */
    default: {
        if (!narrow(g, s, b)) return 0;
        int end = words_end(g, s);
        if (end < 0) return 1;
        s->frame[0].phase = 3;
        push(g, s, g->texts[end].node);
        return 1;
    }
    }
}

int san__g_step(const struct san__grammar *g, struct san__g_state *s, uint8_t b)
{
    while (s->depth) {
        int top = s->depth - 1, taken;
        const struct san__g_node *n = &g->nodes[s->frame[top].node];
        switch (n->kind) {
        case SAN__G_CALLS:
            return step_calls(g, s, b);
        case SAN__G_OBJECT:
            return step_object(g, s, b);
        case SAN__G_ARRAY:
            taken = step_array(g, s, b);
            if (taken != 2) return taken;
            continue; /* the item takes the byte */
        case SAN__G_STRING:
            if (s->frame[top].phase == 0) {
                s->frame[top].phase = 1;
                return b == '"';
            }
            if (b == '"' && !s->is_escape && !s->hex_left && !s->utf8_left) {
                s->depth--;
                return s->n_chars >= n->min;
            }
            return step_string(n, s, b);
        case SAN__G_WORDS:
            if (narrow(g, s, b)) {
                /* what nothing goes on from is written; the rest waits for the next byte */
                if (s->hi - s->lo == 1 && words_end(g, s) >= 0) s->depth--;
                return 1;
            }
            if (words_end(g, s) < 0) return 0;
            s->depth--;
            continue;
        default:
            if (step_number(n, s, b)) return 1;
            if ((b >= '0' && b <= '9') || b == '.' || b == '-') return 0;
            if (!is_number_whole(n, s)) return 0;
            s->depth--;
        }
    }
    return 0;
}

void san__g_begin(const struct san__grammar *g, struct san__g_state *s)
{
    memset(s, 0, sizeof *s);
    push(g, s, 0);
}

int san__g_forced(const struct san__grammar *g, const struct san__g_state *s, char *out, int cap)
{
    struct san__g_state now = *s;
    int n = 0;
    while (n < cap && now.depth) {
        struct san__g_state next = now;
        int only = -1;
        for (int b = 0; b < 256 && only != -2; b++) {
            struct san__g_state tried = now;
            if (!san__g_step(g, &tried, (uint8_t)b)) continue;
            only = only == -1 ? b : -2;
            next = tried;
        }
        if (only < 0) break;
        out[n++] = (char)only;
        now = next;
    }
    return n;
}

const char *san__g_kind(const struct san__grammar *g, const struct san__g_state *s)
{
    if (!s->depth) return "end";
    int top = s->depth - 1;
    switch (g->nodes[s->frame[top].node].kind) {
    case SAN__G_CALLS:
        return s->frame[0].phase == 2 ? "tool" : "start";
    case SAN__G_OBJECT:
        return "argument";
    case SAN__G_NUMBER:
        return "digit";
    default:
        return "value";
    }
}
