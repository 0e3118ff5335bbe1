/* endpoint.c - loud or quiet, counted. */
#include "lt/endpoint.h"

#include <math.h>
#include <string.h>

#define PIECE_MS      20
#define ABOVE_DB      9.0   /* what stands out from the background */
#define QUIETEST_DB   24.0  /* below this (16 of 32768) nothing is speech */
#define FLOOR_MOST_DB 55.0  /* a stream may begin in the middle of a word */
#define RECENT        0x1fu /* five pieces */
#define N_LOUD_START  3

void lt_endpoint_init(struct lt_endpoint *e, int silence_ms, int wait_ms, int max_ms)
{
    memset(e, 0, sizeof *e);
    e->silence_ms = silence_ms;
    e->wait_ms = wait_ms;
    e->max_ms = max_ms;
}

/* The quietest of the last pieces. */
static double background(const struct lt_endpoint *e)
{
    double least = FLOOR_MOST_DB;
    for (int64_t i = 0; i < LT_ENDPOINT_MEMORY && i < e->n_pieces; i++)
        if (e->past_db[i] < least) least = e->past_db[i];
    return least;
}

static void judge(struct lt_endpoint *e)
{
    double db = 10 * log10(e->energy / LT_ENDPOINT_PIECE + 1);
    e->past_db[e->n_pieces++ % LT_ENDPOINT_MEMORY] = (float)db;
    int is_loud = db > background(e) + ABOVE_DB && db > QUIETEST_DB, n_loud = 0;
    e->recent = (e->recent << 1 | (unsigned)is_loud) & RECENT;
    for (unsigned bits = e->recent; bits; bits >>= 1) n_loud += bits & 1;
    e->heard_ms += PIECE_MS;
    e->quiet_ms = is_loud ? 0 : e->quiet_ms + PIECE_MS;
    if (e->state == LT_ENDPOINT_WAITING) {
        if (n_loud >= N_LOUD_START)
            e->state = LT_ENDPOINT_SPEAKING;
        else if (e->heard_ms >= e->wait_ms)
            e->state = LT_ENDPOINT_NOTHING;
    } else if (e->state == LT_ENDPOINT_SPEAKING) {
        e->spoken_ms += PIECE_MS;
        if (e->quiet_ms >= e->silence_ms || e->spoken_ms >= e->max_ms) e->state = LT_ENDPOINT_ENDED;
    }
}

enum lt_endpoint_state lt_endpoint_hear(struct lt_endpoint *e, const int16_t *samples, size_t n)
{
    for (size_t i = 0; i < n && e->state <= LT_ENDPOINT_SPEAKING; i++) {
        e->energy += (double)samples[i] * samples[i];
        if (++e->n < LT_ENDPOINT_PIECE) continue;
        judge(e);
        e->energy = 0;
        e->n = 0;
    }
    return e->state;
}
