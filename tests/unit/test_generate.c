/* The case generator: what it makes is consistent, reproducible, varied, and keeps clear of the
 * traps that engine/data/teacher/README.md names. */
#include <ctype.h>
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <cmocka.h>

#include "san/data.h"
#include "san/generate.h"

#define GROUP  48
#define GROUPS 80 /* 3840 cases for each property */

static struct san_gen *open_gen(uint64_t seed, int plain, const char *const *exclude, int n_exclude)
{
    struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data",
                                .data_dir = TEST_DATA_DIR "/generate",
                                .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                .seed = seed,
                                .exclude = exclude,
                                .n_exclude = n_exclude,
                                .plain = plain};
    struct san_gen *g = NULL;
    struct lt_diag diag = {0};
    if (san_gen_new(&o, &g, &diag)) fail_msg("%s", diag.text);
    return g;
}

typedef void (*case_fn)(json_t *c, void *ctx);

static void each(struct san_gen *g, int groups, case_fn fn, void *ctx)
{
    json_t *c[GROUP];
    struct lt_diag diag = {0};
    for (int i = 0; i < groups; i++) {
        if (san_gen_group(g, GROUP, c, &diag)) fail_msg("%s", diag.text);
        for (int k = 0; k < GROUP; k++) {
            fn(c[k], ctx);
            json_decref(c[k]);
        }
    }
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

static int contains(const char *hay, const char *needle)
{
    size_t n = strlen(needle);
    for (; *hay; hay++)
        if (!strncasecmp(hay, needle, n)) return 1;
    return 0;
}

static int list_has(const json_t *list, const char *key, const char *value)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!strcmp(text_of(json_array_get(list, i), key), value)) return 1;
    return 0;
}

/* Calls fn for every argument of the case. */
static void each_argument(json_t *c,
                          void (*fn)(json_t *c, const char *key, json_t *prop, json_t *v))
{
    json_t *call, *v;
    size_t i;
    json_array_foreach(json_object_get(c, "answers"), i, call)
    {
        json_t *tool = san_case_tool(c, text_of(call, "name"));
        json_t *props = json_object_get(json_object_get(tool, "parameters"), "properties");
        const char *key;
        json_object_foreach(json_object_get(call, "arguments"), key, v)
            fn(c, key, json_object_get(props, key), v);
    }
}

static void check_argument(json_t *c, const char *key, json_t *prop, json_t *v)
{
    const json_t *home = json_object_get(c, "home");
    const char *s = json_string_value(v), *query = text_of(c, "query");
    if (json_object_get(prop, "x-entity") &&
        !list_has(json_object_get(home, "entities"), "name", s))
        fail_msg("\"%s\": no entity \"%s\"", query, s);
    if (json_object_get(prop, "x-area") && !list_has(json_object_get(home, "areas"), "name", s))
        fail_msg("\"%s\": no area \"%s\"", query, s);
    if (json_object_get(prop, "x-floor") && !list_has(json_object_get(home, "areas"), "floor", s))
        fail_msg("\"%s\": no floor \"%s\"", query, s);
    if (strcmp(text_of(c, "source"), "teacher-functions") || !s || json_object_get(prop, "enum"))
        return;
    if (!contains(query, s) && s[strspn(s, "0123456789:")]) /* clock times and digits are coded */
        fail_msg("\"%s\": %s \"%s\" is not in the words", query, key, s);
    if (contains(query, s) && !strstr(query, s))
        fail_msg("\"%s\": %s \"%s\" has other letters than the query", query, key, s);
}

struct tally {
    int n, empty, two, home_n, home_empty, spelled, fn_empty, fn_n;
};

static void check_case(json_t *c, void *ctx)
{
    struct tally *t = ctx;
    char reason[SAN_DATA_REASON_BYTES];
    if (!san_case_check(c, reason)) fail_msg("\"%s\": %s", text_of(c, "query"), reason);
    each_argument(c, check_argument);
    const char *source = text_of(c, "source");
    int empty = !json_array_size(json_object_get(c, "answers"));
    t->n++;
    t->empty += empty;
    t->two += json_array_size(json_object_get(c, "answers")) == 2;
    if (!strcmp(source, "teacher-home")) t->home_n++, t->home_empty += empty;
    if (!strcmp(source, "teacher-functions")) t->fn_n++, t->fn_empty += empty;
    t->spelled += contains(text_of(c, "query"), "twenty") || contains(text_of(c, "query"), "fifty");
    assert_true(json_array_size(json_object_get(c, "tools")) >= 1);
    assert_true(json_array_size(json_object_get(c, "tools")) <= SAN_GEN_TOOLS_MAX);
    assert_true(json_array_size(json_object_get(json_object_get(c, "home"), "entities")) <=
                SAN_GEN_ENTITIES_MAX);
}

