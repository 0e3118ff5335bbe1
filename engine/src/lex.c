/* lex.c - words, folding and spoken numbers. */
#include "san/lex.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "lt/fold.h"

int san_utf8_is_valid(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    for (size_t i = 0; i < n;) {
        unsigned char c = s[i];
        size_t more = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : c >= 0xe0 && c < 0xf0 ? 2 : 3;
        if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || i + more >= n + (more == 0)) return 0;
        for (size_t k = 1; k <= more; k++)
            if ((s[i + k] & 0xc0) != 0x80) return 0;
        if (c == 0xe0 && s[i + 1] < 0xa0) return 0; /* overlong */
        if (c == 0xed && s[i + 1] > 0x9f) return 0; /* surrogates */
        if (c == 0xf0 && s[i + 1] < 0x90) return 0;
        if (c == 0xf4 && s[i + 1] > 0x8f) return 0; /* above U+10FFFF */
        i += more + 1;
    }
    return 1;
}

/* Small letter of a capital U+0080..U+07FF whose small letter takes two bytes as well. The Turkish
 * dotted I has none that does and stays. */
static uint32_t lower(uint32_t c)
{
    int is_odd = (int)(c & 1);
    if (c >= 0xc0 && c <= 0xde) return c == 0xd7 ? c : c + 0x20; /* Latin-1 less the sign */
    if ((c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14a && c <= 0x177))
        return is_odd ? c : c + 1; /* Latin Extended-A pairs: even is the capital, */
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17e))
        return is_odd ? c + 1 : c; /* there odd is the capital */
    if (c == 0x178) return 0xff;
    if (c == 0x386) return 0x3ac; /* Greek with accents */
    if (c >= 0x388 && c <= 0x38a) return c + 0x25;
    if (c == 0x38c) return 0x3cc;
    if (c == 0x38e || c == 0x38f) return c + 0x3f;
    if (c >= 0x391 && c <= 0x3ab && c != 0x3a2) return c + 0x20;
    if (c >= 0x400 && c <= 0x40f) return c + 0x50; /* Cyrillic */
    return c >= 0x410 && c <= 0x42f ? c + 0x20 : c;
}

void san_fold(const char *text, size_t n, char *out)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        unsigned char d = i + 1 < n ? (unsigned char)text[i + 1] : 0;
        if (c >= 'A' && c <= 'Z') {
            out[i] = (char)(c + 32);
        } else if (c >= 0xc3 && c <= 0xd0 && (d & 0xc0) == 0x80) {
            uint32_t small = lower((uint32_t)(c & 0x1f) << 6 | (d & 0x3fu));
            out[i] = (char)(0xc0 | small >> 6);
            out[++i] = (char)(0x80 | (small & 0x3f));
        } else {
            out[i] = (char)c;
        }
    }
    out[n] = '\0';
}

static int is_letter(unsigned char c)
{
    return isalpha(c) || c >= 0x80;
}

uint32_t san__word_hash(const char *s, size_t n)
{
    if (n >= 4 && s[n - 1] == 's' && s[n - 2] != 's') n--;
    uint32_t h = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)s[i]) * 16777619u;
    return h ? h : 1;
}

static uint32_t word_hash(const char *s, size_t n)
{
    char f[64];
    if (n > sizeof f - 1) n = sizeof f - 1;
    n = lt_fold(s, n, f, sizeof f);
    return san__word_hash(f, n);
}

int san_words(const char *text, size_t n, struct san_word *out, int cap)
{
    int count = 0;
    uint8_t has_space = 1;
    for (size_t i = 0; i < n && count < cap;) {
        unsigned char c = (unsigned char)text[i];
        if (isspace(c) || c < ' ') {
            has_space = 1;
            i++;
            continue;
        }
        size_t j = i + 1;
        uint8_t kind = SAN_WORD_PUNCT;
        if (c == 0xe2 && i + 2 < n && (unsigned char)text[i + 1] == 0x80) {
            j = i + 3; /* general punctuation U+2000..U+203F: quotes, dashes, ellipsis */
        } else if (is_letter(c)) {
            kind = SAN_WORD_LETTERS;
            while (j < n && is_letter((unsigned char)text[j]) &&
                   !((unsigned char)text[j] == 0xe2 && j + 1 < n &&
                     (unsigned char)text[j + 1] == 0x80))
                j++;
        } else if (isdigit(c)) {
            kind = SAN_WORD_DIGITS;
            while (j < n && isdigit((unsigned char)text[j])) j++;
        } else if (c == '\'' && !has_space && j < n && tolower((unsigned char)text[j]) == 's' &&
                   (j + 1 == n || !is_letter((unsigned char)text[j + 1]))) {
            j++; /* 's */
        }
        out[count++] = (struct san_word){.begin = (int)i,
                                         .end = (int)j,
                                         .hash = word_hash(text + i, j - i),
                                         .kind = kind,
                                         .has_space = has_space};
        has_space = 0;
        i = j;
    }
    return count;
}

