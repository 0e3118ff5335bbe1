/* replay_main.c - feeds a fuzz target the files of its corpus, without libFuzzer.
 *
 *     fuzz_replay_gguf FOLDER...
 *
 * Every file is given whole, cut short at up to CUTS places, and with up to FLIPS single bytes
 * changed: the same inputs on every run, so that a failure can be repeated. Fails when a folder
 * holds nothing: a corpus that is not found must not look like a test that passed. */
#include <dirent.h>

#include "fuzz.h"

#define CUTS           16
#define FLIPS          32
#define FILE_MAX_BYTES (1 << 20)

/* A copy of exactly n bytes, so that a sanitizer sees a read past its end. */
static void feed(const uint8_t *data, size_t n)
{
    uint8_t *copy = calloc(n ? n : 1, 1);
    if (!copy) abort();
    if (n) memcpy(copy, data, n);
    LLVMFuzzerTestOneInput(copy, n);
    free(copy);
}

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(FILE_MAX_BYTES);
    if (!f || !data) {
        perror(path);
        if (f) fclose(f);
        free(data);
        return -1;
    }
    size_t n = fread(data, 1, FILE_MAX_BYTES, f);
    fclose(f);
    fprintf(stderr, "%s\n", path); /* the last line before an abort names the culprit */
    feed(data, n);
    for (size_t i = 0; i < CUTS; i++) feed(data, n * i / CUTS);
    for (size_t i = 0; i < FLIPS && n; i++) {
        size_t at = n * i / FLIPS;
        uint8_t was = data[at];
        data[at] = (uint8_t)(was ^ (1u << i % 8));
        feed(data, n);
        data[at] = was;
    }
    free(data);
    return 0;
}

static int is_file(const struct dirent *e)
{
    return e->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    feed((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        struct dirent **files = NULL;
        int n = scandir(argv[i], &files, is_file, alphasort), rc = n > 0 ? 0 : -1;
        if (rc) fprintf(stderr, "%s: no corpus here\n", argv[i]);
        for (int k = 0; k < n; k++) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], files[k]->d_name);
            if (!rc) rc = replay_file(path);
            free(files[k]);
        }
        free(files);
        if (rc) return 1;
    }
    return argc < 2;
}
