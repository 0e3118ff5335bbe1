/* vec.h - vectors of 4 to 16 floats in the compiler's own notation, for the kernels.
 *
 * On narrower machines the compiler splits them. Half precision (IEEE binary16) is a storage
 * format only: 16 bits in memory, converted on the way into a register. Where the processor
 * converts (SAN__HALF_IS_FAST), that costs less than the memory traffic it saves; elsewhere the
 * portable conversion gives the same bits, slowly.
 * Needs float alignment only, whatever the types look like. */
#ifndef SAN_VEC_H
#define SAN_VEC_H

#include <stdint.h>
#include <string.h>

#if defined(__F16C__)
#include <immintrin.h>
#define SAN__HALF_IS_FAST 1
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define SAN__HALF_IS_FAST 1
#else
#define SAN__HALF_IS_FAST 0
#endif

typedef float vec16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef float vec8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef float vec4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int ivec4 __attribute__((vector_size(16), aligned(4), may_alias));
typedef int ivec8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef int ivec16 __attribute__((vector_size(64), aligned(4), may_alias));
typedef unsigned uvec8 __attribute__((vector_size(32), aligned(4), may_alias));
typedef unsigned uvec16 __attribute__((vector_size(64), aligned(4), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* Sum and largest of 16 lanes, halving: 16, 8, 4, then one by one. */
INLINE float sum16(const vec16 *v)
{
    vec8 s8 = ((const vec8 *)v)[0] + ((const vec8 *)v)[1];
    vec4 s4 = ((const vec4 *)&s8)[0] + ((const vec4 *)&s8)[1];
    return (s4[0] + s4[2]) + (s4[1] + s4[3]);
}

INLINE float max16(const vec16 *v)
{
    vec8 a8 = ((const vec8 *)v)[0], b8 = ((const vec8 *)v)[1];
    ivec8 is_a8 = a8 > b8;
    vec8 m8 = (vec8)(((ivec8)a8 & is_a8) | ((ivec8)b8 & ~is_a8));
    vec4 a4 = ((const vec4 *)&m8)[0], b4 = ((const vec4 *)&m8)[1];
    ivec4 is_a4 = a4 > b4;
    vec4 m4 = (vec4)(((ivec4)a4 & is_a4) | ((ivec4)b4 & ~is_a4));
    float even = m4[0] > m4[2] ? m4[0] : m4[2], odd = m4[1] > m4[3] ? m4[1] : m4[3];
    return even > odd ? even : odd;
}

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln2 / 2; the rounding uses that adding
 * 1.5 * 2^23 to a float leaves no bits for a fraction. exp(r) is its Taylor polynomial of degree
 * 7, whose remainder is below 1e-8. ln 2 is subtracted in two parts to keep r exact. */
INLINE void exp16(vec16 *p)
{
    const float magic = 12582912.0f;
    vec16 x = *p;
    ivec16 is_normal = x > -87.0f;
    x = (vec16)((ivec16)x & is_normal); /* the others become 0 here and in the end */
    vec16 t = x * 1.44269504f + magic;
    uvec16 n = (uvec16)t - 0x4B400000u;
    vec16 nf = t - magic;
    vec16 r = x - nf * 0.693359375f;
    r = r - nf * -2.12194440e-4f;
    vec16 y = r * (1.0f / 5040) + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    *p = (vec16)(((uvec16)y + (n << 23)) & (uvec16)is_normal);
}

/* A finite half: its exponent and mantissa, moved into place, are the float's scaled by 2^-112. */
INLINE float half_to_float(uint16_t h)
{
    uint32_t bits = (uint32_t)(h & 0x7fff) << 13;
    float f;
    memcpy(&f, &bits, sizeof f);
    f *= 0x1p112f;
    return h & 0x8000 ? -f : f;
}

/* Nearest half, ties to even; what is too large becomes the largest finite one. */
INLINE uint16_t float_to_half(float f)
{
    uint32_t bits, sign;
    memcpy(&bits, &f, sizeof bits);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits >= 0x477fe000) return (uint16_t)(sign | 0x7bff); /* 65504 and above */
    if (bits < 0x38800000) { /* below 2^-14: the adder rounds to multiples of 2^-24 */
        float small;
        memcpy(&small, &bits, sizeof small);
        small += 0.5f;
        memcpy(&bits, &small, sizeof bits);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    bits += 0xfff + (bits >> 13 & 1);
    return (uint16_t)(sign | ((bits - 0x38000000) >> 13));
}

INLINE void load8_half(vec8 *to, const uint16_t *p)
{
#if defined(__F16C__)
    *to = (vec8)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i_u *)(const void *)p));
#elif SAN__HALF_IS_FAST
    float16x8_t h = vreinterpretq_f16_u16(vld1q_u16(p));
    ((vec4 *)to)[0] = (vec4)vcvt_f32_f16(vget_low_f16(h));
    ((vec4 *)to)[1] = (vec4)vcvt_high_f32_f16(h);
#else
    uvec8 h = {p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]};
    vec8 f = (vec8)((h & 0x7fffu) << 13) * 0x1p112f;
    *to = (vec8)((uvec8)f | (h & 0x8000u) << 16);
#endif
}

INLINE void load16_half(vec16 *to, const uint16_t *p)
{
#if defined(__AVX512F__)
    *to = (vec16)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i_u *)(const void *)p));
#else
    load8_half((vec8 *)to, p);
    load8_half((vec8 *)to + 1, p + 8);
#endif
}

#endif
