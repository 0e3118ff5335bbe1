/* tokenizer.c - SentencePiece-style BPE: piece table, encoder, decoder.
 *
 * The encoder writes the normalised text (spaces as U+2581) into the workspace, cuts it into a
 * doubly linked list of symbols and keeps the possible merges in a heap. A merge absorbs the right
 * symbol into the left one, whose text grows in place since the symbols lie side by side. Heap
 * entries are not removed when a neighbour changes; an entry whose lengths no longer fit is stale
 * and skipped. O(n log n) for n characters. */
#include "san/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct san_tokenizer {
    int n;
    char *mem; /* all pieces, each followed by NUL */
    uint32_t *off;
    uint16_t *len;
    float *score;
    uint8_t *type;
    uint32_t *slots; /* open-addressed table of id+1, 0 is free */
    uint32_t slot_mask;
    size_t max_len;   /* longest piece, bytes */
    int byte_id[256]; /* -1 where there is none */
    int32_t *symbols; /* ids of user-defined and control pieces, longest first */
    int n_symbols;
    uint8_t begins_symbol[256]; /* some symbol begins with this byte */
    int add_space_prefix, remove_extra_spaces;
    int bos, eos, pad, unk;
    struct san_known *known; /* owned, may be NULL */
};

/* ---- piece table ---- */

static uint32_t hash_bytes(const char *p, size_t n)
{
    uint32_t h = 2166136261u; /* FNV-1a, then mixed since its low bits alone are weak */
    for (size_t i = 0; i < n; i++) h = (h ^ (uint8_t)p[i]) * 16777619u;
    return h ^ h >> 15;
}

static int lookup(const struct san_tokenizer *t, const char *p, size_t n)
{
    for (uint32_t i = hash_bytes(p, n);; i++) {
        uint32_t slot = t->slots[i & t->slot_mask];
        if (slot == 0) return -1;
        uint32_t id = slot - 1;
        if (t->len[id] == n && memcmp(t->mem + t->off[id], p, n) == 0) return (int)id;
    }
}

static void insert(struct san_tokenizer *t, int id)
{
    uint32_t i = hash_bytes(t->mem + t->off[id], t->len[id]);
    while (t->slots[i & t->slot_mask]) i++;
    t->slots[i & t->slot_mask] = (uint32_t)id + 1;
}

/* "<0x0A>" -> 10, or -1. */
static int parse_byte_piece(const char *s, size_t n)
{
    int v = 0;
    if (n != 6 || memcmp(s, "<0x", 3) != 0 || s[5] != '>') return -1;
    for (int i = 3; i < 5; i++) {
        char c = s[i];
        int d = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (d < 0) return -1;
        v = v * 16 + d;
    }
    return v;
}

static int is_utf8(const char *s, size_t n)
{
    while (n > 0) {
        int len = utf8_char(s, n, NULL);
        if (len == 0) return 0;
        s += len;
        n -= (size_t)len;
    }
    return 1;
}

static enum lt_err add_piece(struct san_tokenizer *t, const struct san_vocab *v, int id, size_t at,
                             struct lt_diag *diag)
{
    struct san_gguf_str s = v->text[id];
    if (s.n == 0 || s.n > SAN_PIECE_MAX_BYTES || memchr(s.p, 0, s.n) || !is_utf8(s.p, s.n))
        return lt_fail(diag, LT_ERR_INVALID,
                       "vocabulary: piece %d is empty, longer than %d bytes or no UTF-8 text", id,
                       SAN_PIECE_MAX_BYTES);
    if (v->type[id] < SAN_TOKEN_NORMAL || v->type[id] > SAN_TOKEN_BYTE)
        return lt_fail(diag, LT_ERR_INVALID, "vocabulary: piece %d has unknown type %d", id,
                       (int)v->type[id]);
    if (v->score[id] != v->score[id])
        return lt_fail(diag, LT_ERR_INVALID, "vocabulary: the score of piece %d is not a number",
                       id);
    if (lookup(t, s.p, s.n) >= 0)
        return lt_fail(diag, LT_ERR_INVALID, "vocabulary: piece %d \"%.*s\" is there twice", id,
                       (int)s.n, s.p);
    memcpy(t->mem + at, s.p, s.n);
    t->mem[at + s.n] = 0;
    t->off[id] = (uint32_t)at;
    t->len[id] = (uint16_t)s.n;
    t->score[id] = v->score[id];
    t->type[id] = (uint8_t)v->type[id];
    if (s.n > t->max_len) t->max_len = s.n;
    insert(t, id);
    if (t->type[id] == SAN_TOKEN_BYTE) {
        int b = parse_byte_piece(s.p, s.n);
        if (b < 0)
            return lt_fail(diag, LT_ERR_INVALID,
                           "vocabulary: byte piece %d is \"%.*s\", must be <0x00>..<0xFF>", id,
                           (int)s.n, s.p);
        t->byte_id[b] = id;
    } else if (t->type[id] == SAN_TOKEN_UNKNOWN && t->unk < 0) {
        t->unk = id;
    } else if (t->type[id] == SAN_TOKEN_USER || t->type[id] == SAN_TOKEN_CONTROL) {
        t->symbols[t->n_symbols++] = id;
        t->begins_symbol[(uint8_t)s.p[0]] = 1;
    }
    return LT_OK;
}

