/* coarse.c - Viterbi over the states of phones in general. */
#include "coarse.h"

#include <stdlib.h>
#include <string.h>

#define STATES       LT_COARSE_STATES
#define MAX_PHONES   80
#define PHONE_BYTES  16
#define MAX_WORDS    64
#define MAX_VARIANTS LT_COARSE_VARIANTS
#define MAX_IN_WORD  LT_COARSE_IN_WORD
#define WORD_BYTES   256
#define MAX_MOMENTS  6000
#define NEVER        INT32_MAX
#define MDEF_INTS                                                                                  \
    10 /* of the model's definition: phones, triphones, states, general senones, all senones, … */
#define HEADER_LINES 100

struct word {
    int n_variants, n_phones[MAX_VARIANTS];
    uint8_t phones[MAX_VARIANTS][MAX_IN_WORD];
    int32_t costs[MAX_VARIANTS][MAX_IN_WORD * STATES]; /* of the best way into each state */
};

struct lt_coarse {
    char names[MAX_PHONES][PHONE_BYTES];
    int n_names, silence;
    int32_t n_senones; /* in the notes, at each moment; the general ones come first */
    lt_coarse_say_fn say;
    void *ctx;
    int16_t *scores; /* n_names * STATES of each moment */
    size_t n_moments, cap_moments;
    struct word words[MAX_WORDS];
    int32_t silences[MAX_WORDS + 1][STATES], ends[MAX_WORDS + 1];
};

/* The general phones' names and how many senones there are. */
static int read_mdef(struct lt_coarse *c, FILE *f)
{
    char magic[4];
    int32_t head[2], v[MDEF_INTS]; /* version, bytes of a description */
    if (fread(magic, 4, 1, f) != 1 || memcmp(magic, "BMDF", 4) != 0 ||
        fread(head, sizeof head, 1, f) != 1 || head[1] < 0 || fseek(f, head[1], SEEK_CUR) ||
        fread(v, sizeof v, 1, f) != 1)
        return 0;
    if (v[0] < 1 || v[0] > MAX_PHONES || v[2] != STATES || v[3] != v[0] * STATES || v[4] < v[3] ||
        v[4] > INT16_MAX)
        return 0;
    c->n_names = v[0];
    c->n_senones = v[4];
    c->silence = -1;
    for (int i = 0; i < c->n_names; i++) {
        int n = 0, ch;
        while ((ch = fgetc(f)) > 0 && n < PHONE_BYTES - 1) c->names[i][n++] = (char)ch;
        if (ch != 0) return 0;
        if (!strcmp(c->names[i], "SIL")) c->silence = i;
    }
    return c->silence >= 0;
}

enum lt_err lt_coarse_new(const char *hmm, lt_coarse_say_fn say, void *ctx, struct lt_coarse **out)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/mdef", hmm);
    struct lt_coarse *c = calloc(1, sizeof *c);
    if (!c) return LT_ERR_NOMEM;
    FILE *f = fopen(path, "rbe");
    int is_well = f && read_mdef(c, f);
    if (f) fclose(f);
    c->say = say;
    c->ctx = ctx;
    if (is_well)
        *out = c;
    else
        lt_coarse_free(c);
    return is_well ? LT_OK : LT_ERR_UNSUPPORTED;
}

void lt_coarse_free(struct lt_coarse *c)
{
    if (!c) return;
    free(c->scores);
    free(c);
}

/* Past the lines of the header and the mark of byte order. */
static int skip_header(FILE *f)
{
    char line[256];
    int32_t order;
    rewind(f);
    for (int i = 0; i < HEADER_LINES && fgets(line, sizeof line, f); i++)
        if (!strncmp(line, "endhdr", 6)) return fread(&order, sizeof order, 1, f) == 1;
    return 0;
}

size_t lt_coarse_take(struct lt_coarse *c, FILE *notes)
{
    size_t n_here = (size_t)c->n_names * STATES, rest = (size_t)c->n_senones - n_here;
    int16_t n;
    c->n_moments = 0;
    if (!skip_header(notes)) return 0;
    while (c->n_moments < MAX_MOMENTS && fread(&n, sizeof n, 1, notes) == 1 && n == c->n_senones) {
        if (c->n_moments == c->cap_moments) {
            size_t cap = c->cap_moments ? c->cap_moments * 2 : 512;
            int16_t *more = realloc(c->scores, cap * n_here * sizeof *more);
            if (!more) return c->n_moments = 0;
            c->scores = more;
            c->cap_moments = cap;
        }
        if (fread(c->scores + c->n_moments * n_here, sizeof *c->scores, n_here, notes) != n_here ||
            fseek(notes, (long)(rest * sizeof *c->scores), SEEK_CUR))
            break;
        c->n_moments++;
    }
    return c->n_moments;
}

