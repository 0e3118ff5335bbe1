/* bpe_train.c - vocabulary learning by pair counts that are kept up to date.
 *
 * Text becomes a table of distinct chunks (what stands between two cuts) with counts. Every chunk
 * is kept cut as the encoder would cut it with the pieces learnt so far; pair counts follow from
 * that. Learning a piece touches only the chunks that hold a pair which joins to it. Such a chunk
 * is merged on as the encoder does: the pair of the earliest-learnt piece first, leftmost first,
 * until no pair joins to a piece. So training and encoder agree by construction, also where one
 * piece can be joined in two ways ("a"+"bc", "ab"+"c"). */
#include "san/bpe_train.h"

#include <stdlib.h>
#include <string.h>

#include "utf8.h"

#define CHUNK_MAX_CHARS 128 /* longer runs without a cut are no words: ignored when learning */
#define N_BYTES         256

struct chunk {
    uint32_t off, len; /* text: bytes of the arena; then symbols: of syms */
    int64_t count;
    uint32_t stamp;
};

struct piece {
    char *text;
    uint32_t len;
    int n_chars;
};

struct pair {
    int32_t left, right;
    int32_t piece; /* that they join to, or -1 */
    int64_t count;
    uint32_t *chunks; /* that held the pair at some time, maybe twice */
    uint32_t n_chunks, cap_chunks;
    uint32_t stamp;
};

struct entry {
    int64_t count;
    uint32_t pair;
};

struct table { /* open addressing, holds index+1 */
    uint32_t *slots;
    size_t n_slots, n_used;
};

struct san_bpe_trainer {
    struct san_bpe_options o;
    char *arena;
    size_t n_arena, cap_arena;
    struct chunk *chunks;
    size_t n_chunks, cap_chunks;
    struct table chunk_table;
    struct piece *pieces; /* characters first, then learnt ones in order */
    size_t n_pieces, cap_pieces, n_chars;
    struct table piece_table;
    struct pair *pairs;
    size_t n_pairs, cap_pairs;
    struct table pair_table;
    int32_t *syms;
    struct entry *heap;
    size_t n_heap, cap_heap;
    uint32_t *touched; /* pairs whose count changed since the last piece */
    size_t n_touched, cap_touched;
    uint32_t stamp;
    int is_finished;
};

struct san_bpe_options san_bpe_options_default(void)
{
    return (struct san_bpe_options){.n_vocab = 4096,
                                    .add_space_prefix = 1,
                                    .split_digits = 1,
                                    .split_camel = 1,
                                    .max_piece_chars = 16,
                                    .min_count = 2,
                                    .char_coverage = 0.9998};
}

/* ---- growing arrays and hash tables ---- */

/* Room for one more of `size` bytes each in *p. */
static int grow(void **p, size_t n, size_t *cap, size_t size)
{
    if (n < *cap) return 0;
    size_t more = *cap ? 2 * *cap : 1024;
    void *q = more > SIZE_MAX / size ? NULL : realloc(*p, more * size);
    if (!q) return -1;
    *p = q;
    *cap = more;
    return 0;
}
#define GROW(p, n, cap) grow((void **)&(p), (n), &(cap), sizeof *(p))

static uint64_t hash_bytes(const char *p, size_t n)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)p[i]) * UINT64_C(1099511628211);
    return h ^ h >> 29;
}

static uint64_t hash_pair(int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * UINT64_C(0x9e3779b97f4a7c15);
    return h ^ h >> 31;
}

typedef uint64_t (*hash_of_fn)(const struct san_bpe_trainer *t, uint32_t index);

static uint64_t hash_of_chunk(const struct san_bpe_trainer *t, uint32_t i)
{
    return hash_bytes(t->arena + t->chunks[i].off, t->chunks[i].len);
}
static uint64_t hash_of_piece(const struct san_bpe_trainer *t, uint32_t i)
{
    return hash_bytes(t->pieces[i].text, t->pieces[i].len);
}
static uint64_t hash_of_pair(const struct san_bpe_trainer *t, uint32_t i)
{
    return hash_pair(t->pairs[i].left, t->pairs[i].right);
}

