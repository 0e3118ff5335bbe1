/* fuzz_gguf.c - model files: any bytes give a reader or an error, never more. */
#include "fuzz.h"
#include "san/confidence.h"
#include "san/gguf.h"
#include "san/model_file.h"
#include "san/tokenizer.h"

/* Every key is asked for as every kind. */
static void read_keys(const struct san_gguf *g)
{
    for (size_t i = 0; i < san_gguf_n_keys(g); i++) {
        const char *key = san_gguf_key_at(g, i), *str = NULL;
        const struct san_gguf_str *strs = NULL;
        uint32_t u = 0;
        float f = 0, *fs = NULL;
        int32_t *is = NULL;
        int b = 0;
        size_t n = 0;
        FUZZ_MUST(san_gguf_has(g, key));
        (void)!san_gguf_get_u32(g, key, &u, NULL);
        (void)!san_gguf_get_f32(g, key, &f, NULL);
        (void)!san_gguf_get_bool(g, key, &b, NULL);
        if (!san_gguf_get_str(g, key, &str, NULL)) FUZZ_MUST(strlen(str) <= SAN_GGUF_STR_MAX);
        if (!san_gguf_get_f32_array(g, key, &fs, &n, NULL)) free(fs);
        if (!san_gguf_get_i32_array(g, key, &is, &n, NULL)) free(is);
        if (!san_gguf_get_str_array(g, key, &strs, &n, NULL))
            for (size_t k = 0; k < n; k++) FUZZ_MUST(strs[k].n <= SAN_GGUF_STR_MAX);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lt_diag diag = {0};
    struct san_gguf *g = NULL;
    struct san_hparams h = {0};
    struct san_params p = {0};
    struct san_tokenizer *t = NULL;
    void *mem = NULL; /* tensors are read in place: aligned, and no byte longer than the input */
    if (posix_memalign(&mem, 32, n ? n : 1)) abort();
    if (n) memcpy(mem, data, n);
    if (san_gguf_open_memory(mem, n, "fuzz", &g, &diag)) {
        FUZZ_MUST(diag.code && diag.text[0] && !g);
    } else {
        unsigned sum = 0;
        read_keys(g);
        for (size_t i = 0; i < san_gguf_n_tensors(g); i++) {
            const struct san_gguf_tensor *ten = san_gguf_tensor_at(g, i);
            for (size_t k = 0; k < ten->n_bytes; k++) sum += ((const uint8_t *)ten->data)[k];
        }
        volatile unsigned sink = sum; /* the reads above are the point */
        (void)sink;
        if (!san_model_hparams(g, &h, &diag)) {
            struct san_confidence c = {0};
            if (!san_model_params(g, &h, &p, &diag)) san_params_free(&p);
            if (!san_confidence_load(&c, g, h.width, NULL)) san_confidence_free(&c);
        }
        if (!san_tokenizer_from_gguf(g, &t, NULL)) san_tokenizer_free(t);
        san_gguf_close(g);
    }
    free(mem);
    return 0;
}
