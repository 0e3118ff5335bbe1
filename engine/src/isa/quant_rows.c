/* quant_rows.c - rows to 8 bits (mat.h). Compiled once per instruction set, but never with fused
 * multiply-adds: all sets round every number the same way. */
#include "kernels.h"
#include "vec.h"

typedef int8_t bytes16 __attribute__((vector_size(16), aligned(1), may_alias));

/* Sum of 16 whole numbers, halving as sum16 does. */
INLINE int32_t total(const ivec16 *v)
{
    ivec8 s8 = ((const ivec8 *)v)[0] + ((const ivec8 *)v)[1];
    ivec4 s4 = ((const ivec4 *)&s8)[0] + ((const ivec4 *)&s8)[1];
    return (s4[0] + s4[2]) + (s4[1] + s4[3]);
}

/* The rounding is that of exp16 in vec.h: adding 1.5 * 2^23 leaves no bits for a fraction. */
void san__quant_rows(const struct san__qrows *to, const float *x, int n)
{
    const float magic = 12582912.0f;
    const ivec16 no_sign = (ivec16){0} + 0x7fffffff;
    int n_group = n * (to->n_in / SAN__GROUP);
    for (int g = 0; g < n_group; g++, x += SAN__GROUP) {
        int8_t *q = to->q + (size_t)g * SAN__GROUP;
        vec16 a = *(const vec16 *)x, b = *(const vec16 *)(x + 16);
        vec16 abs_a = (vec16)((ivec16)a & no_sign), abs_b = (vec16)((ivec16)b & no_sign);
        ivec16 is_a = abs_a > abs_b;
        vec16 most = (vec16)(((ivec16)abs_a & is_a) | ((ivec16)abs_b & ~is_a));
        float max = max16(&most), inv = max > 0 ? 127 / max : 0;
        ivec16 qa = (ivec16)(a * inv + magic) - 0x4B400000,
               qb = (ivec16)(b * inv + magic) - 0x4B400000, both = qa + qb;
        *(bytes16 *)q = __builtin_convertvector(qa, bytes16);
        *(bytes16 *)(q + 16) = __builtin_convertvector(qb, bytes16);
        to->d[g] = max / 127;
        to->sum[g] = total(&both);
    }
}
