/* gemm_amx.c - the product of gemm_bf16.c on processors with tiles (Intel AMX).
 *
 * TDPBF16PS multiplies 16 rows of 16 pairs with 16 pairs of 16 columns: 16,384 operations at once, some
 * thirty times what VDPBF16PS does in the same time on such a processor. A chunk of B is packed as there,
 * its pairs made up to whole tiles with zeros; of A 32 rows at a time, [32][BF16_KC/2] pairs. Four tiles of
 * sums stand over a whole chunk, two of A and two of B beside them (Intel 64 and IA-32 Architectures
 * Software Developer's Manual, volume 1, chapter 18). */
#include "train_int.h"

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__linux__)

#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bf16_pack.h"

#define MR      32
#define STEP    16 /* pairs of a tile */
#define A_LD    (BF16_KC / 2)
#define A_WORDS ((size_t)MR * A_LD)
#define B_WORDS ((size_t)BF16_NC * BF16_KC / 2)
#define TILE    16

/* Linux lets a process use tiles once it has asked (arch_prctl; Documentation/arch/x86/xstate.rst). */
#define REQ_XCOMP_PERM     0x1023
#define XFEATURE_XTILEDATA 18

static atomic_int known; /* 0 not asked, 1 yes, 2 no; whoever asks at once learns the same */

int san__amx_is_available(void)
{
    int v = atomic_load_explicit(&known, memory_order_relaxed);

    if (v == 0) {
        v = syscall(SYS_arch_prctl, REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0 ? 1 : 2;
        atomic_store_explicit(&known, v, memory_order_relaxed);
    }
    return v == 1;
}

void san__amx_allow(int is_allowed)
{
    atomic_store(&known, is_allowed ? 0 : 2);
}

size_t san__amx_bytes(void)
{
    return (A_WORDS + B_WORDS) * sizeof(uint32_t);
}

/* Eight tiles of 16 rows of 64 bytes. */
void san__amx_begin(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } c;

    memset(&c, 0, sizeof c);
    c.palette = 1;
    for (int i = 0; i < 8; i++) {
        c.bytes[i] = 64;
        c.rows[i] = TILE;
    }
    TILES_SEE_MEMORY();
    _tile_loadconfig(&c);
}

void san__amx_end(void)
{
    _tile_release();
}

/* 16 rows of A, of which m are there, as [16][A_LD]; pairs behind k are zeros up to whole tiles. */
static void pack_a_rows(uint32_t *to, const float *a, size_t lda, int m, int k)
{
    for (int r = 0; r < TILE; r++, to += A_LD) {
        for (int p = 0; p < k; p += 2 * STEP) {
            const float *x = a + (size_t)r * lda + p;

            _mm512_storeu_si512(to + p / 2,
                                r < m ? (__m512i)_mm512_cvtne2ps_pbh(
                                            _mm512_maskz_loadu_ps(first(k - p - 16), x + 16),
                                            _mm512_maskz_loadu_ps(first(k - p), x))
                                      : _mm512_setzero_si512());
        }
    }
}

/* The same of A^T: 16 columns of A(k,m). */
static void pack_a_columns(uint32_t *to, const float *a, size_t lda, int m, int k)
{
    const __mmask16 cols = first(m);

    for (int p = 0; p < k; p += 2 * STEP) {
        __m512i r[16];

        for (int i = 0; i < STEP; i++) {
            const int at = p + 2 * i;
            const float *row = a + (size_t)at * lda;

            r[i] =
                at < k ? pairs(row, at + 1 < k ? row + lda : NULL, cols) : _mm512_setzero_si512();
        }
        transpose(r);
        for (int i = 0; i < TILE; i++) _mm512_storeu_si512(to + (size_t)i * A_LD + p / 2, r[i]);
    }
}

/* One tile's sums, rows x cols of them, into C. */
static void put(float *c, size_t ldc, const float *sum, int rows, int cols, float alpha, float beta)
{
    const __mmask16 m = first(cols);

    for (int r = 0; r < rows && r < TILE; r++, c += ldc, sum += TILE) {
        __m512 v = _mm512_mul_ps(_mm512_loadu_ps(sum), _mm512_set1_ps(alpha));

        if (beta != 0) v = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(m, c), _mm512_set1_ps(beta), v);
        _mm512_mask_storeu_ps(c, m, v);
    }
}

