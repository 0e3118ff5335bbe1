/* utterance.c - the utterance's tokens, and what of the catalogue's names occurs in it.
 *
 * Lexical features of an item (columns of the network's feature table):
 *   0  one of its names stands in the utterance as a whole
 *   1  words of the longest such name / 4, at most 1
 *   2  largest share of a name's words that occur anywhere in the utterance
 *   3  it is, or lies in, the speaker's room
 *   4  entity: the only one of its domain in the home;  0.5: the only one in its room
 *   5  its name stands there and no longer name of the home covers it
 *   6  1 / number of items of its class whose name stands there, when its own does
 *   7  entity: its room's (or room's floor's) name stands there;  area: its floor's name does
 * Flags of an utterance token: the word is part of a whole name of 0 an entity, 1 an area, 2 a
 * floor, 3 a kind of device, 7 a listed value; 4 occurs in some name of the home; 5 occurs in a
 * tool's, parameter's or value's name; 6 is part of a number. */
#include <stdlib.h>
#include <string.h>

#include "plan_build.h"
#include "respell.h"
#include "san/tokenizer.h"

enum {
    FLAG_ENTITY,
    FLAG_AREA,
    FLAG_FLOOR,
    FLAG_KIND,
    FLAG_HOME_WORD,
    FLAG_TOOL_WORD,
    FLAG_NUMBER,
    FLAG_VALUE
};

#define WORD_TABLE  1024 /* slots of the table of the utterance's words, a power of two */
#define MATCHES_MAX 256  /* whole names found in one utterance that are compared for length */

/* The utterance's words without punctuation, and a table from hash to first position. */
struct compact {
    uint32_t hash[SAN_WORDS_MAX];
    int word[SAN_WORDS_MAX]; /* index into utterance words */
    int n;
    int16_t slot[WORD_TABLE];    /* 1 + index into hash, 0 empty */
    int16_t next[SAN_WORDS_MAX]; /* next position of the same hash, -1 none */
};

struct match {
    int first, last; /* compact positions */
};

void san_utterance_init(struct san_utterance *u)
{
    memset(u, 0, sizeof *u);
}

void san_utterance_fini(struct san_utterance *u)
{
    free(u->tool_feat);
    free(u->tool_feat_off);
    free(u->home_feat);
    free(u->scratch);
    free(u->read);
    san_tok_work_free(&u->work);
    memset(u, 0, sizeof *u);
}

static void compact_words(const struct san_utterance *u, struct compact *c)
{
    c->n = 0;
    memset(c->slot, 0, sizeof c->slot);
    for (int i = 0; i < u->n_words; i++)
        if (u->words[i].kind != SAN_WORD_PUNCT) {
            c->word[c->n] = i;
            c->hash[c->n++] = u->words[i].hash;
        }
    for (int i = c->n - 1; i >= 0; i--) {
        uint32_t s = c->hash[i] & (WORD_TABLE - 1);
        while (c->slot[s] && c->hash[c->slot[s] - 1] != c->hash[i]) s = (s + 1) & (WORD_TABLE - 1);
        c->next[i] = c->slot[s] ? (int16_t)(c->slot[s] - 1) : -1;
        c->slot[s] = (int16_t)(i + 1);
    }
}

static int find_word(const struct compact *c, uint32_t hash)
{
    uint32_t s = hash & (WORD_TABLE - 1);
    while (c->slot[s]) {
        if (c->hash[c->slot[s] - 1] == hash) return c->slot[s] - 1;
        s = (s + 1) & (WORD_TABLE - 1);
    }
    return -1;
}

/* First whole occurrence of n word hashes at or after compact position `from`, or -1. */
static int find_phrase(const struct compact *c, const uint32_t *w, int n, int from)
{
    for (int i = find_word(c, w[0]); i >= 0; i = c->next[i]) {
        int k = 1;
        if (i < from || i + n > c->n) continue;
        while (k < n && c->hash[i + k] == w[k]) k++;
        if (k == n) return i;
    }
    return -1;
}

static void set_flag(struct san_utterance *u, int word, int flag)
{
    if (u->word_first[word] < 0) return;
    for (int t = u->word_first[word]; t <= u->word_last[word]; t++) u->flag[t] |= 1u << flag;
}

/* Features 0-2 of one item; flags its words; returns the longest whole match in *m. */
static int match_item(struct san_utterance *u, const struct compact *c, const struct san_item *it,
                      const struct san_phrase *phrases, const uint32_t *words, int whole_flag,
                      int word_flag, float *f, struct match *m)
{
    int longest = 0;
    for (int k = 0; k < it->n_phrase; k++) {
        const struct san_phrase *p = &phrases[it->phrase + k];
        const uint32_t *w = words + p->first;
        int seen = 0;
        for (int j = 0; j < p->n; j++) {
            int at = find_word(c, w[j]);
            seen += at >= 0;
            for (; at >= 0; at = c->next[at]) set_flag(u, c->word[at], word_flag);
        }
        if (!seen) continue;
        float share = (float)seen / (float)p->n;
        if (share > f[2]) f[2] = share;
        if (seen < p->n) continue;
        for (int at = find_phrase(c, w, p->n, 0); at >= 0; at = find_phrase(c, w, p->n, at + 1)) {
            if (whole_flag >= 0)
                for (int j = 0; j < p->n; j++) set_flag(u, c->word[at + j], whole_flag);
            if (p->n > longest) {
                longest = p->n;
                *m = (struct match){at, at + p->n - 1};
            }
        }
    }
    if (longest) {
        f[0] = 1;
        f[1] = longest >= 4 ? 1.0f : (float)longest / 4;
    }
    return longest;
}

