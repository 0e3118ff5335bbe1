/* bytes.h - sums of products of bytes, for the instruction set that is being compiled.
 *
 * `sums` holds LANES whole numbers, one for each output row; `bytes` four unsigned weights for each.
 * dot4 adds to each sum its four weights times the four signed numbers in x. Weights carry an
 * offset (mat.h): what it adds to a sum is OFFSET times the sum of the numbers, to be subtracted;
 * OFFSET_8 is 0 where dot4 itself takes it off. `low` and `high` are the nibbles of 4-bit weights,
 * `scaled` adds s * d * x to f. */
#ifndef SAN_BYTES_H
#define SAN_BYTES_H

#include "kernels.h"
#include "vec.h"

#define PIECE 64 /* bytes: four columns of 16 rows, for 4 bits of two times four */

#if defined(__AVX512VNNI__)

enum { LANES = 16, MR_MAX = 8, NU_MAX = 4, OFFSET_8 = 128, OFFSET_4 = 8 };
typedef __m512i sums;
typedef __m512i bytes;
typedef __m512 floats;

INLINE sums all(int32_t x)
{
    return _mm512_set1_epi32(x);
}
INLINE bytes load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
INLINE bytes low(bytes b)
{
    return _mm512_and_si512(b, _mm512_set1_epi8(15));
}
INLINE bytes high(bytes b)
{
    return low(_mm512_srli_epi16(b, 4));
}
INLINE sums dot4(sums s, bytes w, int32_t x, int bits)
{
    (void)bits;
    return _mm512_dpbusd_epi32(s, w, _mm512_set1_epi32(x));
}
INLINE floats scales(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)(const void *)p));
}
INLINE floats scaled(floats f, sums s, floats d, float x)
{
    return _mm512_fmadd_ps(_mm512_cvtepi32_ps(s), _mm512_mul_ps(d, _mm512_set1_ps(x)), f);
}

#elif defined(__AVX2__)

enum { LANES = 8, MR_MAX = 4, NU_MAX = 4, OFFSET_8 = 0, OFFSET_4 = 8 };
typedef __m256i sums;
typedef __m256i bytes;
typedef __m256 floats;

INLINE sums all(int32_t x)
{
    return _mm256_set1_epi32(x);
}
INLINE bytes load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i_u *)(const void *)p);
}
INLINE bytes low(bytes b)
{
    return _mm256_and_si256(b, _mm256_set1_epi8(15));
}
INLINE bytes high(bytes b)
{
    return low(_mm256_srli_epi16(b, 4));
}
/* The product of bytes adds pairs in 16 bits, which holds |x| <= 127 times |w| <= 127 twice; so w
 * gets x's sign, and x loses it. */
INLINE sums dot4(sums s, bytes w, int32_t x, int bits)
{
    __m256i four = _mm256_set1_epi32(x), pairs;
    if (bits == 4) {
        pairs = _mm256_maddubs_epi16(w, four);
    } else {
        __m256i q = _mm256_xor_si256(w, _mm256_set1_epi8(-128));
        pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(four), _mm256_sign_epi8(q, four));
    }
    return _mm256_add_epi32(s, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
INLINE floats scales(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(const void *)p));
}
INLINE floats scaled(floats f, sums s, floats d, float x)
{
    return _mm256_fmadd_ps(_mm256_cvtepi32_ps(s), _mm256_mul_ps(d, _mm256_set1_ps(x)), f);
}

#elif defined(__ARM_FEATURE_DOTPROD) && defined(__aarch64__)

enum { LANES = 4, MR_MAX = 4, NU_MAX = 4, OFFSET_8 = 0, OFFSET_4 = 8 };
typedef int32x4_t sums;
typedef uint8x16_t bytes;
typedef float32x4_t floats;

INLINE sums all(int32_t x)
{
    return vdupq_n_s32(x);
}
INLINE bytes load(const uint8_t *p)
{
    return vld1q_u8(p);
}
INLINE bytes low(bytes b)
{
    return vandq_u8(b, vdupq_n_u8(15));
}
INLINE bytes high(bytes b)
{
    return vshrq_n_u8(b, 4);
}
INLINE sums dot4(sums s, bytes w, int32_t x, int bits)
{
    int8x16_t q = vreinterpretq_s8_u8(bits == 8 ? veorq_u8(w, vdupq_n_u8(128)) : w);
    return vdotq_s32(s, q, vreinterpretq_s8_s32(vdupq_n_s32(x)));
}
INLINE floats scales(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}
INLINE floats scaled(floats f, sums s, floats d, float x)
{
    return vfmaq_f32(f, vcvtq_f32_s32(s), vmulq_n_f32(d, x));
}

#else /* in C: the compiler finds what vectors there are */

enum { LANES = 16, MR_MAX = 2, NU_MAX = 1, OFFSET_8 = 128, OFFSET_4 = 8 };
typedef struct {
    int32_t v[LANES];
} sums;
typedef struct {
    uint8_t v[PIECE];
} bytes;
typedef struct {
    float v[LANES];
} floats;

INLINE sums all(int32_t x)
{
    sums s;
    for (int i = 0; i < LANES; i++) s.v[i] = x;
    return s;
}
INLINE bytes load(const uint8_t *p)
{
    bytes b;
    memcpy(b.v, p, sizeof b.v);
    return b;
}
INLINE bytes low(bytes b)
{
    for (int i = 0; i < PIECE; i++) b.v[i] &= 15;
    return b;
}
INLINE bytes high(bytes b)
{
    for (int i = 0; i < PIECE; i++) b.v[i] >>= 4;
    return b;
}
INLINE sums dot4(sums s, bytes w, int32_t x, int bits)
{
    int8_t four[4];
    (void)bits;
    memcpy(four, &x, sizeof four);
    for (int i = 0; i < LANES; i++)
        s.v[i] += w.v[4 * i] * four[0] + w.v[4 * i + 1] * four[1] + w.v[4 * i + 2] * four[2] +
                  w.v[4 * i + 3] * four[3];
    return s;
}
INLINE floats scales(const uint16_t *p)
{
    floats f;
    for (int i = 0; i < LANES; i += 8) load8_half((vec8 *)(void *)(f.v + i), p + i);
    return f;
}
INLINE floats scaled(floats f, sums s, floats d, float x)
{
    for (int i = 0; i < LANES; i++) f.v[i] += (float)s.v[i] * (d.v[i] * x);
    return f;
}

#endif

#endif
