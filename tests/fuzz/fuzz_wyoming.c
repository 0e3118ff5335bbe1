/* fuzz_wyoming.c - any bytes as a Wyoming stream, whole and byte by byte: the same events come out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wyoming_frame.h"

static int count(void *ctx, const struct lt_wyoming_event *e)
{
    FUZZ_MUST(e->type && e->data && e->payload_len <= LT_WYOMING_PAYLOAD_MAX);
    ++*(int *)ctx;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lt_diag diag = {0};
    int whole = 0, pieces = 0;
    struct lt_wyoming_reader *a = lt_wyoming_reader_new(), *b = lt_wyoming_reader_new();
    if (!a || !b) abort();
    enum lt_err err = lt_wyoming_read(a, (const char *)data, n, count, &whole, &diag),
                other = LT_OK;
    for (size_t i = 0; i < n && !other; i++)
        other = lt_wyoming_read(b, (const char *)data + i, 1, count, &pieces, &diag);
    FUZZ_MUST(err == other && whole == pieces);
    lt_wyoming_reader_free(a);
    lt_wyoming_reader_free(b);
    return 0;
}
