/* The fleet with a real broker: two hubs share what they were taught, a collector gathers it, and a
 * network comes back, or one that nobody may take. The collector's database is the harness's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>
#include <signal.h>

#include "harness.h"

#define OUT   65536
#define LINES 120 /* of each hub */
#define TOOLS                                                                                      \
    "[{\"name\":\"bell_ring\",\"description\":\"Ring a "                                           \
    "bell\",\"parameters\":{\"type\":\"object\","                                                  \
    "\"properties\":{\"strokes\":{\"type\":\"integer\",\"maximum\":2000}},"                        \
    "\"required\":[\"strokes\"]}},{\"name\":\"note_add\",\"description\":\"Add a "                 \
    "note\",\"parameters\":{\"type\":\"object\",\"properties\":{\"text\":{\"type\":\"string\"}},"  \
    "\"required\":[\"text\"]}}]"
#define HOME                                                                                       \
    "{\"areas\":[{\"name\":\"Kitchen\"},{\"name\":\"Vault\"}],\"entities\":[{\"id\":\"light.k\","  \
    "\"name\":\"Anna's Lamp\",\"area\":\"Kitchen\",\"domain\":\"light\",\"state\":\"on\"},"        \
    "{\"id\":\"lock.v\",\"name\":\"Safe\",\"area\":\"Vault\",\"domain\":\"lock\"}]}"

static char out[OUT], err[OUT];
static char config[2][300], hub_db[2][300], collector[300], db[300], lines[300], key[300];
static const char *const sites[2] = {"north", "south"};
static int has_keys;

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

#define RUN(...) run_lintel(out, OUT, err, OUT, __VA_ARGS__, NULL)

static void teach(int hub, int from, int n)
{
    FILE *f = fopen(lines, "w");
    assert_non_null(f);
    for (int i = from; i < from + n; i++)
        fprintf(f,
                "{\"id\":\"%d\",\"source\":\"t\",\"query\":\"ring the bell %d times\",\"tools\":"
                "" TOOLS
                ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":%d}}]}\n",
                i, 1000 * hub + i, 1000 * hub + i);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(RUN("traces", "import", lines, "--site", sites[hub], "--db", hub_db[hub]), 0);
}

static int setup(void **state)
{
    struct env *e = *state = env_start();
    char text[900];
    snprintf(db, sizeof db, "%s", env_path(e, "lintel.db"));
    snprintf(lines, sizeof lines, "%s", env_path(e, "lines.jsonl"));
    snprintf(key, sizeof key, "%s", env_path(e, "fleet.key"));
    snprintf(collector, sizeof collector, "%s", env_path(e, "collector.yaml"));
    snprintf(text, sizeof text, "mqtt:\n  port: %d\n  client_id: c\n  reconnect_max_s: 1\n",
             env_port(e));
    write_text(collector, text);
    has_keys = !RUN("models", "keygen", key);
    if (!has_keys) assert_non_null(strstr(err, "libssl-dev")); /* built without: says what to do */
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "hub%d.db", i);
        snprintf(hub_db[i], sizeof hub_db[i], "%s", env_path(e, text));
        snprintf(text, sizeof text, "hub%d.yaml", i);
        snprintf(config[i], sizeof config[i], "%s", env_path(e, text));
        snprintf(text, sizeof text,
                 "mqtt:\n  port: %d\n  client_id: hub%d\n  reconnect_max_s: 1\nsites: [%s]\n"
                 "model:\n  file: \"\"\n  trust: %s%s\nfleet:\n  share: [%s]\n"
                 "cloud:\n  redact_names: [Anna]\n  never_cloud_areas: [Vault]\n",
                 env_port(e), i, sites[i], has_keys ? key : "\"\"", has_keys ? ".pub" : "",
                 sites[i]);
        write_text(config[i], text);
    }
    return 0;
}

static int teardown(void **state)
{
    env_stop(*state);
    return 0;
}

