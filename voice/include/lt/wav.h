/* lt/wav.h - WAV files, from whoever sends them, and a few of our own.
 *
 * A WAV is "RIFF", a length, "WAVE", then chunks of a name, a length and bytes padded to an even count;
 * "fmt " must come before "data". Read are integer samples of 8, 16, 24 and 32 bits and 32 bit floats,
 * also in the extensible form, 1 to 8 channels, 4 to 192 kHz. Recorders that write to a pipe cannot
 * know the length: 0 and anything from LT_WAV_STREAMED up mean "as much as there is". Any other length
 * that the bytes do not reach is a truncated file and refused.
 * Source: Microsoft, "Multiple channel audio data and WAVE files"; RFC 2361. Pure functions. */
#ifndef LT_WAV_H
#define LT_WAV_H

#include <stddef.h>
#include <stdint.h>

#include "lt/err.h"

#define LT_WAV_STREAMED     0x7fff0000u /* lengths from here up are unknown lengths */
#define LT_WAV_CHANNELS_MAX 8
#define LT_WAV_RATE_MIN     4000
#define LT_WAV_RATE_MAX     192000
#define LT_WAV_HEADER_BYTES 44 /* of the files lt_wav_header begins */

struct lt_wav {
    int rate, channels, bytes; /* Hz; bytes of one sample: 1 (unsigned), 2, 3, 4 (signed) */
    int is_float;              /* 4 byte floats instead, -1..1 */
    const uint8_t *data;       /* borrowed; whole frames only */
    size_t n;                  /* bytes of it */
};

/* Look at n bytes. LT_ERR_PARSE (no WAV, half a header), LT_ERR_UNSUPPORTED (not PCM, odd sizes),
 * LT_ERR_IO (truncated). On LT_OK *out borrows from `bytes`. */
LT_NODISCARD enum lt_err lt_wav_read(const void *bytes, size_t n, struct lt_wav *out,
                                     struct lt_diag *diag);
/* The same checks for samples without a header, as streams bring them: rate, channels and bytes are
 * set, `data` and `n` too. Half a frame at the end is left out. LT_ERR_UNSUPPORTED. */
LT_NODISCARD enum lt_err lt_wav_check(struct lt_wav *w, struct lt_diag *diag);
/* Frames (a sample of each channel) that `w` holds. */
size_t lt_wav_n_frames(const struct lt_wav *w);
/* Mean of the channels of frame i, 16 bit. */
int16_t lt_wav_sample(const struct lt_wav *w, size_t i);
/* Write the header of a 16 bit file whose data has n bytes. */
void lt_wav_header(uint8_t out[LT_WAV_HEADER_BYTES], int rate, int channels, uint32_t n);

#endif
