/* fuzz_fleet.c - what others send to a collector and to a hub: a trace ("t", then the message) is taken
 * whole or refused with a reason, a network ("n", then the message) that nobody signed leaves nothing. */
#include <dirent.h>
#include <unistd.h>

#include "fleet.h"
#include "fuzz.h"

static char folder[] = "/tmp/fuzz_fleet_XXXXXX";
static struct lt_store *store;
static struct lt_docs *docs;

static void clean(void)
{
    static const char *const files[] = {"db", "db-wal", "db-shm"};
    char path[64];
    lt_store_close(store);
    lt_docs_close(docs);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/net", folder);
    rmdir(path);
    rmdir(folder);
}

static void set_up(void)
{
    struct lt_diag diag = {0};
    char path[64];
    if (store) return;
    FUZZ_MUST(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/db", folder);
    struct lt_store_options o = {.path = path};
    fuzz_need(lt_docs_open(&docs, &diag), &diag);
    fuzz_need(lt_store_open(&o, &store, &diag), &diag);
    atexit(clean);
}

static int is_empty(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    for (const struct dirent *f; d && (f = readdir(d));) n += f->d_name[0] != '.';
    if (d) closedir(d);
    return !n;
}

static void take(const char *message, size_t n)
{
    struct lt_diag diag = {0};
    int is_known = 0;
    enum lt_err err = lt_fleet_take(store, docs, "site", message, n, &is_known, &diag);
    FUZZ_MUST(!err || err == LT_ERR_PARSE || err == LT_ERR_INVALID || err == LT_ERR_LIMIT ||
              err == LT_ERR_UNSUPPORTED);
    FUZZ_MUST(!err || lt_diag_text(&diag, err)[0]);
    if (err) return;
    FUZZ_MUST(!lt_fleet_take(store, docs, "site", message, n, &is_known, &diag));
    FUZZ_MUST(is_known); /* the same again is the same */
}

static void unpack(const char *message, size_t n)
{
    struct lt_diag diag = {0};
    char net[64], path[128] = "", hash[LT_SHA256_HEX_CAP];
    snprintf(net, sizeof net, "%s/net", folder);
    lt_fleet_hash(message, n, hash);
    FUZZ_MUST(!*hash || strlen(hash) == LT_SHA256_HEX_CAP - 1);
    enum lt_err err =
        lt_fleet_unpack(message, n, "/nonexistent/key.pub", TEST_DATA_DIR "/san-tiny.gguf", net,
                        path, sizeof path, &diag);
    FUZZ_MUST(err && lt_diag_text(&diag, err)[0]);
    FUZZ_MUST(is_empty(net));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    set_up();
    if (!n) return 0;
    char *message = malloc(n); /* of exactly that size; the MQTT client adds a NUL */
    FUZZ_MUST(message);
    memcpy(message, data + 1, n - 1);
    message[n - 1] = '\0';
    if (*data == 't') take(message, n - 1);
    if (*data == 'n') unpack(message, n - 1);
    free(message);
    return 0;
}