static pid_t start(const char *word, const char *conf, const char *file)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        int is_share = !strcmp(word, "share");
        execl(LINTEL_BIN, LINTEL_BIN, word, "-c", conf, "--db", file, is_share ? "--settle" : NULL,
              "0", (char *)NULL);
        _exit(127);
    }
    return pid;
}

static void end(pid_t pid, int signum)
{
    int status;
    kill(pid, signum);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (signum == SIGTERM) assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
}

/* nobody labels while it runs: no label needs to settle */
#define SHARE(hub)                                                                                 \
    RUN("share", "--once", "--settle", "0", "--nice", "0", "--keep", "20", "-c", config[hub],      \
        "--db", hub_db[hub])
#define COLLECT() RUN("collect", "--once", "-c", collector, "--db", db)
#define COLLECTED "select count(*) from trace"
#define ALL_ACKNOWLEDGED                                                                           \
    "select count(*) from setting where site = 'south' and key = 'fleet.mark' and "                \
    "cast(value as integer) = (select max(id) from label)"
#define COLLECTED_IDS "select count(distinct request_id) from trace"

static void wait_count(struct env *e, const char *prefix, int n)
{
    for (int i = 0; i < WAIT_MS && client_count(e, prefix) < n; i++) sleep_ms(1);
    assert_true(client_count(e, prefix) >= n);
}

static void test_share__two_hubs_killed_and_broker_restarted__each_trace_once(void **state)
{
    struct env *e = *state;
    teach(0, 0, LINES);
    teach(1, 0, LINES);
    assert_int_equal(COLLECT(), 0); /* the broker keeps what comes for it from now on */
    client_forget(e);
    pid_t hub = start("share", config[0], hub_db[0]);
    wait_count(e, "lintel/north/trace", 7);
    end(hub, SIGKILL); /* in the middle, or at the end on a machine that is fast */
    broker_stop(e);
    broker_start(e, NULL);
    client_wait_connected(e);
    assert_int_equal(SHARE(0), 0);
    hub = start("share", config[1], hub_db[1]); /* and the other while the broker is restarted */
    pid_t gathering = start("collect", collector, db);
    wait_count(e, "lintel/south/trace", 7);
    end(gathering, SIGKILL);
    broker_stop(e);
    broker_start(e, NULL);
    gathering = start("collect", collector, db);
    db_wait(e, COLLECTED, (int64_t)2 * LINES);
    db_wait_in(hub_db[1], ALL_ACKNOWLEDGED, 1);
    end(hub, SIGTERM);
    end(gathering, SIGTERM);
    assert_int_equal(SHARE(0), 0);
    assert_string_equal(out, "0 traces sent, 0 stay here\n");
    assert_int_equal(SHARE(1), 0);
    assert_string_equal(out, "0 traces sent, 0 stay here\n");
    assert_int_equal(COLLECT(), 0);
    assert_int_equal(db_int(e, COLLECTED), 2 * LINES);
    assert_int_equal(db_int(e, COLLECTED_IDS), 2 * LINES);
    assert_int_equal(db_int(e, "select count(*) from trace where site = 'south'"), LINES);
    assert_int_equal(db_int(e, "select count(*) from label where source = 'import'"), 2 * LINES);
    assert_int_equal(RUN("traces", "export", "--db", db), 0); /* it can be learnt from */
    assert_non_null(strstr(out, "ring the bell 1007 times"));
    /* a label that comes later is sent then, and counts for the trace that is known */
    char id[64];
    assert_int_equal(RUN("traces", "list", "--json", "--limit", "1", "--db", hub_db[0]), 0);
    json_t *rows = json_loads(out, 0, NULL);
    snprintf(id, sizeof id, "%s",
             json_string_value(json_object_get(json_array_get(rows, 0), "trace")));
    json_decref(rows);
    assert_int_equal(RUN("traces", "label", id, "--wrong", "--calls", "[]", "--db", hub_db[0]), 0);
    assert_int_equal(SHARE(0), 0);
    assert_string_equal(out, "1 traces sent, 0 stay here\n");
    assert_int_equal(COLLECT(), 0);
    assert_string_equal(out, "0 traces taken, 1 known already, 0 refused\n");
    assert_int_equal(db_int(e, "select count(*) from label where source = 'user'"), 1);
    assert_int_equal(db_int(e, COLLECTED), 2 * LINES);
}

