/* engine.c - opening a network, its blocks and their budget, and the pool of workers. */
#include "engine_impl.h"

#include <stdlib.h>
#include <string.h>

#include "forward_impl.h"
#include "san/model_file.h"

#define PANEL_TOKENS 512 /* block tokens encoded at once */

/* ---- the network ---- */

static void engine_free(struct san_engine *e)
{
    san__crew_free(e->crew);
    while (e->workers) {
        struct san__worker *w = e->workers;
        e->workers = w->next;
        san__worker_free(w);
    }
    san__cache_clear(&e->cache);
    san__cache_file_close(e->kept);
    san_confidence_free(&e->confidence);
    san_net_fini(&e->net);
    san_params_free(&e->p);
    san_packed_free(e->packed);
    san__needle_free(e->needle);
    san_tokenizer_free(e->tokenizer);
    free(e->name);
    pthread_mutex_destroy(&e->lock);
    pthread_mutex_destroy(&e->batch_lock);
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

/* What makes blocks of this network different from those of any other. */
static uint64_t key_of(const struct san_engine *e, const struct san_gguf *file)
{
    const int layout[] = {
        SAN__BLOCK_LAYOUT, e->net.has_half_keys, e->h.width,   e->h.n_enc,          e->h.n_dec,
        e->h.n_head,       e->h.n_kv_head,       e->h.n_class, (int)sizeof(size_t), SAN__TILE};
    uint64_t key = san__quick_hash(0, layout, sizeof layout);
    for (size_t i = 0; i < san_gguf_n_tensors(file); i++) {
        const struct san_gguf_tensor *t = san_gguf_tensor_at(file, i);
        key = san__quick_hash(key, t->name, strlen(t->name));
        key = san__quick_hash(key, t->data, t->n_bytes);
    }
    return key;
}

enum lt_err san_engine_open(const char *path, struct san_engine **out, struct lt_diag *diag)
{
    struct san_gguf *file = NULL;
    struct san_engine *e = calloc(1, sizeof *e);
    if (!e) return lt_fail(diag, LT_ERR_NOMEM, "out of memory opening %s", path);
    pthread_mutex_init(&e->lock, NULL);
    pthread_mutex_init(&e->batch_lock, NULL);
    e->budget = SAN_CACHE_BYTES;
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
    if (!err) e->key = key_of(e, file);
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

/* ---- the cache's budget ---- */

size_t san_engine_cache_bytes(struct san_engine *e)
{
    pthread_mutex_lock(&e->lock);
    size_t n = e->cache.n_bytes + e->joined_bytes;
    pthread_mutex_unlock(&e->lock);
    return n;
}

/* The longest unused joined copy goes; 0 when there is none that may. */
static size_t part_oldest(struct san_engine *e)
{
    size_t n = 0;
    for (struct san_catalog *c = e->oldest; c && !n; c = c->newer)
        if (!c->n_users) n = san__catalog_part(c);
    return n;
}

void san__trim(struct san_engine *e)
{
    for (;;) {
        if (e->cache.n_bytes + e->joined_bytes <= e->budget) return;
        san__cache_trim(&e->cache, e->budget > e->joined_bytes ? e->budget - e->joined_bytes : 0);
        if (e->cache.n_bytes + e->joined_bytes <= e->budget) return;
        if (part_oldest(e)) continue; /* copies first: to do without costs far less than encoding */
        struct san_catalog *c = e->oldest;
        while (c && c->n_users) c = c->newer;
        if (!c) return; /* all that is left is being used right now */
        san__catalog_let_go(c);
        e->n_let_go++;
    }
}

void san_engine_cache_limit(struct san_engine *e, size_t n_bytes)
{
    pthread_mutex_lock(&e->lock);
    e->budget = n_bytes;
    san__trim(e);
    pthread_mutex_unlock(&e->lock);
}

void san_engine_cache_stats(struct san_engine *e, struct san_cache_stats *out)
{
    pthread_mutex_lock(&e->lock);
    *out = (struct san_cache_stats){.n_bytes = e->cache.n_bytes + e->joined_bytes,
                                    .n_bytes_most = e->budget,
                                    .n_blocks = e->cache.n_blocks,
                                    .n_catalogs = e->n_resident,
                                    .n_found = e->n_found,
                                    .n_encoded = e->n_encoded,
                                    .n_restored = e->n_restored,
                                    .n_evicted = e->cache.n_evicted,
                                    .n_let_go = e->n_let_go};
    pthread_mutex_unlock(&e->lock);
}

enum lt_err san_engine_cache_load(struct san_engine *e, const char *path, struct lt_diag *diag)
{
    struct san__cache_file *f = NULL;
    enum lt_err err = san__cache_file_open(path, e->key, &e->net, &f, diag);
    if (err) return err;
    pthread_mutex_lock(&e->lock);
    if (!e->kept) {
        e->kept = f;
        f = NULL;
    }
    pthread_mutex_unlock(&e->lock);
    san__cache_file_close(f);
    return LT_OK;
}

enum lt_err san_engine_cache_save(struct san_engine *e, const char *path, struct lt_diag *diag)
{
    size_t n = 0;
    pthread_mutex_lock(&e->lock);
    struct san__kept *kept = malloc((e->cache.n_blocks + 1) * sizeof *kept);
    for (struct san__cached *x = e->cache.newest; kept && x; x = x->older)
        kept[n++] = (struct san__kept){{x->hash[0], x->hash[1]}, san_block_ref(x->block)};
    pthread_mutex_unlock(&e->lock);
    if (!kept) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    enum lt_err err = san__cache_file_write(path, e->key, kept, n, diag);
    for (size_t i = 0; i < n; i++) san_block_unref(kept[i].block);
    free(kept);
    return err;
}

enum { CHUNK = 128 }; /* blocks found or made at once */

/* Up to CHUNK blocks, one reference each: from the cache, from the file, or encoded now. */
static enum lt_err get_chunk(struct san_engine *e, struct san__worker *w,
                             const struct san_block_text *const *texts, int n,
                             struct san_block **out, struct lt_diag *diag)
{
    struct san_block_src src[CHUNK];
    struct san_block *made[CHUNK];
    int missing[CHUNK], twin[CHUNK], n_missing = 0, n_restored = 0, n_src = 0;
    enum lt_err err = LT_OK;
    pthread_mutex_lock(&e->lock);
    for (int i = 0; i < n; i++) {
        out[i] = san__cache_find(&e->cache, texts[i]->hash);
        if (!out[i]) missing[n_missing++] = i;
    }
    e->n_found += (uint64_t)(n - n_missing);
    const struct san__cache_file *kept = e->kept; /* stays until the engine is closed */
    pthread_mutex_unlock(&e->lock);
    if (!n_missing) return LT_OK;
    for (int k = 0; k < n_missing; k++) {
        const struct san_block_text *t = texts[missing[k]];
        twin[k] = -1;
        for (int j = 0; j < k && twin[k] < 0; j++)
            if (texts[missing[j]]->hash[0] == t->hash[0] &&
                texts[missing[j]]->hash[1] == t->hash[1])
                twin[k] = j;
        if (twin[k] >= 0) continue;
        if (kept && (out[missing[k]] = san__cache_file_get(kept, t->hash))) {
            n_restored++;
            continue;
        }
        src[n_src++] = (struct san_block_src){
            .ids = t->tok, .n = t->n_tok, .marks = t->marker, .n_mark = t->n_marker};
    }
    if (n_src) err = san_blocks_encode(w->session, src, n_src, made, diag);
    for (int k = 0, at = 0; k < n_missing && !err; k++) {
        int i = missing[k];
        if (twin[k] >= 0)
            out[i] = san_block_ref(out[missing[twin[k]]]);
        else if (!out[i])
            out[i] = made[at++];
    }
    pthread_mutex_lock(&e->lock);
    e->n_encoded += err ? 0 : (uint64_t)n_src;
    e->n_restored += (uint64_t)n_restored;
    for (int k = 0; k < n_missing && !err; k++)
        err = san__cache_add(&e->cache, texts[missing[k]]->hash, &out[missing[k]]);
    san__trim(e);
    pthread_mutex_unlock(&e->lock);
    return err;
}

enum lt_err san__blocks_get(struct san_engine *e, struct san__worker *w,
                            const struct san_block_text *const *texts, int n,
                            struct san_block **out, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    for (int i = 0; i < n; i++) out[i] = NULL;
    for (int i = 0; i < n && !err; i += CHUNK)
        err = get_chunk(e, w, texts + i, n - i < CHUNK ? n - i : CHUNK, out + i, diag);
    for (int i = 0; i < n && err; i++) {
        san_block_unref(out[i]);
        out[i] = NULL;
    }
    return err;
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
    lt_buf_init(&w->json, SAN__ANSWER_MAX_BYTES);
    w->h = malloc((size_t)e->h.width * sizeof *w->h);
    w->h_first = calloc((size_t)e->h.width, sizeof *w->h_first);
    size_t n_feature = (size_t)san_confidence_n_feature(e->h.width);
    w->conf_features = malloc(n_feature * sizeof *w->conf_features);
    w->ret_vec = calloc((size_t)(e->h.ret_dim > 0 ? e->h.ret_dim : 1), sizeof *w->ret_vec);
    enum lt_err err = w->h && w->h_first && w->conf_features && w->ret_vec ? LT_OK : LT_ERR_NOMEM;
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
    free(w->conf_features);
    free(w->ret_vec);
    free(w->seen);
    free(w->ranked);
    lt_buf_free(&w->json);
    san__home_pick_free(&w->home_pick);
    free(w);
}