/* Insert index i, which is not there yet; rehashes when half full. */
static int table_insert(const struct san_bpe_trainer *t, struct table *tab, uint32_t i,
                        hash_of_fn hash_of)
{
    if (2 * (tab->n_used + 1) > tab->n_slots) {
        size_t n = tab->n_slots ? 2 * tab->n_slots : 4096;
        uint32_t *slots = calloc(n, sizeof *slots);
        if (!slots) return -1;
        for (size_t k = 0; k < tab->n_slots; k++) {
            if (!tab->slots[k]) continue;
            size_t at = hash_of(t, tab->slots[k] - 1) & (n - 1);
            while (slots[at]) at = (at + 1) & (n - 1);
            slots[at] = tab->slots[k];
        }
        free(tab->slots);
        tab->slots = slots;
        tab->n_slots = n;
    }
    size_t at = hash_of(t, i) & (tab->n_slots - 1);
    while (tab->slots[at]) at = (at + 1) & (tab->n_slots - 1);
    tab->slots[at] = i + 1;
    tab->n_used++;
    return 0;
}

static int64_t find_chunk(const struct san_bpe_trainer *t, const char *p, size_t n)
{
    const struct table *tab = &t->chunk_table;
    if (!tab->n_slots) return -1;
    for (size_t at = hash_bytes(p, n);; at++) {
        uint32_t slot = tab->slots[at & (tab->n_slots - 1)];
        if (!slot) return -1;
        const struct chunk *c = &t->chunks[slot - 1];
        if (c->len == n && memcmp(t->arena + c->off, p, n) == 0) return slot - 1;
    }
}

static int32_t find_piece(const struct san_bpe_trainer *t, const char *p, size_t n)
{
    const struct table *tab = &t->piece_table;
    if (!tab->n_slots) return -1;
    for (size_t at = hash_bytes(p, n);; at++) {
        uint32_t slot = tab->slots[at & (tab->n_slots - 1)];
        if (!slot) return -1;
        const struct piece *c = &t->pieces[slot - 1];
        if (c->len == n && memcmp(c->text, p, n) == 0) return (int32_t)(slot - 1);
    }
}

static int64_t find_pair(const struct san_bpe_trainer *t, int32_t left, int32_t right)
{
    const struct table *tab = &t->pair_table;
    if (!tab->n_slots) return -1;
    for (size_t at = hash_pair(left, right);; at++) {
        uint32_t slot = tab->slots[at & (tab->n_slots - 1)];
        if (!slot) return -1;
        const struct pair *c = &t->pairs[slot - 1];
        if (c->left == left && c->right == right) return slot - 1;
    }
}

/* ---- text to chunks ---- */

static int is_lower(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xdf && c <= 0xff);
}
static int is_upper(uint32_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde);
}
static int is_digit(uint32_t c)
{
    return c >= '0' && c <= '9';
}
/* ASCII that is neither letter nor digit: punctuation, control characters. */
static int is_punct(uint32_t c)
{
    return c < 0x80 && !is_lower(c) && !is_upper(c) && !is_digit(c);
}

/* May no piece hold `a` followed by `b`? Both are code points; U+2581 is the space mark. */
static int is_cut(const struct san_bpe_options *o, uint32_t a, uint32_t b)
{
    if (b == 0x2581 || is_punct(a) || is_punct(b)) return 1;
    if (o->split_digits && (is_digit(a) || is_digit(b))) return 1;
    return o->split_camel && is_lower(a) && is_upper(b);
}

static enum lt_err count_chunk(struct san_bpe_trainer *t, const char *p, size_t n, int64_t times)
{
    int64_t i = find_chunk(t, p, n);
    if (i >= 0) {
        t->chunks[i].count += times;
        return LT_OK;
    }
    while (t->cap_arena - t->n_arena < n) {
        size_t cap = t->cap_arena ? 2 * t->cap_arena : 1 << 20;
        char *more = cap > UINT32_MAX ? NULL : realloc(t->arena, cap);
        if (!more) return LT_ERR_NOMEM;
        t->arena = more;
        t->cap_arena = cap;
    }
    if (GROW(t->chunks, t->n_chunks, t->cap_chunks)) return LT_ERR_NOMEM;
    memcpy(t->arena + t->n_arena, p, n);
    t->chunks[t->n_chunks] =
        (struct chunk){.off = (uint32_t)t->n_arena, .len = (uint32_t)n, .count = times};
    t->n_arena += n;
    if (table_insert(t, &t->chunk_table, (uint32_t)t->n_chunks, hash_of_chunk)) return LT_ERR_NOMEM;
    t->n_chunks++;
    return LT_OK;
}

