/* fleet_network.c - a network in one message: packed by the collector, checked by every hub. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet.h"
#include "lt/json.h"
#include "san/engine.h"
#include "san/gguf.h"
#include "sign.h"

#define HEAD_MAX 1024 /* longest first line */
#define SIG_HEX  128  /* hexadecimal digits of a signature */

static void hash_of(const void *data, size_t n, char out[LT_SHA256_HEX_CAP])
{
    struct lt_sha256 h;
    lt_sha256_init(&h);
    lt_sha256_add(&h, data, n);
    lt_sha256_hex(&h, out);
}

/* ---- packing ---- */

static enum lt_err read_file(const char *path, char **out, size_t *n, struct lt_diag *diag)
{
    struct stat st;
    FILE *f = fopen(path, "re");
    *out = NULL;
    if (!f) return lt_fail_errno(diag, "cannot read %s", path);
    enum lt_err err = LT_OK;
    if (fstat(fileno(f), &st) || st.st_size < 1 || st.st_size > (off_t)LT_FLEET_NETWORK_MAX)
        err = lt_fail(diag, LT_ERR_LIMIT, "%s: 1 to %u MiB can be published", path,
                      LT_FLEET_NETWORK_MAX >> 20);
    *n = err ? 0 : (size_t)st.st_size;
    if (!err && !(*out = malloc(*n + 1))) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    if (!err && fread(*out, 1, *n, f) != *n) err = lt_fail(diag, LT_ERR_IO, "cannot read %s", path);
    if (!err) (*out)[*n] = '\0';
    fclose(f);
    if (!err) return LT_OK;
    free(*out);
    *out = NULL;
    return err;
}

enum lt_err lt_fleet_pack(const char *file, const char *key, char **out, size_t *n,
                          struct lt_diag *diag)
{
    struct san_engine *engine = NULL;
    char sig_path[1100], hash[LT_SHA256_HEX_CAP], *data = NULL, *sig = NULL, *head = NULL;
    size_t n_data = 0, n_sig = 0;
    *out = NULL;
    snprintf(sig_path, sizeof sig_path, "%s.sig", file);
    enum lt_err err = san_engine_open(file, &engine, diag); /* nothing that no hub could use */
    if (!err) err = lt_sign_file(file, key, diag);
    if (!err) err = read_file(file, &data, &n_data, diag);
    if (!err) err = read_file(sig_path, &sig, &n_sig, diag);
    if (!err) {
        sig[strcspn(sig, "\r\n")] = '\0';
        hash_of(data, n_data, hash);
        json_t *o = json_pack("{s:s,s:s,s:I,s:s,s:s}", "lintel", "network", "name",
                              san_engine_model_name(engine), "bytes", (json_int_t)n_data, "sha256",
                              hash, "signature", sig);
        head = o ? lt_json_dump(o) : NULL;
        json_decref(o);
        size_t n_head = head ? strlen(head) : 0;
        if (!head || !(*out = malloc(n_head + 1 + n_data))) {
            err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
        } else {
            memcpy(*out, head, n_head);
            (*out)[n_head] = '\n';
            memcpy(*out + n_head + 1, data, n_data);
            *n = n_head + 1 + n_data;
        }
    }
    san_engine_close(engine);
    free(head);
    free(data);
    free(sig);
    return err;
}

/* ---- checking ---- */

/* The first line; *n_head is where the file begins. NULL: none. */
static json_t *head_of(const char *payload, size_t n, size_t *n_head)
{
    json_t *o = NULL;
    struct lt_diag ignored = {0};
    const char *end = memchr(payload, '\n', n < HEAD_MAX ? n : HEAD_MAX);
    if (!end || lt_json_parse(payload, (size_t)(end - payload), HEAD_MAX, &o, &ignored))
        return NULL;
    *n_head = (size_t)(end - payload) + 1;
    const char *kind = json_string_value(json_object_get(o, "lintel"));
    if (kind && !strcmp(kind, "network")) return o;
    json_decref(o);
    return NULL;
}

