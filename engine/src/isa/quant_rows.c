/* quant_rows.c - rows to 8 bits (mat.h). Compiled once per instruction set, but never with fused
 * multiply-adds: all sets round every number the same way. */
#include "kernels.h"
#include "vec.h"

/* The rounding of exp16 in vec.h: adding 1.5 * 2^23 leaves no bits for a fraction. */
void san__quant_rows(const struct san__qrows *to, const float *x, int n)
{
    const float magic = 12582912.0f;
    int n_group = n * (to->n_in / SAN__GROUP);
    for (int g = 0; g < n_group; g++, x += SAN__GROUP) {
        int8_t *q = to->q + (size_t)g * SAN__GROUP;
        vec16 a = *(const vec16 *)x, b = *(const vec16 *)(x + 16);
        const ivec16 no_sign = (ivec16){0} + 0x7fffffff;
        vec16 abs_a = (vec16)((ivec16)a & no_sign), abs_b = (vec16)((ivec16)b & no_sign);
        ivec16 is_a = abs_a > abs_b;
        vec16 most = (vec16)(((ivec16)abs_a & is_a) | ((ivec16)abs_b & ~is_a));
        float max = max16(&most), inv = max > 0 ? 127 / max : 0;
        ivec16 qa = (ivec16)(a * inv + magic) - 0x4B400000,
               qb = (ivec16)(b * inv + magic) - 0x4B400000, both = qa + qb;
        int32_t sum = 0;
        for (int i = 0; i < 16; i++) {
            q[i] = (int8_t)qa[i];
            q[16 + i] = (int8_t)qb[i];
            sum += both[i];
        }
        to->d[g] = max / 127;
        to->sum[g] = sum;
    }
}
