/* harness.c - processes, a message list, a database connection. */
#include "harness.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <ftw.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lt/docs.h"
#include "lt/json.h"

struct env {
    char folder[64], path[256];
    int port;
    pid_t broker, gateway;
    int is_as_served;
    struct mosquitto *client; /* NULL once it has left */
    pthread_mutex_t mutex;
    struct message *first, *last; /* under mutex */
    int is_connected;             /* under mutex */
    sqlite3 *lock;
    struct lt_docs *docs;
};

void sleep_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&t, &t)) continue;
}

static const char *lintel_bin(void)
{
    const char *s = getenv("LT_TEST_BIN");
    return s ? s : LINTEL_BIN;
}

const char *test_model(void)
{
    const char *s = getenv("LT_TEST_MODEL");
    return s ? s : SOURCE_DIR "/engine/models/lintel-home-7.gguf";
}

const char *test_catalog(void)
{
    const char *s = getenv("LT_TEST_CATALOG");
    return s ? s : SOURCE_DIR "/deploy/demo/catalog.json";
}

const char *env_path(struct env *e, const char *name)
{
    snprintf(e->path, sizeof e->path, "%s/%s", e->folder, name);
    return e->path;
}

int env_port(const struct env *e)
{
    return e->port;
}

/* A loopback port that nobody else takes until this process ends. The kernel's own choice (port 0) will
 * not do: it may hand the same port to another test's connection before the broker listens, and again
 * whenever the broker is restarted. So: below the range the kernel chooses from, and reserved among tests
 * by an abstract socket's name. */
static int free_port(void)
{
    enum { FIRST = 20000, N = 12000 };
    for (int i = 0; i < N; i++) {
        int port = FIRST + (int)(((unsigned)getpid() * 7u + (unsigned)i) % N);
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "lintel-test-port-%d", port);
        int reserved = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        int is_ours = !bind(reserved, (struct sockaddr *)&name,
                            (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) &&
                      !bind(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        if (is_ours) return port; /* `reserved` stays open */
        close(reserved);
    }
    fail_msg("no free port");
    return 0;
}

static pid_t spawn(char *const *argv, const char *log)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that is killed leaves nobody behind */
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (fd >= 0) dup2(fd, STDERR_FILENO), dup2(fd, STDOUT_FILENO);
    execvp(argv[0], argv);
    _exit(127);
}

/* Exit status, 128 + signal when killed; -1 when it does not end in time. */
static int wait_for(pid_t pid, int ms)
{
    int status;
    for (int waited = 0;; waited += 5) {
        pid_t r = waitpid(pid, &status, WNOHANG);
        if (r == pid) return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (r < 0 || waited >= ms) return -1;
        sleep_ms(5);
    }
}

static void write_file(const char *path, const char *fmt, ...) LT_PRINTF(2, 3);
static void write_file(const char *path, const char *fmt, ...)
{
    FILE *f = fopen(path, "w");
    va_list ap;
    if (!f) fail_msg("cannot write %s", path);
    va_start(ap, fmt);
    vfprintf(f, fmt, ap);
    va_end(ap);
    assert_false(fclose(f));
}

static int count_in_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t cap = 0;
    int n = 0;
    while (f && getline(&line, &cap, f) >= 0)
        if (strstr(line, text)) n++;
    free(line);
    if (f) fclose(f);
    return n;
}

/* ---- the client ---- */

void message_free(struct message *m)
{
    if (!m) return;
    free(m->topic);
    free(m->payload);
    free(m->correlation);
    free(m);
}

static void on_connect(struct mosquitto *c, void *user, int rc)
{
    struct env *e = user;
    if (rc) return;
    char *const filters[] = {"lintel/#", "hermes/#"};
    mosquitto_subscribe_multiple(c, NULL, 2, filters, 1, 0, NULL);
    (void)e;
}

static void on_subscribe(struct mosquitto *c, void *user, int mid, int n, const int *granted)
{
    struct env *e = user;
    (void)c, (void)mid, (void)n, (void)granted;
    pthread_mutex_lock(&e->mutex);
    e->is_connected = 1;
    pthread_mutex_unlock(&e->mutex);
}

static void on_disconnect(struct mosquitto *c, void *user, int rc)
{
    struct env *e = user;
    (void)c, (void)rc;
    pthread_mutex_lock(&e->mutex);
    e->is_connected = 0;
    pthread_mutex_unlock(&e->mutex);
}

