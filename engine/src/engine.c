/* engine.c - opening a network, encoding catalogues once, and the pool of workers. */
#include "engine_impl.h"

#include <stdlib.h>
#include <string.h>

#include "san/model_file.h"

#define CACHE_MAX_BYTES ((size_t)64 << 20) /* encoded blocks kept for sharing */
#define PANEL_TOKENS    512                /* block tokens encoded at once */
/* A catalogue up to this size owns a joined copy of what an utterance attends to: a typical home's
 * answers take less time, at the cost of as much memory again. Larger ones use the shared blocks
 * alone. */
#define JOIN_MAX_TOKENS 4096

static void cache_clear(struct san__cache *c);

/* ---- the network ---- */

static void engine_free(struct san_engine *e)
{
    while (e->workers) {
        struct san__worker *w = e->workers;
        e->workers = w->next;
        san__worker_free(w);
    }
    cache_clear(&e->cache);
    san_confidence_free(&e->confidence);
    san_net_fini(&e->net);
    san_params_free(&e->p);
    san_packed_free(e->packed);
    san__needle_free(e->needle);
    san_tokenizer_free(e->tokenizer);
    free(e->name);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

/* Is the network made for this version's blocks and decisions? */
static enum lt_err check_lintel(const struct san_engine *e, const char *path, struct lt_diag *diag)
{
    if (e->h.n_class != SAN_CLASS_COUNT || e->h.n_feat != SAN_N_FEAT || e->h.n_flag != SAN_N_FLAG)
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "%s: has %d classes, %d features and %d flags where this version has %d, %d "
                       "and %d; use a network trained for it",
                       path, e->h.n_class, e->h.n_feat, e->h.n_flag, SAN_CLASS_COUNT, SAN_N_FEAT,
                       SAN_N_FLAG);
    if (e->h.n_ctx < SAN_BLOCK_MAX_TOKENS)
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "%s: reads %d tokens at once, %d are needed", path,
                       e->h.n_ctx, SAN_BLOCK_MAX_TOKENS);
    return LT_OK;
}

enum lt_err san_engine_open(const char *path, struct san_engine **out, struct lt_diag *diag)
{
    struct san_gguf *file = NULL;
    struct san_engine *e = calloc(1, sizeof *e);
    if (!e) return lt_fail(diag, LT_ERR_NOMEM, "out of memory opening %s", path);
    pthread_mutex_init(&e->lock, NULL);
    enum lt_err err =
        san_model_load_packed(path, &e->h, &e->p, &e->packed, &e->tokenizer, &file, diag);
    if (!err && !e->tokenizer)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED, "%s: holds no tokenizer", path);
    if (!err && (e->h.render == SAN_RENDER_LINTEL) != (e->h.mask == SAN_MASK_BLOCK))
        err = lt_fail(diag, LT_ERR_UNSUPPORTED,
                      "%s: render \"%s\" with mask \"%s\"; it is \"lintel\" with \"block\" or "
                      "\"needle-json\" with \"joint\"",
                      path, e->h.render == SAN_RENDER_LINTEL ? "lintel" : "needle-json",
                      e->h.mask == SAN_MASK_BLOCK ? "block" : "joint");
    if (!err && e->h.render == SAN_RENDER_LINTEL) err = check_lintel(e, path, diag);
    if (!err) err = san_net_init(&e->net, &e->h, &e->p, diag);
    if (!err) e->net.packed = e->packed;
    if (!err && e->h.render == SAN_RENDER_NEEDLE_JSON) {
        err = san__needle_new(e->tokenizer, &e->needle, diag);
    } else if (!err) {
        err = san_pieces_init(&e->pieces, e->tokenizer, e->h.grammar, diag);
        if (!err) err = san_confidence_load(&e->confidence, file, e->h.width, diag);
    }
    if (!err) {
        const char *name = san_gguf_str_or(file, "general.name", "");
        size_t n = strlen(name) + 1;
        e->name = malloc(n);
        if (e->name)
            memcpy(e->name, name, n);
        else
            err = LT_ERR_NOMEM;
    }
    san_gguf_close(file);
    if (err) {
        engine_free(e);
        return lt_fail(diag, err, "cannot open the network %s: %s", path, lt_strerror(err));
    }
    *out = e;
    return LT_OK;
}

void san_engine_close(struct san_engine *e)
{
    if (e) engine_free(e);
}

const char *san_engine_model_name(const struct san_engine *e)
{
    return e->name;
}

size_t san_engine_cache_bytes(struct san_engine *e)
{
    pthread_mutex_lock(&e->lock);
    size_t n = e->cache.n_bytes;
    pthread_mutex_unlock(&e->lock);
    return n;
}

/* ---- workers ---- */