static int is_hex(const char *s, size_t n)
{
    return s && strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

void lt_fleet_hash(const char *payload, size_t n, char hash[LT_SHA256_HEX_CAP])
{
    size_t n_head;
    json_t *o = head_of(payload, n, &n_head);
    const char *said = json_string_value(json_object_get(o, "sha256"));
    snprintf(hash, LT_SHA256_HEX_CAP, "%s", is_hex(said, LT_SHA256_HEX_CAP - 1) ? said : "");
    json_decref(o);
}

static enum lt_err write_file(const char *path, const void *data, size_t n, struct lt_diag *diag)
{
    FILE *f = fopen(path, "we");
    if (!f) return lt_fail_errno(diag, "cannot write %s", path);
    int ok = fwrite(data, 1, n, f) == n && !fflush(f) && !fsync(fileno(f));
    ok = !fclose(f) && ok;
    return ok ? LT_OK : lt_fail(diag, LT_ERR_IO, "cannot write %s; is the disk full?", path);
}

/* Its pieces of words must be ours: the catalogue's blocks, traces and heads count in them. */
static enum lt_err check_vocabulary(const char *path, const char *active, struct lt_diag *diag)
{
    struct san_gguf *a = NULL, *b = NULL;
    const struct san_gguf_str *x = NULL, *y = NULL;
    size_t n = 0, m = 0;
    static const char key[] = "tokenizer.ggml.tokens";
    enum lt_err err = san_gguf_open(path, &a, diag);
    if (!err) err = san_gguf_open(active, &b, diag);
    if (!err) err = san_gguf_get_str_array(a, key, &x, &n, diag);
    if (!err) err = san_gguf_get_str_array(b, key, &y, &m, diag);
    int is_same = !err && n == m;
    for (size_t i = 0; is_same && i < n; i++)
        is_same = x[i].n == y[i].n && !memcmp(x[i].p, y[i].p, x[i].n);
    if (!err && !is_same)
        err = lt_fail(diag, LT_ERR_INVALID,
                      "it is for another vocabulary than the network in use (%zu pieces, here %zu)",
                      n, m);
    san_gguf_close(a);
    san_gguf_close(b);
    return err;
}

/* Everything that needs the file on the disk. */
static enum lt_err check_file(const char *path, const char *trust, const char *active,
                              struct lt_diag *diag)
{
    struct san_engine *engine = NULL;
    enum lt_err err = lt_sign_check(path, trust, diag);
    if (!err) err = san_engine_open(path, &engine, diag);
    san_engine_close(engine);
    return err ? err : check_vocabulary(path, active, diag);
}

enum lt_err lt_fleet_unpack(const char *payload, size_t n, const char *trust, const char *active,
                            const char *folder, char *path, size_t path_bytes, struct lt_diag *diag)
{
    char hash[LT_SHA256_HEX_CAP], part[1200], sig_path[1210];
    size_t n_head = 0;
    enum lt_err err = LT_OK;
    if (n > LT_FLEET_NETWORK_MAX + HEAD_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "longer than %u MiB", LT_FLEET_NETWORK_MAX >> 20);
    json_t *head = head_of(payload, n, &n_head);
    if (!head) return lt_fail(diag, LT_ERR_PARSE, "no network: the first line is not its heading");
    const char *said = json_string_value(json_object_get(head, "sha256"));
    const char *sig = json_string_value(json_object_get(head, "signature"));
    json_int_t bytes = json_integer_value(json_object_get(head, "bytes"));
    hash_of(payload + n_head, n - n_head, hash);
    if (!is_hex(sig, SIG_HEX))
        err = lt_fail(diag, LT_ERR_INVALID, "it is not signed");
    else if (bytes != (json_int_t)(n - n_head))
        err = lt_fail(diag, LT_ERR_INVALID, "truncated: %lld bytes are said, %zu came",
                      (long long)bytes, n - n_head);
    else if (!said || strcmp(said, hash) != 0)
        err = lt_fail(diag, LT_ERR_INVALID, "its hash is not what is said");
    if (!err && mkdir(folder, 0700) && errno != EEXIST)
        err = lt_fail_errno(diag, "cannot make the folder %s", folder);
    if (err) {
        json_decref(head);
        return err;
    }
    snprintf(part, sizeof part, "%s/incoming", folder);
    snprintf(sig_path, sizeof sig_path, "%s.sig", part);
    snprintf(path, path_bytes, "%s/%s.gguf", folder, hash);
    err = write_file(part, payload + n_head, n - n_head, diag);
    if (!err) err = write_file(sig_path, sig, strlen(sig), diag);
    if (!err) err = check_file(part, trust, active, diag);
    if (!err && rename(part, path)) err = lt_fail_errno(diag, "cannot write %s", path);
    unlink(part);
    unlink(sig_path);
    json_decref(head);
    return err;
}
