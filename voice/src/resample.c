/* resample.c - a windowed sinc, its kernel looked up between tabulated points. */
#include "lt/resample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define POINTS   64   /* of the kernel between two samples of the slower rate */
#define RATE_MIN 4000 /* as lt/wav.h takes them */
#define RATE_MAX 192000
#define CUT      0.93 /* of half the slower rate: leaves room for the slope */
#define PI       3.14159265358979323846

struct lt_resample {
    double kernel[LT_RESAMPLE_REACH * POINTS + 2]; /* one side */
    double step;                                   /* samples in for one out */
    double scale;                                  /* kernel points for one sample in */
    double gain;
    double next;     /* where the next sample out stands, in samples of `held` */
    int16_t *held;   /* the input that is still needed */
    size_t n, alloc; /* of it */
    size_t reach;    /* samples in on each side */
};

struct lt_resample *lt_resample_new(int from, int to)
{
    if (from < RATE_MIN || from > RATE_MAX || to < RATE_MIN || to > RATE_MAX) return NULL;
    struct lt_resample *r = calloc(1, sizeof *r);
    if (!r) return NULL;
    double slower = from < to ? 1 : (double)to / from; /* of the rate in */
    r->step = (double)from / to;
    r->scale = slower * POINTS;
    r->gain = slower * CUT;
    r->reach = (size_t)ceil(LT_RESAMPLE_REACH / slower);
    r->n = r->reach; /* silence before the first sample */
    r->alloc = r->reach * 4 + 4096;
    r->next = (double)r->reach;
    r->held = calloc(r->alloc, sizeof *r->held);
    for (int i = 0; i < LT_RESAMPLE_REACH * POINTS; i++) {
        double x = PI * CUT * i / POINTS, w = PI * i / (LT_RESAMPLE_REACH * POINTS);
        double window = 0.42 + 0.5 * cos(w) + 0.08 * cos(2 * w); /* Blackman */
        r->kernel[i] = (i ? sin(x) / x : 1) * window;
    }
    if (r->held) return r;
    free(r);
    return NULL;
}

void lt_resample_free(struct lt_resample *r)
{
    if (!r) return;
    free(r->held);
    free(r);
}

size_t lt_resample_room(const struct lt_resample *r, size_t n)
{
    return (size_t)((double)(n + r->n + r->reach) / r->step) + 2;
}

static int16_t at(const struct lt_resample *r, double where)
{
    size_t first = (size_t)where + 1 - r->reach, last = (size_t)where + r->reach;
    double sum = 0;
    for (size_t i = first; i <= last; i++) {
        double point = fabs((double)i - where) * r->scale;
        size_t k = (size_t)point;
        if (k >= LT_RESAMPLE_REACH * POINTS) continue;
        double share = point - (double)k;
        sum += r->held[i] * (r->kernel[k] * (1 - share) + r->kernel[k + 1] * share);
    }
    sum = floor(sum * r->gain + 0.5);
    return (int16_t)(sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
}

size_t lt_resample_push(struct lt_resample *r, const int16_t *in, size_t n, int16_t *out)
{
    size_t made = 0;
    while (n) {
        size_t part = r->alloc - r->n < n ? r->alloc - r->n : n;
        memcpy(r->held + r->n, in, part * sizeof *in);
        r->n += part;
        in += part;
        n -= part;
        while (r->next + (double)r->reach + 1 < (double)r->n) {
            out[made++] = at(r, r->next);
            r->next += r->step;
        }
        size_t done = (size_t)r->next + 1 - r->reach;
        if (done > r->n) done = r->n;
        memmove(r->held, r->held + done, (r->n - done) * sizeof *r->held);
        r->n -= done;
        r->next -= (double)done;
    }
    return made;
}

size_t lt_resample_end(struct lt_resample *r, int16_t *out)
{
    static const int16_t silence[256];
    size_t made = 0, left = r->reach + 1;
    while (left) {
        size_t part = left < 256 ? left : 256;
        made += lt_resample_push(r, silence, part, out + made);
        left -= part;
    }
    return made;
}