static void on_message(struct mosquitto *c, void *user, const struct mosquitto_message *in,
                       const mosquitto_property *props)
{
    struct env *e = user;
    struct message *m = calloc(1, sizeof *m);
    uint16_t n = 0;
    void *correlation = NULL;
    (void)c;
    m->topic = strdup(in->topic);
    m->payload = calloc(1, (size_t)in->payloadlen + 1);
    if (in->payloadlen) memcpy(m->payload, in->payload, (size_t)in->payloadlen);
    m->payload_len = (size_t)in->payloadlen;
    m->is_retained = in->retain;
    mosquitto_property_read_int32(props, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &m->expiry_s, false);
    mosquitto_property_read_binary(props, MQTT_PROP_CORRELATION_DATA, &correlation, &n, false);
    if (correlation) {
        m->correlation = calloc(1, (size_t)n + 1);
        memcpy(m->correlation, correlation, n);
        m->correlation_len = n;
        free(correlation);
    }
    pthread_mutex_lock(&e->mutex);
    if (e->last)
        e->last->next = m;
    else
        e->first = m;
    e->last = m;
    pthread_mutex_unlock(&e->mutex);
}

void client_wait_connected(struct env *e)
{
    for (int waited = 0; waited < WAIT_MS; waited += 5) {
        pthread_mutex_lock(&e->mutex);
        int is_connected = e->is_connected;
        pthread_mutex_unlock(&e->mutex);
        if (is_connected) return;
        sleep_ms(5);
    }
    fail_msg("the test's client does not reach the broker");
}

void client_restart(struct env *e)
{
    mosquitto_disconnect(e->client);
    mosquitto_loop_stop(e->client,
                        false); /* its thread ends by itself; cancelled, it may hold a lock */
    assert_int_equal(mosquitto_reconnect(e->client), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_loop_start(e->client), MOSQ_ERR_SUCCESS);
    client_wait_connected(e);
}

static struct message *try_now(struct env *e, const char *prefix)
{
    struct message *m, *before = NULL;
    pthread_mutex_lock(&e->mutex);
    for (m = e->first; m && strncmp(m->topic, prefix, strlen(prefix)) != 0; m = m->next) before = m;
    if (m) {
        *(before ? &before->next : &e->first) = m->next;
        if (e->last == m) e->last = before;
        m->next = NULL;
    }
    pthread_mutex_unlock(&e->mutex);
    return m;
}

struct message *client_try(struct env *e, const char *prefix, int ms)
{
    struct message *m = try_now(e, prefix);
    for (int waited = 0; !m && waited < ms; waited += 2) {
        sleep_ms(2);
        m = try_now(e, prefix);
    }
    return m;
}

struct message *client_take(struct env *e, const char *prefix, int ms)
{
    struct message *m = client_try(e, prefix, ms);
    if (!m) fail_msg("nothing came on %s in %d ms", prefix, ms);
    return m;
}

const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

void client_forget(struct env *e)
{
    for (struct message *m; (m = try_now(e, "")) != NULL;) message_free(m);
}

int client_count(struct env *e, const char *prefix)
{
    int n = 0;
    pthread_mutex_lock(&e->mutex);
    for (const struct message *m = e->first; m; m = m->next)
        n += !strncmp(m->topic, prefix, strlen(prefix));
    pthread_mutex_unlock(&e->mutex);
    return n;
}

static void check_schema(struct env *e, const char *schema, const json_t *o, const char *payload)
{
    struct lt_diag diag = {0};
    int doc = 0;
    while (doc < LT_DOC_COUNT && strcmp(lt_doc_name((enum lt_doc)doc), schema) != 0) doc++;
    assert_true(doc < LT_DOC_COUNT);
    if (!e->docs) assert_int_equal(lt_docs_open(&e->docs, &diag), LT_OK);
    if (lt_docs_check(e->docs, (enum lt_doc)doc, o, &diag))
        fail_msg("%s: %s in %s", schema, diag.text, payload);
}

json_t *take_json(struct env *e, const char *prefix, const char *schema)
{
    struct message *m = client_take(e, prefix, WAIT_MS);
    struct lt_diag diag = {0};
    json_t *o = NULL;
    if (lt_json_parse(m->payload, m->payload_len, 1 << 20, &o, &diag))
        fail_msg("%s: %s: %s", m->topic, diag.text, m->payload);
    check_schema(e, schema, o, m->payload);
    message_free(m);
    return o;
}