enum lt_err san__worker_get(struct san_engine *e, struct san__worker **out, struct lt_diag *diag)
{
    pthread_mutex_lock(&e->lock);
    struct san__worker *w = e->workers;
    if (w) e->workers = w->next;
    pthread_mutex_unlock(&e->lock);
    if (w) {
        *out = w;
        return LT_OK;
    }
    w = calloc(1, sizeof *w);
    if (!w) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a worker");
    struct san_limits limits = {
        .n_source = SAN_BLOCK_MAX_TOKENS, .n_panel = PANEL_TOKENS, .n_step = SAN__MAX_STEPS};
    if (e->needle) san__needle_limits(&e->h, &limits);
    san_utterance_init(&w->utterance);
    san_walk_init(&w->walk);
    w->h = malloc((size_t)e->h.width * sizeof *w->h);
    w->h_first = calloc((size_t)e->h.width, sizeof *w->h_first);
    enum lt_err err = w->h && w->h_first ? LT_OK : LT_ERR_NOMEM;
    if (!err) err = san_session_new(&e->net, &limits, &w->session, diag);
    if (err) {
        san__worker_free(w);
        return lt_fail(diag, err, "out of memory for a worker");
    }
    *out = w;
    return LT_OK;
}

void san__worker_put(struct san_engine *e, struct san__worker *w)
{
    pthread_mutex_lock(&e->lock);
    w->next = e->workers;
    e->workers = w;
    pthread_mutex_unlock(&e->lock);
}

void san__worker_free(struct san__worker *w)
{
    if (!w) return;
    san_session_free(w->session);
    san_utterance_fini(&w->utterance);
    san_walk_fini(&w->walk);
    free(w->h);
    free(w->h_first);
    free(w->score);
    free(w->key);
    free(w->cls);
    free(w->feat);
    free(w->id);
    free(w->decisions);
    free(w->seen);
    free(w);
}

/* ---- the block cache; the engine's lock is held ---- */

static struct san__cache_row *cache_row(struct san__cache *c, const uint64_t hash[2])
{
    size_t i = (size_t)hash[0] & (c->n_rows - 1);
    while (c->rows[i].block && (c->rows[i].hash[0] != hash[0] || c->rows[i].hash[1] != hash[1]))
        i = (i + 1) & (c->n_rows - 1);
    return &c->rows[i];
}

static enum lt_err cache_grow(struct san__cache *c)
{
    if (c->n_rows && c->n_used * 2 < c->n_rows) return LT_OK;
    struct san__cache bigger = {
        .n_rows = c->n_rows ? c->n_rows * 2 : 256, .n_used = c->n_used, .n_bytes = c->n_bytes};
    bigger.rows = calloc(bigger.n_rows, sizeof *bigger.rows);
    if (!bigger.rows) return LT_ERR_NOMEM;
    for (size_t i = 0; i < c->n_rows; i++)
        if (c->rows[i].block) *cache_row(&bigger, c->rows[i].hash) = c->rows[i];
    free(c->rows);
    *c = bigger;
    return LT_OK;
}

/* Drop every block: catalogues keep theirs, only later sharing is lost. */
static void cache_clear(struct san__cache *c)
{
    for (size_t i = 0; i < c->n_rows; i++) san_block_unref(c->rows[i].block);
    free(c->rows);
    *c = (struct san__cache){0};
}

static struct san_block *cache_find(struct san__cache *c, const uint64_t hash[2])
{
    if (!c->n_rows) return NULL;
    struct san_block *b = cache_row(c, hash)->block;
    return b ? san_block_ref(b) : NULL;
}

static enum lt_err cache_add(struct san__cache *c, const uint64_t hash[2], struct san_block *b)
{
    if (c->n_bytes > CACHE_MAX_BYTES) cache_clear(c);
    enum lt_err err = cache_grow(c);
    if (err) return err;
    struct san__cache_row *row = cache_row(c, hash);
    if (row->block) return LT_OK; /* somebody was faster; theirs is the same */
    *row = (struct san__cache_row){{hash[0], hash[1]}, san_block_ref(b)};
    c->n_used++;
    c->n_bytes += b->n_bytes;
    return LT_OK;
}

/* ---- catalogues ---- */

static const struct san_block_text *text_of(const struct san_plan *p, int i)
{
    return i < p->n_tools ? &p->tools[i]->block : &p->home->blocks[i - p->n_tools];
}

/* Fill c->blocks: from the cache, and the rest encoded in panels. */
static enum lt_err encode(struct san_catalog *c, struct lt_diag *diag)
{
    struct san_engine *e = c->engine;
    struct san__worker *w = NULL;
    int n = c->n_blocks, n_missing = 0;
    int *missing = malloc(((size_t)n + 1) * sizeof *missing);
    struct san_block_src *src = malloc(((size_t)n + 1) * sizeof *src);
    struct san_block **made = calloc((size_t)n + 1, sizeof *made);
    enum lt_err err = missing && src && made ? LT_OK : LT_ERR_NOMEM;
    pthread_mutex_lock(&e->lock);
    for (int i = 0; i < n && !err; i++) {
        c->blocks[i] = cache_find(&e->cache, text_of(&c->plan, i)->hash);
        if (!c->blocks[i]) missing[n_missing++] = i;
    }
    pthread_mutex_unlock(&e->lock);
    if (!err) err = san__worker_get(e, &w, diag);
    for (int i = 0; i < n_missing && !err; i++) {
        const struct san_block_text *t = text_of(&c->plan, missing[i]);
        src[i] = (struct san_block_src){
            .ids = t->tok, .n = t->n_tok, .marks = t->marker, .n_mark = t->n_marker};
    }
    if (!err && n_missing) err = san_blocks_encode(w->session, src, n_missing, made, diag);
    if (w) san__worker_put(e, w);
    pthread_mutex_lock(&e->lock);
    for (int i = 0; i < n_missing && !err; i++) c->blocks[missing[i]] = made[i];
    for (int i = 0; i < n_missing && !err; i++)
        err = cache_add(&e->cache, text_of(&c->plan, missing[i])->hash, made[i]);
    pthread_mutex_unlock(&e->lock);
    free(missing);
    free(src);
    free(made);
    return err;
}

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct san_block *const *)a;
    uintptr_t y = (uintptr_t) * (struct san_block *const *)b;
    return (x > y) - (x < y);
}

