/* floor.h - a floor of noise under sound, as every microphone has one.
 *
 * The acoustic model learnt from microphones: where sound was made by a machine or cleaned by one, it takes the
 * nothing between two tones for a sound of its own. White noise, evenly spread up to 60 dB below the loudest sample
 * there is, is less than any room has, and mends that (docs/voice.md has the figures). It is the same noise in every
 * utterance, and does not depend on how the sound is cut up. Pure; any thread. */
#ifndef LT_FLOOR_H
#define LT_FLOOR_H

#include <stddef.h>
#include <stdint.h>

#define LT_FLOOR_MOST  33 /* of 32767: 60 dB below it */
#define LT_FLOOR_BEGIN 1  /* where the generator begins in each utterance */

/* Add noise to n samples of 16 bits; what would be louder than they can be is as loud as they can be. `noise` is
 * where the generator is. `out` has room for n and may be `samples`. */
void lt_floor_add(uint32_t *noise, const int16_t *samples, size_t n, int16_t *out);

#endif