/* Longest first, so that the first match is the longest; insertion keeps equals in id order. */
static void sort_symbols(struct san_tokenizer *t)
{
    for (int i = 1; i < t->n_symbols; i++) {
        int32_t id = t->symbols[i];
        int k = i;
        for (; k > 0 && t->len[t->symbols[k - 1]] < t->len[id]; k--)
            t->symbols[k] = t->symbols[k - 1];
        t->symbols[k] = id;
    }
}

static enum lt_err alloc_tables(struct san_tokenizer *t, const struct san_vocab *v)
{
    size_t n = (size_t)v->n, bytes = 0, n_slots = 16;
    /* over-long pieces are refused later; here they must only not overflow the sum */
    for (size_t i = 0; i < n; i++)
        bytes += (v->text[i].n < SAN_PIECE_MAX_BYTES ? v->text[i].n : SAN_PIECE_MAX_BYTES) + 1;
    while (n_slots < 2 * n) n_slots *= 2;
    t->n = v->n;
    t->slot_mask = (uint32_t)n_slots - 1;
    t->mem = malloc(bytes);
    t->off = malloc(n * sizeof *t->off);
    t->len = malloc(n * sizeof *t->len);
    t->score = malloc(n * sizeof *t->score);
    t->type = malloc(n);
    t->symbols = malloc(n * sizeof *t->symbols);
    t->slots = calloc(n_slots, sizeof *t->slots);
    int is_ok = t->mem && t->off && t->len && t->score && t->type && t->symbols && t->slots;
    return is_ok ? LT_OK : LT_ERR_NOMEM;
}

enum lt_err san_tokenizer_new(const struct san_vocab *v, struct san_tokenizer **out,
                              struct lt_diag *diag)
{
    if (v->n < 1 || v->n > SAN_VOCAB_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "vocabulary: %d pieces, must be 1..%d", v->n,
                       SAN_VOCAB_MAX);
    enum lt_err err = LT_ERR_NOMEM;
    struct san_tokenizer *t = calloc(1, sizeof *t);
    if (!t) goto out;
    err = alloc_tables(t, v);
    if (err) goto out;
    t->unk = -1;
    for (int b = 0; b < 256; b++) t->byte_id[b] = -1;
    size_t at = 0;
    for (int id = 0; id < v->n; id++) {
        err = add_piece(t, v, id, at, diag);
        if (err) goto out;
        at += (size_t)t->len[id] + 1;
    }
    sort_symbols(t);
    for (int b = 0; b < 256 && t->unk < 0; b++)
        if (t->byte_id[b] < 0) {
            err = lt_fail(diag, LT_ERR_INVALID,
                          "vocabulary: neither an unknown piece nor byte piece <0x%02X>",
                          (unsigned)b);
            goto out;
        }
    const int marks[] = {v->bos, v->eos, v->pad};
    for (int i = 0; i < 3; i++)
        if (marks[i] < -1 || marks[i] >= v->n) {
            err = lt_fail(diag, LT_ERR_INVALID, "vocabulary: bos, eos or pad id %d of %d pieces",
                          marks[i], v->n);
            goto out;
        }
    t->bos = v->bos;
    t->eos = v->eos;
    t->pad = v->pad;
    t->add_space_prefix = v->add_space_prefix != 0;
    t->remove_extra_spaces = v->remove_extra_spaces != 0;
    *out = t;
    return LT_OK;
out:
    san_tokenizer_free(t);
    return lt_fail(diag, err, "vocabulary: %s", lt_strerror(err));
}