/* C's 32 x 32 sums at most, rows x cols of which are stored. */
static void block(float *c, size_t ldc, const uint32_t *a, const uint32_t *b, int n_pair, int rows,
                  int cols, float alpha, float beta)
{
    _Alignas(64) float sum[4][TILE * TILE];
    const int is_low = rows > TILE, is_wide = cols > TILE;

    TILES_SEE_MEMORY();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int p = 0; p < n_pair; p += STEP, b += STEP * BF16_NR) {
        _tile_loadd(4, a + p, A_LD * 4);
        _tile_loadd(6, b, BF16_NR * 4);
        _tile_dpbf16ps(0, 4, 6);
        if (is_wide) {
            _tile_loadd(7, b + 16, BF16_NR * 4);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (is_low) {
            _tile_loadd(5, a + (size_t)TILE * A_LD + p, A_LD * 4);
            _tile_dpbf16ps(2, 5, 6);
            if (is_wide) _tile_dpbf16ps(3, 5, 7);
        }
    }
    _tile_stored(0, sum[0], TILE * 4);
    TILES_SEE_MEMORY();
    put(c, ldc, sum[0], rows, cols, alpha, beta);
    if (is_wide) {
        _tile_stored(1, sum[1], TILE * 4);
        TILES_SEE_MEMORY();
        put(c + TILE, ldc, sum[1], rows, cols - TILE, alpha, beta);
    }
    if (!is_low) return;
    _tile_stored(2, sum[2], TILE * 4);
    TILES_SEE_MEMORY();
    put(c + TILE * ldc, ldc, sum[2], rows - TILE, cols, alpha, beta);
    if (is_wide) {
        _tile_stored(3, sum[3], TILE * 4);
        TILES_SEE_MEMORY();
        put(c + TILE * ldc + TILE, ldc, sum[3], rows - TILE, cols - TILE, alpha, beta);
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void san__gemm_amx(enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc,
                   void *buf, int is_lower)
{
    uint32_t *pa = buf, *pb = pa + A_WORDS;
    const size_t la = (size_t)lda, lb = (size_t)ldb, lc = (size_t)ldc;

    san__amx_begin();
    for (int j = 0; j < n; j += BF16_NC) {
        for (int p = 0; p < k; p += BF16_KC) {
            const int nc = least(n - j, BF16_NC), kc = least(k - p, BF16_KC);
            const int n_pair = (kc + 2 * STEP - 1) / (2 * STEP) * STEP;

            if (tb == SAN__N)
                pack_rows(pb, b + (size_t)p * lb + j, lb, kc, nc, n_pair);
            else
                pack_columns(pb, b + (size_t)j * lb + p, lb, kc, nc, n_pair);
            for (int i = is_lower ? j / MR * MR : 0; i < m; i += MR) {
                const int cols = is_lower ? least(i + MR - j, nc) : nc;

                for (int h = 0; h < MR && i + h < m; h += TILE) {
                    uint32_t *to = pa + (size_t)h * A_LD;

                    if (ta == SAN__N)
                        pack_a_rows(to, a + (size_t)(i + h) * la + p, la, least(m - i - h, TILE),
                                    kc);
                    else
                        pack_a_columns(to, a + (size_t)p * la + i + h, la, m - i - h, kc);
                }
                for (int jj = 0; jj < cols; jj += BF16_NR)
                    block(c + (size_t)i * lc + j + jj, lc, pa, pb + (size_t)jj * (size_t)n_pair,
                          n_pair, least(m - i, MR), least(cols - jj, BF16_NR), alpha,
                          p == 0 ? beta : 1);
            }
        }
    }
    san__amx_end();
}

#else

int san__amx_is_available(void)
{
    return 0;
}
void san__amx_allow(int is_allowed)
{
    (void)is_allowed; /* there is nothing to allow */
}
size_t san__amx_bytes(void)
{
    return 0;
}
void san__amx_begin(void) {}
void san__amx_end(void) {}
void san__gemm_amx(enum san__trans ta, enum san__trans tb, int m, int n, int k, float alpha,
                   const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc,
                   void *buf, int is_lower)
{
    (void)
        is_lower; /* never asked for: san__amx_is_available says no. All of it is more than enough */
    san__gemm_bf16(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, buf);
}

#endif
