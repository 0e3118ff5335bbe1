/* wav.c - chunks, checks, samples. */
#include "lt/wav.h"

#include <string.h>

enum { FORMAT_PCM = 1, FORMAT_FLOAT = 3, FORMAT_EXTENSIBLE = 0xfffe };
#define FMT_MIN      16
#define FMT_EXT      40 /* of the extensible form */
#define SUBFORMAT_AT 24 /* in it */

static uint32_t u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static unsigned u16(const uint8_t *p)
{
    return p[0] | (unsigned)p[1] << 8;
}

enum lt_err lt_wav_check(struct lt_wav *w, struct lt_diag *diag)
{
    if (w->rate < LT_WAV_RATE_MIN || w->rate > LT_WAV_RATE_MAX)
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "audio of %d Hz; send %d to %d", w->rate,
                       LT_WAV_RATE_MIN, LT_WAV_RATE_MAX);
    if (w->channels < 1 || w->channels > LT_WAV_CHANNELS_MAX)
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "audio of %d channels; send 1 to %d", w->channels,
                       LT_WAV_CHANNELS_MAX);
    if (w->bytes < 1 || w->bytes > 4 || (w->is_float && w->bytes != 4))
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "audio of %d bytes a sample; send 16 bit integers",
                       w->bytes);
    w->n -= w->n % ((size_t)w->channels * (size_t)w->bytes);
    return LT_OK;
}

static enum lt_err read_format(const uint8_t *p, uint32_t n, struct lt_wav *out,
                               struct lt_diag *diag)
{
    unsigned format = n >= FMT_MIN ? u16(p) : 0, bits = n >= FMT_MIN ? u16(p + 14) : 0;
    if (n < FMT_MIN) return lt_fail(diag, LT_ERR_PARSE, "WAV: format of %u bytes, not 16", n);
    if (format == FORMAT_EXTENSIBLE && n >= FMT_EXT) format = u16(p + SUBFORMAT_AT);
    if (format != FORMAT_PCM && format != FORMAT_FLOAT)
        return lt_fail(diag, LT_ERR_UNSUPPORTED,
                       "WAV: coding %u is not plain PCM; record 16 bit PCM (arecord -f S16_LE)",
                       format);
    if (bits % 8 || !bits)
        return lt_fail(diag, LT_ERR_UNSUPPORTED, "WAV: %u bits a sample; record 16", bits);
    uint32_t rate = u32(p + 4);
    out->is_float = format == FORMAT_FLOAT;
    out->channels = (int)u16(p + 2);
    out->rate = rate > LT_WAV_RATE_MAX ? LT_WAV_RATE_MAX + 1 : (int)rate;
    out->bytes = (int)bits / 8;
    return LT_OK;
}

enum lt_err lt_wav_read(const void *bytes, size_t n, struct lt_wav *out, struct lt_diag *diag)
{
    const uint8_t *p = bytes;
    int has_format = 0;
    memset(out, 0, sizeof *out);
    if (n < 12 || memcmp(p, "RIFF", 4) != 0 || memcmp(p + 8, "WAVE", 4) != 0)
        return lt_fail(diag, LT_ERR_PARSE, "no WAV: it does not begin with RIFF and WAVE");
    for (size_t at = 12; n - at >= 8;) {
        uint32_t size = u32(p + at + 4);
        const uint8_t *body = p + at + 8;
        size_t left = n - at - 8;
        if (!memcmp(p + at, "data", 4)) {
            if (!has_format) return lt_fail(diag, LT_ERR_PARSE, "WAV: samples before their format");
            if (!size || size >= LT_WAV_STREAMED)
                size = left > UINT32_MAX ? UINT32_MAX : (uint32_t)left;
            if (size > left)
                return lt_fail(diag, LT_ERR_IO, "WAV: truncated, %zu of %u bytes of samples came",
                               left, size);
            out->data = body;
            out->n = size;
            return lt_wav_check(out, diag);
        }
        if (size > left)
            return lt_fail(diag, LT_ERR_PARSE, "WAV: a chunk of %u bytes ends after %zu", size,
                           left);
        if (!memcmp(p + at, "fmt ", 4)) {
            enum lt_err err = read_format(body, size, out, diag);
            if (err) return err;
            has_format = 1;
        }
        size_t step = 8 + (size_t)size + (size & 1);
        if (step > n - at) break;
        at += step;
    }
    return lt_fail(diag, LT_ERR_PARSE, "WAV: no samples, the file ends in its header");
}

size_t lt_wav_n_frames(const struct lt_wav *w)
{
    return w->n / ((size_t)w->channels * (size_t)w->bytes);
}

static double float_sample(const uint8_t *p)
{
    uint32_t bits = u32(p);
    float f;
    memcpy(&f, &bits, sizeof f);
    if (!(f >= -1)) return -32768; /* NaN too */
    return f > 1 ? 32767 : (double)f * 32767;
}

int16_t lt_wav_sample(const struct lt_wav *w, size_t i)
{
    const uint8_t *p = w->data + i * (size_t)w->channels * (size_t)w->bytes;
    double sum = 0;
    for (int c = 0; c < w->channels; c++, p += w->bytes) {
        if (w->is_float)
            sum += float_sample(p);
        else if (w->bytes == 1)
            sum += (p[0] - 128) * 256;
        else /* the two highest bytes carry the sign */
            sum += (int16_t)u16(p + w->bytes - 2);
    }
    return (int16_t)(sum / w->channels);
}

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> (8 * i));
}

void lt_wav_header(uint8_t out[LT_WAV_HEADER_BYTES], int rate, int channels, uint32_t n)
{
    const unsigned frame = 2u * (unsigned)channels;
    memcpy(out, "RIFF....WAVEfmt ", 16);
    put32(out + 4, n + LT_WAV_HEADER_BYTES - 8);
    put32(out + 16, FMT_MIN);
    put32(out + 20, FORMAT_PCM | (uint32_t)channels << 16);
    put32(out + 24, (uint32_t)rate);
    put32(out + 28, (uint32_t)rate * frame);
    put32(out + 32, frame | 16u << 16);
    memcpy(out + 36, "data", 4);
    put32(out + 40, n);
}
