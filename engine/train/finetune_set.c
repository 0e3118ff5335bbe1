/* finetune_set.c - a household's examples: read, split, and drawn afresh for every batch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate_internal.h"
#include "san/finetune.h"
#include "san/lex.h"
#include "san/pieces.h"

#define POOL_MAX       256  /* values kept of one parameter */
#define SWAP_CHANCE    0.5  /* that a value in the words is swapped */
#define NOISE_CHANCE   0.5  /* that the words are mistyped or misheard */
#define ABSENT_CHANCE  0.06 /* that the right tools are taken out, and nothing is to be called */
#define GUEST_CHANCE   0.5  /* that tools of a base case stand beside the household's */
#define VISITOR_CHANCE 0.4  /* that a base case is shown tools of the household */
#define GUESTS_MAX     6

struct san_tune_set {
    struct san_tune_counts counts;
    json_t **cases[3]; /* by split, (n) */
    json_t *interned;  /* {text: the one object} */
    json_t *values;    /* {"tool\x1fparameter": [values that stood in the words]} */
    json_t *by_tool;   /* {tool: [numbers of learning cases]}; "" for those without a call */
};

uint64_t san_query_hash(const char *query)
{
    struct san_word words[SAN_WORDS_MAX];
    int n = san_words(query, strlen(query), words, SAN_WORDS_MAX);
    uint64_t h = 1469598103934665603u;
    for (int i = 0; i < n; i++)
        if (words[i].kind != SAN_WORD_PUNCT) h = (h ^ words[i].hash) * 1099511628211u;
    return h;
}

enum san_split san_split_of(const char *query)
{
    uint64_t h = san_query_hash(query);
    h = (h ^ (h >> 31)) * UINT64_C(0x9e3779b97f4a7c15);
    switch ((h >> 40) % 10) {
    case 0:
        return SAN_SPLIT_TEST;
    case 1:
        return SAN_SPLIT_DEV;
    default:
        return SAN_SPLIT_TRAIN;
    }
}

/* ---- reading ---- */

/* The one object that prints like v, so that equal blocks of a batch are encoded once; borrowed. */
static json_t *intern(struct san_tune_set *s, json_t *v)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
    json_t *known = text ? json_object_get(s->interned, text) : NULL;
    if (text && !known && !json_object_set(s->interned, text, v)) known = v;
    free(text);
    return known ? known : v;
}

static json_t *intern_all(struct san_tune_set *s, const json_t *list)
{
    json_t *out = json_array(), *v;
    size_t i;
    json_array_foreach(list, i, v) json_array_append(out, intern(s, v));
    json_t *one = json_incref(intern(s, out));
    json_decref(out);
    return one;
}

static json_t *intern_case(struct san_tune_set *s, const json_t *c)
{
    json_t *out = json_copy((json_t *)(uintptr_t)c);
    const json_t *home = json_object_get(c, "home");
    if (!out) return NULL;
    json_object_set_new(out, "tools", intern_all(s, json_object_get(c, "tools")));
    if (json_is_object(home)) {
        json_t *h = json_copy((json_t *)(uintptr_t)home);
        json_object_set_new(h, "areas", intern_all(s, json_object_get(home, "areas")));
        json_object_set_new(h, "entities", intern_all(s, json_object_get(home, "entities")));
        json_object_set(out, "home", intern(s, h));
        json_decref(h);
    }
    return out;
}

/* What makes two lines the same question: the words, the room and the tools. */
static void question_key(const json_t *c, char *out, size_t cap)
{
    const char *here = json_string_value(json_object_get(json_object_get(c, "home"), "here"));
    const json_t *tools = json_object_get(c, "tools"), *t;
    uint64_t h = 0;
    size_t i;
    json_array_foreach(tools, i, t) h +=
        san_query_hash(json_string_value(json_object_get(t, "name"))) | 1;
    snprintf(out, cap, "%016llx/%016llx/%.64s",
             (unsigned long long)san_query_hash(json_string_value(json_object_get(c, "query"))),
             (unsigned long long)h, here ? here : "");
}

/* The value as it would stand in the words; NULL for what has no words. */
static const char *words_of(const json_t *v, char *buf, size_t cap)
{
    if (json_is_string(v)) return *json_string_value(v) ? json_string_value(v) : NULL;
    if (!json_is_integer(v)) return NULL;
    snprintf(buf, cap, "%lld", (long long)json_integer_value(v));
    return buf;
}

