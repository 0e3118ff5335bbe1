/* cmd_doctor.c - `lintel doctor`: is everything there that serving needs, and if not, what to do. */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "cmd.h"
#include "config.h"
#include "doctor_cloud.h"
#include "doctor_home.h"
#include "doctor_speech.h"
#include "lt/docs.h"
#include "lt/json.h"
#include "lt/secret.h"
#include "lt/store.h"
#include "model.h"
#include "san/engine.h"
#include "site.h"

#define BROKER_WAIT_MS 3000
#define DISK_MIN_MB    64         /* less free space than this is a fault */
#define CLOCK_MIN_UNIX 1735689600 /* 2025-01-01: an earlier clock was never set */

enum { OPT_CONFIG, OPT_SAMPLE, OPT_OFFLINE, OPT_JSON, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_CONFIG] = {"config", 'c', "FILE", "configuration (default /etc/lintel/lintel.yaml)"},
    [OPT_SAMPLE] = {"sample", 0, NULL, "print the annotated example configuration and stop"},
    [OPT_OFFLINE] = {"offline", 0, NULL,
                     "do not ask cloud providers whether key and model are good"},
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
};
static const struct lt_cli_spec spec = {
    "lintel doctor [-c lintel.yaml] [--sample]",
    "Check configuration, database, network, catalogue, broker, announced devices, speech "
    "servers,\nkeys, disk and clock, and say what to do about each fault. Prints the effective "
    "configuration,\nsecrets masked. Exit status 1 when something is at fault.",
    options, N_OPTIONS};

struct report {
    json_t *checks; /* [{"check","ok","text"}] */
    int n_faults;
};

static void note(struct report *r, const char *check, int is_ok, const char *fmt, ...)
    LT_PRINTF(4, 5);
static void note(struct report *r, const char *check, int is_ok, const char *fmt, ...)
{
    char text[LT_DIAG_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    size_t good;
    if (!lt_utf8_is_valid(text, strlen(text), &good)) text[good] = '\0'; /* cut within a letter */
    if (!is_ok) r->n_faults++;
    json_array_append_new(r->checks,
                          json_pack("{s:s,s:b,s:s}", "check", check, "ok", is_ok, "text", text));
}

static void check_network(struct report *r, const struct lt_config *c,
                          struct lt_site_engine **engine)
{
    char path[1024], db[1024];
    struct lt_store *s = NULL;
    struct lt_diag diag = {0};
    lt_config_store_path(c, db, sizeof db);
    struct lt_store_options o = {.path = db, .is_readonly = 1};
    if (lt_store_open(&o, &s, NULL)) s = NULL; /* check_store says what is wrong with it */
    enum lt_err err = lt_model_choose(c, s, path, sizeof path, &diag);
    if (!err) err = lt_site_engine_open(path, engine, &diag);
    if (err)
        note(r, "network", 0, "%s", lt_diag_text(&diag, err));
    else
        note(r, "network", 1, "%s: %s", path, san_engine_model_name((*engine)->engine));
    lt_store_close(s);
}

static void check_catalog(struct report *r, const struct lt_config *c,
                          struct lt_site_engine *engine)
{
    struct lt_docs *docs = NULL;
    struct lt_site_catalog *catalog = NULL;
    json_t *json = NULL;
    struct lt_diag diag = {0};
    if (!*c->catalog.file) {
        note(r, "catalogue", 1, "none in a file; sites get theirs on %s/<site>/catalog",
             c->mqtt.prefix);
        return;
    }
    enum lt_err err = lt_docs_open(&docs, &diag);
    if (!err)
        err = lt_json_read_file(c->catalog.file, (size_t)c->limits.catalog_bytes, &json, &diag);
    char *text = err ? NULL : lt_json_dump(json);
    if (text && engine)
        err = lt_site_catalog_new(docs, engine, text, strlen(text), &catalog, &diag);
    if (err)
        note(r, "catalogue", 0, "%s: %s", c->catalog.file, lt_diag_text(&diag, err));
    else
        note(r, "catalogue", 1, "%s: %zu tools, %zu entities", c->catalog.file,
             catalog ? lt_catalog_n_tools(catalog->checked) : 0,
             catalog ? lt_catalog_n_entities(catalog->checked) : 0);
    free(text);
    json_decref(json);
    lt_site_catalog_unref(catalog);
    lt_docs_close(docs);
}

static void check_store(struct report *r, const struct lt_config *c)
{
    char path[1024], folder[1024];
    struct lt_store *s = NULL;
    struct lt_diag diag = {0};
    struct statvfs fs;
    lt_config_store_path(c, path, sizeof path);
    struct lt_store_options o = {.path = path, .is_readonly = 1};
    enum lt_err err = lt_store_open(&o, &s, &diag);
    if (!err) err = lt_store_check(s, &diag);
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash && slash != folder)
        *slash = '\0';
    else
        snprintf(folder, sizeof folder, "%s", slash ? "/" : ".");
    if (err == LT_ERR_NOTFOUND)
        note(r, "database", 1, "%s is made at the first start", path);
    else if (err)
        note(r, "database", 0, "%s", diag.text);
    else
        note(r, "database", 1, "%s: whole, version %d, %.1f MiB", path, lt_store_version(s),
             (double)lt_store_used_bytes(s) / 1048576);
    lt_store_close(s);
    while (access(folder, F_OK) && (slash = strrchr(folder, '/')) && slash != folder) *slash = '\0';
    if (access(folder, W_OK))
        note(r, "disk", 0, "%s cannot be written by this user; change its owner or store.path",
             folder);
    else if (statvfs(folder, &fs))
        note(r, "disk", 0, "%s: %s", folder, strerror(errno));
    else {
        double mb = (double)fs.f_bavail * (double)fs.f_frsize / 1048576;
        note(r, "disk", mb >= DISK_MIN_MB, "%s: %.0f MiB free%s", folder, mb,
             mb >= DISK_MIN_MB ? "" : "; free some, or set store.path to another disk");
    }
}