size_t san_identifier_words(const char *name, char *out, size_t cap)
{
    size_t n = 0;
    char before = ' ';
    for (const char *s = name; *s && n + 2 < cap; s++) {
        char c = *s;
        int is_break = isupper((unsigned char)c) &&
                       (islower((unsigned char)before) || isdigit((unsigned char)before) ||
                        (isupper((unsigned char)before) && islower((unsigned char)s[1])));
        is_break |= isdigit((unsigned char)c) && isalpha((unsigned char)before);
        is_break |= isalpha((unsigned char)c) && isdigit((unsigned char)before);
        if (is_break && n && out[n - 1] != ' ') out[n++] = ' ';
        int is_glue =
            c == '_' || c == '-' || c == '.' || c == '/' || c == ':' || isspace((unsigned char)c);
        if (is_glue) {
            if (n && out[n - 1] != ' ') out[n++] = ' ';
        } else {
            out[n++] = (char)tolower((unsigned char)c);
        }
        before = c;
    }
    while (n && out[n - 1] == ' ') n--;
    out[n] = '\0';
    return n;
}

/* ---- spoken numbers ---------------------------------------------------------------------- */

enum { ONES, TEENS, TENS, HUNDRED, THOUSAND };
struct number_word {
    const char *text;
    int value;
    int rank;
};

/* English; the other languages' spelled numbers are left to the network's digits. */
static const struct number_word number_words[] = {
    {"zero", 0, ONES},
    {"one", 1, ONES},
    {"two", 2, ONES},
    {"three", 3, ONES},
    {"four", 4, ONES},
    {"five", 5, ONES},
    {"six", 6, ONES},
    {"seven", 7, ONES},
    {"eight", 8, ONES},
    {"nine", 9, ONES},
    {"ten", 10, TEENS},
    {"eleven", 11, TEENS},
    {"twelve", 12, TEENS},
    {"thirteen", 13, TEENS},
    {"fourteen", 14, TEENS},
    {"fifteen", 15, TEENS},
    {"sixteen", 16, TEENS},
    {"seventeen", 17, TEENS},
    {"eighteen", 18, TEENS},
    {"nineteen", 19, TEENS},
    {"twenty", 20, TENS},
    {"thirty", 30, TENS},
    {"forty", 40, TENS},
    {"fourty", 40, TENS},
    {"fifty", 50, TENS},
    {"sixty", 60, TENS},
    {"seventy", 70, TENS},
    {"eighty", 80, TENS},
    {"ninety", 90, TENS},
    {"hundred", 100, HUNDRED},
    {"thousand", 1000, THOUSAND},
};

struct reader {
    const char *text;
    const struct san_word *w;
    int n;
};

static int word_is(const struct reader *r, int i, const char *s)
{
    if (i < 0 || i >= r->n) return 0;
    size_t len = strlen(s);
    if ((size_t)(r->w[i].end - r->w[i].begin) != len) return 0;
    for (size_t k = 0; k < len; k++)
        if (tolower((unsigned char)r->text[r->w[i].begin + (int)k]) != s[k]) return 0;
    return 1;
}

static const struct number_word *number_word_at(const struct reader *r, int i)
{
    for (size_t k = 0; k < sizeof number_words / sizeof number_words[0]; k++)
        if (word_is(r, i, number_words[k].text)) return &number_words[k];
    return NULL;
}