/* Where the words stand in the text if they do so exactly once, else NULL. */
static const char *found_once(const char *text, const char *words)
{
    const char *at = gen_find_words(text, words);
    return at && !gen_find_words(at + 1, words) ? at : NULL;
}

static void pool_key(const char *tool, const char *param, char *out, size_t cap)
{
    snprintf(out, cap, "%s\x1f%s", tool, param);
}

static void learn_values(struct san_tune_set *s, const json_t *c)
{
    const char *query = json_string_value(json_object_get(c, "query")), *param;
    json_t *call, *v;
    size_t i, k;
    json_array_foreach(json_object_get(c, "answers"), i, call)
    {
        const char *tool = json_string_value(json_object_get(call, "name"));
        json_object_foreach(json_object_get(call, "arguments"), param, v)
        {
            char key[256], buf[32];
            const char *words = words_of(v, buf, sizeof buf);
            if (!words || !gen_find_words(query, words)) continue;
            pool_key(tool, param, key, sizeof key);
            json_t *pool = json_object_get(s->values, key), *known;
            if (!pool) json_object_set_new(s->values, key, pool = json_array());
            int is_known = json_array_size(pool) >= POOL_MAX;
            json_array_foreach(pool, k, known) is_known |= json_equal(known, v);
            if (!is_known) json_array_append(pool, v);
        }
    }
}

/* Nobody said that it was right: it may teach, but neither fit nor judge. */
static int is_weak(const json_t *c)
{
    const char *source = json_string_value(json_object_get(c, "source"));
    return source && !strcmp(source, SAN_FINETUNE_WEAK);
}

static enum lt_err sort_out(struct san_tune_set *s, json_t *questions, struct lt_diag *diag)
{
    const char *key;
    json_t *c;
    size_t n = json_object_size(questions);
    for (int k = 0; k < 3; k++)
        if (!(s->cases[k] = calloc(n + 1, sizeof(json_t *))))
            return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    json_object_foreach(questions, key, c)
    {
        enum san_split split = san_split_of(json_string_value(json_object_get(c, "query")));
        const json_t *call = json_array_get(json_object_get(c, "answers"), 0);
        const char *tool = json_string_value(json_object_get(call, "name"));
        if (split != SAN_SPLIT_TRAIN && is_weak(c)) continue;
        int at = s->counts.n[split]++;
        s->cases[split][at] = json_incref(c);
        if (split != SAN_SPLIT_TRAIN) continue;
        json_t *list = json_object_get(s->by_tool, tool ? tool : "");
        if (!list) json_object_set_new(s->by_tool, tool ? tool : "", list = json_array());
        json_array_append_new(list, json_integer(at));
        learn_values(s, c);
    }
    s->counts.n_tools = (int)json_object_size(s->by_tool);
    if (s->counts.n_tools > SAN_FINETUNE_TOOLS_MAX)
        return lt_fail(diag, LT_ERR_LIMIT, "the examples call more than %d tools",
                       SAN_FINETUNE_TOOLS_MAX);
    if (s->counts.n[SAN_SPLIT_TRAIN] < SAN_FINETUNE_LEAST)
        return lt_fail(diag, LT_ERR_INVALID,
                       "only %d examples to learn from; at least %d are needed: label more traces",
                       s->counts.n[SAN_SPLIT_TRAIN], SAN_FINETUNE_LEAST);
    return LT_OK;
}