static size_t user_special_at(const struct san_bpe_trainer *t, const char *p, size_t n)
{
    size_t best = 0;
    for (int i = 0; i < t->o.n_specials; i++) {
        size_t len = strlen(t->o.specials[i].text);
        if (t->o.specials[i].type == SAN_TOKEN_USER && len > best && len <= n &&
            memcmp(t->o.specials[i].text, p, len) == 0)
            best = len;
    }
    return best;
}

struct run { /* the chunk being collected */
    char text[4 * CHUNK_MAX_CHARS];
    size_t n;
    int n_chars;
    uint32_t last;
};

static enum lt_err run_end(struct san_bpe_trainer *t, struct run *r, int64_t times)
{
    enum lt_err err = LT_OK;
    if (r->n_chars > 0 && r->n_chars <= CHUNK_MAX_CHARS) err = count_chunk(t, r->text, r->n, times);
    r->n = 0;
    r->n_chars = 0;
    return err;
}

static enum lt_err run_add(struct san_bpe_trainer *t, struct run *r, const char *p, size_t n,
                           uint32_t cp, int64_t times)
{
    enum lt_err err = LT_OK;
    if (r->n_chars > 0 && is_cut(&t->o, r->last, cp)) err = run_end(t, r, times);
    if (r->n_chars < CHUNK_MAX_CHARS) {
        memcpy(r->text + r->n, p, n);
        r->n += n;
    }
    r->n_chars++;
    r->last = cp;
    return err;
}

enum lt_err san_bpe_trainer_add(struct san_bpe_trainer *t, const char *text, size_t n,
                                int64_t times)
{
    struct run r = {.n = 0};
    enum lt_err err = LT_OK;
    if (n > 0 && t->o.add_space_prefix)
        err = run_add(t, &r, SPACE_MARK, SPACE_MARK_LEN, 0x2581, times);
    for (size_t at = 0; at < n && !err;) {
        uint32_t cp = 0;
        size_t special = user_special_at(t, text + at, n - at);
        int len = utf8_char(text + at, n - at, &cp);
        if (special || len == 0) {
            err = run_end(t, &r, times);
            at += special ? special : 1;
        } else if (cp == ' ') {
            err = run_add(t, &r, SPACE_MARK, SPACE_MARK_LEN, 0x2581, times);
            at++;
        } else {
            err = run_add(t, &r, text + at, (size_t)len, cp, times);
            at += (size_t)len;
        }
    }
    return err ? err : run_end(t, &r, times);
}

/* ---- characters ---- */

struct char_count {
    uint32_t cp;
    int64_t count;
};

static int by_count(const void *a, const void *b)
{
    const struct char_count *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->cp < y->cp ? -1 : x->cp > y->cp;
}

static int utf8_write(uint32_t cp, char out[4])
{
    if (cp < 0x80) return out[0] = (char)cp, 1;
    if (cp < 0x800) return out[0] = (char)(0xc0 | cp >> 6), out[1] = (char)(0x80 | (cp & 63)), 2;
    int n = cp < 0x10000 ? 3 : 4;
    out[0] = (char)((n == 3 ? 0xe0 : 0xf0) | cp >> (6 * (n - 1)));
    for (int i = 1; i < n; i++) out[i] = (char)(0x80 | ((cp >> (6 * (n - 1 - i))) & 63));
    return n;
}

static enum lt_err add_piece(struct san_bpe_trainer *t, const char *a, size_t n_a, const char *b,
                             size_t n_b, int n_chars)
{
    if (GROW(t->pieces, t->n_pieces, t->cap_pieces)) return LT_ERR_NOMEM;
    char *text = malloc(n_a + n_b + 1);
    if (!text) return LT_ERR_NOMEM;
    memcpy(text, a, n_a);
    if (n_b) memcpy(text + n_a, b, n_b);
    text[n_a + n_b] = 0;
    t->pieces[t->n_pieces] =
        (struct piece){.text = text, .len = (uint32_t)(n_a + n_b), .n_chars = n_chars};
    t->n_pieces++; /* from here on it is freed with the rest */
    return table_insert(t, &t->piece_table, (uint32_t)(t->n_pieces - 1), hash_of_piece)
               ? LT_ERR_NOMEM
               : LT_OK;
}

