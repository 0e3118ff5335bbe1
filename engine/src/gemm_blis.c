/* gemm_blis.c - matrix products of several rows on BLIS. The only file that knows it.
 *
 * BLIS is told with every call to use one thread: a request's products are small, a second thread
 * would mostly wait, and the hub's other core has work of its own. Nothing global is set, so a
 * trainer in the same process may still use all threads. */
#include <blis.h>
#include <stdint.h>

#include "kernels.h"

/* BLIS takes no const pointers, but only writes to c. */
static float *unconst(const float *p)
{
    return (float *)(uintptr_t)p;
}

void san__gemm(float *y, const float *x, const float *w, int m, int n, int k, float alpha,
               float beta)
{
    if (m <= 0) return;
    if (m == 1) {
        san__matvec(y, w, x, n, k, alpha, beta);
        return;
    }
    rntm_t one_thread = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &one_thread);
    bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_TRANSPOSE, m, n, k, &alpha, unconst(x), k, 1, unconst(w),
                 k, 1, &beta, y, n, 1, NULL, &one_thread);
}