void san_tokenizer_free(struct san_tokenizer *t)
{
    if (!t) return;
    free(t->mem);
    free(t->off);
    free(t->len);
    free(t->score);
    free(t->type);
    free(t->symbols);
    free(t->slots);
    san_known_free(t->known);
    free(t);
}

void san_tokenizer_set_known(struct san_tokenizer *t, struct san_known *known)
{
    san_known_free(t->known);
    t->known = known;
}

const struct san_known *san_tokenizer_known(const struct san_tokenizer *t)
{
    return t->known;
}

/* ---- encoder ---- */

struct sym {
    int32_t prev, next;  /* -1 at the ends */
    uint32_t at, len;    /* bytes of the normalised text; len 0: absorbed */
    uint32_t begin, end; /* bytes of the caller's text */
    int32_t id;          /* a symbol found whole, never merged; -1 otherwise */
};

struct merge {
    float score;
    int32_t left, right;
    uint32_t len; /* of the joined text, to see whether the entry is stale */
};

struct enc {
    const struct san_tokenizer *t;
    char *norm;
    size_t norm_len;
    struct sym *syms;
    int32_t n_syms;
    struct merge *heap;
    size_t n_heap;
    int may_use_user;
    int32_t *ids;
    struct san_span *spans;
    int cap, n_out;
};

/* The workspace for a text of n bytes: at most n+1 symbols (one for the prefix), a space becomes
 * 3 bytes, and every merge adds at most two heap entries to the first n. */
static int work_reserve(struct san_tok_work *w, size_t n, struct enc *e)
{
    size_t n_syms = n + 2;
    size_t syms_bytes = n_syms * sizeof *e->syms, heap_bytes = 3 * n_syms * sizeof *e->heap;
    size_t need = syms_bytes + heap_bytes + SPACE_MARK_LEN * n_syms;
    if (need > w->cap_bytes) {
        size_t cap = need + need / 2;
        void *more = malloc(cap);
        if (!more) return -1;
        free(w->mem);
        w->mem = more;
        w->cap_bytes = cap;
    }
    char *p = w->mem;
    e->syms = (struct sym *)(void *)p;
    e->heap = (struct merge *)(void *)(p + syms_bytes);
    e->norm = p + syms_bytes + heap_bytes;
    return 0;
}

void san_tok_work_free(struct san_tok_work *w)
{
    free(w->mem);
    w->mem = NULL;
    w->cap_bytes = 0;
}

static void add_sym(struct enc *e, const char *p, size_t n, size_t begin, size_t end, int id)
{
    memcpy(e->norm + e->norm_len, p, n);
    e->syms[e->n_syms] = (struct sym){.prev = e->n_syms - 1,
                                      .next = e->n_syms + 1,
                                      .at = (uint32_t)e->norm_len,
                                      .len = (uint32_t)n,
                                      .begin = (uint32_t)begin,
                                      .end = (uint32_t)end,
                                      .id = id};
    e->n_syms++;
    e->norm_len += n;
}

static int match_symbol(const struct san_tokenizer *t, const char *p, size_t n, unsigned flags)
{
    if (!t->begins_symbol[(uint8_t)*p]) return -1;
    for (int i = 0; i < t->n_symbols; i++) {
        int id = t->symbols[i];
        if (t->type[id] == SAN_TOKEN_CONTROL && !(flags & SAN_TOKENIZE_CONTROL)) continue;
        if (t->type[id] == SAN_TOKEN_USER && (flags & SAN_TOKENIZE_NO_USER)) continue;
        if (t->len[id] <= n && memcmp(t->mem + t->off[id], p, t->len[id]) == 0) return id;
    }
    return -1;
}

/* Cut the text into symbols: whole specials, space marks, characters, single invalid bytes. */
static void cut(struct enc *e, const char *text, size_t n, unsigned flags)
{
    const struct san_tokenizer *t = e->t;
    size_t at = 0;
    if (t->remove_extra_spaces) {
        while (n > 0 && text[n - 1] == ' ') n--;
        while (at < n && text[at] == ' ') at++;
    }
    if (at == n) return;
    if (t->add_space_prefix && !(flags & SAN_TOKENIZE_NO_PREFIX))
        add_sym(e, SPACE_MARK, SPACE_MARK_LEN, at, at, -1);
    while (at < n) {
        int id = match_symbol(t, text + at, n - at, flags);
        size_t end;
        if (id >= 0) {
            end = at + t->len[id];
            add_sym(e, text + at, end - at, at, end, id);
        } else if (text[at] == ' ') {
            end = at + 1;
            while (t->remove_extra_spaces && text[end] == ' ') end++; /* ends before n: trimmed */
            add_sym(e, SPACE_MARK, SPACE_MARK_LEN, at, end, -1);
        } else {
            int len = utf8_char(text + at, n - at, NULL);
            end = at + (len ? (size_t)len : 1);
            add_sym(e, text + at, end - at, at, end, -1);
        }
        at = end;
    }
    if (e->n_syms) e->syms[e->n_syms - 1].next = -1;
}