void client_publish(struct env *e, struct publish p)
{
    mosquitto_property *props = NULL;
    size_t n = p.payload_len ? p.payload_len : strlen(p.payload);
    if (p.response_topic)
        mosquitto_property_add_string(&props, MQTT_PROP_RESPONSE_TOPIC, p.response_topic);
    if (p.correlation)
        mosquitto_property_add_binary(&props, MQTT_PROP_CORRELATION_DATA, p.correlation,
                                      (uint16_t)strlen(p.correlation));
    if (p.content_type)
        mosquitto_property_add_string(&props, MQTT_PROP_CONTENT_TYPE, p.content_type);
    assert_int_equal(mosquitto_publish_v5(e->client, NULL, p.topic, (int)n, p.payload, p.qos,
                                          p.is_retained, props),
                     MOSQ_ERR_SUCCESS);
    mosquitto_property_free_all(&props);
}

void client_say(struct env *e, const char *text)
{
    client_publish(e, (struct publish){.topic = "lintel/home/request", .payload = text, .qos = 1});
}

void client_leave(struct env *e)
{
    mosquitto_disconnect(e->client);
    mosquitto_loop_stop(e->client,
                        false); /* its thread ends by itself; cancelled, it may hold a lock */
    mosquitto_destroy(e->client);
    e->client = NULL;
}

/* ---- the broker ---- */

/* What the tests need beside its defaults: nothing is lost with the broker, and its log tells every packet. */
static const char tests_broker[] = "autosave_interval 1\nautosave_on_changes true\n"
                                   "max_queued_messages 100000\nmax_inflight_messages 100\n"
                                   "log_type all\n";

void broker_start(struct env *e, const char *extra)
{
    char conf[256];
    int status;
    assert_int_equal(e->broker, 0); /* a second one would find the port taken, and end unnoticed */
    snprintf(conf, sizeof conf, "%s/mosquitto.conf", e->folder);
    write_file(conf,
               "listener %d 127.0.0.1\n%spersistence true\npersistence_location %s/\n"
               "set_tcp_nodelay true\nlog_dest file %s/broker.log\nuser root\n%s",
               e->port, extra ? extra : "allow_anonymous true\n", e->folder, e->folder,
               e->is_as_served ? "" : tests_broker);
    char *const argv[] = {"mosquitto", "-c", conf, NULL};
    e->broker = spawn(argv, env_path(e, "broker.err"));
    for (int waited = 0; waited < WAIT_MS; waited += 10) {
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)e->port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        if (!rc) return;
        if (waitpid(e->broker, &status, WNOHANG) == e->broker) break;
        sleep_ms(10);
    }
    fail_msg("mosquitto does not start; see %s", env_path(e, "broker.err"));
}

void broker_stop(struct env *e)
{
    kill(e->broker, SIGTERM);
    int status = wait_for(e->broker, WAIT_MS);
    /* mosquitto 2.0.11 ends with 1 after a client was killed; not ended, or by a signal, is a fault */
    assert_true(status == 0 || status == 1);
    e->broker = 0;
    pthread_mutex_lock(&e->mutex);
    e->is_connected = 0; /* the client's thread may not have noticed yet */
    pthread_mutex_unlock(&e->mutex);
}

pid_t broker_pid(const struct env *e)
{
    return e->broker;
}

int broker_log_count(struct env *e, const char *text)
{
    return count_in_file(env_path(e, "broker.log"), text);
}

/* ---- the gateway ---- */

void gateway_config(struct env *e, const char *extra)
{
    char db[256];
    snprintf(db, sizeof db, "%s/lintel.db", e->folder);
    int has_model = extra && strstr(extra, "model:") != NULL;
    write_file(env_path(e, "lintel.yaml"),
               "catalog:\n  file: %s\n%s%s%sstore:\n  path: %s\n"
               "%s%s%s",
               test_catalog(), has_model ? "" : "model:\n  file: ", has_model ? "" : test_model(),
               has_model ? "" : "\n", db,
               extra && strstr(extra, "log:") ? "" : "log:\n  level: debug\n",
               extra && strstr(extra, "gate:") ? "" : "gate:\n  threshold: 0\n  nothing: 0\n",
               extra && strstr(extra, "limits:") ? "" : "limits:\n  deadline_ms: 300000\n");
    FILE *talk = fopen(env_path(e, "lintel.yaml"), "a"); /* what the network says is looked at */
    assert_non_null(talk);
    if (!extra || !strstr(extra, "talk:")) fputs("talk:\n  plain: false\n", talk);
    assert_false(fclose(talk));
    FILE *f = fopen(env_path(e, "lintel.yaml"), "a");
    assert_non_null(f);
    const char *mqtt = extra ? strstr(extra, "mqtt:\n") : NULL;
    if (mqtt) { /* the port goes into the section that is there */
        fprintf(f, "%.*smqtt:\n  port: %d\n  client_id: gw\n%s", (int)(mqtt - extra), extra,
                e->port, mqtt + 6);
    } else {
        fprintf(f, "mqtt:\n  port: %d\n  client_id: gw\n%s", e->port, extra ? extra : "");
    }
    assert_false(fclose(f));
}

