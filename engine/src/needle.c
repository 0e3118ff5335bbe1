/* needle.c - prompt, decoding and answer of a published network. The grammar is needle_grammar.c.
 *
 * Decoding, until the grammar has nothing left to write:
 *
 *     forced    the bytes that must come; all their pieces but the last are taken unasked. The last
 *               one is left to the network, since its piece may go on into what is not forced.
 *     feed      what was taken goes through the decoder in one batch
 *     choose    of the pieces whose every byte the grammar takes, the one of highest logit
 *
 * A choice counts for the confidence when the pieces say different things, not when they are
 * spellings of the same forced text. */
#include "needle.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine_impl.h"
#include "lt/clock.h"
#include "needle_grammar.h"
#include "san/lex.h"

#define PIECE_MAX_BYTES  64 /* longer pieces are never written */
#define FORCED_MAX_BYTES 512
#define TEXT_MAX_BYTES   32768 /* longest answer as the network writes it */
#define NAME_MAX_BYTES   256

struct piece {
    char *s; /* what it writes */
    int n;
    int32_t id;
};

struct san__needle {
    const struct san_tokenizer *tokenizer;
    int32_t tools, tool_call, eos;
    struct piece *pieces; /* sorted by bytes */
    int n_pieces;
    char *text; /* all pieces' bytes */
};

struct san__needle_catalog {
    char **name;   /* the tools' own names */
    char **spoken; /* as the network sees and writes them */
    int n_tools;
    int32_t *tok; /* <tools> and the tools' JSON */
    int n_tok;
    struct san__grammar *grammar;
};

/* ---- the vocabulary ---- */

static int by_bytes(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    int n = x->n < y->n ? x->n : y->n, order = memcmp(x->s, y->s, (size_t)n);
    return order ? order : x->n != y->n ? x->n - y->n : x->id - y->id;
}

/* Bytes that piece `id` writes, into out (PIECE_MAX_BYTES); 0 when it writes none. */
static int bytes_of(const struct san_tokenizer *t, int id, char *out)
{
    enum san_token_type type = san_token_type(t, id);
    if (type == SAN_TOKEN_BYTE) {
        for (int b = 0; b < 256; b++)
            if (san_token_of_byte(t, (uint8_t)b) == id) {
                out[0] = (char)b;
                return 1;
            }
        return 0;
    }
    if (type != SAN_TOKEN_NORMAL) return 0;
    int n = 0;
    for (const char *s = san_token_piece(t, id); *s;) {
        if (n == PIECE_MAX_BYTES) return 0;
        if (!strncmp(s, "\xe2\x96\x81", 3)) {
            out[n++] = ' ';
            s += 3;
        } else {
            out[n++] = *s++;
        }
    }
    return n;
}

/* Can the vocabulary write these bytes? */
static int is_writable(const char *text, size_t n, void *user)
{
    const struct san__needle *v = user;
    struct san_tok_work work = {0};
    int32_t ids[NAME_MAX_BYTES * 8];
    const int cap = (int)(sizeof ids / sizeof ids[0]);
    int k = san_tokenize(v->tokenizer, &work, text, n,
                         SAN_TOKENIZE_NO_PREFIX | SAN_TOKENIZE_NO_USER, ids, NULL, cap);
    int ok = k > 0 && k <= cap;
    for (int i = 0; i < k && ok; i++) {
        enum san_token_type type = san_token_type(v->tokenizer, ids[i]);
        ok = type == SAN_TOKEN_NORMAL || type == SAN_TOKEN_BYTE;
    }
    san_tok_work_free(&work);
    return ok;
}

