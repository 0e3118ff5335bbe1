/* lexicon.c - a dictionary's lines for the words asked for, rules for the rest. */
#include "lt/lexicon.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 512
#define PART_MIN   3 /* shortest half of a word written as one */

/* ---- rules ---- */

struct rule {
    const char *letters;
    const char *phones;
    char where; /* 'b' only at the beginning, 'e' only at the end, 0 anywhere */
};

/* Longest first among those that share a beginning. */
static const struct rule rules[] = {
    {"ture", "CH ER", 'e'}, {"tion", "SH AH N", 0}, {"sion", "ZH AH N", 0}, {"ough", "AO", 0},
    {"eigh", "EY", 0},      {"augh", "AO", 0},      {"igh", "AY", 0},       {"tch", "CH", 0},
    {"dge", "JH", 0},       {"sch", "SH", 0},       {"air", "EH R", 0},     {"are", "EH R", 'e'},
    {"ear", "IH R", 0},     {"eer", "IH R", 0},     {"oor", "AO R", 0},     {"our", "AW ER", 0},
    {"ous", "AH S", 'e'},   {"ing", "IH NG", 'e'},  {"ies", "IY Z", 'e'},   {"kn", "N", 'b'},
    {"wr", "R", 'b'},       {"ps", "S", 'b'},       {"ph", "F", 0},         {"gh", "G", 0},
    {"ch", "CH", 0},        {"sh", "SH", 0},        {"th", "TH", 0},        {"wh", "W", 0},
    {"ck", "K", 0},         {"ng", "NG", 0},        {"qu", "K W", 0},       {"ee", "IY", 0},
    {"ea", "IY", 0},        {"oo", "UW", 0},        {"ou", "AW", 0},        {"ow", "OW", 'e'},
    {"ow", "AW", 0},        {"oa", "OW", 0},        {"oi", "OY", 0},        {"oy", "OY", 0},
    {"ai", "EY", 0},        {"ay", "EY", 0},        {"ei", "IY", 0},        {"ey", "IY", 0},
    {"au", "AO", 0},        {"aw", "AO", 0},        {"ie", "IY", 0},        {"ue", "UW", 0},
    {"ui", "UW", 0},        {"ew", "UW", 0},        {"ar", "AA R", 0},      {"er", "ER", 0},
    {"ir", "ER", 0},        {"or", "AO R", 0},      {"ur", "ER", 0},        {"le", "AH L", 'e'},
    {"ed", "D", 'e'},       {"ce", "S", 'e'},       {"ge", "JH", 'e'},      {"ci", "S IH", 0},
    {"ce", "S EH", 0},      {"cy", "S IY", 0},      {"bb", "B", 0},         {"cc", "K", 0},
    {"dd", "D", 0},         {"ff", "F", 0},         {"gg", "G", 0},         {"ll", "L", 0},
    {"mm", "M", 0},         {"nn", "N", 0},         {"pp", "P", 0},         {"rr", "R", 0},
    {"ss", "S", 0},         {"tt", "T", 0},         {"zz", "Z", 0},         {"y", "Y", 'b'},
    {"y", "IY", 'e'},       {"o", "OW", 'e'},       {"a", "AH", 'e'},       {"i", "IY", 'e'},
    {"e", "", 'e'},         {"x", "Z", 'b'},        {"a", "AE", 0},         {"b", "B", 0},
    {"c", "K", 0},          {"d", "D", 0},          {"e", "EH", 0},         {"f", "F", 0},
    {"g", "G", 0},          {"h", "HH", 0},         {"i", "IH", 0},         {"j", "JH", 0},
    {"k", "K", 0},          {"l", "L", 0},          {"m", "M", 0},          {"n", "N", 0},
    {"o", "AA", 0},         {"p", "P", 0},          {"q", "K", 0},          {"r", "R", 0},
    {"s", "S", 0},          {"t", "T", 0},          {"u", "AH", 0},         {"v", "V", 0},
    {"w", "W", 0},          {"x", "K S", 0},        {"y", "IH", 0},         {"z", "Z", 0},
};

static const char *const letter_names[26] = {"EY",
                                             "B IY",
                                             "S IY",
                                             "D IY",
                                             "IY",
                                             "EH F",
                                             "JH IY",
                                             "EY CH",
                                             "AY",
                                             "JH EY",
                                             "K EY",
                                             "EH L",
                                             "EH M",
                                             "EH N",
                                             "OW",
                                             "P IY",
                                             "K Y UW",
                                             "AA R",
                                             "EH S",
                                             "T IY",
                                             "Y UW",
                                             "V IY",
                                             "D AH B AH L Y UW",
                                             "EH K S",
                                             "W AY",
                                             "Z IY"};

