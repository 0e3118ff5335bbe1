/* sign.c - OpenSSL's EVP interface, the only file that includes it. */
#include "sign.h"

#ifdef LT_HAVE_CRYPTO

#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIGNATURE 64 /* bytes of Ed25519 */

static enum lt_err read_all(const char *path, unsigned char **out, size_t *n, struct lt_diag *diag)
{
    FILE *f = fopen(path, "re");
    long size = -1;
    *out = NULL;
    if (!f) return lt_fail_errno(diag, "cannot read %s", path);
    if (!fseek(f, 0, SEEK_END)) size = ftell(f);
    rewind(f);
    enum lt_err err = LT_OK;
    if (size < 0 || size > LT_SIGN_MAX_BYTES)
        err = lt_fail(diag, LT_ERR_LIMIT, "%s: cannot be signed, it is too long", path);
    else if (!(*out = malloc((size_t)size + 1)))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory reading %s", path);
    else if (fread(*out, 1, (size_t)size, f) != (size_t)size)
        err = lt_fail(diag, LT_ERR_IO, "cannot read %s", path);
    fclose(f);
    if (err) {
        free(*out);
        *out = NULL;
    }
    *n = err ? 0 : (size_t)size;
    return err;
}

/* A key from a PEM file; NULL when there is none of the right kind in it. */
static EVP_PKEY *read_key(const char *path, int is_public)
{
    FILE *f = fopen(path, "re");
    EVP_PKEY *key = NULL;
    if (!f) return NULL;
    key = is_public ? PEM_read_PUBKEY(f, NULL, NULL, NULL)
                    : PEM_read_PrivateKey(f, NULL, NULL, (void *)(uintptr_t) "");
    fclose(f);
    if (key && EVP_PKEY_id(key) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    return key;
}

enum lt_err lt_sign_keygen(const char *path, struct lt_diag *diag)
{
    char public_path[1100];
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    snprintf(public_path, sizeof public_path, "%s.pub", path);
    int fd = key ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!key || !f) {
        EVP_PKEY_free(key);
        return lt_fail_errno(diag, "cannot write a new key to %s", path);
    }
    int ok = PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    ok = !fclose(f) && ok;
    f = ok ? fopen(public_path, "we") : NULL;
    ok = f && PEM_write_PUBKEY(f, key);
    if (f) ok = !fclose(f) && ok;
    EVP_PKEY_free(key);
    return ok ? LT_OK : lt_fail(diag, LT_ERR_IO, "cannot write the key %s", public_path);
}

enum lt_err lt_sign_file(const char *file, const char *key_path, struct lt_diag *diag)
{
    unsigned char *data = NULL, sig[SIGNATURE];
    size_t n = 0, n_sig = sizeof sig;
    char path[1100];
    EVP_PKEY *key = read_key(key_path, 0);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum lt_err err = key ? LT_OK
                          : lt_fail(diag, LT_ERR_INVALID,
                                    "%s: no Ed25519 key; lintel models keygen makes one", key_path);
    if (!err) err = read_all(file, &data, &n, diag);
    if (!err && (!ctx || EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) != 1 ||
                 EVP_DigestSign(ctx, sig, &n_sig, data, n) != 1 || n_sig != sizeof sig))
        err = lt_fail(diag, LT_ERR_IO, "cannot sign %s", file);
    snprintf(path, sizeof path, "%s.sig", file);
    FILE *f = err ? NULL : fopen(path, "we");
    if (!err && !f) err = lt_fail_errno(diag, "cannot write %s", path);
    if (f) {
        for (size_t i = 0; i < sizeof sig; i++) fprintf(f, "%02x", sig[i]);
        fputc('\n', f);
        if (ferror(f) | fclose(f)) err = lt_fail(diag, LT_ERR_IO, "cannot write %s", path);
    }
    free(data);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return err;
}

/* 128 hexadecimal digits. */
static enum lt_err read_signature(const char *file, unsigned char sig[SIGNATURE],
                                  struct lt_diag *diag)
{
    char path[1100], text[2 * SIGNATURE + 3] = "";
    unsigned v;
    snprintf(path, sizeof path, "%s.sig", file);
    FILE *f = fopen(path, "re");
    if (!f) return lt_fail(diag, LT_ERR_NOTFOUND, "%s is not signed: there is no %s", file, path);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    while (n && (text[n - 1] == '\n' || text[n - 1] == '\r')) text[--n] = '\0';
    int ok = n == 2 * SIGNATURE && strspn(text, "0123456789abcdef") == n;
    for (size_t i = 0; ok && i < SIGNATURE; i++) {
        ok = sscanf(text + 2 * i, "%2x", &v) == 1;
        sig[i] = (unsigned char)v;
    }
    return ok ? LT_OK : lt_fail(diag, LT_ERR_INVALID, "%s: no signature", path);
}

enum lt_err lt_sign_check(const char *file, const char *public_path, struct lt_diag *diag)
{
    unsigned char *data = NULL, sig[SIGNATURE];
    size_t n = 0;
    EVP_PKEY *key = read_key(public_path, 1);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    enum lt_err err = key && ctx
                          ? LT_OK
                          : lt_fail(diag, LT_ERR_INVALID, "%s: no public Ed25519 key", public_path);
    if (!err) err = read_signature(file, sig, diag);
    if (!err) err = read_all(file, &data, &n, diag);
    if (!err && (EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) != 1 ||
                 EVP_DigestVerify(ctx, sig, sizeof sig, data, n) != 1))
        err = lt_fail(diag, LT_ERR_INVALID,
                      "%s was not signed with the key of %s, or was changed since; it is not taken",
                      file, public_path);
    free(data);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return err;
}

#else

static enum lt_err none(struct lt_diag *diag)
{
    return lt_fail(diag, LT_ERR_UNSUPPORTED,
                   "this lintel was built without libcrypto: install libssl-dev and build again");
}

enum lt_err lt_sign_keygen(const char *path, struct lt_diag *diag)
{
    (void)path;
    return none(diag);
}

enum lt_err lt_sign_file(const char *file, const char *key_path, struct lt_diag *diag)
{
    (void)file, (void)key_path;
    return none(diag);
}

enum lt_err lt_sign_check(const char *file, const char *public_path, struct lt_diag *diag)
{
    (void)file, (void)public_path;
    return none(diag);
}

#endif