/* The space mark and printable ASCII always, then the commonest characters of the text until
 * char_coverage of it is covered. */
static enum lt_err choose_chars(struct san_bpe_trainer *t)
{
    const uint32_t n_cp = 0x110000;
    enum lt_err err = LT_ERR_NOMEM;
    struct char_count *all = calloc(n_cp, sizeof *all);
    if (!all) return err;
    int64_t total = 0, covered = 0;
    for (uint32_t c = 0; c < n_cp; c++) all[c].cp = c;
    for (size_t i = 0; i < t->n_chunks; i++) {
        const struct chunk *ch = &t->chunks[i];
        for (size_t at = 0; at < ch->len;) {
            uint32_t cp = 0;
            at += (size_t)utf8_char(t->arena + ch->off + at, ch->len - at, &cp);
            all[cp].count += ch->count;
            total += ch->count;
        }
    }
    for (uint32_t c = 0; c < n_cp; c++) {
        int is_always = c == 0x2581 || (c > ' ' && c < 0x7f);
        if (!is_always) continue;
        covered += all[c].count;
        all[c].count = INT64_MAX; /* sorted first */
    }
    qsort(all, n_cp, sizeof *all, by_count);
    err = LT_OK;
    for (uint32_t i = 0; i < n_cp && !err; i++) {
        if (all[i].count != INT64_MAX) {
            if (all[i].count < t->o.min_count) break;
            if ((double)covered >= t->o.char_coverage * (double)total) break;
            covered += all[i].count;
        }
        char s[4];
        err = add_piece(t, s, (size_t)utf8_write(all[i].cp, s), NULL, 0, 1);
    }
    t->n_chars = t->n_pieces;
    free(all);
    return err;
}

/* ---- pairs ---- */

/* Index of a pair, made when it is new; its piece is looked up once. -1 when out of memory. */
static int64_t get_pair(struct san_bpe_trainer *t, int32_t left, int32_t right)
{
    int64_t i = find_pair(t, left, right);
    if (i >= 0) return i;
    if (GROW(t->pairs, t->n_pairs, t->cap_pairs)) return -1;
    char joined[8 * CHUNK_MAX_CHARS];
    const struct piece *l = &t->pieces[left], *r = &t->pieces[right];
    memcpy(joined, l->text, l->len);
    memcpy(joined + l->len, r->text, r->len);
    t->pairs[t->n_pairs] = (struct pair){
        .left = left, .right = right, .piece = find_piece(t, joined, l->len + r->len)};
    if (table_insert(t, &t->pair_table, (uint32_t)t->n_pairs, hash_of_pair)) return -1;
    return (int64_t)t->n_pairs++;
}

/* Add `sign` times the chunk's count to its pairs. */
static enum lt_err count_pairs(struct san_bpe_trainer *t, uint32_t i_chunk, int sign)
{
    const struct chunk *c = &t->chunks[i_chunk];
    const int32_t *s = t->syms + c->off;
    for (uint32_t k = 0; k + 1 < c->len; k++) {
        if (s[k] < 0 || s[k + 1] < 0) continue;
        int64_t i = get_pair(t, s[k], s[k + 1]);
        if (i < 0) return LT_ERR_NOMEM;
        struct pair *p = &t->pairs[i];
        p->count += sign * c->count;
        if (p->stamp != t->stamp) {
            p->stamp = t->stamp;
            if (GROW(t->touched, t->n_touched, t->cap_touched)) return LT_ERR_NOMEM;
            t->touched[t->n_touched++] = (uint32_t)i;
        }
        if (sign < 0 || (p->n_chunks && p->chunks[p->n_chunks - 1] == i_chunk)) continue;
        size_t cap = p->cap_chunks;
        if (p->n_chunks == cap) {
            cap = cap ? 2 * cap : 4;
            uint32_t *more = realloc(p->chunks, cap * sizeof *more);
            if (!more) return LT_ERR_NOMEM;
            p->chunks = more;
            p->cap_chunks = (uint32_t)cap;
        }
        p->chunks[p->n_chunks++] = i_chunk;
    }
    return LT_OK;
}

