/* harness.h - a real broker, the real gateway and a client to watch them with.
 *
 * An env has a folder of its own under /tmp with the broker's and the gateway's files. The broker is
 * mosquitto on a free loopback port with persistence; the gateway is the built `lintel`; the client is
 * libmosquitto in a thread, whose messages wait in a list until a test asks for them. Functions fail
 * the running test (CMocka) when what they wait for does not come. env_stop ends every process that
 * was started, in any state, and removes the folder. For figures $LT_TEST_BIN names another `lintel` to run,
 * $LT_TEST_MODEL another network and $LT_TEST_CATALOG another home: what is compared runs in the same minutes. */
#ifndef TEST_HARNESS_H
#define TEST_HARNESS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WAIT_MS 120000 /* longest wait for anything that is expected; a sanitizer build is slow */

struct env;

struct message {
    struct message *next;
    char *topic, *payload;
    size_t payload_len;
    char *correlation; /* NUL-terminated copy, NULL without */
    size_t correlation_len;
    int is_retained;
    uint32_t expiry_s; /* 0: none */
};
void message_free(struct message *m);

/* A folder, a port, a broker that runs, and a client subscribed to "lintel/#" and "hermes/#". */
struct env *env_start(void);
void env_stop(struct env *e);
/* The same for figures, with the broker as people run it. The tests' broker writes its database, with fsync, at
 * every change and logs every packet, which takes more time than what is to be measured; this one does neither,
 * by mosquitto's own defaults. Once the gateway is up, client_leave: nobody listens beside those who ask. */
struct env *env_start_as_served(void);
const char *env_path(struct env *e,
                     const char *name); /* in the env's folder; valid until the next */
int env_port(const struct env *e);

/* The broker, with `extra` configuration lines. The client connects again by itself. */
void broker_start(struct env *e, const char *extra);
void broker_stop(struct env *e);
/* Times the broker's log holds `text`. */
int broker_log_count(struct env *e, const char *text);

/* Write the gateway's configuration: the test's defaults, then `extra` YAML sections (which must not
 * repeat a section). Then start it, and wait until its status is online with a catalogue. */
void gateway_config(struct env *e, const char *extra);
void gateway_spawn(struct env *e);
void gateway_start(struct env *e, const char *extra);
/* SIGTERM and wait; returns the exit status, -1 when it had to be killed. */
int gateway_stop(struct env *e);
void gateway_kill(struct env *e); /* SIGKILL and wait */
int gateway_is_running(struct env *e);
pid_t gateway_pid(const struct env *e);
pid_t broker_pid(const struct env *e);
int gateway_signal(struct env *e, int signum);
/* Times the gateway's log holds `text`; wait until it does. */
int gateway_log_count(struct env *e, const char *text);
void gateway_log_wait(struct env *e, const char *text);

/* Publish; response_topic and correlation may be NULL. */
struct publish {
    const char *topic, *payload;
    size_t payload_len; /* 0: strlen */
    int qos, is_retained;
    const char *response_topic, *correlation, *content_type;
};
void client_publish(struct env *e, struct publish p);
void client_say(struct env *e, const char *text); /* QoS 1 to lintel/home/request */
/* The oldest message not taken yet whose topic begins with `prefix`; fails after ms. */
struct message *client_take(struct env *e, const char *prefix, int ms);
/* The same, NULL when none comes in `ms`. */
struct message *client_try(struct env *e, const char *prefix, int ms);
/* The message's payload as JSON, checked against the named schema of schema/json; message freed. */
json_t *take_json(struct env *e, const char *prefix, const char *schema);
/* A member's text, "" when it has none; the object's. */
const char *text_of(const json_t *object, const char *key);
void client_forget(struct env *e); /* drop what waits */
int client_count(struct env *e, const char *prefix);
void client_leave(struct env *e); /* disconnect, for good */
/* Until the client is connected and subscribed. */
void client_wait_connected(struct env *e);
/* Start the client again: its library gives up for good when a broker refuses it. */
void client_restart(struct env *e);

/* The gateway's database. */
int64_t db_int(struct env *e, const char *sql);
void db_wait(struct env *e, const char *sql, int64_t value);       /* until the query gives value */
void db_wait_in(const char *path, const char *sql, int64_t value); /* the same, another database */
/* Hold the write lock, so that commits wait; release. */
void db_lock(struct env *e);
void db_unlock(struct env *e);

/* Run `lintel` with words (NULL ends); stdout (cut at cap) to out; returns its exit status. stderr
 * goes to err. Both may be NULL. */
int run_lintel(char *out, size_t out_cap, char *err, size_t err_cap, const char *word, ...);

/* A vocabulary of 700 pieces and a network of one layer each that has seen two batches, made by `lintel
 * tokenize` and `lintel train`: whole files that know nothing. 0, or the exit status, after its stderr. */
int make_network(const char *vocab, const char *network);

void sleep_ms(int ms);
const char *test_model(void);   /* the network the tests use */
const char *test_catalog(void); /* the demo home */

#endif