static void test_group__many_cases__consistent_and_in_proportion(void **state)
{
    (void)state;
    struct san_gen *g = open_gen(11, 0, NULL, 0);
    struct tally t = {0};
    each(g, GROUPS, check_case, &t);
    assert_true(t.empty > t.n * 0.17 && t.empty < t.n * 0.28);
    assert_true(t.home_empty > t.home_n * 0.15 && t.home_empty < t.home_n * 0.32);
    assert_true(t.fn_empty > t.fn_n * 0.15 && t.fn_empty < t.fn_n * 0.32);
    assert_true(t.two > t.n * 0.025 && t.two < t.n * 0.09);
    assert_true(t.home_n > t.n * 0.15 && t.fn_n > t.n * 0.30);
    assert_true(t.spelled > t.n / 200); /* numbers are spelt out now and then */
    san_gen_free(g);
}

static void test_group__same_seed__same_stream_in_any_order(void **state)
{
    (void)state;
    struct san_gen *a = open_gen(5, 0, NULL, 0), *b = open_gen(5, 0, NULL, 0);
    struct san_gen *other = open_gen(6, 0, NULL, 0);
    json_t *x[GROUP], *y[GROUP], *z[GROUP];
    int differ = 0;
    for (int i = 3; i >= 0; i--) {
        assert_int_equal(san_gen_group_at(a, (uint64_t)i, GROUP, x, NULL), LT_OK);
        assert_int_equal(san_gen_group_at(other, (uint64_t)i, GROUP, z, NULL), LT_OK);
        san_gen_free(b);
        b = open_gen(5, 0, NULL, 0);
        for (int k = 0; k <= i; k++) {
            assert_int_equal(san_gen_group(b, GROUP, y, NULL), LT_OK);
            for (int m = 0; m < GROUP; m++) {
                if (k == i) assert_true(json_equal(x[m], y[m]));
                json_decref(y[m]);
            }
        }
        for (int m = 0; m < GROUP; m++) {
            differ += strcmp(text_of(x[m], "query"), text_of(z[m], "query")) != 0;
            json_decref(x[m]);
            json_decref(z[m]);
        }
    }
    assert_true(differ > 3 * GROUP);
    san_gen_free(a);
    san_gen_free(b);
    san_gen_free(other);
}

static void test_group__tools_and_homes__shared_within_the_group(void **state)
{
    (void)state;
    struct san_gen *g = open_gen(7, 0, NULL, 0);
    json_t *c[GROUP];
    for (int i = 0; i < 10; i++) {
        assert_int_equal(san_gen_group(g, GROUP, c, NULL), LT_OK);
        const void *tools[512], *homes[64];
        int n_tools = 0, n_homes = 0, shown = 0;
        for (int k = 0; k < GROUP; k++) {
            size_t m;
            json_t *t;
            json_array_foreach(json_object_get(c[k], "tools"), m, t)
            {
                int known = 0;
                for (int j = 0; j < n_tools; j++) known |= tools[j] == t;
                if (!known && n_tools < 512) tools[n_tools++] = t;
                shown++;
            }
            const json_t *home = json_object_get(json_object_get(c[k], "home"), "entities");
            int known = !home;
            for (int j = 0; j < n_homes; j++) known |= homes[j] == home;
            if (!known && n_homes < 64) homes[n_homes++] = home;
        }
        assert_true(n_homes <= 2);
        assert_true(n_tools <= 44 + 48 + 60);
        assert_true(shown > 3 * n_tools);
        for (int k = 0; k < GROUP; k++) json_decref(c[k]);
    }
    san_gen_free(g);
}

static void collect_names(json_t *c, void *ctx)
{
    json_t *names = ctx;
    if (strcmp(text_of(c, "kind"), "function")) return;
    const json_t *call = json_array_get(json_object_get(c, "answers"), 0);
    json_object_set_new(names, text_of(call, "name"), json_true());
    const char *key;
    json_t *v;
    json_object_foreach(json_object_get(call, "arguments"), key, v)
    {
        char p[200];
        snprintf(p, sizeof p, "parameter %s", key);
        json_object_set_new(names, p, json_true());
    }
}