enum lt_err san__needle_new(const struct san_tokenizer *t, struct san__needle **out,
                            struct lt_diag *diag)
{
    static const char json[] = "[{\"name\":,arguments}]0123456789.-truefalsn\\/";
    int V = san_tokenizer_n_vocab(t);
    struct san__needle *n = calloc(1, sizeof *n);
    if (!n) return LT_ERR_NOMEM;
    n->tokenizer = t;
    n->tools = san_token_id(t, "<tools>");
    n->tool_call = san_token_id(t, "<tool_call>");
    n->eos = san_tokenizer_eos(t);
    enum lt_err err = LT_OK;
    if (n->tools < 0 || n->tool_call < 0 || n->eos < 0)
        err = lt_fail(diag, LT_ERR_UNSUPPORTED,
                      "the vocabulary has no %s, which the render \"needle-json\" needs",
                      n->tools < 0       ? "<tools>"
                      : n->tool_call < 0 ? "<tool_call>"
                                         : "end-of-sequence piece");
    for (size_t i = 0; i + 1 < sizeof json && !err; i++)
        if (!is_writable(json + i, 1, n))
            err =
                lt_fail(diag, LT_ERR_UNSUPPORTED,
                        "the vocabulary cannot write '%c', which the render \"needle-json\" needs",
                        json[i]);
    if (!err) {
        n->pieces = malloc((size_t)V * sizeof *n->pieces);
        n->text = malloc((size_t)V * PIECE_MAX_BYTES);
        if (!n->pieces || !n->text) err = LT_ERR_NOMEM;
    }
    for (int id = 0; id < V && !err; id++) {
        struct piece *p = &n->pieces[n->n_pieces];
        *p = (struct piece){.s = n->text + (size_t)n->n_pieces * PIECE_MAX_BYTES, .id = id};
        p->n = bytes_of(t, id, p->s);
        n->n_pieces += p->n > 0;
    }
    if (err) {
        san__needle_free(n);
        return err;
    }
    qsort(n->pieces, (size_t)n->n_pieces, sizeof *n->pieces, by_bytes);
    *out = n;
    return LT_OK;
}

void san__needle_free(struct san__needle *n)
{
    if (!n) return;
    free(n->pieces);
    free(n->text);
    free(n);
}

void san__needle_limits(const struct san_hparams *h, struct san_limits *out)
{
    int n_step = h->n_ctx < SAN__NEEDLE_MAX_STEPS ? h->n_ctx : SAN__NEEDLE_MAX_STEPS;
    *out = (struct san_limits){.n_source = h->n_ctx, .n_panel = 1, .n_step = n_step};
}

/* ---- the catalogue ---- */

/* "HassTurnOn", "hass-turn on" -> "hass_turn_on" */
static void snake_case(char *out, size_t cap, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; name[i] && n + 2 < cap; i++) {
        unsigned char c = (unsigned char)name[i], before = i ? (unsigned char)name[i - 1] : 0;
        int is_start = isupper(c) && (islower(before) || isdigit(before) ||
                                      (isupper(before) && islower((unsigned char)name[i + 1])));
        int is_word = isalnum(c) || c >= 0x80;
        if ((is_start || !is_word) && n && out[n - 1] != '_') out[n++] = '_';
        if (is_word) out[n++] = (char)tolower(c);
    }
    out[n] = '\0';
}

static enum lt_err take_names(struct san__needle_catalog *c, const json_t *tools,
                              struct lt_diag *diag)
{
    size_t n = json_array_size(tools);
    c->name = calloc(n + 1, sizeof *c->name);
    c->spoken = calloc(n + 1, sizeof *c->spoken);
    if (!c->name || !c->spoken) return LT_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) {
        const char *name = json_string_value(json_object_get(json_array_get(tools, i), "name"));
        if (!name || !*name)
            return lt_fail(diag, LT_ERR_INVALID, "/tools/%zu/name: expected a non-empty string", i);
        if (strlen(name) >= NAME_MAX_BYTES / 2)
            return lt_fail(diag, LT_ERR_LIMIT, "/tools/%zu/name: longer than %d bytes", i,
                           NAME_MAX_BYTES / 2 - 1);
        char snake[NAME_MAX_BYTES];
        snake_case(snake, sizeof snake - 8, name);
        size_t base = strlen(snake);
        int twin = 1; /* names that become alike get _2, _3 */
        for (int k = 0; k < c->n_tools; k++) {
            if (!strcmp(c->name[k], name))
                return lt_fail(diag, LT_ERR_INVALID, "/tools/%zu/name: \"%s\" comes twice", i,
                               name);
            if (strcmp(c->spoken[k], snake)) continue;
            snprintf(snake + base, sizeof snake - base, "_%d", ++twin);
            k = -1;
        }
        c->name[i] = strdup(name);
        c->spoken[i] = strdup(snake);
        c->n_tools++;
        if (!c->name[i] || !c->spoken[i]) return LT_ERR_NOMEM;
    }
    return LT_OK;
}

