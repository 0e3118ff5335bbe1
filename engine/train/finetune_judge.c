/* finetune_judge.c - old network against new: answers, their paired difference, and the gate that
 * keeps a promise. */
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "san/engine.h"
#include "san/finetune.h"
#include "san/score.h"

#define MAX_THREADS 16

/* ---- answers ---- */

struct job {
    struct san_engine *engine;
    json_t *const *cases;
    struct san_answers *out;
    int next; /* atomic */
};

static enum lt_err answer(struct job *j, int i)
{
    const json_t *c = j->cases[i];
    json_t *home = json_object_get(c, "home");
    json_t *root = json_pack("{s:O}", "tools", json_object_get(c, "tools"));
    if (json_is_object(home)) json_object_set(root, "home", home);
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text) return LT_ERR_NOMEM;
    struct san_catalog *catalog = NULL;
    struct san_answer a = {0};
    struct san_request req = {.text = json_string_value(json_object_get(c, "query")),
                              .here = json_string_value(json_object_get(home, "here"))};
    enum lt_err err = san_catalog_new(j->engine, text, strlen(text), &catalog, NULL);
    if (!err) err = san_call(j->engine, catalog, &req, &a, NULL);
    if (!err) {
        json_t *calls = json_loads(a.calls_json, 0, NULL);
        j->out->right[i] = san_judge(c, calls).equiv;
        j->out->confidence[i] = a.confidence;
        json_decref(calls);
    }
    free(text);
    san_answer_free(&a);
    san_catalog_unref(catalog);
    return err;
}

static void *work(void *arg)
{
    struct job *j = arg;
    for (;;) {
        int i = __atomic_fetch_add(&j->next, 1, __ATOMIC_RELAXED);
        if (i >= j->out->n) return NULL;
        (void)!answer(j, i); /* what cannot be answered counts as wrong, with confidence 0 */
    }
}

void san_answers_free(struct san_answers *a)
{
    free(a->right);
    free(a->confidence);
    *a = (struct san_answers){0};
}

enum lt_err san_answers_of(const char *path, json_t *const *cases, int n, int n_threads,
                           struct san_answers *out, struct lt_diag *diag)
{
    struct san_answers a = {.n = n,
                            .right = calloc((size_t)n + 1, 1),
                            .confidence = calloc((size_t)n + 1, sizeof(double))};
    struct job j = {.cases = cases, .out = &a};
    pthread_t threads[MAX_THREADS];
    int n_started = 0;
    enum lt_err err =
        a.right && a.confidence ? LT_OK : lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    if (!err) err = san_engine_open(path, &j.engine, diag);
    while (!err && n_started < n_threads - 1 && n_started < MAX_THREADS &&
           !pthread_create(&threads[n_started], NULL, work, &j))
        n_started++;
    if (!err) work(&j);
    for (int i = 0; i < n_started; i++) pthread_join(threads[i], NULL);
    san_engine_close(j.engine);
    if (err) {
        san_answers_free(&a);
        return err;
    }
    for (int i = 0; i < n; i++) a.n_right += a.right[i];
    *out = a;
    return LT_OK;
}

/* ---- comparison ---- */

struct san_difference san_answers_compare(const struct san_answers *old,
                                          const struct san_answers *fresh)
{
    struct san_difference d = {.n = old->n, .n_old = old->n_right, .n_new = fresh->n_right};
    for (int i = 0; i < d.n; i++) {
        d.n_lost += old->right[i] && !fresh->right[i];
        d.n_won += !old->right[i] && fresh->right[i];
    }
    if (!d.n) return d;
    double diff = d.n_won - d.n_lost, n = d.n;
    d.mean = diff / n;
    d.half = 1.96 * sqrt(fmax(0, d.n_won + d.n_lost - diff * diff / n)) / n;
    return d;
}

/* ---- the promise ---- */

/* Probability of at most k hits in n at share p. */
static double binomial_cdf(int k, int n, double p)
{
    double sum = 0;
    if (p <= 0) return 1;
    if (p >= 1) return k >= n;
    for (int i = 0; i <= k; i++)
        sum += exp(lgamma(n + 1.0) - lgamma(i + 1.0) - lgamma(n - i + 1.0) + i * log(p) +
                   (n - i) * log1p(-p));
    return sum < 1 ? sum : 1;
}

double san_binomial_upper(int k, int n, double delta)
{
    double low = 0, high = 1;
    if (!n || k >= n) return 1;
    for (int i = 0; i < 60; i++) {
        double mid = (low + high) / 2;
        if (binomial_cdf(k, n, mid) > delta)
            low = mid;
        else
            high = mid;
    }
    return high;
}

struct san_promise san_promise_of(const struct san_answers *a, double alpha, double delta)
{
    static const double gates[] = {0.98, 0.97, 0.95, 0.93, 0.9, 0.87, 0.85, 0.8, 0.7, 0.6, 0.5};
    static const int starts[] = {0, 3, 6};
    enum { N = sizeof gates / sizeof gates[0], N_STARTS = sizeof starts / sizeof starts[0] };
    struct san_promise p = {.n = a->n, .gate = 1};
    p.n_needed = (int)ceil(log(delta / N_STARTS) / log1p(-alpha));
    for (int s = 0; s < N_STARTS; s++) {
        for (int g = starts[s]; g < N; g++) {
            int n = 0, wrong = 0;
            for (int i = 0; i < a->n; i++) {
                if (a->confidence[i] < gates[g]) continue;
                n++;
                wrong += !a->right[i];
            }
            if (san_binomial_upper(wrong, n, delta / N_STARTS) > alpha) break;
            if (gates[g] >= p.gate) continue;
            p.is_kept = 1;
            p.gate = gates[g];
            p.local = (double)n / a->n;
            p.wrong = (double)wrong / n;
        }
    }
    return p;
}