static int is_better(const struct san_bpe_trainer *t, struct entry a, struct entry b)
{
    if (a.count != b.count) return a.count > b.count;
    const struct pair *p = &t->pairs[a.pair], *q = &t->pairs[b.pair];
    return p->left != q->left ? p->left < q->left : p->right < q->right;
}

static enum lt_err heap_push(struct san_bpe_trainer *t, struct entry e)
{
    if (GROW(t->heap, t->n_heap, t->cap_heap)) return LT_ERR_NOMEM;
    size_t i = t->n_heap++;
    while (i > 0 && is_better(t, e, t->heap[(i - 1) / 2])) {
        t->heap[i] = t->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    t->heap[i] = e;
    return LT_OK;
}

static struct entry heap_pop(struct san_bpe_trainer *t)
{
    struct entry top = t->heap[0], last = t->heap[--t->n_heap];
    size_t i = 0;
    for (;;) {
        size_t kid = 2 * i + 1;
        if (kid >= t->n_heap) break;
        if (kid + 1 < t->n_heap && is_better(t, t->heap[kid + 1], t->heap[kid])) kid++;
        if (!is_better(t, t->heap[kid], last)) break;
        t->heap[i] = t->heap[kid];
        i = kid;
    }
    t->heap[i] = last;
    return top;
}

/* Offer every pair whose count changed; entries with an old count are dropped when they come up. */
static enum lt_err push_touched(struct san_bpe_trainer *t)
{
    enum lt_err err = LT_OK;
    for (size_t k = 0; k < t->n_touched && !err; k++) {
        const struct pair *p = &t->pairs[t->touched[k]];
        int n_chars = t->pieces[p->left].n_chars + t->pieces[p->right].n_chars;
        if (p->piece < 0 && p->count >= t->o.min_count && n_chars <= t->o.max_piece_chars)
            err = heap_push(t, (struct entry){p->count, t->touched[k]});
    }
    t->n_touched = 0;
    return err;
}

/* ---- learning ---- */

/* Chunks from text to symbols; a character without a piece becomes -1 and joins with nothing. */
static enum lt_err start_symbols(struct san_bpe_trainer *t)
{
    t->syms = malloc((t->n_arena + 1) * sizeof *t->syms);
    if (!t->syms) return LT_ERR_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < t->n_chunks; i++) {
        struct chunk *c = &t->chunks[i];
        const char *p = t->arena + c->off, *end = p + c->len;
        c->off = (uint32_t)n;
        while (p < end) {
            int len = utf8_char(p, (size_t)(end - p), NULL);
            t->syms[n++] = find_piece(t, p, (size_t)len);
            p += len;
        }
        c->len = (uint32_t)n - c->off;
    }
    t->stamp = 1;
    for (size_t i = 0; i < t->n_chunks; i++) {
        enum lt_err err = count_pairs(t, (uint32_t)i, 1);
        if (err) return err;
    }
    return push_touched(t);
}

/* Merge a chunk on, as the encoder would. */
static enum lt_err merge_chunk(struct san_bpe_trainer *t, uint32_t i_chunk)
{
    enum lt_err err = count_pairs(t, i_chunk, -1);
    struct chunk *c = &t->chunks[i_chunk];
    int32_t *s = t->syms + c->off;
    while (!err) {
        int32_t best = -1;
        uint32_t at = 0;
        for (uint32_t k = 0; k + 1 < c->len; k++) {
            if (s[k] < 0 || s[k + 1] < 0) continue;
            int64_t i = get_pair(t, s[k], s[k + 1]);
            if (i < 0) return LT_ERR_NOMEM;
            int32_t piece = t->pairs[i].piece;
            if (piece >= 0 && (best < 0 || piece < best)) {
                best = piece;
                at = k;
            }
        }
        if (best < 0) break;
        s[at] = best;
        memmove(s + at + 1, s + at + 2, (c->len - at - 2) * sizeof *s);
        c->len--;
    }
    return err ? err : count_pairs(t, i_chunk, 1);
}

static uint32_t char_after(struct piece p, uint32_t at)
{
    return at + (uint32_t)utf8_char(p.text + at, p.len - at, NULL);
}

