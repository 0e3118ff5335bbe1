/* fuzz_privacy.c - what people say through the veil and back: hidden words come back as they were (but
 * for capitals), and showing anything at all is safe. */
#include <strings.h>

#include "fuzz.h"
#include "privacy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {"Anna", "Tom Miller", "Zo\xc3\xab", NULL};
    struct lt_privacy_rules rules = {.hide = LT_HIDE_NAMES | LT_HIDE_NUMBERS | LT_HIDE_ADDRESSES,
                                     .names = names};
    struct lt_veil *v = NULL;
    struct lt_diag d = {0};
    if (n > 4096) return 0;
    char *said = fuzz_text(data, n);
    fuzz_need(lt_veil_new(NULL, &rules, &v), &d);
    char *sent = lt_veil_hide(v, said);
    FUZZ_MUST(sent);
    char *shown = lt_veil_show(v, sent);
    FUZZ_MUST(shown);
    /* words of the speaker's own that look like placeholders are taken for them */
    int is_odd = 0;
    for (const char *s = said; *s; s++)
        is_odd |= *s == '-' && s[1] >= '0' && s[1] <= '9' && s > said &&
                  (s[-1] == 'n' || s[-1] == 'r' || s[-1] == 's' || s[-1] == 'N' || s[-1] == 'R' ||
                   s[-1] == 'S');
    FUZZ_MUST(is_odd || !strcasecmp(shown, said));
    free(shown);
    free(sent);
    free(said);
    lt_veil_free(v);
    return 0;
}
