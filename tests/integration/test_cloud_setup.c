/* test_cloud_setup.c - the way to a cloud model for its owner: README.md's three steps, what `lintel doctor`
 * finds in them, and a server whose certificate an authority at home has signed. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cloud_home.h"
#include "vendor_answer.h"

/* `lintel doctor` over one endpoint at the stub; its exit status, findings in `out`. */
static int doctor(struct cloud_home *f, const char *endpoint, char *out, size_t cap)
{
    char text[512];
    const char *path = env_path(f->env, "doctor.yaml");
    snprintf(text, sizeof text,
             "cloud:\n  endpoints:\n    - %s\n      base_url: http://127.0.0.1:%d\n", endpoint,
             stub_port(f->stub));
    FILE *to = fopen(path, "w");
    fputs(text, to);
    fclose(to);
    return run_lintel(out, cap, NULL, 0, "doctor", "-c", path, "--json", NULL);
}

static void test_doctor__cloud_faults__named_with_line_and_key(void **state)
{
    static const struct {
        const char *endpoint;
        int status;
        const char *finding;
    } rows[] = {
        {"provider: anthropic\n      key: env:LT_TEST_CLOUD_KEY", 401,
         "[0].key: credentials refused"},
        {"provider: anthropic\n      key: env:LT_TEST_CLOUD_KEY", 404, "[0].model: unknown model"},
        {"provider: openai\n      key: env:LT_TEST_CLOUD_KEY", 403, "[0].key"},
        {"provider: gemini\n      key: env:LT_TEST_CLOUD_KEY", 404, "[0].model"},
        {"provider: openai-chat\n      model: nobody-1\n      price_as: free", 200,
         "[0].model: the server does not list"},
        {"provider: openai-chat\n      model: big-1\n      price_as: free", 200, "big-1 answers"},
        {"provider: anthropic\n      key: env:LT_TEST_CLOUD_KEY", 200, "claude-haiku-5-5 answers"},
        {"provider: anthropic\n      model: claude-next-9", 0,
         "has no 'claude-next-9' of anthropic"},
        {"provider: anthropic\n      key: env:LT_TEST_NO_SUCH", 0, "[0].key"},
    };
    static char out[1 << 17];
    struct cloud_home *f = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        stub_clear(f->stub);
        if (rows[i].status) cloud_answer(f, rows[i].status, "{\"data\":[{\"id\":\"big-1\"}]}");
        doctor(f, rows[i].endpoint, out, sizeof out);
        if (!strstr(out, rows[i].finding)) fail_msg("no %s in %s", rows[i].finding, out);
        if (strstr(rows[i].finding, "[0]")) assert_non_null(strstr(out, "doctor.yaml:3: cloud."));
        assert_null(strstr(out, "sk-not-to-be-seen"));
        assert_int_equal(stub_n_requests(f->stub), rows[i].status != 0);
    }
}

/* README.md's three steps of one vendor, run as they are written by a shell, with the address of the stub
 * behind the key. Returns what they print. */
static char *readme_steps(struct cloud_home *f, const char *provider)
{
    static char out[1 << 16];
    char path[600], line[512], command[8192] = "";
    size_t n = 0;
    int is_in = 0;
    FILE *readme = fopen(SOURCE_DIR "/README.md", "r");
    assert_non_null(readme);
    while (fgets(line, sizeof line, readme)) {
        if (!strncmp(line, "    install -m 600 /dev/stdin", 29)) {
            is_in = 1;
            n += (size_t)snprintf(command + n, sizeof command - n,
                                  "printf 'sk-not-to-be-seen\\n' | ");
        }
        if (!is_in) continue;
        if (strncmp(line, "    ", 4) != 0) break;
        char *name = strstr(line, "provider: anthropic");
        if (name) snprintf(name, sizeof line - (size_t)(name - line), "provider: %s\n", provider);
        n += (size_t)snprintf(command + n, sizeof command - n, "%s", line + 4);
        if (strstr(line, "key: file:"))
            n += (size_t)snprintf(command + n, sizeof command - n,
                                  "      base_url: http://127.0.0.1:%d\n", stub_port(f->stub));
    }
    fclose(readme);
    assert_non_null(strstr(command, "lintel doctor -c cloud.yaml"));
    snprintf(path, sizeof path, "%s", env_path(f->env, "steps.sh"));
    FILE *to = fopen(path, "w");
    fprintf(to, "cd '%s'\nPATH=%.*s:$PATH\n%s", env_path(f->env, ""),
            (int)(strrchr(LINTEL_BIN, '/') - LINTEL_BIN), LINTEL_BIN, command);
    fclose(to);
    snprintf(command, sizeof command, "sh '%s' 2>&1", path);
    FILE *from = popen(command, "r");
    size_t got = fread(out, 1, sizeof out - 1, from);
    out[got] = '\0';
    pclose(from); /* doctor finds no broker at its usual place */
    return out;
}

