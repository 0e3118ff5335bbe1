/* lt/resample.h - audio of any rate at the recogniser's 16 kHz.
 *
 * A stream of 16 bit samples goes in at its own rate and comes out at another. Each sample out is the
 * input under a windowed sinc that cuts what the lower of both rates cannot carry (Smith, "Digital
 * audio resampling"). State is a few hundred samples; LT_RESAMPLE_REACH samples of the slower rate are
 * held back until more comes or lt_resample_end. One owner. */
#ifndef LT_RESAMPLE_H
#define LT_RESAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"

#define LT_RESAMPLE_REACH                                                                          \
    16 /* samples of the slower rate that each side of a sample out draws on */

struct lt_resample; /* opaque */

/* From one rate to another, Hz, both 4000 to 192000. NULL: out of memory, or a rate beyond. */
LT_NODISCARD struct lt_resample *lt_resample_new(int from, int to);
void lt_resample_free(struct lt_resample *r); /* NULL is fine */
/* Most samples that come out for n that go in. */
size_t lt_resample_room(const struct lt_resample *r, size_t n);
/* Take n samples and write those that are ready; `out` has room for lt_resample_room(r, n). Returns
 * how many. */
size_t lt_resample_push(struct lt_resample *r, const int16_t *in, size_t n, int16_t *out);
/* What is held back, as if silence followed; `out` has room for lt_resample_room(r, 0). */
size_t lt_resample_end(struct lt_resample *r, int16_t *out);

#endif