static void test_rename__many_groups__names_cannot_be_learnt_by_heart(void **state)
{
    (void)state;
    const char *const out[] = {
        "lexicon"}; /* composed functions have names by the thousand anyhow */
    struct san_gen *g = open_gen(8, 0, out, 1), *plain = open_gen(8, 1, out, 1);
    json_t *names = json_object(), *plain_names = json_object();
    each(g, GROUPS, collect_names, names);
    each(plain, GROUPS, collect_names, plain_names);
    size_t n_new = 0;
    const char *key;
    json_t *v;
    json_object_foreach(names, key, v) n_new += json_object_get(plain_names, key) == NULL;
    print_message("%zu names, %zu of them not the teacher's, which are %zu\n",
                  json_object_size(names), n_new, json_object_size(plain_names));
    assert_true(n_new > json_object_size(names) / 2);
    json_decref(names);
    json_decref(plain_names);
    san_gen_free(g);
    san_gen_free(plain);
}

/* ---- traps ----------------------------------------------------------------------------------- */

static json_t *function_of; /* {tool name + description: "category/id"} of the teacher's schemas */

static int load_functions(void **state)
{
    (void)state;
    function_of = json_object();
    DIR *dir = opendir(SOURCE_DIR "/engine/data/teacher");
    if (!dir) return -1;
    for (struct dirent *e; (e = readdir(dir));) {
        char path[500];
        size_t n = strlen(e->d_name), k, m;
        if (n < 6 || strcmp(e->d_name + n - 5, ".json")) continue;
        snprintf(path, sizeof path, SOURCE_DIR "/engine/data/teacher/%s", e->d_name);
        json_t *root = json_load_file(path, 0, NULL), *f, *s;
        if (!root) return -1;
        json_array_foreach(json_object_get(root, "functions"), k, f)
            json_array_foreach(json_object_get(f, "schemas"), m, s)
        {
            char key[800], id[120];
            snprintf(key, sizeof key, "%s\n%s", text_of(s, "name"), text_of(s, "description"));
            snprintf(id, sizeof id, "%s/%s", text_of(root, "category"), text_of(f, "id"));
            json_object_set_new(function_of, key, json_string(id));
        }
        json_decref(root);
    }
    closedir(dir);
    return 0;
}

static int free_functions(void **state)
{
    (void)state;
    json_decref(function_of);
    return 0;
}

static const char *function_id(const json_t *tool)
{
    char key[800];
    snprintf(key, sizeof key, "%s\n%s", text_of(tool, "name"), text_of(tool, "description"));
    return text_of(function_of, key);
}

static const char *const clashing[][2] = {
    {"food_recipes/shopping_list", "lists_notes/"},
    {"food_recipes/table_book", "travel_booking/reserve_table"},
    {"device_settings/ringer_mode", "phone_messaging/do_not_disturb"},
    {"device_settings/app_open", "media/tv_watch"},
    {"device_settings/battery_status", "car_drive/energy_status"},
    {"health_fitness/med_reminder", "timers_alarms/reminder_create"},
    {"car_cabin/climate", "climate/"},
    {"car_cabin/window_control", "openings_security/"},
    {"car_drive/car_door_lock", "openings_security/"},
};

struct traps {
    int functions, nothing, homes, absent_right, by_here;
};

static void check_distractors(json_t *c, const char *right)
{
    size_t i;
    json_t *t;
    json_array_foreach(json_object_get(c, "tools"), i, t)
    {
        const char *id = function_id(t);
        for (size_t k = 0; k < sizeof clashing / sizeof *clashing; k++)
            for (int turn = 0; turn < 2; turn++) {
                const char *a = clashing[k][turn], *b = clashing[k][!turn];
                if (!strncmp(right, a, strlen(a)) && !strncmp(id, b, strlen(b)))
                    fail_msg("\"%s\": %s beside %s", text_of(c, "query"), id, right);
            }
    }
}

static void check_home_tools(json_t *c, const json_t *needs)
{
    const json_t *entities = json_object_get(json_object_get(c, "home"), "entities");
    int shopping = 0;
    size_t i, k;
    json_t *t, *domain;
    for (i = 0; i < json_array_size(entities); i++) {
        const json_t *e = json_array_get(entities, i);
        shopping |=
            !strcmp(text_of(e, "domain"), "todo") && contains(text_of(e, "name"), "shopping list");
    }
    if (strcmp(text_of(c, "source"), "teacher-home")) return; /* files bring their own catalogues */
    json_array_foreach(json_object_get(c, "tools"), i, t)
    {
        const char *name = text_of(t, "name");
        if (shopping && !strncmp(name, "HassShoppingList", 16))
            fail_msg("%s beside a to-do list of that name", name);
        const json_t *kinds = json_object_get(needs, name);
        int has = !json_array_size(kinds);
        json_array_foreach(kinds, k, domain) has |=
            list_has(entities, "domain", json_string_value(domain));
        if (!has) fail_msg("%s in a home without such a device", name);
    }
}

