/* confidence.c - features of an answer, and the logistic head over them. */
#include "san/confidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "san/gguf.h"

#define LOG_P_FLOOR (-12.0f) /* smaller log-probabilities say nothing more */

int san_confidence_n_feature(int width)
{
    return SAN_CONFIDENCE_N_BASE + width;
}

static float log_p(float p)
{
    float l = logf(p > 1 ? 1 : p > 1e-9f ? p : 1e-9f); /* a sum of shares may round above 1 */
    return l < LOG_P_FLOOR ? LOG_P_FLOOR : l;
}

/* log(p / (1 - p)) of p = exp(l): on this scale the product of the decisions' probabilities alone is
 * already a fair confidence, and the head has only to correct it. */
static float logit(float l)
{
    float p = expf(l > -1e-4f ? -1e-4f : l < -20 ? -20 : l);
    return logf(p / (1 - p));
}

static int is_kind(const struct san_decision *d, const char *kind)
{
    return !strcmp(d->kind, kind);
}

void san_confidence_features(const struct san_confidence_input *in, float *f)
{
    float sum = 0, lowest = 0, low_margin = 1, first = 0, first_margin = 1, target = 0, key = 0,
          value = 0, more = 0, options = 0;
    int n_tool = 0;
    for (int i = 0; i < in->n_decisions; i++) {
        const struct san_decision *d = &in->decisions[i];
        float l = log_p(d->p);
        sum += l;
        if (l < lowest) lowest = l;
        if (d->margin < low_margin) low_margin = d->margin;
        if (i == 0) {
            first = l;
            first_margin = d->margin;
            options = logf((float)d->n_options);
        } else if (is_kind(d, "tool")) {
            more += l;
            n_tool++;
        } else if (is_kind(d, "target")) {
            target += l;
        } else if (is_kind(d, "argument")) {
            key += l;
        } else {
            value += l;
        }
    }
    float nothing = in->n_calls == 0;
    float unknown = in->n_words ? 1.0f - (float)in->n_known_words / (float)in->n_words : 1;
    const float row[SAN_CONFIDENCE_N_BASE] = {1,
                                              sum,
                                              lowest,
                                              low_margin,
                                              first,
                                              first_margin,
                                              target,
                                              key,
                                              value,
                                              more,
                                              sqrtf(-sum),
                                              sqrtf(-lowest),
                                              nothing,
                                              nothing * first,
                                              nothing * first_margin,
                                              logit(sum),
                                              in->n_calls > 1,
                                              options,
                                              unknown,
                                              unknown * (1 - nothing),
                                              logit(lowest),
                                              in->has_target ? in->target_match : 0.5f,
                                              in->has_target ? in->target_share : 0.5f,
                                              in->has_target ? in->target_whole : 0.5f};
    memcpy(f, row, sizeof row);
    for (int i = 0; i < in->width; i++) f[SAN_CONFIDENCE_N_BASE + i] = in->state[i];
}

enum lt_err san_confidence_load(struct san_confidence *c, const struct san_gguf *g, int width,
                                struct lt_diag *diag)
{
    static const char *const keys[] = {"san.confidence.weight", "san.confidence.mean",
                                       "san.confidence.scale"};
    float **field[] = {&c->weight, &c->mean, &c->scale};
    int n = san_confidence_n_feature(width);
    *c = (struct san_confidence){0};
    if (!san_gguf_has(g, keys[0])) return LT_OK;
    for (int i = 0; i < 3; i++) {
        size_t have = 0;
        enum lt_err err = san_gguf_get_f32_array(g, keys[i], field[i], &have, diag);
        if (!err && have != (size_t)n)
            err = lt_fail(diag, LT_ERR_INVALID,
                          "%s: has %zu numbers, a network of width %d needs "
                          "%d; fit the head again with `lintel calibrate`",
                          keys[i], have, width, n);
        if (err) {
            san_confidence_free(c);
            return err;
        }
    }
    c->n = n;
    return LT_OK;
}

void san_confidence_free(struct san_confidence *c)
{
    free(c->weight);
    free(c->mean);
    free(c->scale);
    *c = (struct san_confidence){0};
}

double san_confidence_of(const struct san_confidence *c, const float *f)
{
    if (!c->n) return exp((double)f[1]); /* the product of the decisions' probabilities */
    double z = 0;
    for (int i = 0; i < c->n; i++)
        z += (double)c->weight[i] * (f[i] - (double)c->mean[i]) * (double)c->scale[i];
    return 1 / (1 + exp(-z));
}

