/* peak.c - how fast this processor could go, for benchmarks: multiply-adds that wait for nothing.
 * Compiled once per instruction set. */
#include "bytes.h"
#if defined(__AMX_INT8__)
#include "tiles.h"
#endif

#if defined(__AVX512F__)
#define WIDE 16
#elif defined(__AVX__)
#define WIDE 8
#else
#define WIDE 4 /* SSE, NEON */
#endif
typedef float wide __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));

/* Independent sums: more than latency times units, no more than registers. */
#define EACH_CHAIN(XX) XX(0) XX(1) XX(2) XX(3) XX(4) XX(5) XX(6) XX(7) XX(8) XX(9) XX(10) XX(11)
#define CHAINS         12

/* x stays finite because |factor| < 1; the sum keeps the chains from vanishing. */
double san__peak_floats(long rounds, float factor)
{
    wide m = (wide){0} + factor, c = (wide){0} + 0.25f, sum = {0};
#define START(i) wide x##i = (wide){0} + (float)(i);
#define STEP(i)  x##i = x##i * m + c;
#define ADD(i)   sum += x##i;
    EACH_CHAIN(START)
    for (long k = 0; k < rounds; k++) {
        EACH_CHAIN(STEP)
    }
    EACH_CHAIN(ADD)
#undef START
#undef STEP
#undef ADD
    volatile float sink = sum[0];
    (void)sink;
    return 2.0 * CHAINS * WIDE * (double)rounds;
}

#if defined(__AMX_INT8__) /* tiles, six sums of 16 x 16 */
#define EACH_SUM(XX) XX(0) XX(1) XX(2) XX(3) XX(4) XX(5)
enum { SUMS = 6, TILE_SUMS = TILE_ROWS * TILE_BYTES / 4, ROW_BYTES = TILE_BYTES };

/* Tiles 6 and 7 filled with copies of a factor, the others zero. */
static void factors_begin(uint32_t factor)
{
    uint32_t row[TILE_BYTES / 4];
    struct tile_shapes s = {0};
    for (int i = 0; i < TILE_BYTES / 4; i++) row[i] = factor;
    for (int tile = 0; tile < 8; tile++) tile_shape(&s, tile, TILE_ROWS, TILE_BYTES);
    tiles_begin(&s);
    TILE_LOAD(6, row, 0);
    TILE_LOAD(7, row, 0);
}

double san__peak_bytes(long rounds, int32_t factor)
{
    factors_begin((uint32_t)factor);
#define STEP(i) _tile_dpbssd(i, 6, 7);
    for (long k = 0; k < 2 * rounds; k++) {
        EACH_SUM(STEP)
    }
#undef STEP
    _tile_release();
    return 2.0 * 2 * SUMS * TILE_SUMS * ROW_BYTES * (double)rounds;
}

double san__peak_pairs(long rounds, float factor)
{
    uint32_t bits;
    memcpy(&bits, &factor, sizeof bits);
    factors_begin((bits & 0xffff0000) | bits >> 16);
#define STEP(i) _tile_dpbf16ps(i, 6, 7);
    for (long k = 0; k < 2 * rounds; k++) {
        EACH_SUM(STEP)
    }
#undef STEP
    _tile_release();
    return 2.0 * 2 * SUMS * TILE_SUMS * (ROW_BYTES / 2) * (double)rounds;
}

#else

double san__peak_bytes(long rounds, int32_t factor)
{
    uint8_t some[PIECE];
    memset(some, 3, sizeof some);
    bytes w = load(some);
#define START(i) sums x##i = all(i);
#define STEP(i)  x##i = dot4(x##i, w, factor, 4);
#define HIDE(i)  __asm__ volatile("" : "+m"(x##i)); /* each chain was needed */
    EACH_CHAIN(START)
    for (long k = 0; k < rounds; k++) {
        __asm__ volatile("" : "+r"(factor)); /* and could not be multiplied out */
        EACH_CHAIN(STEP)
    }
    EACH_CHAIN(HIDE)
#undef START
#undef STEP
#undef HIDE
    return 2.0 * 4 * CHAINS * LANES * (double)rounds;
}

double san__peak_pairs(long rounds, float factor)
{
#if defined(__AVX512BF16__)
    __m512bh w = (__m512bh)_mm512_set1_epi16(0x3e80),
             f = _mm512_cvtne2ps_pbh(_mm512_set1_ps(factor), _mm512_set1_ps(factor));
#define START(i) __m512 x##i = _mm512_set1_ps((float)(i));
#define STEP(i)  x##i = _mm512_dpbf16_ps(x##i, w, f);
#define HIDE(i)  __asm__ volatile("" : "+v"(x##i));
    EACH_CHAIN(START)
    for (long k = 0; k < rounds; k++) {
        EACH_CHAIN(STEP)
    }
    EACH_CHAIN(HIDE)
#undef START
#undef STEP
#undef HIDE
    return 2.0 * 2 * CHAINS * WIDE * (double)rounds;
#else
    return san__peak_floats(rounds, factor);
#endif
}

#endif

float san__peak_read(const float *p, size_t n)
{
    enum { AT_ONCE = 8 };
    wide sum[AT_ONCE] = {{0}};
    float total = 0;
    for (size_t i = 0; i + AT_ONCE * WIDE <= n; i += AT_ONCE * WIDE)
        for (int k = 0; k < AT_ONCE; k++) sum[k] += *(const wide *)(p + i + (size_t)k * WIDE);
    for (int k = 0; k < AT_ONCE; k++)
        for (int i = 0; i < WIDE; i++) total += sum[k][i];
    return total;
}