void gateway_spawn(struct env *e)
{
    char config[256];
    snprintf(config, sizeof config, "%s/lintel.yaml", e->folder);
    char *const argv[] = {(char *)(uintptr_t)lintel_bin(), "serve", "-c", config, NULL};
    e->gateway = spawn(argv, env_path(e, "gateway.log"));
}

/* What the gateway said last; static storage. */
static const char *last_line(struct env *e)
{
    static char line[512];
    FILE *f = fopen(env_path(e, "gateway.log"), "r");
    char *text = NULL;
    size_t cap = 0;
    line[0] = '\0';
    while (f && getline(&text, &cap, f) >= 0) snprintf(line, sizeof line, "%s", text);
    free(text);
    if (f) fclose(f);
    return line;
}

void gateway_start(struct env *e, const char *extra)
{
    gateway_config(e, extra);
    gateway_spawn(e);
    for (;;) { /* the first status comes before the catalogue is encoded */
        struct message *m = NULL;
        int status;
        for (int waited = 0; !m && waited < WAIT_MS; waited += 200) {
            m = client_try(e, "lintel/home/status", 200);
            if (!m && waitpid(e->gateway, &status, WNOHANG) == e->gateway) e->gateway = 0;
            if (!e->gateway) fail_msg("the gateway ended: %s", last_line(e));
        }
        if (!m) fail_msg("the gateway does not come online: %s", last_line(e));
        int is_up = strstr(m->payload, "\"online\"") && strstr(m->payload, "\"entities\":") &&
                    !strstr(m->payload, "\"entities\":0");
        message_free(m);
        if (is_up) return;
    }
}

int gateway_is_running(struct env *e)
{
    return e->gateway && !kill(e->gateway, 0);
}
pid_t gateway_pid(const struct env *e)
{
    return e->gateway;
}
int gateway_signal(struct env *e, int signum)
{
    return kill(e->gateway, signum);
}

int gateway_stop(struct env *e)
{
    kill(e->gateway, SIGTERM);
    int status = wait_for(e->gateway, 2 * WAIT_MS);
    if (status < 0) gateway_kill(e);
    e->gateway = 0;
    return status;
}

void gateway_kill(struct env *e)
{
    kill(e->gateway, SIGKILL);
    wait_for(e->gateway, WAIT_MS);
    e->gateway = 0;
}

int gateway_log_count(struct env *e, const char *text)
{
    return count_in_file(env_path(e, "gateway.log"), text);
}

void gateway_log_wait(struct env *e, const char *text)
{
    for (int waited = 0; waited < WAIT_MS; waited += 10) {
        if (gateway_log_count(e, text)) return;
        sleep_ms(10);
    }
    fail_msg("the gateway's log has no '%s'", text);
}

/* ---- the database ---- */

static int try_int(const char *path, const char *sql, int64_t *out)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    int found = 0;
    if (!sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL)) {
        sqlite3_busy_timeout(db, WAIT_MS);
        if (!sqlite3_prepare_v2(db, sql, -1, &st, NULL) && sqlite3_step(st) == SQLITE_ROW) {
            *out = sqlite3_column_int64(st, 0);
            found = 1;
        }
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    return found;
}

int64_t db_int(struct env *e, const char *sql)
{
    int64_t v = 0;
    if (!try_int(env_path(e, "lintel.db"), sql, &v)) fail_msg("no answer to: %s", sql);
    return v;
}

void db_wait(struct env *e, const char *sql, int64_t value)
{
    char path[256];
    snprintf(path, sizeof path, "%s", env_path(e, "lintel.db"));
    db_wait_in(path, sql, value);
}

void db_wait_in(const char *path, const char *sql, int64_t value)
{
    int64_t v = -1;
    for (int waited = 0; waited < WAIT_MS; waited += 10) {
        if (try_int(path, sql, &v) && v == value) return;
        sleep_ms(10);
    }
    fail_msg("%s: %lld, not %lld", sql, (long long)v, (long long)value);
}