static void add_phones(char out[LT_LEXICON_PHONES_BYTES], const char *phones)
{
    size_t n = strlen(out);
    if (*phones && n + strlen(phones) + 2 < LT_LEXICON_PHONES_BYTES)
        snprintf(out + n, LT_LEXICON_PHONES_BYTES - n, "%s%s", n ? " " : "", phones);
}

static int is_vowel(char c)
{
    return c && strchr("aeiouy", c) != NULL;
}

/* "lane", "mode": the final e makes the vowel before the consonant long. */
static const char *long_vowel(const char *p)
{
    if (is_vowel(p[0]) && p[1] && !is_vowel(p[1]) && !strchr("rwx", p[1]) && p[2] == 'e' && !p[3])
        switch (p[0]) {
        case 'a':
            return "EY";
        case 'e':
            return "IY";
        case 'i':
        case 'y':
            return "AY";
        case 'o':
            return "OW";
        default:
            return "UW";
        }
    return NULL;
}

void lt_lexicon_by_rule(const char *word, char out[LT_LEXICON_PHONES_BYTES])
{
    int n_vowels = 0;
    *out = '\0';
    for (const char *p = word; *p; p++) n_vowels += is_vowel(*p);
    for (const char *p = word; *p;) {
        const char *vowel = long_vowel(p);
        if (*p < 'a' || *p > 'z') {
            p++;
            continue;
        }
        if (!n_vowels || !word[1]) { /* said letter by letter: "hdmi" has vowels, "dvd" none */
            add_phones(out, letter_names[*p++ - 'a']);
            continue;
        }
        if (vowel) {
            add_phones(out, vowel);
            p++;
            continue;
        }
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
            const struct rule *r = &rules[i];
            size_t n = strlen(r->letters);
            if (strncmp(p, r->letters, n) != 0) continue;
            if ((r->where == 'b' && p != word) || (r->where == 'e' && p[n])) continue;
            add_phones(out, r->phones);
            p += n;
            break;
        }
    }
    if (!*out) add_phones(out, "AH");
}

/* ---- the dictionary ---- */

struct entry {
    const char *word;
    char *phones; /* first pronunciation; NULL: not found yet */
};

static int by_word(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->word, ((const struct entry *)b)->word);
}

static struct entry *look_up(struct entry *list, size_t n, const char *word)
{
    struct entry key = {word, NULL};
    return n ? bsearch(&key, list, n, sizeof *list, by_word) : NULL;
}

/* One pass over the file: keep the lines of wanted words, and write them when `out` is given. */
static enum lt_err scan(FILE *f, struct entry *wanted, size_t n, FILE *out)
{
    char line[LINE_BYTES], base[LINE_BYTES];
    while (fgets(line, sizeof line, f)) {
        size_t word_n = strcspn(line, " \t\r\n"), base_n = strcspn(line, "( \t\r\n");
        if (!word_n || !line[word_n]) continue;
        memcpy(base, line, base_n);
        base[base_n] = '\0';
        struct entry *e = look_up(wanted, n, base);
        if (!e) continue;
        char *phones = line + word_n + strspn(line + word_n, " \t");
        phones[strcspn(phones, "\r\n")] = '\0';
        if (!e->phones && !(e->phones = strdup(phones))) return LT_ERR_NOMEM;
        line[word_n] = '\0';
        if (out) fprintf(out, "%s %s\n", line, phones);
    }
    return ferror(f) ? LT_ERR_IO : LT_OK;
}

/* Pieces of unknown words that may be words themselves. */
struct pieces {
    struct entry *v;
    size_t n, cap;
};

static int add_piece(struct pieces *p, const char *s, size_t n)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 64;
        struct entry *more = realloc(p->v, cap * sizeof *more);
        if (!more) return 0;
        p->v = more;
        p->cap = cap;
    }
    p->v[p->n] = (struct entry){strndup(s, n), NULL};
    return p->v[p->n].word && ++p->n;
}

static int add_pieces(struct pieces *p, const char *word)
{
    size_t n = strlen(word);
    int ok = 1;
    if (n > 2 && !strcmp(word + n - 2, "'s")) ok = add_piece(p, word, n - 2);
    if (ok && n > 2 && word[n - 1] == 's') ok = add_piece(p, word, n - 1);
    if (ok && n > 4 && !strncmp(word, "un", 2)) ok = add_piece(p, word + 2, n - 2);
    for (size_t i = PART_MIN; ok && i + PART_MIN <= n; i++)
        ok = add_piece(p, word, i) && add_piece(p, word + i, n - i);
    return ok;
}