static void check_home_answers(json_t *c, struct traps *t)
{
    const char *query = text_of(c, "query");
    if (contains(query, " the the ") || contains(query, "list list"))
        fail_msg("\"%s\": an article or noun stands twice", query);
    json_t *call;
    size_t i;
    json_array_foreach(json_object_get(c, "answers"), i, call)
    {
        const char *tool = text_of(call, "name");
        const json_t *args = json_object_get(call, "arguments");
        const char *floor = text_of(args, "floor");
        if ((!strcasecmp(floor, "upstairs") && contains(query, "on the upstairs")) ||
            (!strcasecmp(floor, "downstairs") && contains(query, "on the downstairs")))
            fail_msg("\"%s\": \"on the\" before upstairs", query);
        int on_off = !strcmp(tool, "HassTurnOn") || !strcmp(tool, "HassTurnOff");
        int placed = json_object_get(args, "area") || json_object_get(args, "floor");
        int named = json_object_get(args, "name") != NULL;
        if (on_off && !strcmp(text_of(args, "domain"), "lock") && !placed && !named)
            fail_msg("\"%s\": all locks at once", query);
        if (on_off && !json_object_get(args, "domain") && !json_object_get(args, "device_class") &&
            !named)
            fail_msg("\"%s\": %s without a kind of device", query, tool);
        if (json_object_get(args, "device_class") && !strcmp(text_of(args, "domain"), "cover"))
            fail_msg("\"%s\": class and domain of covers", query);
        if (!strcmp(tool, "HassLightSet") && placed && json_object_get(args, "domain"))
            fail_msg("\"%s\": a domain beside a tool for one kind", query);
        if (!strcmp(text_of(args, "area"), text_of(json_object_get(c, "home"), "here")) &&
            *text_of(args, "area"))
            t->by_here++;
    }
}

struct trap_context {
    struct traps t;
    json_t *needs;
};

static void check_traps(json_t *c, void *ctx)
{
    struct trap_context *x = ctx;
    const char *kind = text_of(c, "kind");
    const json_t *answers = json_object_get(c, "answers");
    check_home_tools(c, x->needs);
    if (!strcmp(text_of(c, "source"), "teacher-home")) {
        x->t.homes++;
        check_home_answers(c, &x->t);
    }
    if (!strcmp(kind, "function")) {
        x->t.functions++;
        const char *right =
            function_id(san_case_tool(c, text_of(json_array_get(answers, 0), "name")));
        assert_true(*right != 0);
        check_distractors(c, right);
    }
    if (!strcmp(kind, "function-nothing")) { /* holds against its own category alone */
        x->t.nothing++;
        const char *first = function_id(json_array_get(json_object_get(c, "tools"), 0));
        size_t n = strcspn(first, "/") + 1, i;
        json_t *t;
        json_array_foreach(json_object_get(c, "tools"), i, t) if (strncmp(function_id(t), first, n))
            fail_msg("\"%s\": %s (%s) beside %s", text_of(c, "query"), text_of(t, "name"),
                     function_id(t), first);
    }
    if (!strcmp(kind, "function-escalate") || !strcmp(kind, "home-escalate")) {
        size_t i;
        json_t *t;
        json_array_foreach(json_object_get(c, "tools"), i,
                           t) if (strstr(function_id(t), "web_search"))
            fail_msg("a web search beside an escalation");
    }
    if (!strcmp(kind, "home-no-tool") || !strcmp(kind, "function-absent")) x->t.absent_right++;
    if (strncmp(kind, "function", 8) == 0 && strcmp(kind, "function") &&
        strcmp(kind, "function-two"))
        assert_int_equal(json_array_size(answers), 0);
}

static void test_traps__plain_names__none_is_stepped_into(void **state)
{
    (void)state;
    const char *const out[] = {"lexicon"}; /* its functions have no ids to be told by */
    struct san_gen *g = open_gen(21, 1, out, 1);
    json_t *root = json_load_file(SOURCE_DIR "/engine/data/home-tools.json", 0, NULL);
    struct trap_context x = {.needs = json_object_get(root, "needs")};
    each(g, 2 * GROUPS, check_traps, &x);
    assert_true(x.t.functions > 1000 && x.t.homes > 1000);
    /* enough of each to mean something; every change of the data draws other cases */
    assert_true(x.t.nothing > 20 && x.t.absent_right > 50 && x.t.by_here > 20);
    json_decref(root);
    san_gen_free(g);
}

