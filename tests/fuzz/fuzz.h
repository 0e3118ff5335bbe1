/* fuzz.h - what every fuzz target shares.
 *
 * A target is one file that defines LLVMFuzzerTestOneInput: it gives arbitrary bytes to one parser
 * and checks what must hold whatever they are. Under the CMake preset "fuzz" libFuzzer makes up
 * the bytes (run.sh); in every other build the same file is linked with replay_main.c, which feeds
 * the files of corpus/<target>/ and runs as the test fuzz_replay_<target>.
 * Inputs of several parts keep them apart by a line feed or a NUL, so that corpus files can be
 * written by hand. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What holds for every input; a failure is a finding. */
#define FUZZ_MUST(cond)                                                                            \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #cond);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A call that has to succeed before fuzzing makes sense. */
static inline void fuzz_need(enum lt_err err, const struct lt_diag *diag)
{
    if (!err) return;
    fprintf(stderr, "cannot set up: %s\n", lt_diag_text(diag, err));
    abort();
}

/* n bytes as a C string of exactly that size, so that a read past its end is caught; free() it.
 * The string ends at the first NUL of the bytes. */
static inline char *fuzz_text(const uint8_t *data, size_t n)
{
    const uint8_t *nul = n ? memchr(data, 0, n) : NULL;
    if (nul) n = (size_t)(nul - data);
    char *s = malloc(n + 1);
    if (!s) abort();
    if (n) memcpy(s, data, n);
    s[n] = '\0';
    return s;
}

/* Cut the input at the first `mark`: *n_head bytes lie before it; the result is what follows, and
 * empty when there is none. */
static inline const uint8_t *fuzz_cut(const uint8_t *data, size_t n, uint8_t mark, size_t *n_head,
                                      size_t *n_tail)
{
    const uint8_t *at = n ? memchr(data, mark, n) : NULL;
    *n_head = at ? (size_t)(at - data) : n;
    *n_tail = at ? n - *n_head - 1 : 0;
    return at ? at + 1 : data + n;
}

#endif
