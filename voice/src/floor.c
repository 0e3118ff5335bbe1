/* floor.c - see floor.h. */
#include "floor.h"

void lt_floor_add(uint32_t *noise, const int16_t *samples, size_t n, int16_t *out)
{
    for (size_t i = 0; i < n; i++) {
        *noise = *noise * 1664525u + 1013904223u; /* Knuth and Lewis' constants */
        int v = samples[i] + (int)((*noise >> 8) % (2 * LT_FLOOR_MOST + 1)) - LT_FLOOR_MOST;
        out[i] = (int16_t)(v > INT16_MAX ? INT16_MAX : v < INT16_MIN ? INT16_MIN : v);
    }
}