/* Things of equal text share one block; an utterance attends to it once. */
static enum lt_err list_seen(struct san_catalog *c)
{
    size_t from = c->tool_vec ? (size_t)c->plan.n_tools : 0, n = (size_t)c->n_blocks - from;
    struct san_block **blocks = c->blocks + from,
                     **sorted = malloc((n + 1) * sizeof(struct san_block *));
    c->seen = malloc((n + 1) * sizeof(struct san_block *));
    if (!sorted || !c->seen) {
        free(sorted);
        return LT_ERR_NOMEM;
    }
    memcpy(sorted, blocks, n * sizeof(struct san_block *));
    qsort(sorted, n, sizeof(struct san_block *), by_address);
    for (size_t i = 0; i < n; i++) {
        /* in the catalogue's order, so that the sums do not depend on addresses */
        struct san_block *b = blocks[i];
        struct san_block **at = bsearch(&b, sorted, n, sizeof(struct san_block *), by_address);
        int is_repeated = 0;
        while (at > sorted && at[-1] == b) at--;
        if (at + 1 < sorted + n && at[1] == b)
            for (size_t k = 0; k < i && !is_repeated; k++) is_repeated = blocks[k] == b;
        if (!is_repeated) c->seen[c->n_seen++] = b;
    }
    free(sorted);
    return LT_OK;
}

/* Let utterances read one joined block in place of many. */
static enum lt_err join_seen(struct san_catalog *c, struct lt_diag *diag)
{
    int n = 0;
    for (int i = 0; i < c->n_seen && n <= JOIN_MAX_TOKENS; i++) n += c->seen[i]->n;
    if (c->n_seen < 2 || n > JOIN_MAX_TOKENS) return LT_OK;
    enum lt_err err = san_blocks_join(&c->engine->net, c->seen, c->n_seen, &c->joined, diag);
    if (err) return err;
    c->seen[0] = c->joined;
    c->n_seen = 1;
    return LT_OK;
}

enum lt_err san_catalog_new(struct san_engine *e, const char *json, size_t n,
                            struct san_catalog **out, struct lt_diag *diag)
{
    json_error_t where;
    json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES, &where);
    if (!root) {
        lt_fail(diag, LT_ERR_PARSE, "the catalogue is no JSON: line %d column %d: %s", where.line,
                where.column, where.text);
        if (diag) diag->offset_bytes = (size_t)where.position;
        return LT_ERR_PARSE;
    }
    struct san_catalog *c = calloc(1, sizeof *c);
    enum lt_err err = c ? LT_OK : LT_ERR_NOMEM;
    if (!err && !json_is_object(root))
        err = lt_fail(diag, LT_ERR_INVALID, "the catalogue is no JSON object");
    if (!err) {
        c->engine = e;
        c->refs = 1;
        err = e->needle ? san__needle_catalog_new(e->needle, &e->h, root, &c->needle, diag)
                        : san_plan_init(&c->plan, &e->pieces, root, diag);
    }
    if (!err && !e->needle) {
        c->n_blocks = c->plan.n_tools + (c->plan.home ? c->plan.home->n_blocks : 0);
        c->blocks = calloc((size_t)c->n_blocks + 1, sizeof *c->blocks);
        err = c->blocks ? encode(c, diag) : LT_ERR_NOMEM;
        if (!err) err = san__pick_prepare(c, diag);
        if (!err) err = list_seen(c);
        if (!err) err = join_seen(c, diag);
    }
    json_decref(root);
    if (err) {
        san_catalog_unref(c);
        return lt_fail(diag, err, "cannot load the catalogue: %s", lt_strerror(err));
    }
    *out = c;
    return LT_OK;
}

struct san_catalog *san_catalog_ref(struct san_catalog *c)
{
    __atomic_add_fetch(&c->refs, 1, __ATOMIC_RELAXED);
    return c;
}

void san_catalog_unref(struct san_catalog *c)
{
    if (!c || __atomic_sub_fetch(&c->refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    for (int i = 0; c->blocks && i < c->n_blocks; i++) san_block_unref(c->blocks[i]);
    free(c->blocks);
    free(c->seen);
    free(c->tool_vec);
    san_block_unref(c->joined);
    san_plan_fini(&c->plan);
    san__needle_catalog_free(c->needle);
    free(c);
}
