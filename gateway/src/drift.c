/* drift.c - one pass over the traces, the oldest first. */
#include "drift.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/json.h"
#include "san/finetune.h"

#define WEEK_MS (7 * INT64_C(86400000))
#define POINTS  0.03 /* smaller differences are not worth a word */
#define NEW_MAX 0.1  /* share of new words that is worth one */

struct week {
    int n, n_cloud;           /* traces with a route; handed on */
    int n_labelled, n_agreed; /* of these it is known whether the network was right */
    double confidence;        /* sum over the labelled */
    int n_words, n_new;
};

struct pass {
    const struct lt_drift_options *o;
    struct week weeks[LT_DRIFT_WEEKS_MAX];
    json_t *known, *fresh; /* words of the weeks before, of this week */
    int at;
    /* for the promise */
    int64_t active_since;
    char active[128];
    struct san_answers answers;
    int cap;
    int is_out_of_memory;
    struct {
        int disagreement, new_words, calibration;
    } signs; /* of drift, in the last week */
};

/* 1, 0: was the network right? -1: nobody knows. */
static int was_right(const struct lt_trace_row *r)
{
    const char *right = r->label_calls_json   ? r->label_calls_json
                        : r->label_is_correct ? r->calls_json
                                              : NULL;
    json_t *a = NULL, *b = NULL;
    int is_same = -1;
    if (!r->label_source || !r->local_calls_json || r->confidence < 0) return -1;
    if (!right) return r->route && !strcmp(r->route, "local") ? 0 : -1;
    if (!lt_json_parse(right, strlen(right), 1 << 20, &a, NULL) &&
        !lt_json_parse(r->local_calls_json, strlen(r->local_calls_json), 1 << 20, &b, NULL))
        is_same = json_equal(a, b);
    json_decref(a);
    json_decref(b);
    return is_same;
}

static void count_words(struct pass *p, struct week *w, const char *text)
{
    char word[64];
    size_t n = 0;
    for (const char *s = text;; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalpha(c) || c >= 0x80) {
            if (n + 1 < sizeof word) word[n++] = (char)tolower(c);
            continue;
        }
        word[n] = '\0';
        if (n) {
            w->n_words++;
            if (!json_object_get(p->known, word)) {
                w->n_new++;
                if (json_object_size(p->fresh) < LT_DRIFT_WORDS_MAX)
                    json_object_set_new_nocheck(p->fresh, word, json_true());
            }
        }
        n = 0;
        if (!*s) return;
    }
}

static void keep_answer(struct pass *p, const struct lt_trace_row *r, int right)
{
    struct san_answers *a = &p->answers;
    /* nothing activated: it is the shipped network, which has learnt none of these */
    if (p->active[0] && (!r->model || strcmp(r->model, p->active) != 0)) return;
    if (r->received_unix_ms < p->active_since) return;
    if (a->n == p->cap) {
        int cap = p->cap ? 2 * p->cap : 256;
        uint8_t *x = realloc(a->right, (size_t)cap);
        if (x) a->right = x;
        double *y = realloc(a->confidence, (size_t)cap * sizeof *y);
        if (y) a->confidence = y;
        if (!x || !y) {
            p->is_out_of_memory = 1;
            return;
        }
        p->cap = cap;
    }
    a->right[a->n] = (uint8_t)right;
    a->confidence[a->n++] = r->confidence;
    a->n_right += right;
}

static int look(const struct lt_trace_row *r, void *user)
{
    struct pass *p = user;
    if (p->o->is_stopped && __atomic_load_n(p->o->is_stopped, __ATOMIC_RELAXED)) return 1;
    int64_t start = p->o->now_unix_ms - p->o->n_weeks * WEEK_MS;
    int at = (int)((r->received_unix_ms - start) / WEEK_MS);
    if (at < 0 || at >= p->o->n_weeks || !r->route || !strcmp(r->source, "import")) return 0;
    struct week *w = p->weeks + at;
    if (at != p->at) { /* a new week: the words of the last one are known now */
        json_object_update(p->known, p->fresh);
        json_object_clear(p->fresh);
        p->at = at;
    }
    w->n++;
    w->n_cloud += !strcmp(r->route, "cloud");
    if (r->text) count_words(p, w, r->text);
    int right = was_right(r);
    if (right < 0) return 0;
    w->n_labelled++;
    w->n_agreed += right;
    w->confidence += r->confidence;
    keep_answer(p, r, right);
    return p->is_out_of_memory;
}

static int take_active(const struct lt_model *m, void *user)
{
    struct pass *p = user;
    if (!m->is_active) return 0;
    snprintf(p->active, sizeof p->active, "%s", m->name);
    p->active_since = m->activated_unix_ms;
    return 1;
}

/* ---- what it says ---- */

static void add(json_t *list, const char *text)
{
    json_array_append_new(list, json_string(text));
}