/* The pair that joins to p at byte `cut`, or -1 when no chunk ever held it. */
static int64_t pair_at_cut(const struct san_bpe_trainer *t, struct piece p, uint32_t cut)
{
    int32_t left = find_piece(t, p.text, cut);
    int32_t right = find_piece(t, p.text + cut, p.len - cut);
    return left >= 0 && right >= 0 ? find_pair(t, left, right) : -1;
}

/* Merge all chunks that held the pair, once each per stamp. */
static enum lt_err merge_chunks_of(struct san_bpe_trainer *t, int64_t i_pair)
{
    /* the list is taken out: merging may move t->pairs, and no chunk will hold the pair again */
    uint32_t *list = t->pairs[i_pair].chunks;
    uint32_t n = t->pairs[i_pair].n_chunks;
    enum lt_err err = LT_OK;
    t->pairs[i_pair].chunks = NULL;
    t->pairs[i_pair].n_chunks = t->pairs[i_pair].cap_chunks = 0;
    for (uint32_t k = 0; k < n && !err; k++) {
        if (t->chunks[list[k]].stamp == t->stamp) continue;
        t->chunks[list[k]].stamp = t->stamp;
        err = merge_chunk(t, list[k]);
    }
    free(list);
    return err;
}

/* Make the pair's text a piece and bring all chunks up to date, whichever way they join to it. */
static enum lt_err learn(struct san_bpe_trainer *t, uint32_t i_pair)
{
    struct piece l = t->pieces[t->pairs[i_pair].left], r = t->pieces[t->pairs[i_pair].right];
    enum lt_err err = add_piece(t, l.text, l.len, r.text, r.len, l.n_chars + r.n_chars);
    if (err) return err;
    int32_t id = (int32_t)t->n_pieces - 1;
    struct piece p = t->pieces[id];
    t->stamp++;
    for (uint32_t cut = char_after(p, 0); cut < p.len; cut = char_after(p, cut)) {
        int64_t i = pair_at_cut(t, p, cut);
        if (i >= 0) t->pairs[i].piece = id;
    }
    for (uint32_t cut = char_after(p, 0); cut < p.len && !err; cut = char_after(p, cut)) {
        int64_t i = pair_at_cut(t, p, cut);
        if (i >= 0) err = merge_chunks_of(t, i);
    }
    return err ? err : push_touched(t);
}

static enum lt_err learn_all(struct san_bpe_trainer *t, size_t n_wanted)
{
    enum lt_err err = start_symbols(t);
    while (!err && t->n_pieces < n_wanted && t->n_heap) {
        struct entry e = heap_pop(t);
        const struct pair *p = &t->pairs[e.pair];
        if (p->piece < 0 && p->count == e.count) err = learn(t, e.pair);
    }
    return err;
}

/* ---- result ---- */

static int special_id(const struct san_bpe_options *o, const char *text)
{
    for (int i = 0; text && i < o->n_specials; i++)
        if (strcmp(o->specials[i].text, text) == 0) return i;
    return -1;
}

static enum lt_err build(const struct san_bpe_trainer *t, struct san_tokenizer **out,
                         struct lt_diag *diag)
{
    const struct san_bpe_options *o = &t->o;
    size_t n_special = (size_t)o->n_specials;
    size_t n = n_special + N_BYTES + t->n_pieces;
    enum lt_err err = LT_ERR_NOMEM;
    struct san_gguf_str *text = malloc(n * sizeof *text);
    float *score = calloc(n, sizeof *score);
    int32_t *type = malloc(n * sizeof *type);
    char(*bytes)[7] = malloc(N_BYTES * sizeof *bytes);
    if (!text || !score || !type || !bytes) goto out;
    static const char hex[] = "0123456789ABCDEF";
    size_t at = 0;
    for (size_t i = 0; i < n_special; i++, at++) {
        text[at] = (struct san_gguf_str){o->specials[i].text, strlen(o->specials[i].text)};
        type[at] = (int32_t)o->specials[i].type;
    }
    for (size_t b = 0; b < N_BYTES; b++, at++) {
        const char spelt[7] = {'<', '0', 'x', hex[b >> 4], hex[b & 15], '>', 0};
        memcpy(bytes[b], spelt, sizeof spelt);
        text[at] = (struct san_gguf_str){bytes[b], 6};
        type[at] = SAN_TOKEN_BYTE;
    }
    for (size_t k = 0; k < t->n_pieces; k++, at++) {
        /* learnt pieces first, then characters, which never result from a merge */
        size_t n_learnt = t->n_pieces - t->n_chars;
        const struct piece *p = &t->pieces[k < n_learnt ? t->n_chars + k : k - n_learnt];
        text[at] = (struct san_gguf_str){p->text, p->len};
        type[at] = SAN_TOKEN_NORMAL;
        score[at] = -(float)(k + 1);
    }
    struct san_vocab v = {.n = (int)n,
                          .text = text,
                          .score = score,
                          .type = type,
                          .add_space_prefix = o->add_space_prefix,
                          .bos = special_id(o, o->bos),
                          .eos = special_id(o, o->eos),
                          .pad = special_id(o, o->pad)};
    err = san_tokenizer_new(&v, out, diag);
out:
    free(text);
    free(score);
    free(type);
    free(bytes);
    return err;
}