struct composed {
    int n, with_args;
    char first[400];
};

/* A function that no file of the teacher holds comes from the lexicon. */
static void check_composed(json_t *c, void *ctx)
{
    struct composed *x = ctx;
    const json_t *call = json_array_get(json_object_get(c, "answers"), 0);
    json_t *tool = call ? san_case_tool(c, text_of(call, "name")) : NULL, *value;
    const char *query = text_of(c, "query"), *key;
    if (strcmp(text_of(c, "kind"), "function") || *function_id(tool)) return;
    if (!x->n++) snprintf(x->first, sizeof x->first, "%s", query);
    if (strchr(query, '{')) fail_msg("\"%s\": a slot is left", query);
    if (contains(query, "the the")) fail_msg("\"%s\": two articles", query);
    const json_t *props = json_object_get(json_object_get(tool, "parameters"), "properties");
    json_object_foreach(json_object_get(call, "arguments"), key, value)
    {
        x->with_args++;
        if (!json_is_string(value) || json_object_get(json_object_get(props, key), "enum"))
            continue;
        const char *text = json_string_value(value);
        if (strlen(text) == 5 && text[2] == ':') continue; /* a clock time is said in words */
        if (!contains(query, text)) fail_msg("\"%s\": %s is not said", query, text);
    }
}

static void test_lexicon__composed_functions__say_what_they_pass(void **state)
{
    (void)state;
    const char *const none[] = {"lexicon"};
    struct composed a = {0}, b = {0}, c = {0};
    struct san_gen *g = open_gen(5, 1, NULL, 0), *same = open_gen(5, 1, NULL, 0),
                   *without = open_gen(5, 1, none, 1);
    each(g, GROUPS, check_composed, &a);
    each(same, GROUPS, check_composed, &b);
    each(without, GROUPS, check_composed, &c);
    assert_true(a.n > 200 && a.with_args > 50);
    assert_int_equal(a.n, b.n);
    assert_string_equal(a.first, b.first);
    assert_int_equal(c.n, 0);
    san_gen_free(g);
    san_gen_free(same);
    san_gen_free(without);
}

struct spans {
    json_t *seen;          /* set of values */
    json_t *known;         /* values that do not count as said */
    int n, said, articles; /* "the fifteenth" was said; and was passed */
};

/* What a line of the assistant files passes stands in its words, its own or an exchanged value. */
static void span_stands(json_t *c, void *ctx)
{
    struct spans *s = ctx;
    const char *source = text_of(c, "source"), *param;
    json_t *call, *v;
    size_t i, k;
    if (strcmp(source, "hwu64") && strcmp(source, "slurp-devel")) return;
    json_array_foreach(json_object_get(c, "answers"), i, call)
    {
        json_object_foreach(json_object_get(call, "arguments"), param, v)
        {
            size_t n = json_is_array(v) ? json_array_size(v) : 1;
            for (k = 0; k < n; k++) {
                const char *t = json_string_value(json_is_array(v) ? json_array_get(v, k) : v);
                if (!t) continue;
                if (!contains(text_of(c, "query"), t))
                    fail_msg("\"%s\": %s \"%s\" is not in the words", text_of(c, "query"), param,
                             t);
                json_object_set_new(s->seen, t, json_true());
                s->n++;
                if (strcmp(param, "date") && strcmp(param, "place_name")) continue;
                char with[256];
                snprintf(with, sizeof with, "the %s", t);
                s->said += contains(text_of(c, "query"), with) && !json_object_get(s->known, t);
                s->articles += !strncmp(t, "the ", 4);
            }
        }
    }
}

static void test_spans__lines_of_assistants__get_other_values_in_their_words(void **state)
{
    (void)state;
    struct spans plain = {.seen = json_object()},
                 swapped = {.seen = json_object(), .known = plain.seen};
    struct san_gen *g = open_gen(21, 1, NULL, 0);
    each(g, GROUPS, span_stands, &plain);
    san_gen_free(g);
    g = open_gen(21, 0, NULL, 0);
    each(g, GROUPS, span_stands, &swapped);
    san_gen_free(g);
    assert_true(plain.n > 100 && swapped.n > 100);
    /* the files of this test have some 40 values, the lists over a thousand */
    assert_true(json_object_size(plain.seen) < 60);
    assert_true(json_object_size(swapped.seen) > 2 * json_object_size(plain.seen));
    /* the lists have "the fifteenth" and "the harbour": said so, passed without the article */
    assert_int_equal(swapped.articles, 0);
    assert_true(swapped.said > 0);
    json_decref(plain.seen);
    json_decref(swapped.seen);
}