/* The last week against all before it together. */
static void judge(struct pass *p, json_t *drift)
{
    const struct week *last = p->weeks + p->o->n_weeks - 1;
    struct week before = {0};
    char text[200];
    for (const struct week *w = p->weeks; w < last; w++) {
        before.n_labelled += w->n_labelled;
        before.n_agreed += w->n_agreed;
    }
    if (last->n_labelled >= LT_DRIFT_LEAST && before.n_labelled >= LT_DRIFT_LEAST) {
        double n = last->n_labelled, m = before.n_labelled;
        double now = 1 - last->n_agreed / n, then = 1 - before.n_agreed / m;
        double pooled = (now * n + then * m) / (n + m);
        double se = sqrt(pooled * (1 - pooled) * (1 / n + 1 / m));
        snprintf(text, sizeof text,
                 "disagreement rose from %.1f to %.1f %% of the labelled requests: learn again",
                 100 * then, 100 * now);
        p->signs.disagreement = now - then > POINTS && now - then > 2 * se;
        if (p->signs.disagreement) add(drift, text);
    }
    if (last->n_labelled >= LT_DRIFT_LEAST) {
        double n = last->n_labelled, right = last->n_agreed / n, sure = last->confidence / n;
        snprintf(
            text, sizeof text,
            "confidence is %.1f %% on average, %.1f %% were right: learn again, or raise the gate",
            100 * sure, 100 * right);
        p->signs.calibration =
            sure - right > POINTS && sure - right > 2 * sqrt(right * (1 - right) / n);
        if (p->signs.calibration) add(drift, text);
    }
    if (p->o->n_weeks > 1 && last[-1].n && last->n_words >= LT_DRIFT_LEAST &&
        last->n_new > NEW_MAX * last->n_words) {
        snprintf(text, sizeof text, "%.1f %% of the words were never said before",
                 100.0 * last->n_new / last->n_words);
        p->signs.new_words = 1;
        add(drift, text);
    }
}

static const char *state_of(const struct pass *p)
{
    if (p->signs.disagreement || p->signs.new_words || p->signs.calibration) return "drift";
    return p->weeks[p->o->n_weeks - 1].n_labelled >= LT_DRIFT_LEAST ? "steady" : "unknown";
}

static json_t *week_json(const struct pass *p, int i)
{
    const struct week *w = p->weeks + i;
    int64_t start = p->o->now_unix_ms - (p->o->n_weeks - i) * WEEK_MS;
    json_t *o = json_pack("{s:I,s:i,s:i}", "from_unix_ms", (json_int_t)start, "traces", w->n,
                          "labelled", w->n_labelled);
    if (w->n) json_object_set_new(o, "local_share", json_real(1 - (double)w->n_cloud / w->n));
    if (w->n_labelled) {
        double n = w->n_labelled;
        json_object_set_new(o, "disagreement", json_real(1 - w->n_agreed / n));
        json_object_set_new(o, "confidence", json_real(w->confidence / n));
        json_object_set_new(o, "calibration", json_real((w->confidence - w->n_agreed) / n));
    }
    if (w->n_words) json_object_set_new(o, "new_words", json_real((double)w->n_new / w->n_words));
    return o;
}

static json_t *promise_json(const struct pass *p)
{
    struct san_promise r = san_promise_of(&p->answers, p->o->alpha, p->o->delta);
    json_t *o = json_pack("{s:b,s:i,s:i,s:f,s:f}", "kept", r.is_kept, "labels", r.n, "least",
                          r.n_needed, "alpha", p->o->alpha, "delta", p->o->delta);
    if (!r.is_kept) return o;
    json_object_set_new(o, "gate", json_real(r.gate));
    json_object_set_new(o, "local", json_real(r.local));
    json_object_set_new(o, "wrong", json_real(r.wrong));
    return o;
}

enum lt_err lt_drift_report(struct lt_store *s, const struct lt_drift_options *o, json_t **out,
                            struct lt_diag *diag)
{
    struct pass *p = calloc(1, sizeof *p);
    json_t *weeks = json_array(), *drift = json_array();
    if (p) {
        p->o = o;
        p->known = json_object();
        p->fresh = json_object();
    }
    enum lt_err err = p && p->known && p->fresh && weeks && drift && o->n_weeks >= 1 &&
                              o->n_weeks <= LT_DRIFT_WEEKS_MAX
                          ? LT_OK
                          : lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    struct lt_trace_filter f = {.site = o->site,
                                .since_unix_ms = o->now_unix_ms - o->n_weeks * WEEK_MS,
                                .until_unix_ms = o->now_unix_ms,
                                .is_oldest_first = 1};
    if (!err) err = lt_store_model_list(s, take_active, p, diag);
    if (!err) err = lt_store_trace_list(s, &f, look, p, diag);
    if (!err && p->is_out_of_memory) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    if (!err && o->is_stopped && __atomic_load_n(o->is_stopped, __ATOMIC_RELAXED))
        err = lt_fail(diag, LT_ERR_BUSY, "stopped");
    if (!err) {
        for (int i = 0; i < o->n_weeks; i++) json_array_append_new(weeks, week_json(p, i));
        judge(p, drift);
        *out = json_pack("{s:s,s:{s:b,s:b,s:b},s:O,s:O,s:o}", "state", state_of(p), "signs",
                         "disagreement", p->signs.disagreement, "new_words", p->signs.new_words,
                         "calibration", p->signs.calibration, "weeks", weeks, "drift", drift,
                         "promise", promise_json(p));
        if (!*out) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    json_decref(weeks);
    json_decref(drift);
    if (p) {
        json_decref(p->known);
        json_decref(p->fresh);
        san_answers_free(&p->answers);
    }
    free(p);
    return err;
}
