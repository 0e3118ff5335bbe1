/* catalog.c - a catalogue made ready: its plan, and the blocks that every utterance sees.
 *
 *   planned   what is asked is known: tokens, items, the index of a large home, vectors of many tools
 *      |  enter (a call)                 ^ let go (over budget, no call under way)
 *      v                                 |
 *   resident  blocks that every utterance sees are held, joined into one where they are few
 *
 * Blocks of tools and devices that are picked for each utterance (pick.c) are never held: a call asks
 * the cache for those that it shows. */
#include <stdlib.h>
#include <string.h>

#include "engine_impl.h"

/* A catalogue up to this size owns a joined copy of what an utterance attends to: a typical home's
 * answers take less time, at the cost of as much memory again. Larger ones use the shared blocks
 * alone. */
#define JOIN_MAX_TOKENS 4096

/* Does every utterance see block i? */
static int is_held(const struct san_catalog *c, int i)
{
    if (i < c->plan.n_tools) return !c->picks_tools;
    return !c->index || c->plan.home->items[i - c->plan.n_tools].cls == SAN_CLASS_KIND;
}

/* ---- the list of resident catalogues; the engine's lock is held ---- */

static void unlink_age(struct san_catalog *c)
{
    struct san_engine *e = c->engine;
    *(c->newer ? &c->newer->older : &e->newest) = c->older;
    *(c->older ? &c->older->newer : &e->oldest) = c->newer;
    c->newer = c->older = NULL;
}

static void link_newest(struct san_catalog *c)
{
    struct san_engine *e = c->engine;
    c->newer = NULL;
    c->older = e->newest;
    *(e->newest ? &e->newest->newer : &e->oldest) = c;
    e->newest = c;
}

static void drop_blocks(struct san_catalog *c)
{
    for (int i = 0; c->blocks && i < c->n_blocks; i++) {
        san_block_unref(c->blocks[i]);
        c->blocks[i] = NULL;
    }
    san_block_unref(c->joined);
    c->joined = NULL;
    c->n_seen = c->n_apart = 0;
}

void san__catalog_let_go(struct san_catalog *c)
{
    unlink_age(c);
    c->is_resident = 0;
    c->engine->n_resident--;
    c->engine->joined_bytes -= c->joined ? c->joined->n_bytes : 0;
    drop_blocks(c);
}

size_t san__catalog_part(struct san_catalog *c)
{
    if (!c->joined) return 0;
    size_t n = c->joined->n_bytes;
    c->engine->joined_bytes -= n;
    san_block_unref(c->joined);
    c->joined = NULL;
    c->n_seen = c->n_apart;
    memmove(c->seen, c->seen + 1, (size_t)c->n_seen * sizeof(struct san_block *));
    return n;
}

/* ---- becoming resident; the catalogue's own lock is held ---- */

static int by_address(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (struct san_block *const *)a;
    uintptr_t y = (uintptr_t) * (struct san_block *const *)b;
    return (x > y) - (x < y);
}

/* Things of equal text share one block; an utterance attends to it once. */
static enum lt_err list_seen(struct san_catalog *c)
{
    struct san_block **held = malloc(((size_t)c->n_blocks + 1) * 2 * sizeof *held);
    if (!held) return LT_ERR_NOMEM;
    size_t n = 0;
    for (int i = 0; i < c->n_blocks; i++)
        if (c->blocks[i]) held[n++] = c->blocks[i];
    struct san_block **sorted = held + n;
    memcpy(sorted, held, n * sizeof *held);
    if (n) qsort(sorted, n, sizeof *held, by_address);
    for (size_t i = 0; i < n; i++) {
        /* in the catalogue's order, so that the sums do not depend on addresses */
        struct san_block *b = held[i];
        struct san_block **at = bsearch(&b, sorted, n, sizeof *held, by_address);
        int is_repeated = 0;
        while (at > sorted && at[-1] == b) at--;
        if (at + 1 < sorted + n && at[1] == b)
            for (size_t k = 0; k < i && !is_repeated; k++) is_repeated = held[k] == b;
        if (!is_repeated) c->seen[c->n_seen++] = b;
    }
    free(held);
    return LT_OK;
}

/* Let utterances read one joined block in place of many, which stay behind it. */
static enum lt_err join_seen(struct san_catalog *c, struct lt_diag *diag)
{
    int n = 0;
    for (int i = 0; i < c->n_seen && n <= JOIN_MAX_TOKENS; i++) n += c->seen[i]->n;
    if (c->n_seen < 2 || n > JOIN_MAX_TOKENS) return LT_OK;
    enum lt_err err = san_blocks_join(&c->engine->net, c->seen, c->n_seen, &c->joined, diag);
    if (err) return err;
    memmove(c->seen + 1, c->seen, (size_t)c->n_seen * sizeof(struct san_block *));
    c->n_apart = c->n_seen;
    c->seen[0] = c->joined;
    c->n_seen = 1;
    return LT_OK;
}