struct values {
    json_t *seen; /* set of codes ("K7"), in small letters */
    int n, articles;
};

static void count_values(json_t *c, void *ctx)
{
    struct values *s = ctx;
    const char *param;
    json_t *call, *v;
    size_t i;
    if (strcmp(text_of(c, "source"), "teacher-functions")) return;
    json_array_foreach(json_object_get(c, "answers"), i, call)
    {
        json_object_foreach(json_object_get(call, "arguments"), param, v)
        {
            const char *t = json_string_value(v);
            if (!t) continue;
            s->n++;
            s->articles += !strncmp(t, "the ", 4);
            char small[256];
            snprintf(small, sizeof small, "%s", t);
            for (char *p = small; *p; p++) *p = (char)tolower((unsigned char)*p);
            if (isalpha((unsigned char)*small) && isdigit((unsigned char)small[1]))
                json_object_set_new(s->seen, small, json_true());
        }
    }
}

static void test_values__names_of_teacher__made_afresh_and_without_article(void **state)
{
    (void)state;
    struct values listed = {json_object(), 0, 0}, made = {json_object(), 0, 0};
    struct san_gen *g = open_gen(23, 1, NULL, 0);
    each(g, 2 * GROUPS, count_values, &listed);
    san_gen_free(g);
    g = open_gen(23, 0, NULL, 0);
    each(g, 2 * GROUPS, count_values, &made);
    san_gen_free(g);
    assert_true(listed.n > 300 && made.n > 300);
    /* a fifth of the listed values begin with "the"; sentences alone keep it */
    assert_true(listed.articles * 50 < listed.n);
    assert_true(made.articles * 50 < made.n);
    /* the lists have some dozens of codes */
    assert_true(json_object_size(listed.seen) > 10);
    assert_true(json_object_size(made.seen) * 6 > json_object_size(listed.seen) * 7);
    json_decref(listed.seen);
    json_decref(made.seen);
}

/* The generator's own data with another file in the place of `name`: what it says of each text, and
 * of no file at all. */
static void refuse_lists(const char *name, const char *const (*bad)[2], size_t n)
{
    static const char *const all[] = {"teacher",        "lexicon.json",    "tools.json",
                                      "homes.jsonl.gz", "home-tools.json", "spans.json",
                                      "values.json",    "clashes.json",    "abroad.json"};
    char tree[] = "/tmp/lintel-lists-XXXXXX", path[80];
    assert_non_null(mkdtemp(tree));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char from[512];
        if (!strcmp(all[i], name)) continue;
        snprintf(from, sizeof from, SOURCE_DIR "/engine/data/%s", all[i]);
        snprintf(path, sizeof path, "%s/%s", tree, all[i]);
        assert_int_equal(symlink(from, path), 0);
    }
    snprintf(path, sizeof path, "%s/%s", tree, name);
    for (size_t i = 0; i <= n; i++) {
        int is_absent = i == n;
        if (is_absent) {
            remove(path);
        } else {
            FILE *f = fopen(path, "wb");
            assert_non_null(f);
            fputs(bad[i][0], f);
            fclose(f);
        }
        struct san_gen_options o = {.tree_dir = tree,
                                    .mix_path = SOURCE_DIR "/engine/train/mix.json"};
        struct san_gen *g;
        struct lt_diag diag = {0};
        assert_int_equal(san_gen_new(&o, &g, &diag),
                         i && !is_absent ? LT_ERR_INVALID : LT_ERR_PARSE);
        assert_null(g);
        assert_non_null(strstr(diag.text, name));
        if (!is_absent && !strstr(diag.text, bad[i][1]))
            fail_msg("\"%s\" does not say %s", diag.text, bad[i][1]);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        snprintf(path, sizeof path, "%s/%s", tree, all[i]);
        unlink(path);
    }
    rmdir(tree);
}

