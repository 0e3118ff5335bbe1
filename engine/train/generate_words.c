/* generate_words.c - random numbers, text buffers and words for the case generator. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

/* ---- random numbers: splitmix64 seeds xoshiro256** ------------------------------------------- */

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void gen_seed(struct gen_rng *r, uint64_t seed, uint64_t stream)
{
    uint64_t x = seed;
    x = splitmix(&x) ^ (stream * 0xd1342543de82ef95u);
    for (int i = 0; i < 4; i++) r->s[i] = splitmix(&x);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t gen_rand(struct gen_rng *r)
{
    uint64_t *s = r->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return out;
}

uint32_t gen_below(struct gen_rng *r, size_t n)
{
    return n ? (uint32_t)(((gen_rand(r) >> 32) * (uint64_t)n) >> 32) : 0;
}

double gen_unit(struct gen_rng *r)
{
    return (double)(gen_rand(r) >> 11) * 0x1p-53;
}

int gen_chance(struct gen_rng *r, double p)
{
    return gen_unit(r) < p;
}

int gen_weighted(struct gen_rng *r, const double *w, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += w[i];
    if (sum <= 0) return -1;
    double x = gen_unit(r) * sum;
    for (int i = 0; i < n; i++) {
        if (x < w[i]) return i;
        x -= w[i];
    }
    while (n > 1 && w[n - 1] <= 0) n--; /* rounding may fall off the end */
    return n - 1;
}

void gen_shuffle_ints(struct gen_rng *r, int *p, int n)
{
    for (int i = n - 1; i > 0; i--) {
        int k = (int)gen_below(r, (size_t)i + 1), t = p[i];
        p[i] = p[k];
        p[k] = t;
    }
}

/* ---- text ------------------------------------------------------------------------------------ */

void gen_text_clear(struct gen_text *t)
{
    t->n = 0;
    t->s[0] = 0;
    t->over = 0;
}

void gen_text_add(struct gen_text *t, const char *s, size_t n)
{
    if (n >= sizeof t->s - t->n) {
        t->over = 1;
        return;
    }
    memcpy(t->s + t->n, s, n);
    t->n += n;
    t->s[t->n] = 0;
}

void gen_text_adds(struct gen_text *t, const char *s)
{
    gen_text_add(t, s, strlen(s));
}

void gen_text_insert(struct gen_text *t, size_t at, const char *s)
{
    size_t n = strlen(s);
    if (n >= sizeof t->s - t->n || at > t->n) {
        t->over = 1;
        return;
    }
    memmove(t->s + at + n, t->s + at, t->n - at + 1);
    memcpy(t->s + at, s, n);
    t->n += n;
}

void gen_text_erase(struct gen_text *t, size_t at, size_t n)
{
    if (at > t->n || n > t->n - at) return;
    memmove(t->s + at, t->s + at + n, t->n - at - n + 1);
    t->n -= n;
}

/* ---- words ----------------------------------------------------------------------------------- */

int gen_is_word(unsigned char c)
{
    return c >= 0x80 || isalnum(c);
}

void gen_lower(char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z') *s = (char)(*s + 32);
}

static int same_letters(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)a[i]) != tolower((unsigned char)b[i])) return 0;
    return 1;
}

const char *gen_find_words(const char *hay, const char *needle)
{
    size_t n = strlen(needle), len = strlen(hay);
    if (!n) return NULL;
    for (size_t i = 0; i + n <= len; i++) {
        if (i && gen_is_word((unsigned char)hay[i - 1]) && gen_is_word((unsigned char)needle[0]))
            continue;
        if (gen_is_word((unsigned char)hay[i + n]) && gen_is_word((unsigned char)needle[n - 1]))
            continue;
        if (same_letters(hay + i, needle, n)) return hay + i;
    }
    return NULL;
}

