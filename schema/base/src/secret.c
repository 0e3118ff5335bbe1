/* secret.c - read a secret by reference and wipe it when done. */
#include "lt/secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "lt/log.h"

struct lt_secret {
    size_t map_bytes; /* whole anonymous mapping that holds this struct */
    char text[LT_SECRET_MAX_BYTES + 1];
};

/* A limit of one byte stops core files and cores through a pipe (0 would let those through, core(5)). Not
 * dumpable also keeps other processes of the same user from reading our memory; a sanitizer needs to read
 * its own. */
void lt_secret_forbid_dumps(void)
{
    struct rlimit one = {1, 1};
    if (setrlimit(RLIMIT_CORE, &one) && errno != EPERM) /* EPERM: it is 0 and must stay so */
        LT_LOG(WARN, "core.limit", LF_STR("why", strerror(errno)));
#ifndef __SANITIZE_ADDRESS__
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
        LT_LOG(WARN, "core.dumpable", LF_STR("why", strerror(errno)));
#endif
}

static struct lt_secret *secret_new(void)
{
    lt_secret_forbid_dumps(); /* copies of it will be where its reader and libraries put them */
    size_t bytes = sizeof(struct lt_secret);
    struct lt_secret *s =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED) return NULL;
    madvise(s, bytes, MADV_DONTDUMP);
    s->map_bytes = bytes;
    return s;
}

static enum lt_err read_file(struct lt_secret *s, const char *path, const char *ref,
                             struct lt_diag *diag)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return lt_fail_errno(diag,
                             "cannot read the secret %s; create the file or change the "
                             "reference",
                             ref);
    size_t n = fread(s->text, 1, LT_SECRET_MAX_BYTES, f);
    int is_longer = n == LT_SECRET_MAX_BYTES && fgetc(f) != EOF;
    int is_failed = ferror(f);
    fclose(f);
    if (is_failed) return lt_fail(diag, LT_ERR_IO, "cannot read the secret %s: read failed", ref);
    if (is_longer)
        return lt_fail(diag, LT_ERR_LIMIT, "the secret %s is longer than %d bytes", ref,
                       LT_SECRET_MAX_BYTES);
    while (n && (s->text[n - 1] == '\n' || s->text[n - 1] == '\r')) n--;
    s->text[n] = '\0';
    return LT_OK;
}

enum lt_err lt_secret_read(const char *ref, struct lt_secret **out, struct lt_diag *diag)
{
    struct lt_secret *s = secret_new();
    if (!s) return lt_fail(diag, LT_ERR_NOMEM, "out of memory reading the secret %s", ref);
    enum lt_err err = LT_OK;
    if (!strncmp(ref, "env:", 4)) {
        const char *v = getenv(ref + 4);
        if (!v)
            err = lt_fail(diag, LT_ERR_NOTFOUND,
                          "the environment variable of the secret %s is not set", ref);
        else if (strlen(v) > LT_SECRET_MAX_BYTES)
            err = lt_fail(diag, LT_ERR_LIMIT, "the secret %s is longer than %d bytes", ref,
                          LT_SECRET_MAX_BYTES);
        else
            memcpy(s->text, v, strlen(v) + 1);
    } else if (!strncmp(ref, "file:", 5)) {
        err = read_file(s, ref + 5, ref, diag);
    } else if (!strncmp(ref, "credential:", 11)) {
        const char *dir = getenv("CREDENTIALS_DIRECTORY");
        char path[1024];
        int n = dir ? snprintf(path, sizeof path, "%s/%s", dir, ref + 11) : -1;
        if (!dir)
            err = lt_fail(diag, LT_ERR_NOTFOUND,
                          "the secret %s needs a systemd credential, but CREDENTIALS_DIRECTORY is "
                          "not set",
                          ref);
        else if (n < 0 || (size_t)n >= sizeof path)
            err = lt_fail(diag, LT_ERR_LIMIT, "the path of the secret %s is too long", ref);
        else
            err = read_file(s, path, ref, diag);
    } else {
        err = lt_fail(diag, LT_ERR_INVALID,
                      "a secret is given by reference (env:NAME, file:/path or credential:NAME), "
                      "not as text");
    }
    if (!err && !s->text[0]) err = lt_fail(diag, LT_ERR_INVALID, "the secret %s is empty", ref);
    if (err) {
        lt_secret_free(s);
        return err;
    }
    *out = s;
    return LT_OK;
}

const char *lt_secret_reveal(const struct lt_secret *s)
{
    return s->text;
}

void lt_secret_free(struct lt_secret *s)
{
    if (!s) return;
    size_t bytes = s->map_bytes;
    explicit_bzero(s, bytes);
    munmap(s, bytes);
}
