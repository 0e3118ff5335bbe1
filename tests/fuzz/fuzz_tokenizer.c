/* fuzz_tokenizer.c - text to ids and back: spans in order, and bytes survive the round trip.
 *
 * Input: one byte of flags, then the text (which is also read as ids). */
#include "fuzz_lang.h"

#define IDS_MAX 4096

static const char MARK[] = "\xe2\x96\x81"; /* U+2581, which reads back as a space */

/* The text with every U+2581 as a space; its length. */
static size_t marks_to_spaces(const char *text, size_t n, char *out)
{
    size_t k = 0;
    for (size_t i = 0; i < n;) {
        if (n - i >= 3 && !memcmp(text + i, MARK, 3)) {
            out[k++] = ' ';
            i += 3;
        } else {
            out[k++] = text[i++];
        }
    }
    return k;
}

static void check(const struct san_tokenizer *t, struct san_tok_work *w, const char *text, size_t n,
                  unsigned flags, int has_bytes)
{
    static int32_t ids[IDS_MAX];
    static struct san_span spans[IDS_MAX];
    int count = san_tokenize(t, w, text, n, flags, ids, spans, IDS_MAX);
    FUZZ_MUST(count >= 0);
    if (count > IDS_MAX) return;
    for (int i = 0; i < count; i++) {
        FUZZ_MUST(ids[i] >= 0 && ids[i] < san_tokenizer_n_vocab(t));
        FUZZ_MUST(spans[i].begin <= spans[i].end && spans[i].end <= n);
        FUZZ_MUST(!i || spans[i - 1].end <= spans[i].begin);
    }
    int32_t few[3];
    FUZZ_MUST(san_tokenize(t, w, text, n, flags, few, NULL, 3) == count);
    FUZZ_MUST(!memcmp(few, ids, sizeof few[0] * (size_t)(count < 3 ? count : 3)));

    size_t len = san_detokenize(t, ids, (size_t)count, NULL, 0);
    char *out = malloc(len + 1), *want = malloc(n + 1);
    if (!out || !want) abort();
    FUZZ_MUST(san_detokenize(t, ids, (size_t)count, out, len + 1) == len);
    if (has_bytes && flags == 0) {
        size_t n_want = marks_to_spaces(text, n, want);
        FUZZ_MUST(len == n_want && !memcmp(out, want, len));
    }
    free(out);
    free(want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct san_tokenizer *made, *bytes, *plain;
    static struct san_tok_work work;
    struct lt_diag diag = {0};
    if (!made) {
        made = fuzz_tokenizer();
        fuzz_need(san_tokenizer_load(TEST_DATA_DIR "/sentencepiece-bytes.gguf", &bytes, &diag),
                  &diag);
        fuzz_need(san_tokenizer_load(TEST_DATA_DIR "/sentencepiece-plain.gguf", &plain, &diag),
                  &diag);
    }
    if (!n) return 0;
    unsigned flags = data[0] & 7u;
    char *text = malloc(n); /* no NUL behind it: the length alone counts */
    if (!text) abort();
    memcpy(text, data + 1, n - 1);
    check(made, &work, text, n - 1, flags, 1);
    check(bytes, &work, text, n - 1, flags, !san_tokenizer_removes_spaces(bytes));
    check(plain, &work, text, n - 1, flags, 0);

    int32_t ids[64];
    size_t n_ids = (n - 1) / sizeof ids[0];
    if (n_ids > 64) n_ids = 64;
    memcpy(ids, data + 1, n_ids * sizeof ids[0]);
    for (size_t i = 0; i < n_ids; i += 2) ids[i] = (int32_t)((uint32_t)ids[i] % 400u); /* known */
    char out[16];
    memset(out, 'x', sizeof out);
    (void)san_detokenize(made, ids, n_ids, out, sizeof out);
    FUZZ_MUST(memchr(out, 0, sizeof out));
    (void)san_detokenize(bytes, ids, n_ids, out, sizeof out);
    free(text);
    return 0;
}