static void test_spans__mistakes_in_the_lists__named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{", "line 1"},
        {"{\"spans\":[]}", "\"spans\" must be an object"},
        {"{\"spans\":{\"person\":[]}}", "\"person\" must be a list"},
        {"{\"spans\":{\"person\":[\"ann\",7]}}", "person[1]"},
        {"{\"spans\":{\"person\":[\" ann\"]}}", "person[0]"},
    };
    refuse_lists("spans.json", bad, sizeof bad / sizeof *bad);
}

static void test_values__mistakes_in_the_parts__named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{", "line 1"},
        {"{\"kinds\":[],\"parts\":{}}", "\"kinds\" and \"parts\" must be objects"},
        {"{\"kinds\":{\"town\":{\"slots\":[\"city\"]}},\"parts\":{}}", "\"town\" has no list"},
        {"{\"kinds\":{\"town\":{\"slots\":[7],\"say\":[\"x\"]}},\"parts\":{}}",
         "slots of \"town\""},
        {"{\"kinds\":{\"town\":{\"slots\":[\"city\"],\"say\":[\"a {river}\"]}},\"parts\":{}}",
         "no part \"river\" of \"town\""},
        {"{\"kinds\":{},\"parts\":{\"first\":[]}}", "\"first\" is no list"},
        {"{\"kinds\":{},\"parts\":{\"first\":[\"ann\",7]}}", "first[1]"},
        {"{\"kinds\":{},\"parts\":{},\"whole\":[1]}", "\"whole\""},
    };
    refuse_lists("values.json", bad, sizeof bad / sizeof *bad);
}

static void test_clashes__mistakes_in_the_table__named(void **state)
{
    (void)state;
#define TABLE(clashes, beside)                                                                     \
    "{\"clashes\":{" clashes "},\"beside_home\":[" beside "],\"not_beside_home\":[],\"knowing\":[" \
    "]}"
    static const char *const bad[][2] = {
        {"{", "line 1"},
        {"{\"clashes\":[]}", "\"clashes\" must be an object"},
        {TABLE("\"no_such_category\":[\"media\"]", ""), "no category \"no_such_category\""},
        {TABLE("\"media\":[\"lighting/no_such\"]", ""), "media: the teacher has no function"},
        {TABLE("\"media\":[7]", ""), "media must list texts"},
        {TABLE("\"media\":\"lighting\"", ""), "\"media\" must be a list"},
        {TABLE("", "\"no_such\""), "beside_home: the teacher has no category \"no_such\""},
        {"{\"clashes\":{}}", "\"beside_home\" must be a list"},
    };
#undef TABLE
    refuse_lists("clashes.json", bad, sizeof bad / sizeof *bad);
}

static void test_abroad__mistakes_in_the_file__named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{", "line 1"},
        {"{\"languages\":{}}", "\"languages\" must be a list"},
        {"{\"languages\":[{\"homes\":\"de-\",\"entries\":[]}]}", "languages[0]"},
        {"{\"languages\":[{\"homes\":\"de-\",\"entries\":[{\"tool\":\"T\",\"domain\":\"light\"}]}]"
         "}",
         "languages[0].entries[0]"},
    };
    refuse_lists("abroad.json", bad, sizeof bad / sizeof *bad);
}

static void test_files__too_many_bad_lines__refused_unless_allowed(void **state)
{
    (void)state;
    char dir[] = "/tmp/lintel-bad-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/car-own.jsonl", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    const char *good = "{\"query\":\"go\",\"tools\":[{\"name\":\"t\",\"description\":\"\","
                       "\"parameters\":{\"type\":\"object\",\"properties\":{}}}],\"answers\":[]}";
    for (int i = 0; i < 40; i++) fprintf(f, "%s\n", i % 20 ? good : "{not json");
    fclose(f);
    struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data",
                                .data_dir = dir,
                                .mix_path = SOURCE_DIR "/engine/train/mix.json"};
    struct san_gen *g = NULL;
    struct lt_diag diag = {0};
    assert_int_equal(san_gen_new(&o, &g, &diag), LT_ERR_PARSE);
    assert_non_null(strstr(diag.text, "car-own.jsonl:1"));
    assert_non_null(strstr(diag.text, "--allow-bad"));
    o.allow_bad = 1;
    assert_int_equal(san_gen_new(&o, &g, &diag), LT_OK);
    assert_non_null(strstr(san_gen_notes(g), "2 of 40 lines are bad"));
    san_gen_free(g);
    unlink(path);
    rmdir(dir);
}

static void no_excluded(json_t *c, void *ctx)
{
    (void)ctx;
    size_t i;
    json_t *t;
    assert_string_not_equal(text_of(c, "source"), "car-own");
    json_array_foreach(json_object_get(c, "tools"), i,
                       t) if (!strncmp(function_id(t), "media/", 6) ||
                              !strncmp(function_id(t), "car_cabin/", 10))
        fail_msg("a tool of an excluded category: %s", function_id(t));
}

