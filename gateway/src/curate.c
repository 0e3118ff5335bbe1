/* curate.c - two passes over the traces: the newest first to choose, the oldest first to write. */
#include "curate.h"

#include <stdlib.h>
#include <string.h>

#include "lt/clock.h"
#include "lt/docs.h"
#include "lt/json.h"
#include "lt/store_export.h"
#include "san/finetune.h"

struct pass {
    struct lt_store *store;
    struct lt_curate *c;
    FILE *to;                     /* NULL while choosing */
    json_t *chosen;               /* {question: {"trace", "answers"}} */
    json_t *tools;                /* {tool: lines} */
    json_t *ids;                  /* {trace: true}, the chosen ones */
    json_t *days;                 /* {"source day": lines} */
    char hash[LT_SHA256_HEX_CAP]; /* of the catalogue at hand */
    json_t *catalog;
    enum lt_err err;
    struct lt_diag *diag;
};

static const json_t *catalog_of(struct pass *p, const char *hash)
{
    char *text = NULL;
    struct lt_diag ignored = {0};
    if (p->catalog && !strcmp(p->hash, hash)) return p->catalog;
    json_decref(p->catalog);
    p->catalog = NULL;
    if (!lt_store_catalog_get(p->store, hash, &text, &ignored) &&
        !lt_json_parse(text, strlen(text), LT_DOC_MAX_BYTES_CATALOG, &p->catalog, &ignored))
        snprintf(p->hash, sizeof p->hash, "%s", hash);
    free(text);
    return p->catalog;
}

/* Everything of the filter that the store's own does not do. */
static int is_wanted(const struct lt_curate *c, const struct lt_trace_row *r)
{
    if (c->label && (!r->label_source || strcmp(c->label, r->label_source) != 0)) return 0;
    if (c->min_confidence > 0 && r->confidence < c->min_confidence) return 0;
    if (c->max_confidence > 0 && r->confidence > c->max_confidence) return 0;
    return !c->split || !r->text || (int)san_split_of(r->text) == c->split - 1;
}

/* Of falling trust, as lt/store.h has it; silence comes last. */
static int rank_of(const char *source)
{
    static const char *const sources[] = {"console", "user",  "undo", "rephrase",
                                          "import",  "cloud", NULL};
    int i = 0;
    while (sources[i] && strcmp(sources[i], source) != 0) i++;
    return i;
}

static int is_silent(const struct lt_trace_row *r)
{
    return !strcmp(r->label_source, "silence");
}

/* Count one more under `key`; how many there are now. */
static json_int_t count(json_t *counts, const char *key)
{
    json_int_t n = json_integer_value(json_object_get(counts, key)) + 1;
    json_object_set_new(counts, key, json_integer(n));
    return n;
}

json_t *lt_curate_right_calls(const struct lt_trace_row *r)
{
    const char *right = r->label_calls_json   ? r->label_calls_json
                        : r->label_is_correct ? r->calls_json
                                              : NULL;
    json_t *answers = NULL;
    struct lt_diag ignored = {0};
    /* "the second one" teaches nothing without the question before it, and a question that was right
     * to ask is no answer */
    if (r->why && !strncmp(r->why, "talk.", 5)) return NULL;
    if (!r->label_calls_json && r->route && !strcmp(r->route, "clarify")) return NULL;
    if (!right || !r->text || !r->catalog_hash || !r->label_source ||
        lt_json_parse(right, strlen(right), LT_DOC_MAX_BYTES_REQUEST, &answers, &ignored))
        return NULL;
    return answers;
}

/* A trace that may become a line: rules 3 to 5. */
static void choose_from(struct pass *p, const struct lt_trace_row *r, json_t *answers)
{
    struct lt_curate *c = p->c;
    char key[256], day[64], silent[160];
    int rank = rank_of(r->label_source);
    snprintf(key, sizeof key, "%016llx/%.64s/%.64s", (unsigned long long)san_query_hash(r->text),
             r->catalog_hash, r->here ? r->here : "");
    snprintf(day, sizeof day, "%.20s %lld", r->label_source,
             (long long)(r->received_unix_ms / 86400000));
    json_t *known = json_object_get(p->chosen, key);
    const char *tool = json_string_value(json_object_get(json_array_get(answers, 0), "name"));
    int known_rank = (int)json_integer_value(json_object_get(known, "rank"));
    int is_contrary = known && !json_equal(json_object_get(known, "answers"), answers);
    if (is_contrary && rank >= known_rank) {
        c->n_contrary++;
        return;
    }
    if (known && !is_contrary && rank >= known_rank && !c->keep_repeats) {
        c->n_repeated++;
        return;
    }
    snprintf(silent, sizeof silent, "~%.150s", tool ? tool : "");
    if ((c->per_tool &&
         json_integer_value(json_object_get(p->tools, tool ? tool : "")) >= c->per_tool) ||
        (is_silent(r) && count(p->tools, silent) > LT_CURATE_SILENT)) {
        c->n_over++;
        return;
    }
    if (rank && !is_silent(r) && count(p->days, day) > LT_CURATE_PER_DAY) {
        c->n_flood++;
        return;
    }
    if (known && rank < known_rank) { /* the newer one was less trusted */
        json_object_del(p->ids, json_string_value(json_object_get(known, "trace")));
        is_contrary ? c->n_contrary++ : c->n_repeated++;
    }
    count(p->tools, tool ? tool : "");
    json_object_set_new(
        p->chosen, key,
        json_pack("{s:s,s:i,s:O}", "trace", r->trace, "rank", rank, "answers", answers));
    json_object_set_new(p->ids, r->trace, json_true());
}