/* A copy without the words that only Lintel knows. */
static json_t *without_notes(const json_t *v)
{
    json_t *out, *x;
    const char *key;
    size_t i;
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(v, i, x) json_array_append_new(out, without_notes(x));
        return out;
    }
    if (!json_is_object(v)) return json_incref((json_t *)(uintptr_t)v);
    out = json_object();
    json_object_foreach((json_t *)(uintptr_t)v, key, x)
    {
        if (strncmp(key, "x-", 2)) json_object_set_new(out, key, without_notes(x));
    }
    return out;
}

static char *prompt_json(const struct san__needle_catalog *c, const json_t *tools)
{
    json_t *shown = without_notes(tools);
    for (int i = 0; i < c->n_tools; i++)
        json_object_set_new(json_array_get(shown, (size_t)i), "name", json_string(c->spoken[i]));
    char *text = json_dumps(shown, JSON_COMPACT);
    json_decref(shown);
    return text;
}

enum lt_err san__needle_catalog_new(const struct san__needle *n, const struct san_hparams *h,
                                    const json_t *catalog, struct san__needle_catalog **out,
                                    struct lt_diag *diag)
{
    const json_t *tools = json_object_get(catalog, "tools");
    struct san_tok_work work = {0};
    struct san__needle_catalog *c = calloc(1, sizeof *c);
    if (!c) return LT_ERR_NOMEM;
    enum lt_err err = LT_OK;
    if (!json_is_array(tools)) err = lt_fail(diag, LT_ERR_INVALID, "/tools: expected an array");
    if (!err) err = take_names(c, tools, diag);
    char *text = err ? NULL : prompt_json(c, tools);
    if (!err && !text) err = LT_ERR_NOMEM;
    if (!err) {
        c->tok = malloc((size_t)h->n_ctx * sizeof *c->tok);
        if (!c->tok) err = LT_ERR_NOMEM;
    }
    if (!err) {
        c->tok[0] = n->tools;
        int k = san_tokenize(n->tokenizer, &work, text, strlen(text), SAN_TOKENIZE_NO_USER,
                             c->tok + 1, NULL, h->n_ctx - 1);
        c->n_tok = k + 1;
        if (k < 0)
            err = (enum lt_err) - k;
        else if (k + 1 > h->n_ctx)
            err =
                lt_fail(diag, LT_ERR_LIMIT,
                        "the %d tools make %d tokens, this network reads %d: offer fewer, or with "
                        "shorter descriptions",
                        c->n_tools, k + 1, h->n_ctx);
    }
    if (!err)
        err = san__grammar_new(catalog, c->spoken, is_writable, (void *)(uintptr_t)n, &c->grammar);
    free(text);
    san_tok_work_free(&work);
    if (err) {
        san__needle_catalog_free(c);
        return err;
    }
    *out = c;
    return LT_OK;
}

void san__needle_catalog_free(struct san__needle_catalog *c)
{
    if (!c) return;
    for (int i = 0; i < c->n_tools; i++) {
        free(c->name[i]);
        free(c->spoken[i]);
    }
    free(c->name);
    free(c->spoken);
    free(c->tok);
    san__grammar_free(c->grammar);
    free(c);
}

/* ---- decoding ---- */

struct decoding {
    const struct san__needle *v;
    const struct san__grammar *g;
    struct san__worker *w;
    struct san__g_state state;
    struct lt_buf text;                    /* written so far */
    int32_t pending[FORCED_MAX_BYTES + 4]; /* taken, not fed */
    int n_pending;
    int n_fed, n_step;      /* steps made, and most of them */
    float *logits;          /* (V) */
    int *open;              /* admissible pieces */
    int n_open, has_longer; /* some admissible piece goes beyond the forced bytes */
    double p;
    struct san_tok_work work;
};