/* Words that say of what kind a thing is, or nothing; sharing one does not make two names alike. */
static const char *const plain_words[] = {
    "the",      "a",       "an",       "of",      "my",       "our",        "in",      "on",
    "and",      "light",   "lights",   "lamp",    "lamps",    "lighting",   "fan",     "switch",
    "plug",     "outlet",  "door",     "lock",    "window",   "blind",      "blinds",  "curtain",
    "curtains", "shade",   "shades",   "shutter", "shutters", "awning",     "cover",   "valve",
    "tv",       "speaker", "speakers", "player",  "room",     "thermostat", "heating", "heater",
    "climate",  "vacuum",  "mower",    "sensor",  "list",     "scene",      "script",  "garage",
    "gate",     "left",    "right",    "main",    "button",   "siren",      "mode"};

int gen_share_word(const char *a, const char *b)
{
    char wa[GEN_WORDS_MAX][GEN_WORD_BYTES], wb[GEN_WORDS_MAX][GEN_WORD_BYTES];
    int na = gen_split_name(a, wa), nb = gen_split_name(b, wb);
    for (int i = 0; i < na; i++) {
        int is_plain = 0;
        for (size_t k = 0; k < sizeof plain_words / sizeof *plain_words; k++)
            is_plain |= !strcmp(wa[i], plain_words[k]);
        for (int k = 0; k < nb && !is_plain; k++)
            if (!strcmp(wa[i], wb[k])) return 1;
    }
    return 0;
}

int gen_split_name(const char *name, char words[GEN_WORDS_MAX][GEN_WORD_BYTES])
{
    int n = 0;
    size_t len = 0;
    unsigned char before = 0;
    for (const char *p = name;; p++) {
        unsigned char c = (unsigned char)*p;
        int border = !c || !(gen_is_word(c) || c == '\'') ||
                     (isupper(c) && before && (islower(before) || isdigit(before))) ||
                     (isupper(c) && isupper(before) && islower((unsigned char)p[1]));
        if (border && len) {
            words[n++][len] = 0;
            len = 0;
            if (n == GEN_WORDS_MAX) return n;
        }
        if (!c) return n;
        if ((gen_is_word(c) || c == '\'') && len + 1 < GEN_WORD_BYTES)
            words[n][len++] = (char)tolower(c);
        before = c;
    }
}

static void words_below_1000(unsigned v, char *out, size_t cap)
{
    static const char *const small[] = {"zero",    "one",     "two",       "three",    "four",
                                        "five",    "six",     "seven",     "eight",    "nine",
                                        "ten",     "eleven",  "twelve",    "thirteen", "fourteen",
                                        "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                       "fifty", "sixty", "seventy", "eighty", "ninety"};
    char low[48] = "";
    unsigned rest = v % 100;
    if (rest >= 20 && rest % 10)
        snprintf(low, sizeof low, "%s %s", tens[rest / 10], small[rest % 10]);
    else if (rest >= 20)
        snprintf(low, sizeof low, "%s", tens[rest / 10]);
    else if (rest || v < 100)
        snprintf(low, sizeof low, "%s", small[rest]);
    if (v >= 100 && rest)
        snprintf(out, cap, "%s hundred and %s", small[v / 100], low);
    else if (v >= 100)
        snprintf(out, cap, "%s hundred", v == 100 ? "a" : small[v / 100]);
    else
        snprintf(out, cap, "%s", low);
}

int gen_number_words(double value, char *out, size_t cap)
{
    if (!(value >= 0) || value > 999999) return 0;
    unsigned whole = (unsigned)floor(value);
    int tenth = (int)lround((value - whole) * 10);
    if (fabs(value * 10 - round(value * 10)) > 1e-6 || tenth > 9) return 0;
    char low[96], high[96];
    words_below_1000(whole % 1000, low, sizeof low);
    if (whole >= 1000) {
        words_below_1000(whole / 1000, high, sizeof high);
        if (whole % 1000)
            snprintf(out, cap, "%s thousand %s", high, low);
        else
            snprintf(out, cap, "%s thousand", high);
    } else {
        snprintf(out, cap, "%s", low);
    }
    if (tenth) {
        words_below_1000((unsigned)tenth, low, sizeof low);
        size_t n = strlen(out);
        snprintf(out + n, cap - n, " point %s", low);
    }
    return 1;
}