/* ---- one sentence ---- */

static int phone_of(const struct lt_coarse *c, const char *name, size_t len)
{
    for (int i = 0; i < c->n_names; i++)
        if (!strncmp(c->names[i], name, len) && !c->names[i][len]) return i;
    return -1;
}

/* Phones as the dictionary writes them. Returns how many; 0: too many, or one that is unknown. */
static int read_phones(const struct lt_coarse *c, const char *text, uint8_t out[MAX_IN_WORD])
{
    int n = 0;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, " ");
        int phone = len && len < PHONE_BYTES ? phone_of(c, p, len) : -1;
        if (len && (phone < 0 || n == MAX_IN_WORD)) return 0;
        if (len) out[n++] = (uint8_t)phone;
        p += len + (p[len] == ' ');
    }
    return n;
}

int lt_coarse_phones(const struct lt_coarse *c, const char *word, int variant,
                     uint8_t out[MAX_IN_WORD])
{
    char name[WORD_BYTES];
    int n = snprintf(name, sizeof name, variant > 1 ? "%s(%d)" : "%s", word, variant);
    char *phones = n > 0 && (size_t)n < sizeof name ? c->say(c->ctx, name) : NULL;
    n = phones ? read_phones(c, phones, out) : -1;
    free(phones);
    return n;
}

const int16_t *lt_coarse_moment(const struct lt_coarse *c, size_t t)
{
    return t < c->n_moments ? c->scores + t * (size_t)c->n_names * STATES : NULL;
}

int lt_coarse_silence(const struct lt_coarse *c)
{
    return c->silence;
}

static int read_word(struct lt_coarse *c, const char *text, size_t len, struct word *w)
{
    char name[WORD_BYTES];
    w->n_variants = 0;
    if (len >= sizeof name) return 0;
    memcpy(name, text, len);
    name[len] = '\0';
    for (int i = 1, n; i <= MAX_VARIANTS; i++) {
        n = lt_coarse_phones(c, name, i, w->phones[w->n_variants]);
        if (n < 0) break;
        if (n) w->n_phones[w->n_variants++] = n;
    }
    for (int v = 0; v < w->n_variants; v++)
        for (int i = 0; i < w->n_phones[v] * STATES; i++) w->costs[v][i] = NEVER;
    return w->n_variants;
}

/* One moment in one phone or several: every state from itself or the one before it. */
static void step(int32_t *costs, const uint8_t *phones, int n_phones, int32_t enter,
                 const int16_t *scores)
{
    for (int i = n_phones * STATES - 1; i >= 0; i--) {
        int32_t from = i ? costs[i - 1] : enter;
        if (costs[i] < from) from = costs[i];
        costs[i] = from == NEVER ? NEVER : from + scores[phones[i / STATES] * STATES + i % STATES];
    }
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* One moment in all words. ends[i]: the best way through i words, before a silence. */
static void step_all(struct lt_coarse *c, int n_words, const int16_t *scores)
{
    const uint8_t silence = (uint8_t)c->silence;
    int32_t before = c->ends[0];
    c->ends[0] = NEVER; /* one begins but once */
    for (int i = 0; i <= n_words; i++) {
        int32_t enter = before, enter_word = least(before, c->silences[i][STATES - 1]);
        if (i < n_words) {
            int32_t best = NEVER;
            struct word *w = &c->words[i];
            for (int v = 0; v < w->n_variants; v++) {
                step(w->costs[v], w->phones[v], w->n_phones[v], enter_word, scores);
                best = least(best, w->costs[v][w->n_phones[v] * STATES - 1]);
            }
            before = c->ends[i + 1]; /* of the moment before, for the next word */
            c->ends[i + 1] = best;
        }
        step(c->silences[i], &silence, 1, enter, scores);
    }
}

int32_t lt_coarse_score(struct lt_coarse *c, const char *words)
{
    int n_words = 0;
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, " ");
        if (!len || n_words == MAX_WORDS || !read_word(c, p, len, &c->words[n_words])) return 0;
        n_words++;
        p += len + (p[len] == ' ');
    }
    if (!n_words) return 0;
    for (int i = 0; i <= n_words; i++) {
        c->ends[i] = i ? NEVER : 0;
        for (int k = 0; k < STATES; k++) c->silences[i][k] = NEVER;
    }
    for (size_t t = 0; t < c->n_moments; t++)
        step_all(c, n_words, c->scores + t * (size_t)c->n_names * STATES);
    int32_t cost = least(c->ends[n_words], c->silences[n_words][STATES - 1]);
    return cost == NEVER ? 0 : -cost;
}