/* 0 connected, else errno. */
static int try_address(const struct addrinfo *a)
{
    int fault = 0;
    socklen_t n = sizeof fault;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) return errno;
    if (connect(fd, a->ai_addr, a->ai_addrlen)) fault = errno;
    if (fault == EINPROGRESS) {
        struct pollfd p = {.fd = fd, .events = POLLOUT};
        if (poll(&p, 1, BROKER_WAIT_MS) <= 0)
            fault = ETIMEDOUT;
        else
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &n);
    }
    close(fd);
    return fault;
}

/* 1 when it can be reached. */
static int check_broker(struct report *r, const struct lt_config *c)
{
    char port[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int fault = ENOENT;
    struct lt_secret *password = NULL;
    struct lt_diag diag = {0};
    snprintf(port, sizeof port, "%d", (int)c->mqtt.port);
    int rc = getaddrinfo(c->mqtt.host, port, &hints, &list);
    if (rc) {
        note(r, "broker", 0, "%s: %s; check mqtt.host", c->mqtt.host, gai_strerror(rc));
        return 0;
    }
    for (const struct addrinfo *a = list; a && fault; a = a->ai_next) fault = try_address(a);
    freeaddrinfo(list);
    if (fault)
        note(r, "broker", 0, "%s:%s: %s; start the broker or correct mqtt.host and mqtt.port",
             c->mqtt.host, port, strerror(fault));
    else
        note(r, "broker", 1, "%s:%s accepts connections", c->mqtt.host, port);
    if (*c->mqtt.password && lt_secret_read(c->mqtt.password, &password, &diag))
        note(r, "broker password", 0, "%s", diag.text);
    lt_secret_free(password);
    return !fault;
}

static void note_text(void *ctx, const char *check, int is_ok, const char *text)
{
    note(ctx, check, is_ok, "%s", text);
}

static void check_clock(struct report *r)
{
    time_t now = time(NULL);
    char text[32];
    struct tm tm;
    gmtime_r(&now, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    note(r, "clock", now >= CLOCK_MIN_UNIX, "%s%s", text,
         now >= CLOCK_MIN_UNIX ? "" : "; set it, TLS and daily limits depend on it");
}

static int print(const struct report *r, const struct lt_config *c, int is_json)
{
    struct lt_buf effective;
    size_t i;
    json_t *check;
    int ok = 1;
    lt_buf_init(&effective, LT_CONFIG_MAX_BYTES);
    if (c) ok = !lt_config_print(c, &effective);
    if (is_json) {
        json_t *o = json_pack("{s:O,s:s}", "checks", r->checks, "config", lt_buf_str(&effective));
        ok = ok && o && lt_cli_print_json(o);
        json_decref(o);
    } else {
        json_array_foreach(r->checks, i, check)
        {
            printf("%-5s %-18s %s\n", json_is_true(json_object_get(check, "ok")) ? "ok" : "FAULT",
                   json_string_value(json_object_get(check, "check")),
                   json_string_value(json_object_get(check, "text")));
        }
        printf("\n%s", lt_buf_str(&effective));
        ok = ok && !fflush(stdout);
    }
    lt_buf_free(&effective);
    return ok;
}

int lt_cmd_doctor(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    struct lt_config c = {.sites = {NULL, 0}};
    struct lt_diag diag = {0};
    struct lt_site_engine *engine = NULL;
    struct report r = {json_array(), 0};
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status < 0 && first < argc) status = lt_cli_usage(&spec, "unexpected '%s'", argv[first]);
    if (status < 0 && value[OPT_SAMPLE]) {
        struct lt_buf sample;
        lt_buf_init(&sample, LT_CONFIG_MAX_BYTES);
        enum lt_err bad = lt_config_sample(&sample);
        status = bad || fputs(lt_buf_str(&sample), stdout) < 0 || fflush(stdout) ? LT_EXIT_FAILED
                                                                                 : LT_EXIT_DONE;
        lt_buf_free(&sample);
    }
    if (status >= 0) {
        json_decref(r.checks);
        return status;
    }
    enum lt_err err = lt_config_load(value[OPT_CONFIG], &c, &diag);
    if (err) {
        note(&r, "configuration", 0, "%s", lt_diag_text(&diag, err));
    } else {
        note(&r, "configuration", 1, "%s",
             value[OPT_CONFIG]                      ? value[OPT_CONFIG]
             : access(LT_CONFIG_DEFAULT_PATH, R_OK) ? "no file, all defaults"
                                                    : LT_CONFIG_DEFAULT_PATH);
        check_store(&r, &c);
        check_network(&r, &c, &engine);
        check_catalog(&r, &c, engine);
        if (check_broker(&r, &c)) lt_doctor_home(&c, note_text, &r);
        const char *file = value[OPT_CONFIG] ? value[OPT_CONFIG] : LT_CONFIG_DEFAULT_PATH;
        lt_doctor_speech(&c, file, note_text, &r);
        lt_doctor_cloud(&c, file, value[OPT_OFFLINE] != NULL, note_text, &r);
        check_clock(&r);
    }
    int ok = print(&r, err ? NULL : &c, lt_cli_wants_json(value[OPT_JSON]));
    lt_site_engine_unref(engine);
    lt_config_free(&c);
    json_decref(r.checks);
    return ok && !r.n_faults ? LT_EXIT_DONE : LT_EXIT_FAILED;
}