/* Pieces of [lo, hi), equal in their first `at` bytes, that state `s` takes to their end. */
static void find_open(struct decoding *d, const struct san__g_state *s, int lo, int hi, int at,
                      int n_forced)
{
    const struct piece *p = d->v->pieces;
    while (lo < hi && p[lo].n == at) {
        d->has_longer |= at > n_forced;
        d->open[d->n_open++] = lo++;
    }
    while (lo < hi) {
        int end = lo + 1;
        while (end < hi && p[end].s[at] == p[lo].s[at]) end++;
        struct san__g_state next = *s;
        if (s->depth && san__g_step(d->g, &next, (uint8_t)p[lo].s[at]))
            find_open(d, &next, lo, end, at + 1, n_forced);
        lo = end;
    }
}

static enum lt_err take(struct decoding *d, int32_t id, const char *bytes, int n)
{
    for (int i = 0; i < n; i++)
        if (!san__g_step(d->g, &d->state, (uint8_t)bytes[i])) return LT_ERR_INTERNAL;
    d->pending[d->n_pending++] = id;
    return lt_buf_add(&d->text, bytes, (size_t)n);
}

/* Take the pieces of the forced bytes but the last; returns how many bytes of it are left. */
static enum lt_err take_forced(struct decoding *d, int *n_left)
{
    char forced[FORCED_MAX_BYTES], bytes[PIECE_MAX_BYTES];
    int32_t ids[FORCED_MAX_BYTES];
    int n = san__g_forced(d->g, &d->state, forced, FORCED_MAX_BYTES), done = 0;
    int k = n < 2 ? 0
                  : san_tokenize(d->v->tokenizer, &d->work, forced, (size_t)n,
                                 SAN_TOKENIZE_NO_PREFIX | SAN_TOKENIZE_NO_USER, ids, NULL,
                                 FORCED_MAX_BYTES);
    if (k < 0) return (enum lt_err) - k;
    for (int i = 0; i + 1 < k && i + 1 < FORCED_MAX_BYTES; i++) {
        int len = bytes_of(d->v->tokenizer, ids[i], bytes);
        if (!len || len > n - done || memcmp(bytes, forced + done, (size_t)len)) break;
        enum lt_err err = take(d, ids[i], bytes, len);
        if (err) return err;
        done += len;
    }
    *n_left = n - done;
    return LT_OK;
}

static enum lt_err choose(struct decoding *d, int n_forced)
{
    const struct piece *p = d->v->pieces;
    int best = d->open[0];
    double sum = 0, next = 0;
    for (int i = 1; i < d->n_open; i++)
        if (d->logits[p[d->open[i]].id] > d->logits[p[best].id]) best = d->open[i];
    for (int i = 0; i < d->n_open; i++)
        sum += exp((double)d->logits[p[d->open[i]].id] - (double)d->logits[p[best].id]);
    for (int i = 0; i < d->n_open; i++) {
        double x = exp((double)d->logits[p[d->open[i]].id] - (double)d->logits[p[best].id]) / sum;
        if (d->open[i] != best && x > next) next = x;
    }
    enum lt_err err = LT_OK;
    if (d->n_open > 1 && (d->has_longer || !n_forced)) {
        struct san_decision made = {.kind = san__g_kind(d->g, &d->state),
                                    .p = (float)(1 / sum),
                                    .margin = (float)(1 / sum - next),
                                    .n_options = d->n_open};
        d->p /= sum;
        err = san__worker_decision(d->w, &made);
    }
    return err ? err : take(d, p[best].id, p[best].s, p[best].n);
}

/* *is_whole: the grammar was written to its end. */
static enum lt_err decode(struct decoding *d, int *is_whole, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    san_dec_begin(d->w->session);
    san__g_begin(d->g, &d->state);
    d->w->n_decisions = 0;
    d->pending[d->n_pending++] = d->v->eos;
    d->pending[d->n_pending++] = d->v->tool_call;
    *is_whole = 0;
    while (!err) {
        int n_forced = 0;
        /* the last part of the room is for coming to an end */
        d->state.is_closing = d->n_fed > d->n_step / 2;
        err = take_forced(d, &n_forced);
        if (err) break;
        d->n_open = d->has_longer = 0;
        find_open(d, &d->state, 0, d->v->n_pieces, 0, n_forced);
        if (!d->n_open || d->n_fed + d->n_pending > d->n_step) return LT_OK;
        err = san_joint_feed(d->w->session, d->pending, d->n_pending, d->logits, 1, diag);
        d->n_fed += d->n_pending;
        d->n_pending = 0;
        if (!err) err = choose(d, n_forced);
        if (!err && !d->state.depth) {
            *is_whole = 1;
            return LT_OK;
        }
    }
    return err;
}

