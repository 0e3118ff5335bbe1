/* fuzz_config.c - lintel.yaml: read whole or refused with the line; what was read can be printed. */
#include "config.h"
#include "fuzz.h"

static void differs(const char *key, int is_reloadable, void *user)
{
    (void)is_reloadable;
    (void)user;
    fprintf(stderr, "%s differs from itself\n", key);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lt_config a, b;
    struct lt_diag diag = {0};
    char *yaml = malloc(n ? n : 1);
    if (!yaml) abort();
    if (n) memcpy(yaml, data, n);
    if (lt_config_parse(yaml, n, "fuzz.yaml", &a, &diag)) {
        static const struct lt_config zero;
        FUZZ_MUST(diag.text[0] && !memcmp(&a, &zero, sizeof a));
    } else {
        struct lt_buf out;
        lt_buf_init(&out, (size_t)8 << 20);
        FUZZ_MUST(!lt_config_print(&a, &out) && out.n);
        FUZZ_MUST(a.cloud.n_endpoints <= LT_CONFIG_MAX_ENDPOINTS &&
                  a.sites.n <= LT_CONFIG_MAX_LIST);
        FUZZ_MUST(!lt_config_parse(yaml, n, "fuzz.yaml", &b, &diag));
        lt_config_compare(&a, &b, differs, NULL);
        lt_config_free(&b);
        lt_config_free(&a);
        lt_buf_free(&out);
    }
    free(yaml);
    return 0;
}