static void test_share__names_numbers_rooms_and_sites_not_allowed__stay_in_the_house(void **state)
{
    struct env *e = *state;
    char text[900];
    FILE *f = fopen(lines, "w");
    assert_non_null(f);
    fputs("{\"id\":\"1\",\"query\":\"note call Anna at 0301234567\",\"tools\":" TOOLS
          ",\"home\":" HOME ",\"answers\":[{\"name\":\"note_add\",\"arguments\":{\"text\":\"call "
          "Anna at 0301234567\"}}]}\n",
          f);
    fputs("{\"id\":\"2\",\"query\":\"ring the bell twice in the vault\",\"tools\":" TOOLS
          ",\"home\":" HOME ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":2}}]}"
          "\n",
          f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(RUN("traces", "import", lines, "--site", "north", "--db", hub_db[0]), 0);
    assert_int_equal(RUN("traces", "import", lines, "--site", "attic", "--db", hub_db[0]), 0);
    client_forget(e);
    assert_int_equal(SHARE(0), 0);
    assert_string_equal(out, "1 traces sent, 1 stay here\n"); /* nothing of the site "attic" */
    json_t *o = take_json(e, "lintel/north/trace", "data-line");
    char *all = json_dumps(o, JSON_COMPACT);
    assert_null(strstr(all, "Anna"));
    assert_null(strstr(all, "0301234567"));
    assert_null(strstr(all, "Vault"));
    assert_null(strstr(all, "Safe"));
    assert_null(strstr(all, "\"state\""));
    assert_non_null(strstr(all, "Kitchen"));
    const char *query = json_string_value(json_object_get(o, "query"));
    const char *told = json_string_value(json_object_get(
        json_object_get(json_array_get(json_object_get(o, "answers"), 0), "arguments"), "text"));
    assert_non_null(told);
    assert_non_null(strstr(query, told)); /* the same placeholders: it still teaches */
    free(all);
    json_decref(o);
    assert_int_equal(client_count(e, "lintel/attic"), 0);
    snprintf(text, sizeof text,
             "mqtt:\n  port: %d\nsites: [north]\nfleet:\n  share: [north]\ncloud:\n"
             "  never_cloud_sites: [north]\n",
             env_port(e));
    write_text(lines, text);
    assert_int_equal(RUN("share", "--once", "-c", lines, "--db", hub_db[0]), 1);
    assert_non_null(strstr(err, "never_cloud keeps it in the house"));
    write_text(lines, "sites: [north]\n");
    assert_int_equal(RUN("share", "--once", "-c", lines, "--db", hub_db[0]), 1);
    assert_non_null(strstr(err, "fleet.share names no site"));
}

static void test_collect__malformed_poisoned_or_foreign__refused_with_the_reason(void **state)
{
    struct env *e = *state;
    static const char *const bad[] = {
        "not json",
        "[]",
        "{\"query\":\"x\",\"answers\":[]}",
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"source\":\"trace.god\",\"query\":\"x\",\"tools\":"
        "[],\"answers\":[]}",
        "{\"id\":\"../../etc\",\"source\":\"trace.user\",\"query\":\"x\",\"tools\":" TOOLS
        ",\"answers\":[]}",
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"source\":\"trace.user\",\"query\":\"x\","
        "\"tools\":"
        "" TOOLS ",\"answers\":[{\"name\":\"bell_ring\",\"arguments\":{\"strokes\":9999}}]}",
        "{\"id\":\"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\"source\":\"trace.user\",\"query\":\"x\","
        "\"tools\":"
        "\"[]\",\"answers\":\"[]\"}"};
    enum { N = sizeof bad / sizeof bad[0] };
    char text[64];
    assert_int_equal(COLLECT(), 0);
    client_forget(e);
    for (int i = 0; i < N; i++)
        client_publish(
            e, (struct publish){.topic = "lintel/north/trace", .payload = bad[i], .qos = 1});
    wait_count(e, "lintel/north/trace", N); /* the broker has them all */
    assert_int_equal(COLLECT(), 0);
    snprintf(text, sizeof text, "0 traces taken, 0 known already, %d refused\n", N);
    assert_string_equal(out, text);
    assert_non_null(strstr(err, "/source: no source of a label"));
    assert_non_null(strstr(err, "/id: no id of a trace"));
    assert_non_null(strstr(err, "/0/arguments/strokes"));
    assert_int_equal(db_int(e, COLLECTED), 0);
}

/* ---- networks ---- */

static json_t *models(int hub)
{
    assert_int_equal(RUN("models", "list", "--json", "--db", hub_db[hub]), 0);
    json_t *list = json_loads(out, 0, NULL);
    assert_non_null(list);
    return list;
}

static void assert_models(int hub, size_t n, int n_active)
{
    json_t *list = models(hub), *m;
    size_t i;
    int active = 0;
    json_array_foreach(list, i, m) active += json_is_true(json_object_get(m, "active"));
    assert_int_equal(json_array_size(list), n);
    assert_int_equal(active, n_active);
    json_decref(list);
}

static void refused(struct env *e, const char *payload, size_t n, const char *why)
{
    client_forget(e);
    client_publish(e, (struct publish){.topic = "lintel/fleet/network",
                                       .payload = payload,
                                       .payload_len = n,
                                       .qos = 1,
                                       .is_retained = 1});
    wait_count(e, "lintel/fleet/network", 1);
    assert_int_equal(SHARE(0), 0);
    if (!strstr(err, why)) fail_msg("not '%s' but: %s", why, err);
    assert_non_null(strstr(err, "network.refused"));
    assert_models(0, 0, 0);
}

static char *read_whole(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f);
    rewind(f);
    char *data = malloc(*n);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *n, f), *n);
    assert_int_equal(fclose(f), 0);
    return data;
}