static void test_exclude__categories_and_files__never_seen(void **state)
{
    (void)state;
    const char *const out[] = {"media", "car_cabin", "car-own"};
    struct san_gen *g = open_gen(3, 1, out, 3);
    each(g, 40, no_excluded, NULL);
    san_gen_free(g);
}

static void test_notes__files_absent__said_and_made_up_for(void **state)
{
    (void)state;
    struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data",
                                .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                .seed = 1};
    struct san_gen *g;
    struct tally t = {0};
    assert_int_equal(san_gen_new(&o, &g, NULL), LT_OK);
    assert_non_null(strstr(san_gen_notes(g), "ha-templates"));
    each(g, 10, check_case, &t);
    assert_int_equal(t.home_n + t.fn_n, t.n);
    san_gen_free(g);
}

static void test_mix__mistakes__named(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"{", "line"},
        {"{\"sources\":{\"teacher-home\":-1}}", "sources.teacher-home"},
        {"{\"sources\":{\"teacher-home\":1}}", "function_families"},
        {"{\"sources\":{\"teacher-home\":1},\"function_families\":{\"cal\":1}}",
         "function_families.cal"},
    };
    char path[] = "/tmp/test_mix_XXXXXX";
    assert_true(mkstemp(path) >= 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        FILE *f = fopen(path, "wb");
        fputs(bad[i][0], f);
        fclose(f);
        struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data", .mix_path = path};
        struct san_gen *g;
        struct lt_diag diag = {0};
        assert_int_not_equal(san_gen_new(&o, &g, &diag), LT_OK);
        assert_null(g);
        if (!strstr(diag.text, bad[i][1])) fail_msg("\"%s\" does not say %s", diag.text, bad[i][1]);
    }
    remove(path);
}

static void test_write__lines_and_corpus__readable_again(void **state)
{
    (void)state;
    struct san_gen *g = open_gen(9, 0, NULL, 0);
    char path[] = "/tmp/test_gen_XXXXXX";
    assert_true(mkstemp(path) >= 0);
    FILE *f = fopen(path, "wb");
    assert_int_equal(san_gen_write_lines(g, 100, GROUP, f, NULL), LT_OK);
    fclose(f);
    struct san_cases c = {0};
    struct san_data_report r = {0};
    assert_int_equal(san_cases_load(&c, path, 0, NULL, &r, NULL), LT_OK);
    assert_int_equal(r.n_bad, 0);
    assert_int_equal(c.n, 100);
    san_cases_free(&c);
    f = fopen(path, "w+b");
    assert_int_equal(san_gen_corpus(g, 200, f, NULL), LT_OK);
    rewind(f);
    int lines = 0, ch;
    while ((ch = fgetc(f)) != EOF) lines += ch == '\n';
    assert_true(lines > 1000);
    fclose(f);
    remove(path);
    san_gen_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group__many_cases__consistent_and_in_proportion),
        cmocka_unit_test(test_group__same_seed__same_stream_in_any_order),
        cmocka_unit_test(test_group__tools_and_homes__shared_within_the_group),
        cmocka_unit_test(test_rename__many_groups__names_cannot_be_learnt_by_heart),
        cmocka_unit_test(test_traps__plain_names__none_is_stepped_into),
        cmocka_unit_test(test_lexicon__composed_functions__say_what_they_pass),
        cmocka_unit_test(test_spans__lines_of_assistants__get_other_values_in_their_words),
        cmocka_unit_test(test_spans__mistakes_in_the_lists__named),
        cmocka_unit_test(test_values__names_of_teacher__made_afresh_and_without_article),
        cmocka_unit_test(test_values__mistakes_in_the_parts__named),
        cmocka_unit_test(test_clashes__mistakes_in_the_table__named),
        cmocka_unit_test(test_abroad__mistakes_in_the_file__named),
        cmocka_unit_test(test_files__too_many_bad_lines__refused_unless_allowed),
        cmocka_unit_test(test_exclude__categories_and_files__never_seen),
        cmocka_unit_test(test_notes__files_absent__said_and_made_up_for),
        cmocka_unit_test(test_mix__mistakes__named),
        cmocka_unit_test(test_write__lines_and_corpus__readable_again),
    };
    return cmocka_run_group_tests(tests, load_functions, free_functions);
}