static enum lt_err reserve(void **p, size_t *cap, size_t need)
{
    if (need <= *cap) return LT_OK;
    void *q = realloc(*p, need);
    if (!q) return LT_ERR_NOMEM;
    *p = q;
    *cap = need;
    return LT_OK;
}

static float *feat_of(struct san_utterance *u, int item)
{
    return u->home_feat + (size_t)item * SAN_N_FEAT;
}

/* Features of all items, or of those shown: the rows of others then hold what an earlier utterance
 * left, and nobody reads them. */
static void home_features(struct san_utterance *u, const struct compact *c,
                          const struct san_home_plan *h, const struct san_shown *shown,
                          struct match *match)
{
    static const int whole_flag[SAN_CLASS_COUNT] = {[SAN_CLASS_ENTITY] = FLAG_ENTITY,
                                                    [SAN_CLASS_AREA] = FLAG_AREA,
                                                    [SAN_CLASS_FLOOR] = FLAG_FLOOR,
                                                    [SAN_CLASS_KIND] = FLAG_KIND};
    int n_found[SAN_CLASS_COUNT] = {0};
    struct match found[MATCHES_MAX];
    int n_matches = 0;
    int n = shown ? shown->n_items : h->n_items;
    if (!shown) memset(u->home_feat, 0, (size_t)n * SAN_N_FEAT * sizeof *u->home_feat);
    for (int k = 0; k < n; k++) {
        int i = shown ? shown->items[k] : k;
        const struct san_item *it = &h->items[i];
        float *f = feat_of(u, i);
        if (shown) memset(f, 0, SAN_N_FEAT * sizeof *f);
        match[k].first = -1;
        if (!match_item(u, c, it, h->phrases, h->words, whole_flag[it->cls], FLAG_HOME_WORD, f,
                        &match[k]))
            continue;
        n_found[it->cls]++;
        if (it->cls != SAN_CLASS_KIND && n_matches < MATCHES_MAX) found[n_matches++] = match[k];
    }
    for (int k = 0; k < n; k++) {
        int i = shown ? shown->items[k] : k;
        float *f = feat_of(u, i);
        if (!f[0]) continue;
        int is_covered = 0;
        for (int m = 0; m < n_matches && !is_covered; m++)
            is_covered = found[m].first <= match[k].first && found[m].last >= match[k].last &&
                         found[m].last - found[m].first > match[k].last - match[k].first;
        f[5] = is_covered ? 0 : 1;
        f[6] = 1.0f / (float)n_found[h->items[i].cls];
    }
    /* what lies around an item, outermost first: floors stand before areas before entities */
    int here_floor = u->here >= 0 ? h->areas[u->here].floor : -1;
    for (int k = 0; k < n; k++) {
        int i = shown ? shown->items[k] : k, ref = h->items[i].ref;
        float *f = feat_of(u, i);
        if (h->items[i].cls == SAN_CLASS_FLOOR) {
            if (ref == here_floor) f[3] = 1;
        } else if (h->items[i].cls == SAN_CLASS_AREA) {
            f[3] = ref == u->here;
            if (h->areas[ref].floor >= 0) f[7] = feat_of(u, h->floors[h->areas[ref].floor].item)[0];
        } else if (h->items[i].cls == SAN_CLASS_ENTITY) {
            const struct san_entity *e = &h->entities[ref];
            f[4] = e->n_like == 1 ? 1.0f : e->n_like_here == 1 ? 0.5f : 0;
            if (e->area < 0) continue;
            const float *area = feat_of(u, h->areas[e->area].item);
            f[3] = e->area == u->here;
            f[7] = area[0] > 0 || area[7] > 0;
        }
    }
}

static void tool_features(struct san_utterance *u, const struct compact *c,
                          const struct san_plan *p)
{
    int n_found = 0;
    int n = u->tool_feat_off[p->n_tools];
    memset(u->tool_feat, 0, (size_t)n * SAN_N_FEAT * sizeof *u->tool_feat);
    for (int t = 0; t < p->n_tools; t++) {
        const struct san_tool_plan *tool = p->tools[t];
        for (int i = 0; i < tool->n_items; i++) {
            const struct san_item *it = &tool->items[i];
            struct match m;
            float *f = u->tool_feat + ((size_t)u->tool_feat_off[t] + (size_t)i) * SAN_N_FEAT;
            int is_value = it->cls == SAN_CLASS_VALUE;
            int k = match_item(u, c, it, tool->phrases, tool->words, is_value ? FLAG_VALUE : -1,
                               FLAG_TOOL_WORD, f, &m);
            f[5] = k > 0;
            if (i == 0 && k) n_found++;
        }
    }
    for (int t = 0; t < p->n_tools && n_found; t++) {
        float *f = u->tool_feat + (size_t)u->tool_feat_off[t] * SAN_N_FEAT;
        if (f[0]) f[6] = 1.0f / (float)n_found;
    }
}