enum lt_err san_tune_set_load(const char *const *files, int n_files, struct san_tune_set **out,
                              struct san_data_report *report, struct lt_diag *diag)
{
    struct san_tune_set *s = calloc(1, sizeof *s);
    struct san_cases cases = {0};
    json_t *questions = json_object();
    enum lt_err err = s && questions ? LT_OK : lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    if (!err) {
        s->interned = json_object();
        s->values = json_object();
        s->by_tool = json_object();
    }
    for (int i = 0; i < n_files && !err; i++)
        err = san_cases_load(&cases, files[i], SAN_FINETUNE_LINES_MAX + 1, NULL, report, diag);
    if (!err && cases.n > SAN_FINETUNE_LINES_MAX)
        err = lt_fail(diag, LT_ERR_LIMIT, "more than %d examples; export fewer days",
                      SAN_FINETUNE_LINES_MAX);
    for (size_t i = 0; i < cases.n && !err; i++) {
        char key[160];
        question_key(cases.p[i], key, sizeof key);
        json_t *known = json_object_get(questions, key);
        s->counts.n_lines++;
        if (known &&
            json_equal(json_object_get(known, "answers"), json_object_get(cases.p[i], "answers")))
            s->counts.n_same++;
        else if (known)
            s->counts.n_contrary++;
        json_t *c = intern_case(s, cases.p[i]);
        if (!c || json_object_set_new(questions, key, c))
            err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    if (!err) s->counts.n_bad = (int)report->n_bad;
    if (!err) err = sort_out(s, questions, diag);
    san_cases_free(&cases);
    json_decref(questions);
    if (err) {
        san_tune_set_free(s);
        return err;
    }
    *out = s;
    return LT_OK;
}

void san_tune_set_free(struct san_tune_set *s)
{
    if (!s) return;
    for (int k = 0; k < 3; k++) {
        for (int i = 0; s->cases[k] && i < s->counts.n[k]; i++) json_decref(s->cases[k][i]);
        free(s->cases[k]);
    }
    json_decref(s->interned);
    json_decref(s->values);
    json_decref(s->by_tool);
    free(s);
}

json_t *san_tune_set_tools(const struct san_tune_set *s, int least)
{
    json_t *out = json_object(), *list;
    const char *tool;
    json_object_foreach(s->by_tool, tool, list)
    {
        size_t n = json_array_size(list);
        if (*tool && n >= (size_t)least)
            json_object_set_new(out, tool, json_integer((json_int_t)n));
    }
    return out;
}

const struct san_tune_counts *san_tune_set_counts(const struct san_tune_set *s)
{
    return &s->counts;
}

json_t *const *san_tune_set_cases(const struct san_tune_set *s, enum san_split split, int *n)
{
    *n = s->counts.n[split];
    return s->cases[split];
}

/* ---- drawing ---- */

/* Another value for the parameter: a name of the same domain, or one other examples had; borrowed. */
static json_t *another(struct san_tune_set *s, struct gen_rng *r, const json_t *c, const char *tool,
                       const char *param, const json_t *old)
{
    const json_t *entities = json_object_get(json_object_get(c, "home"), "entities");
    const json_t *e, *domain = NULL;
    size_t i;
    json_array_foreach(entities, i, e) if (json_equal(json_object_get(e, "name"), old)) domain =
        json_object_get(e, "domain");
    for (int k = 0; domain && k < GEN_TRIES; k++) {
        e = json_array_get(entities, gen_below(r, json_array_size(entities)));
        if (json_equal(json_object_get(e, "domain"), domain)) return json_object_get(e, "name");
    }
    char key[256];
    pool_key(tool, param, key, sizeof key);
    const json_t *pool = json_object_get(s->values, key);
    return domain ? NULL : json_array_get(pool, gen_below(r, json_array_size(pool)));
}

/* Swap values that stand in the words exactly once, in the words and in the answer. */
static void swap_values(struct san_tune_set *s, struct gen_rng *r, json_t *c)
{
    json_t *call, *v;
    const char *param;
    void *tmp;
    size_t i;
    json_array_foreach(json_object_get(c, "answers"), i, call)
    {
        const char *tool = json_string_value(json_object_get(call, "name"));
        json_t *args = json_object_get(call, "arguments");
        json_object_foreach_safe(args, tmp, param, v)
        {
            const char *query = json_string_value(json_object_get(c, "query"));
            char old_buf[32], new_buf[32], key[128];
            const char *old = words_of(v, old_buf, sizeof old_buf), *at;
            if (!gen_chance(r, SWAP_CHANCE) || !old || !(at = found_once(query, old))) continue;
            json_t *other = another(s, r, c, tool, param, v);
            const char *now = other ? words_of(other, new_buf, sizeof new_buf) : NULL;
            if (!now || gen_find_words(query, now) || strlen(query) + strlen(now) >= GEN_TEXT_BYTES)
                continue;
            struct gen_text t;
            gen_text_clear(&t);
            gen_text_add(&t, query, (size_t)(at - query));
            gen_text_adds(&t, now);
            gen_text_adds(&t, at + strlen(old));
            if (strlen(param) >= sizeof key) continue;
            snprintf(key, sizeof key, "%s", param);
            json_object_set_new(c, "query", json_string(t.s));
            json_object_set_new(args, key, json_deep_copy(other));
        }
    }
}

static int has_tool(const json_t *tools, const char *name)
{
    const json_t *t;
    size_t i;
    json_array_foreach(
        tools, i, t) if (!strcmp(json_string_value(json_object_get(t, "name")), name)) return 1;
    return 0;
}

static int is_called(const json_t *c, const char *name)
{
    const json_t *call;
    size_t i;
    json_array_foreach(json_object_get(c, "answers"), i, call)
    {
        if (!strcmp(json_string_value(json_object_get(call, "name")), name)) return 1;
    }
    return 0;
}

/* Add up to n tools of `from` to `tools`, drawn without regard to order. */
static void add_tools(struct gen_rng *r, json_t *tools, const json_t *from, int n)
{
    for (int i = 0; i < n && json_array_size(from); i++) {
        json_t *t = json_array_get(from, gen_below(r, json_array_size(from)));
        if (!has_tool(tools, json_string_value(json_object_get(t, "name"))))
            json_array_insert(tools, gen_below(r, json_array_size(tools) + 1), t);
    }
}

static json_t *draw_tools(struct gen_rng *r, const json_t *c, int is_absent, const json_t *guest)
{
    const json_t *all = json_object_get(c, "tools"), *t;
    int is_nothing = !json_array_size(json_object_get(c, "answers"));
    double keep = gen_chance(r, 0.5) ? 1 : 0.3 + 0.7 * gen_unit(r);
    json_t *out = json_array();
    size_t i;
    json_array_foreach(all, i, t)
    {
        int called = is_called(c, json_string_value(json_object_get(t, "name")));
        if (called ? is_absent : !gen_chance(r, keep)) continue;
        json_array_insert(out, gen_below(r, json_array_size(out) + 1), (json_t *)(uintptr_t)t);
    }
    /* a guest might serve what nothing here serves: only beside the right tool */
    if (guest && !is_absent && !is_nothing && gen_chance(r, GUEST_CHANCE))
        add_tools(r, out, json_object_get(guest, "tools"), 1 + (int)gen_below(r, GUESTS_MAX));
    if (!json_array_size(out) && json_array_size(all))
        json_array_append(out, json_array_get(all, 0));
    return out;
}

static json_t *draw(struct san_tune_set *s, struct gen_rng *r, const json_t *guest)
{
    size_t at = gen_below(r, json_object_size(s->by_tool));
    void *it = json_object_iter(s->by_tool);
    while (at--) it = json_object_iter_next(s->by_tool, it);
    const json_t *list = json_object_iter_value(it);
    size_t k =
        (size_t)json_integer_value(json_array_get(list, gen_below(r, json_array_size(list))));
    const json_t *from = s->cases[SAN_SPLIT_TRAIN][k];
    json_t *c = json_copy((json_t *)(uintptr_t)from);
    if (!c) return NULL;
    json_object_set_new(c, "answers", json_deep_copy(json_object_get(from, "answers")));
    swap_values(s, r, c);
    int n_tools = (int)json_array_size(json_object_get(from, "tools"));
    int n_calls = (int)json_array_size(json_object_get(c, "answers"));
    int is_absent = n_calls == 1 && n_tools > 2 && gen_chance(r, ABSENT_CHANCE);
    json_object_set_new(c, "tools", draw_tools(r, c, is_absent, guest));
    if (is_absent) json_object_set_new(c, "answers", json_array());
    if (gen_chance(r, NOISE_CHANCE)) gen_noise(r, c, 1);
    return c;
}

/* A base case that sees some of the household's tools as well. */
static json_t *show_tools(struct san_tune_set *s, struct gen_rng *r, json_t *base)
{
    const json_t *one = s->cases[SAN_SPLIT_TRAIN][gen_below(r, (size_t)s->counts.n[0])];
    json_t *c = json_copy(base);
    if (!c || !json_array_size(json_object_get(c, "answers"))) return c;
    json_t *tools = json_copy(json_object_get(base, "tools"));
    add_tools(r, tools, json_object_get(one, "tools"), 1 + (int)gen_below(r, GUESTS_MAX));
    json_object_set_new(c, "tools", tools);
    return c;
}

enum lt_err san_tune_set_mix(struct san_tune_set *s, uint64_t seed, uint64_t index, double share,
                             int n, json_t **cases, struct lt_diag *diag)
{
    struct gen_rng r;
    gen_seed(&r, seed, index);
    for (int i = 0; i < n; i++) {
        json_t *fresh = cases[i];
        if (gen_chance(&r, share))
            fresh = draw(s, &r, cases[i]);
        else if (gen_chance(&r, VISITOR_CHANCE))
            fresh = show_tools(s, &r, cases[i]);
        if (!fresh) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
        if (fresh == cases[i]) continue;
        json_decref(cases[i]);
        cases[i] = fresh;
    }
    return LT_OK;
}
