/* store_place.h - a folder of its own for each test of the store, and the steps of a trace. */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lt/json.h"
#include "lt/store.h"

#define T0     1769688000000 /* 2026-01-29 12:00 UTC */
#define MINUTE 60000
#define DAY    86400000LL

struct place {
    char dir[64], db[96];
};

static inline int setup(void **state)
{
    struct place *p = calloc(1, sizeof *p);
    strcpy(p->dir, "/tmp/lintel-test-store-XXXXXX");
    if (!mkdtemp(p->dir)) return -1;
    snprintf(p->db, sizeof p->db, "%s/lintel.db", p->dir);
    *state = p;
    return 0;
}

static inline int teardown(void **state)
{
    struct place *p = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char path[160];
    chmod(p->dir, 0700);
    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof path, "%s%s", p->db, suffixes[i]);
        unlink(path);
    }
    rmdir(p->dir);
    free(p);
    return 0;
}

#define MUST(call)                                                                                 \
    do {                                                                                           \
        struct lt_diag diag = {0};                                                                 \
        if (call) fail_msg("%s: %s", #call, diag.text);                                            \
    } while (0)
#define MUST_FAIL(want, part, call)                                                                \
    do {                                                                                           \
        struct lt_diag diag = {0};                                                                 \
        enum lt_err got = (call);                                                                  \
        if (got != (want) || !strstr(diag.text, part))                                             \
            fail_msg("%s: %s \"%s\"", #call, lt_err_name(got), diag.text);                         \
    } while (0)

static inline struct lt_store *open_with(const char *path, struct lt_store_options o)
{
    struct lt_store *s = NULL;
    o.path = path;
    MUST(lt_store_open(&o, &s, &diag));
    return s;
}

static inline struct lt_store *open_store(const char *path)
{
    return open_with(path, (struct lt_store_options){0});
}

static inline enum lt_err accept_at(struct lt_store *s, const char *site, const char *id,
                                    const char *text, int64_t at, char trace[LT_ULID_CAP],
                                    int *is_duplicate, struct lt_diag *diag)
{
    struct lt_trace_new t = {.site = site,
                             .source = "mqtt",
                             .request_id = id,
                             .text = text,
                             .text_len = text ? strlen(text) : 0,
                             .here = "Kitchen",
                             .lang = "en",
                             .received_unix_ms = at};
    return lt_store_trace_accept(s, &t, trace, is_duplicate, diag);
}

/* Accept without fuss; the trace is in *trace. */
static inline void put(struct lt_store *s, const char *id, int64_t at, char trace[LT_ULID_CAP])
{
    int duplicate = 0;
    MUST(accept_at(s, "home", id, "turn on the light", at, trace, &duplicate, &diag));
    assert_false(duplicate);
}

#define CALLS "[{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"Lamp\"}}]"

static inline void decide(struct lt_store *s, const char *trace)
{
    struct lt_trace_decision d = {.route = "local",
                                  .why = "gate.accepted",
                                  .model = "m1",
                                  .calls_json = CALLS,
                                  .confidence = 0.97,
                                  .decisions_json = "[{\"kind\":\"tool\",\"p\":0.99}]",
                                  .n_tokens = 6,
                                  .encode_us = 310,
                                  .decode_us = 420};
    MUST(lt_store_trace_decided(s, trace, &d, &diag));
}

static inline void answer(struct lt_store *s, const char *trace, const char *route,
                          int64_t total_us)
{
    struct lt_trace_answer a = {.route = route,
                                .why = "gate.accepted",
                                .calls_json = CALLS,
                                .speech = "Done",
                                .result_json = "{\"route\":\"local\",\"calls\":" CALLS "}",
                                .total_us = total_us,
                                .cost_usd_micro = 12};
    MUST(lt_store_trace_answered(s, trace, &a, &diag));
}

struct listed {
    int n;
    char traces[64][LT_ULID_CAP];
    struct lt_trace_row last;
    char text[64], state[16];
    int stop_after;
};

static inline int collect(const struct lt_trace_row *row, void *user)
{
    struct listed *l = user;
    if (l->n < 64) snprintf(l->traces[l->n], LT_ULID_CAP, "%s", row->trace);
    l->n++;
    l->last = *row;
    snprintf(l->text, sizeof l->text, "%s", row->text ? row->text : "(null)");
    snprintf(l->state, sizeof l->state, "%s", row->state);
    return l->stop_after && l->n >= l->stop_after;
}

static inline int count(struct lt_store *s, struct lt_trace_filter f)
{
    struct listed l = {0};
    MUST(lt_store_trace_list(s, &f, collect, &l, &diag));
    return l.n;
}

#define UNIT(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