static int is_before(const struct merge *a, const struct merge *b)
{
    return a->score != b->score ? a->score > b->score : a->left < b->left;
}

static void heap_push(struct enc *e, struct merge m)
{
    size_t i = e->n_heap++;
    while (i > 0 && is_before(&m, &e->heap[(i - 1) / 2])) {
        e->heap[i] = e->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    e->heap[i] = m;
}

static struct merge heap_pop(struct enc *e)
{
    struct merge top = e->heap[0], last = e->heap[--e->n_heap];
    size_t i = 0;
    for (;;) {
        size_t kid = 2 * i + 1;
        if (kid >= e->n_heap) break;
        if (kid + 1 < e->n_heap && is_before(&e->heap[kid + 1], &e->heap[kid])) kid++;
        if (!is_before(&e->heap[kid], &last)) break;
        e->heap[i] = e->heap[kid];
        i = kid;
    }
    e->heap[i] = last;
    return top;
}

/* Id of the text if the encoder may produce it by merging or as a character, or -1. */
static int usable_piece(const struct enc *e, uint32_t at, uint32_t len)
{
    if (len > e->t->max_len) return -1;
    int id = lookup(e->t, e->norm + at, len);
    if (id < 0) return -1;
    int type = e->t->type[id];
    return type == SAN_TOKEN_NORMAL || (type == SAN_TOKEN_USER && e->may_use_user) ? id : -1;
}

static void try_pair(struct enc *e, int32_t left, int32_t right)
{
    if (left < 0 || right < 0) return;
    const struct sym *l = &e->syms[left], *r = &e->syms[right];
    if (l->id >= 0 || r->id >= 0) return;
    int id = usable_piece(e, l->at, l->len + r->len);
    if (id >= 0) heap_push(e, (struct merge){e->t->score[id], left, right, l->len + r->len});
}

static void merge_all(struct enc *e)
{
    for (int32_t i = 0; i + 1 < e->n_syms; i++) try_pair(e, i, i + 1);
    while (e->n_heap) {
        struct merge m = heap_pop(e);
        struct sym *l = &e->syms[m.left], *r = &e->syms[m.right];
        if (l->len == 0 || r->len == 0 || l->len + r->len != m.len) continue;
        l->len = m.len;
        l->end = r->end;
        l->next = r->next;
        r->len = 0;
        if (r->next >= 0) e->syms[r->next].prev = m.left;
        try_pair(e, l->prev, m.left);
        try_pair(e, m.left, l->next);
    }
}

static void emit(struct enc *e, int id, uint32_t begin, uint32_t end)
{
    if (e->n_out < e->cap) {
        e->ids[e->n_out] = id;
        if (e->spans) e->spans[e->n_out] = (struct san_span){begin, end};
    }
    e->n_out++;
}

/* Ids of the final symbols; what is no piece becomes bytes, or one unknown piece per run. */
static void emit_all(struct enc *e)
{
    const struct san_tokenizer *t = e->t;
    int was_unk = 0;
    for (int32_t i = e->n_syms ? 0 : -1; i >= 0; i = e->syms[i].next) {
        const struct sym *s = &e->syms[i];
        int id = s->id >= 0 ? s->id : usable_piece(e, s->at, s->len);
        if (id >= 0) {
            emit(e, id, s->begin, s->end);
            was_unk = 0;
            continue;
        }
        int has_bytes = 1;
        for (uint32_t k = 0; k < s->len; k++)
            has_bytes &= t->byte_id[(uint8_t)e->norm[s->at + k]] >= 0;
        if (has_bytes) {
            /* a space mark has three bytes for one of the text: only then spans are shared */
            int is_plain = s->end - s->begin == s->len;
            for (uint32_t k = 0; k < s->len; k++) {
                uint32_t begin = is_plain ? s->begin + k : k ? s->end : s->begin;
                emit(e, t->byte_id[(uint8_t)e->norm[s->at + k]], begin,
                     is_plain ? begin + 1 : s->end);
            }
            was_unk = 0;
        } else if (!was_unk) {
            emit(e, t->unk, s->begin, s->end);
            was_unk = 1;
        } else if (e->spans && e->n_out <= e->cap && e->n_out > 0) {
            e->spans[e->n_out - 1].end = s->end;
        }
    }
}

int san_tokenize(const struct san_tokenizer *t, struct san_tok_work *w, const char *text, size_t n,
                 unsigned flags, int32_t *ids, struct san_span *spans, int cap)
{
    struct enc e = {.t = t,
                    .may_use_user = !(flags & SAN_TOKENIZE_NO_USER),
                    .ids = ids,
                    .spans = spans,
                    .cap = cap};
    if (n > SAN_TOKENIZE_MAX_BYTES) return -LT_ERR_LIMIT;
    if (work_reserve(w, n, &e)) return -LT_ERR_NOMEM;
    cut(&e, text, n, flags);
    merge_all(&e);
    emit_all(&e);
    return e.n_out;
}

/* ---- decoder ---- */

struct sink {
    char *out;
    size_t cap, n;
};

static void put(struct sink *s, const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++, s->n++)
        if (s->n + 1 < s->cap) s->out[s->n] = p[i];
}