static enum lt_err become_resident(struct san_catalog *c, struct san__worker *w,
                                   struct lt_diag *diag)
{
    int n = 0;
    const struct san_block_text **texts = malloc(((size_t)c->n_blocks + 1) * sizeof *texts);
    struct san_block **got = malloc(((size_t)c->n_blocks + 1) * sizeof *got);
    enum lt_err err = texts && got ? LT_OK : LT_ERR_NOMEM;
    for (int i = 0; i < c->n_blocks && !err; i++)
        if (is_held(c, i)) texts[n++] = san__catalog_text(c, i);
    if (!err) err = san__blocks_get(c->engine, w, texts, n, got, diag);
    for (int i = 0, at = 0; i < c->n_blocks && !err; i++)
        if (is_held(c, i)) c->blocks[i] = got[at++];
    free(texts);
    free(got);
    if (!err) err = list_seen(c);
    if (!err) err = join_seen(c, diag);
    if (err) drop_blocks(c);
    return err;
}

enum lt_err san__catalog_enter(struct san_catalog *c, struct san__worker *w, struct lt_diag *diag)
{
    struct san_engine *e = c->engine;
    enum lt_err err = LT_OK;
    pthread_mutex_lock(&e->lock);
    c->n_users++;
    int is_resident = c->is_resident;
    if (is_resident && c != e->newest) {
        unlink_age(c);
        link_newest(c);
    }
    pthread_mutex_unlock(&e->lock);
    if (is_resident) return LT_OK;
    pthread_mutex_lock(&c->lock); /* one thread makes it so, others wait */
    if (!c->is_resident) {
        err = become_resident(c, w, diag);
        pthread_mutex_lock(&e->lock);
        if (!err) {
            c->is_resident = 1;
            link_newest(c);
            e->n_resident++;
            e->joined_bytes += c->joined ? c->joined->n_bytes : 0;
            san__trim(e);
        }
        pthread_mutex_unlock(&e->lock);
    }
    pthread_mutex_unlock(&c->lock);
    if (err) san__catalog_leave(c);
    return err;
}

void san__catalog_leave(struct san_catalog *c)
{
    pthread_mutex_lock(&c->engine->lock);
    c->n_users--;
    pthread_mutex_unlock(&c->engine->lock);
}

/* ---- from JSON ---- */

static enum lt_err make_ready(struct san_catalog *c, struct lt_diag *diag)
{
    struct san_engine *e = c->engine;
    struct san__worker *w = NULL;
    const struct san_home_plan *h = c->plan.home;
    c->n_blocks = c->plan.n_tools + (h ? h->n_blocks : 0);
    c->blocks = calloc((size_t)c->n_blocks + 1, sizeof *c->blocks);
    c->seen = calloc((size_t)c->n_blocks + 2, sizeof *c->seen);
    enum lt_err err = c->blocks && c->seen ? LT_OK : LT_ERR_NOMEM;
    c->picks_tools = e->h.ret_dim > 0 && c->plan.n_tools > SAN_PICK_FROM;
    if (!err && h && h->n_entities > SAN_SHOW_FROM) err = san__home_index_new(h, &c->index);
    if (!err) err = san__worker_get(e, &w, diag);
    if (!err) err = san__pick_prepare(c, w, diag);
    if (!err) err = san__catalog_enter(c, w, diag);
    if (!err) san__catalog_leave(c);
    if (w) san__worker_put(e, w);
    return err;
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
    if (c) {
        c->engine = e;
        c->refs = 1;
        pthread_mutex_init(&c->lock, NULL);
    }
    if (!err && !json_is_object(root))
        err = lt_fail(diag, LT_ERR_INVALID, "the catalogue is no JSON object");
    if (!err) {
        err = e->needle ? san__needle_catalog_new(e->needle, &e->h, root, &c->needle, diag)
                        : san_plan_init(&c->plan, &e->pieces, root, diag);
    }
    if (!err && !e->needle) err = make_ready(c, diag);
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
    pthread_mutex_lock(&c->engine->lock);
    if (c->is_resident) san__catalog_let_go(c);
    pthread_mutex_unlock(&c->engine->lock);
    drop_blocks(c);
    pthread_mutex_destroy(&c->lock);
    free(c->blocks);
    free(c->seen);
    free(c->tool_vec);
    free(c->tool_words);
    san__home_index_free(c->index);
    san_plan_fini(&c->plan);
    san__needle_catalog_free(c->needle);
    free(c);
}