/* Solve A x = b (k,k symmetric positive definite, overwritten) by Cholesky; 0 when it is not. */
static int solve(double *a, double *b, int k)
{
    for (int j = 0; j < k; j++) {
        double *row_j = a + (size_t)j * (size_t)k;
        for (int i = j; i < k; i++) {
            double *row_i = a + (size_t)i * (size_t)k, s = row_i[j];
            for (int m = 0; m < j; m++) s -= row_i[m] * row_j[m];
            if (i == j) {
                if (s <= 0) return 0;
                row_j[j] = sqrt(s);
            } else {
                row_i[j] = s / row_j[j];
            }
        }
    }
    for (int i = 0; i < k; i++) {
        for (int m = 0; m < i; m++) b[i] -= a[(size_t)i * (size_t)k + (size_t)m] * b[m];
        b[i] /= a[(size_t)i * (size_t)k + (size_t)i];
    }
    for (int i = k - 1; i >= 0; i--) {
        for (int m = i + 1; m < k; m++) b[i] -= a[(size_t)m * (size_t)k + (size_t)i] * b[m];
        b[i] /= a[(size_t)i * (size_t)k + (size_t)i];
    }
    return 1;
}

static void normalise(struct san_confidence *c, const float *x, int n, int k)
{
    for (int j = 0; j < k; j++) {
        double mean = 0, var = 0;
        for (int i = 0; i < n; i++) mean += x[(size_t)i * (size_t)k + (size_t)j];
        mean /= n;
        for (int i = 0; i < n; i++) {
            double d = x[(size_t)i * (size_t)k + (size_t)j] - mean;
            var += d * d;
        }
        var /= n;
        /* the constant (feature 0) stays 1 */
        c->mean[j] = j ? (float)mean : 0;
        c->scale[j] = j == 0 ? 1 : var > 1e-12 ? (float)(1 / sqrt(var)) : 0;
    }
}

enum lt_err san_confidence_fit(struct san_confidence *out, const float *x, const uint8_t *y, int n,
                               int k, double l2, struct lt_diag *diag)
{
    int n_right = 0;
    for (int i = 0; i < n; i++) n_right += y[i] != 0;
    if (n < 50 || n_right == 0 || n_right == n)
        return lt_fail(diag, LT_ERR_INVALID,
                       "cannot fit the confidence: %d cases with %d right answers; at least 50 "
                       "cases with both right and wrong answers are needed",
                       n, n_right);
    size_t kk = (size_t)k;
    *out = (struct san_confidence){.n = k,
                                   .weight = calloc(kk, sizeof(float)),
                                   .mean = calloc(kk, sizeof(float)),
                                   .scale = calloc(kk, sizeof(float))};
    double *w = calloc(kk, sizeof *w), *g = malloc(kk * sizeof *g),
           *a = malloc(kk * kk * sizeof *a);
    double *z = malloc(kk * sizeof *z);
    int is_ok = out->weight && out->mean && out->scale && w && g && a && z;
    if (is_ok) normalise(out, x, n, k);
    for (int round = 0; round < 25 && is_ok; round++) {
        memset(a, 0, kk * kk * sizeof *a);
        for (int j = 0; j < k; j++) {
            /* the states are many and say little each: they pay the whole penalty */
            double r = !j ? 1e-6 : j < SAN_CONFIDENCE_N_BASE ? l2 / 100 : l2;
            a[(size_t)j * kk + (size_t)j] = r;
            g[j] = -r * w[j];
        }
        for (int i = 0; i < n; i++) {
            double s = 0;
            for (int j = 0; j < k; j++) {
                z[j] =
                    (x[(size_t)i * kk + (size_t)j] - (double)out->mean[j]) * (double)out->scale[j];
                s += z[j] * w[j];
            }
            double p = 1 / (1 + exp(-s)), d = p * (1 - p);
            if (d < 1e-6) d = 1e-6;
            for (int j = 0; j < k; j++) {
                g[j] += z[j] * ((y[i] != 0) - p);
                double dz = d * z[j];
                double *row = a + (size_t)j * kk;
                for (int m = 0; m <= j; m++) row[m] += dz * z[m];
            }
        }
        if (!solve(a, g, k)) break;
        double step = 0;
        for (int j = 0; j < k; j++) {
            w[j] += g[j];
            step += g[j] * g[j];
        }
        if (step < 1e-10) break;
    }
    for (int j = 0; j < k && is_ok; j++) out->weight[j] = (float)w[j];
    free(w);
    free(g);
    free(a);
    free(z);
    if (!is_ok) {
        san_confidence_free(out);
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory fitting the confidence");
    }
    return LT_OK;
}