static void write_whole(const char *path, const char *data, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Change the last letter of the first long piece of the file's vocabulary. */
static void change_vocabulary(char *data, size_t n)
{
    static const char name[] = "tokenizer.ggml.tokens";
    size_t at = 0;
    while (at + sizeof name < n && memcmp(data + at, name, sizeof name - 1) != 0) at++;
    at += sizeof name - 1 + 4 + 4 + 8; /* array, of strings, how many */
    for (int i = 0; i < 5000; i++) {
        uint64_t len;
        memcpy(&len, data + at, sizeof len);
        at += 8 + len;
        if (i > 3000 && len > 7) {
            data[at - 1] = data[at - 1] == 'q' ? 'x' : 'q';
            return;
        }
    }
    fail();
}

static void
test_network__unsigned_truncated_changed_foreign__refused_and_nothing_changed(void **state)
{
    struct env *e = *state;
    char net[300], stranger[300];
    size_t n;
    if (!has_keys) return;
    teach(0, 0, LINES);
    snprintf(net, sizeof net, "%s", env_path(e, "net.gguf"));
    snprintf(stranger, sizeof stranger, "%s", env_path(e, "stranger.key"));
    assert_int_equal(RUN("models", "keygen", stranger), 0);
    assert_int_equal(RUN("quantize", "--model", test_model(), "--out", net, "--type", "f16"), 0);
    assert_int_equal(RUN("collect", "--publish", net, "-c", collector), 2); /* no key */
    assert_int_equal(RUN("collect", "--publish", lines, "--key", key, "-c", collector), 1);
    /* signed by a stranger */
    client_forget(e);
    assert_int_equal(RUN("collect", "--publish", net, "--key", stranger, "-c", collector), 0);
    assert_string_equal(out, "published\n");
    assert_int_equal(SHARE(0), 0);
    assert_non_null(strstr(err, "was not signed with the key"));
    assert_models(0, 0, 0);
    struct message *m = client_take(e, "lintel/fleet/network", WAIT_MS);
    size_t head = (size_t)(strchr(m->payload, '\n') - m->payload) + 1;
    refused(e, m->payload, m->payload_len - 1000, "truncated");
    refused(e, m->payload, head / 2, "first line");
    refused(e, "{\"lintel\":\"network\",\"bytes\":1}\nx", 0, "it is not signed");
    m->payload[m->payload_len - 500] ^= 1;
    refused(e, m->payload, m->payload_len, "its hash is not what is said");
    message_free(m);
    /* of another vocabulary, though signed */
    char *data = read_whole(net, &n);
    change_vocabulary(data, n);
    write_whole(net, data, n);
    free(data);
    assert_int_equal(RUN("collect", "--publish", net, "--key", key, "-c", collector), 0);
    assert_int_equal(SHARE(0), 0);
    assert_non_null(strstr(err, "another vocabulary"));
    assert_models(0, 0, 0);
    assert_int_equal(RUN("collect", "--withdraw", "-c", collector), 0);
    assert_string_equal(out, "withdrawn\n");
    assert_int_equal(SHARE(0), 0);
    assert_null(strstr(err, "network."));
}

static void test_network__signed__promoted_where_not_worse_and_refused_where_worse(void **state)
{
    struct env *e = *state;
    char net[300], bad[300];
    size_t n;
    if (!has_keys) return;
    teach(0, 0, LINES); /* hub 1 has no labels to judge by */
    snprintf(net, sizeof net, "%s", env_path(e, "net.gguf"));
    snprintf(bad, sizeof bad, "%s", env_path(e, "bad.gguf"));
    assert_int_equal(RUN("quantize", "--model", test_model(), "--out", net, "--type", "f16"), 0);
    char *data = read_whole(net, &n);
    for (size_t i = n / 2; i < n; i++) data[i] = 0; /* it opens, and knows nothing */
    write_whole(bad, data, n);
    free(data);
    assert_int_equal(RUN("collect", "--publish", bad, "--key", key, "-c", collector), 0);
    assert_int_equal(SHARE(0), 0);
    assert_non_null(strstr(err, "network.refused"));
    assert_non_null(strstr(err, "worse on the household's kept examples"));
    assert_models(0, 1, 0); /* it can be looked at */
    assert_int_equal(RUN("collect", "--publish", net, "--key", key, "-c", collector), 0);
    assert_int_equal(SHARE(0), 0);
    if (!strstr(err, "network.promoted")) fail_msg("not promoted: %s", err);
    assert_models(0, 2, 1);
    assert_int_equal(SHARE(0), 0); /* still retained: known */
    assert_null(strstr(err, "network."));
    assert_int_equal(SHARE(1), 0);
    assert_non_null(strstr(err, "network.waits"));
    assert_models(1, 1, 0);
    /* by hand: compared when asked to, and said when not */
    json_t *list = models(0), *m;
    size_t i;
    char hash[80] = "";
    json_array_foreach(list, i, m) if (!json_is_true(json_object_get(m, "active")))
        snprintf(hash, sizeof hash, "%s", json_string_value(json_object_get(m, "sha256")));
    json_decref(list);
    assert_int_equal(RUN("models", "activate", hash, "--check", "--keep", "20", "-c", config[0],
                         "--db", hub_db[0]),
                     1);
    assert_non_null(strstr(err, "not activated: worse"));
    assert_int_equal(RUN("models", "activate", hash, "-c", config[0], "--db", hub_db[0]), 0);
    assert_non_null(strstr(err, "not compared"));
    assert_int_equal(RUN("models", "rollback", "--db", hub_db[0]), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_share__two_hubs_killed_and_broker_restarted__each_trace_once, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_share__names_numbers_rooms_and_sites_not_allowed__stay_in_the_house, setup,
            teardown),
        cmocka_unit_test_setup_teardown(
            test_collect__malformed_poisoned_or_foreign__refused_with_the_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_network__unsigned_truncated_changed_foreign__refused_and_nothing_changed, setup,
            teardown),
        cmocka_unit_test_setup_teardown(
            test_network__signed__promoted_where_not_worse_and_refused_where_worse, setup,
            teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
