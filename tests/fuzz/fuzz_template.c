/* fuzz_template.c - templates from outside: a text, or a reason why not.
 *
 * Input: template, NUL, payload. What the check refuses is never evaluated to a value. */
#include "fuzz.h"
#include "template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t n_template = 0, n_payload = 0;
    const uint8_t *payload = fuzz_cut(data, n, 0, &n_template, &n_payload);
    char *text = fuzz_text(data, n_template), *value = fuzz_text(payload, n_payload);
    char out[64] = "";
    struct lt_diag diag = {0}, unused = {0};
    enum lt_err check = lt_template_check(text, &diag);
    FUZZ_MUST(!check || diag.text[0]);
    (void)!lt_template_value(text, value, out, sizeof out, &unused);
    FUZZ_MUST(memchr(out, 0, sizeof out));
    free(text);
    free(value);
    return 0;
}