enum lt_err san_bpe_trainer_finish(struct san_bpe_trainer *t, struct san_tokenizer **out,
                                   struct lt_diag *diag)
{
    if (t->is_finished)
        return lt_fail(diag, LT_ERR_INVALID, "vocabulary: already learnt, start a new trainer");
    t->is_finished = 1;
    enum lt_err err = choose_chars(t);
    size_t fixed = (size_t)t->o.n_specials + N_BYTES;
    if (!err && (size_t)t->o.n_vocab < fixed + t->n_chars)
        err = lt_fail(diag, LT_ERR_INVALID,
                      "vocabulary: size %d has no room for specials, bytes and characters; take at "
                      "least %zu",
                      t->o.n_vocab, fixed + t->n_chars);
    if (!err) err = learn_all(t, (size_t)t->o.n_vocab - fixed);
    if (!err) err = build(t, out, diag);
    return err ? lt_fail(diag, err, "vocabulary: %s", lt_strerror(err)) : LT_OK;
}

enum lt_err san_bpe_trainer_new(const struct san_bpe_options *o, struct san_bpe_trainer **out,
                                struct lt_diag *diag)
{
    if (o->n_vocab < 1 || o->n_vocab > SAN_VOCAB_MAX || o->n_specials < 0)
        return lt_fail(diag, LT_ERR_INVALID, "vocabulary: size %d, must be 1..%d", o->n_vocab,
                       SAN_VOCAB_MAX);
    if (o->max_piece_chars < 1 || o->max_piece_chars > CHUNK_MAX_CHARS)
        return lt_fail(diag, LT_ERR_INVALID, "vocabulary: pieces of %d characters, must be 1..%d",
                       o->max_piece_chars, CHUNK_MAX_CHARS);
    if (o->min_count < 1 || !(o->char_coverage >= 0 && o->char_coverage <= 1))
        return lt_fail(diag, LT_ERR_INVALID,
                       "vocabulary: min_count %d must be at least 1, char_coverage %g within 0..1",
                       o->min_count, o->char_coverage);
    const char *const marks[] = {o->bos, o->eos, o->pad};
    for (int i = 0; i < 3; i++)
        if (marks[i] && special_id(o, marks[i]) < 0)
            return lt_fail(diag, LT_ERR_INVALID, "vocabulary: \"%s\" is none of the specials",
                           marks[i]);
    struct san_bpe_trainer *t = calloc(1, sizeof *t);
    if (!t) return lt_fail(diag, LT_ERR_NOMEM, "vocabulary: out of memory");
    t->o = *o;
    *out = t;
    return LT_OK;
}

void san_bpe_trainer_free(struct san_bpe_trainer *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->n_pieces; i++) free(t->pieces[i].text);
    for (size_t i = 0; i < t->n_pairs; i++) free(t->pairs[i].chunks);
    free(t->arena);
    free(t->chunks);
    free(t->chunk_table.slots);
    free(t->pieces);
    free(t->piece_table.slots);
    free(t->pairs);
    free(t->pair_table.slots);
    free(t->syms);
    free(t->heap);
    free(t->touched);
    free(t);
}
