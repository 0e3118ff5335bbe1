/* fuzz_wav.c - any bytes as a WAV: what is accepted can be read to its last frame, resampled and looked
 * through for speech, and no more sound comes out than went in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "lt/endpoint.h"
#include "lt/resample.h"
#include "lt/wav.h"

#define RATE   16000
#define FRAMES 4096 /* enough of a long one */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lt_diag diag = {0};
    struct lt_wav w;
    struct lt_endpoint endpoint;
    static int16_t in[FRAMES];
    if (lt_wav_read(data, n, &w, &diag)) {
        FUZZ_MUST(*diag.text);
        return 0;
    }
    size_t frames = lt_wav_n_frames(&w);
    FUZZ_MUST(w.data >= data && w.data + w.n <= data + n);
    if (frames) (void)lt_wav_sample(&w, frames - 1);
    if (frames > FRAMES) frames = FRAMES;
    for (size_t i = 0; i < frames; i++) in[i] = lt_wav_sample(&w, i);
    struct lt_resample *r = lt_resample_new(w.rate, RATE);
    if (!r) abort();
    size_t room = lt_resample_room(r, frames);
    int16_t *out = malloc((room + lt_resample_room(r, 0)) * sizeof *out);
    if (!out) abort();
    size_t made = lt_resample_push(r, in, frames, out);
    FUZZ_MUST(made <= room);
    made += lt_resample_end(r, out + made);
    FUZZ_MUST(made <= frames * RATE / (size_t)w.rate + 2);
    lt_endpoint_init(&endpoint, 200, 1000, 5000);
    (void)lt_endpoint_hear(&endpoint, out, made);
    free(out);
    lt_resample_free(r);
    return 0;
}
