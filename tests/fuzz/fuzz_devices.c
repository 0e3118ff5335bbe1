/* fuzz_devices.c - files of devices described by hand: read as values, or refused with a reason; what was
 * read is then described to a discovery.
 *
 * Input: YAML. */
#include <jansson.h>

#include "devices_file.h"
#include "discovery.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lt_diag diag = {0};
    json_t *v = NULL;
    if (lt_devices_file_parse((const char *)data, n, "fuzz", &v, &diag)) {
        FUZZ_MUST(diag.text[0] && !v);
        return 0;
    }
    FUZZ_MUST(json_is_object(v));
    struct lt_discovery_options o = {.ha_prefix = NULL};
    struct lt_discovery *d = NULL;
    fuzz_need(lt_discovery_new(&o, &d, &diag), &diag);
    FUZZ_MUST(!lt_discovery_set_devices(d, v));
    lt_discovery_free(d);
    json_decref(v);
    return 0;
}