static const char *piece_phones(struct pieces *p, const char *s, size_t n)
{
    char piece[LINE_BYTES];
    snprintf(piece, sizeof piece, "%.*s", (int)n, s);
    struct entry *e = look_up(p->v, p->n, piece);
    return e ? e->phones : NULL;
}

/* From known pieces; 0 when there are none. */
static int from_pieces(struct pieces *p, const char *word, char out[LT_LEXICON_PHONES_BYTES])
{
    size_t n = strlen(word), best = 0, best_min = 0;
    const char *stem = NULL;
    *out = '\0';
    if (n > 2 && !strcmp(word + n - 2, "'s")) stem = piece_phones(p, word, n - 2);
    if (!stem && n > 2 && word[n - 1] == 's') stem = piece_phones(p, word, n - 1);
    if (stem) {
        add_phones(out, stem);
        add_phones(out, "Z");
        return 1;
    }
    if (n > 4 && !strncmp(word, "un", 2) && (stem = piece_phones(p, word + 2, n - 2))) {
        add_phones(out, "AH N"); /* "unmute" */
        add_phones(out, stem);
        return 1;
    }
    for (size_t i = PART_MIN; i + PART_MIN <= n; i++) {
        size_t smaller = i < n - i ? i : n - i;
        if (smaller <= best_min || !piece_phones(p, word, i) || !piece_phones(p, word + i, n - i))
            continue;
        best = i;
        best_min = smaller;
    }
    if (!best) return 0;
    add_phones(out, piece_phones(p, word, best));
    add_phones(out, piece_phones(p, word + best, n - best));
    return 1;
}

static int unique(struct entry *v, size_t n)
{
    size_t kept = 0;
    qsort(v, n, sizeof *v, by_word);
    for (size_t i = 0; i < n; i++) {
        if (kept && !strcmp(v[kept - 1].word, v[i].word)) {
            free((char *)(uintptr_t)v[i].word);
            continue;
        }
        v[kept++] = v[i];
    }
    return (int)kept;
}

static enum lt_err write_unknown(struct entry *wanted, size_t n, FILE *f, FILE *out,
                                 size_t *n_unknown)
{
    struct pieces p = {NULL, 0, 0};
    enum lt_err err = LT_OK;
    char phones[LT_LEXICON_PHONES_BYTES];
    for (size_t i = 0; i < n; i++)
        if (!wanted[i].phones && !add_pieces(&p, wanted[i].word)) err = LT_ERR_NOMEM;
    if (p.n) p.n = (size_t)unique(p.v, p.n);
    rewind(f);
    if (!err && p.n) err = scan(f, p.v, p.n, NULL);
    for (size_t i = 0; !err && i < n; i++) {
        if (wanted[i].phones) continue;
        if (!from_pieces(&p, wanted[i].word, phones)) {
            lt_lexicon_by_rule(wanted[i].word, phones);
            if (n_unknown) ++*n_unknown;
        }
        fprintf(out, "%s %s\n", wanted[i].word, phones);
    }
    for (size_t i = 0; i < p.n; i++) {
        free((char *)(uintptr_t)p.v[i].word);
        free(p.v[i].phones);
    }
    free(p.v);
    return err;
}

enum lt_err lt_lexicon_write(const char *const *words, size_t n, const char *dictionary_path,
                             FILE *out, size_t *n_unknown, struct lt_diag *diag)
{
    struct entry *wanted = calloc(n ? n : 1, sizeof *wanted);
    FILE *f = fopen(dictionary_path, "re");
    enum lt_err err = !wanted ? LT_ERR_NOMEM : !f ? LT_ERR_NOTFOUND : LT_OK;
    if (n_unknown) *n_unknown = 0;
    if (!err) {
        for (size_t i = 0; i < n; i++) wanted[i].word = words[i];
        qsort(wanted, n, sizeof *wanted, by_word);
        err = scan(f, wanted, n, out);
        if (!err) err = write_unknown(wanted, n, f, out, n_unknown);
        if (!err && (fflush(out) || ferror(out))) err = LT_ERR_IO;
    }
    for (size_t i = 0; wanted && i < n; i++) free(wanted[i].phones);
    free(wanted);
    if (f) fclose(f);
    if (err) lt_fail(diag, err, "pronunciations from %s: %s", dictionary_path, lt_strerror(err));
    return err;
}