/* "twenty five", "a hundred and five" beginning at word i; returns the word after it, or i. */
static int read_words(const struct reader *r, int i, double *value)
{
    double total = 0, part = -1;
    int last_rank = 99, at = i, end = i;
    if (word_is(r, at, "a") && at + 1 < r->n && number_word_at(r, at + 1) &&
        number_word_at(r, at + 1)->rank >= HUNDRED) {
        part = 1;
        last_rank = ONES;
        at++;
    }
    for (;; at++) {
        if (part >= 0 && at > i) {
            if (word_is(r, at, "-") && last_rank == TENS)
                at++;
            else if (word_is(r, at, "and") && last_rank >= HUNDRED && last_rank < 99)
                at++;
        }
        const struct number_word *w = at < r->n ? number_word_at(r, at) : NULL;
        if (!w) break;
        if (w->rank == HUNDRED && part >= 1 && part < 100 && last_rank <= TENS) {
            part *= 100;
        } else if (w->rank == THOUSAND && part >= 1 && last_rank <= HUNDRED) {
            total = part * 1000;
            part = 0;
        } else if (w->rank <= TENS && part < 0) {
            part = w->value;
        } else if (w->rank == ONES && w->value && last_rank == TENS) {
            part += w->value;
        } else if (w->rank <= TENS && last_rank >= HUNDRED && last_rank < 99) {
            part += w->value;
        } else {
            break;
        }
        last_rank = w->rank;
        end = at + 1;
    }
    if (end > i) *value = total + part;
    return end;
}

static int read_digits(const struct reader *r, int i, double *value)
{
    if (i >= r->n || r->w[i].kind != SAN_WORD_DIGITS) return i;
    double v = 0;
    for (int k = r->w[i].begin; k < r->w[i].end; k++) v = v * 10 + (r->text[k] - '0');
    int end = i + 1;
    /* 1,000 */
    while (end + 1 < r->n && word_is(r, end, ",") && !r->w[end].has_space &&
           r->w[end + 1].kind == SAN_WORD_DIGITS && !r->w[end + 1].has_space &&
           r->w[end + 1].end - r->w[end + 1].begin == 3) {
        double tail = 0;
        for (int k = r->w[end + 1].begin; k < r->w[end + 1].end; k++)
            tail = tail * 10 + (r->text[k] - '0');
        v = v * 1000 + tail;
        end += 2;
    }
    /* 21.5; a decimal comma ("21,5") is read the same way when no three digits follow */
    if (end + 1 < r->n && (word_is(r, end, ".") || word_is(r, end, ",")) && !r->w[end].has_space &&
        r->w[end + 1].kind == SAN_WORD_DIGITS && !r->w[end + 1].has_space) {
        double scale = 0.1;
        for (int k = r->w[end + 1].begin; k < r->w[end + 1].end; k++, scale /= 10)
            v += (r->text[k] - '0') * scale;
        end += 2;
    }
    *value = v;
    return end;
}

int san_mentions(const char *text, const struct san_word *words, int n_words,
                 struct san_mention *out, int cap)
{
    struct reader r = {text, words, n_words};
    int count = 0;
    for (int i = 0; i < n_words && count < cap;) {
        double v = 0;
        int end = read_digits(&r, i, &v);
        int is_spelled = end == i;
        if (is_spelled) end = read_words(&r, i, &v);
        if (end == i) {
            i++;
            continue;
        }
        if (word_is(&r, end, "point")) { /* "twenty one point five" */
            double scale = 0.1, tail = 0;
            int at = end + 1, used = 0;
            for (; at < n_words; at++, scale /= 10) {
                const struct number_word *w = number_word_at(&r, at);
                if (w && w->rank == ONES) {
                    tail += w->value * scale;
                } else if (words[at].kind == SAN_WORD_DIGITS && !used) {
                    for (int k = words[at].begin; k < words[at].end; k++, scale /= 10)
                        tail += (text[k] - '0') * scale;
                    used = 1;
                    at++;
                    break;
                } else {
                    break;
                }
                used = 1;
            }
            if (used) {
                v += tail;
                end = at;
            }
        } else if (word_is(&r, end, "and") && word_is(&r, end + 1, "a") &&
                   word_is(&r, end + 2, "half")) {
            v += 0.5;
            end += 3;
        }
        int first = i;
        int has_minus =
            i > 0 && (word_is(&r, i - 1, "minus") || word_is(&r, i - 1, "negative") ||
                      (word_is(&r, i - 1, "-") && words[i - 1].has_space && !words[i].has_space));
        if (has_minus && v > 0) v = -v;
        v = round(v * 1e6) / 1e6;
        if (!isfinite(v)) { /* hundreds of digits: nothing that JSON can write */
            i = end;
            continue;
        }
        out[count++] = (struct san_mention){
            .first = first, .last = end - 1, .value = v, .is_integer = v == floor(v)};
        i = end;
    }
    return count;
}