static void test_readme__three_steps_per_vendor__lead_to_an_escalated_answer(void **state)
{
    static const char *const models[] = {"claude-haiku-5-5", "gemini-3.5-flash-lite", "gpt-6-luna"};
    static char out[1 << 16];
    struct cloud_home *f = *state;
    for (int v = 0; v < 3; v++) {
        char want[128], yaml[1024], trace[64];
        stub_clear(f->stub);
        cloud_answer(f, 200, "{}"); /* the model is there */
        char *said = readme_steps(f, vendor_names[v]);
        snprintf(want, sizeof want, "%s answers, key taken", models[v]);
        if (!strstr(said, want)) fail_msg("no '%s' in\n%s", want, said);
        assert_null(strstr(said, "sk-not-to-be-seen"));
        /* serve, with the home and the broker of this test */
        FILE *made = fopen(env_path(f->env, "cloud.yaml"), "r");
        size_t n = fread(yaml, 1, sizeof yaml - 128, made);
        fclose(made);
        snprintf(yaml + n, sizeof yaml - n,
                 "gate:\n  threshold: 1\n  nothing: 1\n  clarify: 1\n  no_answer: apologise\n");
        char *words = vendor_text(v, "I have no curtains to close.");
        cloud_answer(f, 200, words);
        gateway_start(f->env, yaml);
        client_forget(f->env);
        client_say(f->env, "make it cosy for a film in the living room");
        json_t *r = take_json(f->env, "lintel/home/response", "result");
        assert_string_equal(text_of(r, "why"), "cloud.answered");
        assert_string_equal(text_of(r, "speech"), "I have no curtains to close.");
        snprintf(trace, sizeof trace, "%s", text_of(r, "trace"));
        json_decref(r);
        assert_int_equal(gateway_stop(f->env), 0);
        const char *db = env_path(f->env, "lintel.db");
        assert_int_equal(run_lintel(out, sizeof out, NULL, 0, "traces", "list", "--route", "cloud",
                                    "--db", db, NULL),
                         0);
        if (!strstr(out, trace)) fail_msg("no %s in %s", trace, out);
        assert_int_equal(
            run_lintel(out, sizeof out, NULL, 0, "traces", "show", trace, "--db", db, NULL), 0);
        assert_non_null(strstr(out, "make it cosy"));
        assert_non_null(strstr(out, "You control a home"));
        assert_null(strstr(out, "sk-not-to-be-seen"));
        stub_clear(f->stub);
        free(words);
    }
}

/* A server of one's own behind TLS: `openssl s_server` with a certificate of an authority made here. */
static pid_t tls_server(struct cloud_home *f, int port)
{
    char folder[512], command[4096];
    snprintf(folder, sizeof folder, "%s", env_path(f->env, ""));
    snprintf(
        command, sizeof command,
        "cd '%s' && mkdir -p v1/models && echo '{\"id\":\"claude-haiku-5-5\"}' > "
        "v1/models/claude-haiku-5-5 && "
        "openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "
        "/CN=home-ca 2>/dev/null && "
        "openssl req -newkey rsa:2048 -nodes -keyout s.key -out s.csr -subj /CN=localhost "
        "2>/dev/null && printf 'subjectAltName=DNS:localhost,IP:127.0.0.1' > s.ext && "
        "openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile "
        "s.ext -out s.pem 2>/dev/null",
        folder);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command,
             "cd '%s' && exec openssl s_server -accept 127.0.0.1:%d -cert s.pem -key s.key -WWW "
             ">/dev/null 2>&1 </dev/null",
             folder, port);
    pid_t pid = fork();
    if (!pid) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    for (int waited = 0; waited < WAIT_MS; waited += 10) { /* until it listens */
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        int rc = connect(fd, (struct sockaddr *)&a, sizeof a);
        close(fd);
        if (!rc) break;
        sleep_ms(10);
    }
    return pid;
}

static void test_cloud__tls_of_an_own_authority__trusted_only_when_named(void **state)
{
    static char out[1 << 17];
    struct cloud_home *f = *state;
    int port = stub_dead_port();
    pid_t server = tls_server(f, port);
    for (int i = 0; i < 2; i++) {
        char text[1024], ca[600];
        snprintf(ca, sizeof ca, "  ca_file: %s\n", env_path(f->env, "ca.pem"));
        snprintf(text, sizeof text,
                 "cloud:\n%s  endpoints:\n    - provider: anthropic\n      key: "
                 "env:LT_TEST_CLOUD_KEY\n      base_url: https://127.0.0.1:%d\n",
                 i ? ca : "", port);
        const char *path = env_path(f->env, "tls.yaml");
        FILE *to = fopen(path, "w");
        fputs(text, to);
        fclose(to);
        run_lintel(out, sizeof out, NULL, 0, "doctor", "-c", path, "--json", NULL);
        const char *want = i ? "claude-haiku-5-5 answers" : "certificate not trusted";
        if (!strstr(out, want)) fail_msg("no '%s' in %s", want, out);
    }
    kill(server, SIGTERM);
    waitpid(server, NULL, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, cloud_setup, cloud_teardown)
int main(int argc, char **argv)
{
    if (argc > 1) cmocka_set_test_filter(argv[1]); /* one test while looking for a fault */
    const struct CMUnitTest tests[] = {
        TEST(test_readme__three_steps_per_vendor__lead_to_an_escalated_answer),
        TEST(test_doctor__cloud_faults__named_with_line_and_key),
        TEST(test_cloud__tls_of_an_own_authority__trusted_only_when_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