static void put_tokens(struct san_utterance *u, const int32_t *ids, int n)
{
    for (int i = 0; i < n; i++) {
        u->tok[u->n_tok] = ids[i];
        u->flag[u->n_tok++] = 0;
    }
}

static void tokenize(struct san_utterance *u, const struct san_pieces *v, const char *text,
                     const struct san_word *words, const char *here)
{
    int32_t ids[512], tail[64];
    int n_tail = 0;
    if (here) {
        struct san__block block = {.work = &u->work};
        san__block_put(&block, v->here);
        san__block_words(&block, v, here, 8);
        n_tail = block.n_tok < 64 ? block.n_tok : 64;
        memcpy(tail, block.tok, (size_t)n_tail * sizeof *tail);
    }
    u->n_tok = 0;
    put_tokens(u, &v->utt, 1);
    int is_cut = 0;
    for (int i = 0; i < u->n_words; i++) {
        int k = is_cut ? 0 : san__word_tokens(v, &u->work, text, &words[i], ids, 512);
        if (k == 0 || u->n_tok + k + n_tail > SAN_BLOCK_MAX_TOKENS) {
            is_cut |= k > 0;
            u->word_first[i] = u->word_last[i] = -1;
            continue;
        }
        u->word_first[i] = (int16_t)u->n_tok;
        put_tokens(u, ids, k);
        u->word_last[i] = (int16_t)(u->n_tok - 1);
    }
    put_tokens(u, tail, n_tail);
}

enum lt_err san_utterance_set(struct san_utterance *u, const struct san_pieces *v,
                              const struct san_plan *p, const char *text, const char *here,
                              struct lt_diag *diag)
{
    size_t n = strlen(text);
    if (!san_utf8_is_valid(text, n)) return lt_fail(diag, LT_ERR_INVALID, "text: not valid UTF-8");
    u->text = text;
    u->n_words = san_words(text, n, u->words, SAN_WORDS_MAX);
    if (!u->n_words) return lt_fail(diag, LT_ERR_INVALID, "text: empty");
    const struct san_home_plan *h = p->home;
    u->here = !h ? -1 : here ? san_home_area(h, here) : h->here;
    const char *read = text;
    u->is_mended = 0;
    struct san_word mended[SAN_WORDS_MAX];
    const struct san_word *words = u->words;
    const struct san_known *known = san_tokenizer_known(v->tokenizer);
    if (known) {
        if (reserve((void **)&u->read, &u->cap_read, n + SAN_RESPELL_MAX + 1)) goto nomem;
        if (san__respell(known, p, text, u->words, u->n_words, u->read)) {
            /* as many words of the same kinds, since letters only gave way to letters */
            read = u->read;
            u->is_mended = 1;
            san_words(read, strlen(read), mended, SAN_WORDS_MAX);
            for (int i = 0; i < u->n_words; i++) u->words[i].hash = mended[i].hash;
            words = mended;
        }
    }
    u->n_mentions = san_mentions(read, words, u->n_words, u->mentions, SAN_WORDS_MAX);
    tokenize(u, v, read, words, h && u->here >= 0 ? h->areas[u->here].name : NULL);

    int n_items = 0;
    size_t off_bytes = ((size_t)p->n_tools + 1) * sizeof *u->tool_feat_off;
    if (reserve((void **)&u->tool_feat_off, &u->cap_off, off_bytes)) goto nomem;
    for (int t = 0; t < p->n_tools; t++) {
        u->tool_feat_off[t] = n_items;
        n_items += p->tools[t]->n_items;
    }
    u->tool_feat_off[p->n_tools] = n_items;
    size_t row = SAN_N_FEAT * sizeof(float);
    if (reserve((void **)&u->tool_feat, &u->cap_tool_feat, ((size_t)n_items + 1) * row)) goto nomem;
    struct compact c;
    compact_words(u, &c);
    if (h) {
        if (reserve((void **)&u->home_feat, &u->cap_home_feat, ((size_t)h->n_items + 1) * row))
            goto nomem;
        size_t bytes = ((size_t)h->n_items + 1) * sizeof(struct match);
        if (reserve(&u->scratch, &u->cap_scratch, bytes)) goto nomem;
        home_features(u, &c, h, p->shown, u->scratch);
    }
    tool_features(u, &c, p);
    for (int i = 0; i < u->n_mentions; i++)
        for (int w = u->mentions[i].first; w <= u->mentions[i].last; w++)
            set_flag(u, w, FLAG_NUMBER);
    return LT_OK;
nomem:
    return lt_fail(diag, LT_ERR_NOMEM, "out of memory comparing the utterance with the catalogue");
}