void db_lock(struct env *e)
{
    assert_int_equal(sqlite3_open(env_path(e, "lintel.db"), &e->lock), SQLITE_OK);
    sqlite3_busy_timeout(e->lock, WAIT_MS);
    assert_int_equal(sqlite3_exec(e->lock, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

void db_unlock(struct env *e)
{
    sqlite3_exec(e->lock, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(e->lock);
    e->lock = NULL;
}

/* ---- life ---- */

static struct env *start(int is_as_served)
{
    struct env *e = calloc(1, sizeof *e);
    assert_non_null(e);
    e->is_as_served = is_as_served;
    strcpy(e->folder, "/tmp/lintel-test-XXXXXX");
    assert_non_null(mkdtemp(e->folder));
    pthread_mutex_init(&e->mutex, NULL);
    e->port = free_port();
    broker_start(e, NULL);
    mosquitto_lib_init();
    e->client = mosquitto_new(NULL, true, e);
    mosquitto_int_option(e->client, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
    mosquitto_int_option(e->client, MOSQ_OPT_RECEIVE_MAXIMUM, 1000);
    mosquitto_username_pw_set(e->client, "tester", "secret");
    mosquitto_reconnect_delay_set(e->client, 1, 1, false);
    mosquitto_connect_callback_set(e->client, on_connect);
    mosquitto_disconnect_callback_set(e->client, on_disconnect);
    mosquitto_subscribe_callback_set(e->client, on_subscribe);
    mosquitto_message_v5_callback_set(e->client, on_message);
    assert_int_equal(mosquitto_connect(e->client, "127.0.0.1", e->port, 60), MOSQ_ERR_SUCCESS);
    assert_int_equal(mosquitto_loop_start(e->client), MOSQ_ERR_SUCCESS);
    client_wait_connected(e);
    return e;
}

struct env *env_start(void)
{
    return start(0);
}

struct env *env_start_as_served(void)
{
    return start(1);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st, (void)kind, (void)at;
    return remove(path);
}

void env_stop(struct env *e)
{
    if (e->gateway > 0) kill(e->gateway, SIGKILL), wait_for(e->gateway, WAIT_MS);
    if (e->client) client_leave(e);
    mosquitto_lib_cleanup();
    if (e->broker > 0) kill(e->broker, SIGKILL), wait_for(e->broker, WAIT_MS);
    if (e->lock) db_unlock(e);
    client_forget(e);
    lt_docs_close(e->docs);
    pthread_mutex_destroy(&e->mutex);
    if (!getenv("LT_TEST_KEEP")) nftw(e->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(e);
}

/* ---- the command line ---- */

static void read_into(int fd, char *out, size_t cap)
{
    char sink[4096];
    size_t n = 0;
    for (ssize_t got; (got = read(fd, sink, sizeof sink)) > 0;) {
        size_t room = out && cap > n + 1 ? cap - 1 - n : 0;
        size_t take = (size_t)got < room ? (size_t)got : room;
        if (take) memcpy(out + n, sink, take);
        n += take;
    }
    if (out && cap) out[n] = '\0';
    close(fd);
}

int run_lintel(char *out, size_t out_cap, char *err, size_t err_cap, const char *word, ...)
{
    char *argv[32] = {(char *)(uintptr_t)lintel_bin()};
    int n = 1, pipe_out[2], status;
    char err_path[] = "/tmp/lintel-stderr-XXXXXX";
    va_list ap;
    va_start(ap, word);
    for (const char *w = word; w && n < 31; w = va_arg(ap, const char *)) argv[n++] = strdup(w);
    va_end(ap);
    int err_fd = mkstemp(err_path);
    unlink(err_path);
    assert_true(err_fd >= 0 && !pipe(pipe_out));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        dup2(pipe_out[1], STDOUT_FILENO);
        dup2(err_fd, STDERR_FILENO);
        close(pipe_out[0]);
        close(pipe_out[1]);
        execv(lintel_bin(), argv);
        _exit(127);
    }
    close(pipe_out[1]);
    read_into(pipe_out[0], out, out_cap);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    lseek(err_fd, 0, SEEK_SET);
    read_into(err_fd, err, err_cap);
    for (int i = 1; i < n; i++) free(argv[i]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int make_network(const char *vocab, const char *network)
{
    static const char tree[] = SOURCE_DIR "/engine/data",
                      mix[] = SOURCE_DIR "/engine/train/mix.json";
    char err[4096];
    int status = run_lintel(NULL, 0, err, sizeof err, "tokenize", "--out", vocab, "--vocab", "700",
                            "--cases", "300", "--tree", tree, "--mix", mix, NULL);
    if (!status)
        status = run_lintel(NULL, 0, err, sizeof err, "train", "--tokenizer", vocab, "--out",
                            network, "--tree", tree, "--mix", mix, "--width", "64", "--heads", "4",
                            "--kv-heads", "2", "--encoder", "1", "--decoder", "1", "--steps", "2",
                            "--batch", "4", "--valid-every", "0", "--threads", "1", NULL);
    if (status) fputs(err, stderr);
    return status;
}