/* The written array with the tools' own names. */
static enum lt_err write_calls(const struct san__needle_catalog *c, const struct lt_buf *text,
                               struct lt_buf *json, int *n_calls)
{
    json_t *calls = json_loadb(text->p, text->n, JSON_REJECT_DUPLICATES, NULL), *call;
    size_t i;
    if (!calls) return LT_ERR_INTERNAL; /* the grammar writes JSON only */
    json_array_foreach(calls, i, call)
    {
        const char *name = json_string_value(json_object_get(call, "name"));
        for (int k = 0; k < c->n_tools; k++)
            if (name && !strcmp(c->spoken[k], name)) {
                json_object_set_new(call, "name", json_string(c->name[k]));
                break;
            }
    }
    *n_calls = (int)json_array_size(calls);
    char *out = json_dumps(calls, JSON_COMPACT);
    json_decref(calls);
    enum lt_err err = out ? lt_buf_adds(json, out) : LT_ERR_NOMEM;
    free(out);
    return err;
}

static enum lt_err encode_prompt(const struct san__needle *n, const struct san_hparams *h,
                                 const struct san__needle_catalog *c, struct decoding *d,
                                 const char *text, int *n_tokens, struct lt_diag *diag)
{
    if (!san_utf8_is_valid(text, strlen(text)))
        return lt_fail(diag, LT_ERR_INVALID, "text: not valid UTF-8");
    int32_t *ids = malloc((size_t)h->n_ctx * sizeof *ids);
    if (!ids) return LT_ERR_NOMEM;
    int k = san_tokenize(n->tokenizer, &d->work, text, strlen(text), SAN_TOKENIZE_NO_USER, ids,
                         NULL, h->n_ctx);
    enum lt_err err = k < 0 ? (enum lt_err) - k : LT_OK;
    if (!err && k == 0) err = lt_fail(diag, LT_ERR_INVALID, "text: nothing was said");
    if (!err && k + c->n_tok > h->n_ctx)
        err = lt_fail(diag, LT_ERR_LIMIT,
                      "request and tools make %d tokens, this network reads %d: offer fewer tools, "
                      "or with shorter descriptions",
                      k + c->n_tok, h->n_ctx);
    if (!err) {
        *n_tokens = k;
        memcpy(ids + k, c->tok, (size_t)c->n_tok * sizeof *ids);
        err = san_joint_encode(d->w->session, ids, k + c->n_tok, diag);
    }
    free(ids);
    return err;
}

enum lt_err san__needle_call(const struct san__needle *n, const struct san_hparams *h,
                             const struct san__needle_catalog *c, struct san__worker *w,
                             const char *text, struct lt_buf *json, int *n_calls, int *n_tokens,
                             double *p, int64_t *t_us, struct lt_diag *diag)
{
    struct san_limits limits;
    struct decoding d = {.v = n, .g = c->grammar, .w = w, .p = 1};
    int is_whole = 0;
    san__needle_limits(h, &limits);
    d.n_step = limits.n_step;
    lt_buf_init(&d.text, TEXT_MAX_BYTES);
    d.logits = malloc((size_t)h->n_vocab * sizeof *d.logits);
    d.open = malloc((size_t)n->n_pieces * sizeof *d.open);
    enum lt_err err = d.logits && d.open ? LT_OK : LT_ERR_NOMEM;
    if (!err) err = encode_prompt(n, h, c, &d, text, n_tokens, diag);
    *t_us = lt_now_us();
    if (!err) err = decode(&d, &is_whole, diag);
    *p = is_whole ? d.p : 0;
    *n_calls = 0;
    if (!err) err = is_whole ? write_calls(c, &d.text, json, n_calls) : lt_buf_adds(json, "[]");
    lt_buf_free(&d.text);
    free(d.logits);
    free(d.open);
    san_tok_work_free(&d.work);
    return err;
}