static void put_piece(struct sink *s, const char *p, size_t n)
{
    while (n > 0) {
        if (n >= SPACE_MARK_LEN && memcmp(p, SPACE_MARK, SPACE_MARK_LEN) == 0) {
            put(s, " ", 1);
            p += SPACE_MARK_LEN;
            n -= SPACE_MARK_LEN;
        } else {
            put(s, p, 1);
            p++;
            n--;
        }
    }
}

size_t san_detokenize(const struct san_tokenizer *t, const int32_t *ids, size_t n, char *out,
                      size_t cap)
{
    struct sink s = {out, cap, 0};
    int is_first = t->add_space_prefix;
    for (size_t i = 0; i < n; i++) {
        int id = ids[i];
        if (id < 0 || id >= t->n || t->type[id] == SAN_TOKEN_CONTROL) continue;
        const char *p = t->mem + t->off[id];
        size_t len = t->len[id];
        if (t->type[id] == SAN_TOKEN_BYTE) {
            char b = (char)parse_byte_piece(p, len);
            put(&s, &b, 1);
        } else if (t->type[id] == SAN_TOKEN_UNKNOWN) {
            put(&s, " \xe2\x81\x87 ", 5);
        } else {
            if (is_first && len >= SPACE_MARK_LEN && memcmp(p, SPACE_MARK, SPACE_MARK_LEN) == 0) {
                p += SPACE_MARK_LEN;
                len -= SPACE_MARK_LEN;
            }
            put_piece(&s, p, len);
        }
        is_first = 0;
    }
    if (cap > 0) out[s.n < cap ? s.n : cap - 1] = 0;
    return s.n;
}

/* ---- questions ---- */

int san_tokenizer_n_vocab(const struct san_tokenizer *t)
{
    return t->n;
}
int san_token_id(const struct san_tokenizer *t, const char *piece)
{
    return lookup(t, piece, strlen(piece));
}
const char *san_token_piece(const struct san_tokenizer *t, int id)
{
    return id >= 0 && id < t->n ? t->mem + t->off[id] : NULL;
}
float san_token_score(const struct san_tokenizer *t, int id)
{
    return id >= 0 && id < t->n ? t->score[id] : 0;
}
enum san_token_type san_token_type(const struct san_tokenizer *t, int id)
{
    return id >= 0 && id < t->n ? (enum san_token_type)t->type[id] : SAN_TOKEN_UNUSED;
}
int san_token_of_byte(const struct san_tokenizer *t, uint8_t b)
{
    return t->byte_id[b];
}
int san_tokenizer_bos(const struct san_tokenizer *t)
{
    return t->bos;
}
int san_tokenizer_eos(const struct san_tokenizer *t)
{
    return t->eos;
}
int san_tokenizer_pad(const struct san_tokenizer *t)
{
    return t->pad;
}
int san_tokenizer_unk(const struct san_tokenizer *t)
{
    return t->unk;
}
int san_tokenizer_adds_prefix(const struct san_tokenizer *t)
{
    return t->add_space_prefix;
}
int san_tokenizer_removes_spaces(const struct san_tokenizer *t)
{
    return t->remove_extra_spaces;
}