/* The newest first. */
static int choose(const struct lt_trace_row *r, void *user)
{
    struct pass *p = user;
    struct lt_curate *c = p->c;
    if (!is_wanted(c, r)) return 0;
    json_t *answers = lt_curate_right_calls(r);
    if (!answers) {
        c->n_skipped++;
        return 0;
    }
    if (r->label_note && !strcmp(r->label_note, LT_CURATE_EXCLUDE)) {
        c->n_excluded++;
        json_decref(answers);
        return 0;
    }
    choose_from(p, r, answers);
    json_decref(answers);
    return 0;
}

static int write_line(const struct lt_trace_row *r, void *user)
{
    struct pass *p = user;
    if (!json_object_get(p->ids, r->trace)) return 0;
    json_t *answers = lt_curate_right_calls(r);
    const json_t *catalog = catalog_of(p, r->catalog_hash);
    if (!catalog || !answers) {
        json_decref(answers);
        p->c->n_skipped++;
        return 0;
    }
    json_t *home =
        json_object_get(catalog, "home") ? json_copy(json_object_get(catalog, "home")) : NULL;
    if (home && r->here) json_object_set_new(home, "here", json_string(r->here));
    char source[32];
    snprintf(source, sizeof source, "trace.%.20s", r->label_source);
    json_t *line =
        json_pack("{s:s,s:s,s:s,s:O,s:o}", "id", r->trace, "source", source, "query", r->text,
                  "tools", json_object_get(catalog, "tools"), "answers", answers);
    if (line && home) json_object_set(line, "home", home);
    char *text = line ? lt_json_dump(line) : NULL;
    if (!text)
        p->err = lt_fail(p->diag, LT_ERR_NOMEM, "out of memory");
    else if (fprintf(p->to, "%s\n", text) < 0)
        p->err = lt_fail_errno(p->diag, "cannot write the export");
    else
        p->c->n_written++;
    free(text);
    json_decref(home);
    json_decref(line);
    return p->err != LT_OK;
}

/* What is about to be written, and where. */
static enum lt_err note(struct pass *p, struct lt_diag *diag)
{
    const struct lt_curate *c = p->c;
    const char *trace;
    json_t *ignored;
    int64_t id = 0;
    if (!json_object_size(p->ids))
        return c->is_appended || !c->to_path
                   ? LT_OK
                   : lt_store_export_forget_path(p->store, c->to_path, diag);
    json_t *o =
        json_pack("{s:s?,s:s?,s:s?,s:I,s:I,s:f,s:f,s:i,s:i,s:b}", "site", c->site, "route",
                  c->route, "label", c->label, "since_unix_ms", (json_int_t)c->since_unix_ms,
                  "until_unix_ms", (json_int_t)c->until_unix_ms, "min_confidence",
                  c->min_confidence, "max_confidence", c->max_confidence, "split", c->split,
                  "per_tool", c->per_tool, "silence", c->silent_before_unix_ms != 0);
    char *filters = o ? lt_json_dump(o) : NULL;
    struct lt_export_new e = {.path = c->to_path,
                              .filters_json = filters,
                              .is_appended = c->is_appended,
                              .now_unix_ms = lt_now_unix_ms()};
    json_decref(o);
    if (!filters) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    enum lt_err err = lt_store_begin(p->store, 1, diag);
    if (!err) {
        err = lt_store_export_put(p->store, &e, &id, diag);
        json_object_foreach(p->ids, trace, ignored)
        {
            if (!err) err = lt_store_export_add(p->store, id, trace, diag);
        }
        if (!err)
            err = lt_store_commit(p->store, diag);
        else
            lt_store_rollback(p->store);
    }
    free(filters);
    return err;
}

enum lt_err lt_curate_export(struct lt_store *s, struct lt_curate *c, FILE *to,
                             struct lt_diag *diag)
{
    struct pass p = {.store = s,
                     .c = c,
                     .to = to,
                     .chosen = json_object(),
                     .tools = json_object(),
                     .ids = json_object(),
                     .days = json_object(),
                     .diag = diag};
    struct lt_trace_filter f = {.site = c->site,
                                .route = c->route,
                                .since_unix_ms = c->since_unix_ms,
                                .until_unix_ms = c->until_unix_ms,
                                .silent_before_unix_ms = c->silent_before_unix_ms,
                                .is_labelled = 1};
    enum lt_err err = p.chosen && p.tools && p.ids && p.days
                          ? LT_OK
                          : lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    if (!err) err = lt_store_trace_list(s, &f, choose, &p, diag);
    if (!err && c->is_noted) err = note(&p, diag);
    f.is_oldest_first = 1;
    if (!err) err = lt_store_trace_list(s, &f, write_line, &p, diag);
    if (!err) err = p.err;
    if (!err && fflush(to)) err = lt_fail_errno(diag, "cannot write the export");
    json_decref(p.chosen);
    json_decref(p.tools);
    json_decref(p.ids);
    json_decref(p.days);
    json_decref(p.catalog);
    return err;
}
