/* The case generator's draw: categories with a weight, and homes of another language. */
#define _GNU_SOURCE /* strcasestr */
#include <ctype.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "san/generate.h"

#define GROUP  48
#define GROUPS 80

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

struct abroad {
    json_t *tools; /* set of names */
    int n, unsaid;
};

static void count_abroad(json_t *c, void *ctx)
{
    struct abroad *s = ctx;
    const char *query = text_of(c, "query");
    if (strcmp(text_of(c, "source"), "home-llm-de")) return;
    if (strstr(query, "please") || strstr(query, "thanks")) fail_msg("\"%s\"", query);
    if (strcmp(text_of(c, "kind"), "abroad")) return;
    const json_t *answers = json_object_get(c, "answers"), *call = json_array_get(answers, 0);
    assert_int_equal(json_array_size(answers), 1);
    assert_true(json_object_size(json_object_get(call, "arguments")) > 0);
    json_object_set_new(s->tools, text_of(call, "name"), json_true());
    s->unsaid += json_is_true(json_object_get(c, "unsaid"));
    s->n++;
}

/* The mix with German as its only language of a home, and much of it. */
static void write_german_mix(const char *path)
{
    json_t *mix = json_load_file(SOURCE_DIR "/engine/train/mix.json", 0, NULL);
    json_t *sources = json_object_get(mix, "sources"), *prefix;
    const char *name;
    assert_non_null(sources);
    json_object_foreach(json_object_get(mix, "homes"), name, prefix)
    {
        json_object_set_new(sources, name, json_real(strcmp(name, "home-llm-de") ? 0 : 40));
    }
    assert_int_equal(json_dump_file(mix, path, 0), 0);
    json_decref(mix);
}

static void test_abroad__home_in_german__said_in_german(void **state)
{
    (void)state;
    char mix[] = "/tmp/lintel-mix-XXXXXX";
    int fd = mkstemp(mix);
    assert_true(fd >= 0);
    close(fd);
    write_german_mix(mix);
    for (int plain = 0; plain < 2; plain++) {
        struct abroad s = {.tools = json_object()};
        struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data",
                                    .data_dir = TEST_DATA_DIR "/generate",
                                    .mix_path = mix,
                                    .seed = 31,
                                    .plain = plain};
        struct san_gen *g;
        struct lt_diag diag = {0};
        if (san_gen_new(&o, &g, &diag)) fail_msg("%s", diag.text);
        each(g, GROUPS, count_abroad, &s);
        san_gen_free(g);
        assert_true(s.n > 60);
        assert_true(s.unsaid > 0 && s.unsaid * 2 < s.n);
        if (plain) assert_true(json_object_size(s.tools) > 8);
        json_decref(s.tools);
    }
    unlink(mix);
}

/* A tree with the generator's own data but for the teacher's: `n` categories of one function each,
 * asked for by "play tune 0" and so on, the first of that weight. */
static void write_teacher(const char *tree, int n, int weight)
{
    static const char *const others[] = {"tools.json", "homes.jsonl.gz", "home-tools.json",
                                         "spans.json", "values.json",    "abroad.json"};
    char path[160], from[512];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        snprintf(from, sizeof from, SOURCE_DIR "/engine/data/%s", others[i]);
        snprintf(path, sizeof path, "%s/%s", tree, others[i]);
        assert_true(!symlink(from, path) || errno == EEXIST);
    }
    snprintf(path, sizeof path, "%s/clashes.json", tree);
    FILE *none = fopen(path, "wb"); /* its own: these categories have none */
    assert_non_null(none);
    fputs("{\"clashes\":{},\"beside_home\":[],\"not_beside_home\":[],\"knowing\":[]}", none);
    fclose(none);
    snprintf(path, sizeof path, "%s/teacher", tree);
    assert_true(!mkdir(path, 0700) || errno == EEXIST);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/teacher/tune%d.json", tree, i);
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        fprintf(f,
                "{\"category\":\"tune%d\",\"weight\":%d,\"slots\":{},\"functions\":[{\"id\":\"t\","
                "\"schemas\":[{\"name\":\"tune_%d\",\"description\":\"Tune %d\",\"parameters\":"
                "{\"type\":\"object\",\"properties\":{}},\"map\":{}}],"
                "\"utterances\":[\"play tune %d\"]}],\"nothing\":[]}",
                i, i ? 1 : weight, i, i, i);
        fclose(f);
    }
}

static void remove_teacher(const char *tree)
{
    char command[200];
    snprintf(command, sizeof command, "rm -r '%s'", tree);
    assert_int_equal(system(command), 0);
}

struct lots {
    int first, others;
};

static void count_lots(json_t *c, void *ctx)
{
    struct lots *s = ctx;
    const char *query = text_of(c, "query");
    if (strstr(query, "tune 0")) s->first++;
    s->others += strstr(query, "tune ") && !strstr(query, "tune 0");
}

static void test_teacher__category_with_a_weight__drawn_more_often(void **state)
{
    (void)state;
    enum { CATEGORIES = 9 };
    char tree[] = "/tmp/lintel-lots-XXXXXX";
    assert_non_null(mkdtemp(tree));
    double share[2];
    for (int k = 0; k < 2; k++) {
        struct lots s = {0, 0};
        write_teacher(tree, CATEGORIES, k ? 4 : 1);
        static const char *const lexicon[] = {"lexicon"};
        struct san_gen_options o = {.tree_dir = tree,
                                    .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                    .exclude = lexicon,
                                    .n_exclude = 1,
                                    .plain = 1};
        struct san_gen *g;
        struct lt_diag diag = {0};
        if (san_gen_new(&o, &g, &diag)) fail_msg("%s", diag.text);
        each(g, GROUPS, count_lots, &s);
        san_gen_free(g);
        assert_true(s.first > 0 && s.others > 0);
        share[k] = (double)s.first / (s.first + s.others);
    }
    /* a ninth of the cases; with four lots of twelve about twice as many */
    assert_true(share[1] > 1.4 * share[0]);
    write_teacher(tree, 1, 9);
    struct san_gen_options o = {.tree_dir = tree, .mix_path = SOURCE_DIR "/engine/train/mix.json"};
    struct san_gen *g;
    struct lt_diag diag = {0};
    assert_int_equal(san_gen_new(&o, &g, &diag), LT_ERR_PARSE);
    assert_non_null(strstr(diag.text, "tune0.json: \"weight\""));
    remove_teacher(tree);
}

/* Whether text has the words of `name`, however they are capitalised. */
static int says(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = text; n && (at = strcasestr(at, name)); at++)
        if ((at == text || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[n]))
            return 1;
    return 0;
}

struct empty_rooms {
    int n, misplaced;
};

/* Of a case about a room without the device: the room is one of the home, no device of the home is
 * named by room and name together, and in many cases the home has the device in another room. */
static void count_empty_rooms(json_t *c, void *ctx)
{
    struct empty_rooms *s = ctx;
    const char *query = text_of(c, "query");
    if (strcmp(text_of(c, "kind"), "home-empty-area")) return;
    const json_t *home = json_object_get(c, "home"), *one, *alias;
    const char *room = ""; /* the longest: "master bedroom" is not Bedroom */
    size_t i, k;
    int is_elsewhere = 0, is_room = 0;
    json_array_foreach(json_object_get(home, "areas"), i, one)
    {
        const char *name = text_of(one, "name");
        if (says(query, name) && strlen(name) > strlen(room)) room = name;
        json_array_foreach(json_object_get(one, "aliases"), k, alias) is_room |=
            says(query, json_string_value(alias));
    }
    is_room |= !!*room;
    json_array_foreach(json_object_get(home, "entities"), i, one)
    {
        const char *name = text_of(one, "name"), *area = text_of(one, "area");
        size_t n = strlen(area); /* "Bedroom Fan" is said as "fan" */
        if (n && !strncasecmp(name, area, n) && name[n] == ' ') name += n + 1;
        if (!n || !says(query, name)) continue;
        if (!strcmp(area, room)) fail_msg("\"%s\" is %s of %s", query, name, area);
        is_elsewhere = 1;
    }
    assert_true(is_room);
    assert_int_equal(json_array_size(json_object_get(c, "answers")), 0);
    s->misplaced += is_elsewhere;
    s->n++;
}

static void test_empty_area__device_in_another_room__nothing_is_called(void **state)
{
    (void)state;
    struct empty_rooms s = {0, 0};
    struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data",
                                .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                .seed = 5,
                                .plain = 1};
    struct san_gen *g;
    struct lt_diag diag = {0};
    if (san_gen_new(&o, &g, &diag)) fail_msg("%s", diag.text);
    each(g, 2 * GROUPS, count_empty_rooms, &s);
    san_gen_free(g);
    assert_true(s.n > 60);
    assert_true(s.misplaced * 3 > s.n);
}

struct pairs {
    int n, places;
};

/* Two calls of one tool whose arguments differ in the room alone, both rooms said. */
static void count_pairs(json_t *c, void *ctx)
{
    struct pairs *s = ctx;
    if (strcmp(text_of(c, "kind"), "home-two")) return;
    const json_t *answers = json_object_get(c, "answers"), *x = json_array_get(answers, 0),
                 *y = json_array_get(answers, 1);
    assert_int_equal(json_array_size(answers), 2);
    s->n++;
    const char *a = text_of(json_object_get(x, "arguments"), "area"),
               *b = text_of(json_object_get(y, "arguments"), "area");
    if (strcmp(text_of(x, "name"), text_of(y, "name")) || !*a || !*b || !strcmp(a, b)) return;
    json_t *rest = json_copy(json_object_get(x, "arguments"));
    json_object_set(rest, "area", json_object_get(json_object_get(y, "arguments"), "area"));
    s->places += json_equal(rest, json_object_get(y, "arguments")) &&
                 says(text_of(c, "query"), a) && says(text_of(c, "query"), b);
    json_decref(rest);
}

static void test_two__one_command_for_two_rooms__a_call_for_each(void **state)
{
    (void)state;
    struct pairs s = {0, 0};
    struct san_gen_options o = {.tree_dir = SOURCE_DIR "/engine/data",
                                .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                .seed = 6,
                                .plain = 1};
    struct san_gen *g;
    struct lt_diag diag = {0};
    if (san_gen_new(&o, &g, &diag)) fail_msg("%s", diag.text);
    each(g, 2 * GROUPS, count_pairs, &s);
    san_gen_free(g);
    assert_true(s.n > 60);
    assert_true(s.places * 50 > s.n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty_area__device_in_another_room__nothing_is_called),
        cmocka_unit_test(test_two__one_command_for_two_rooms__a_call_for_each),
        cmocka_unit_test(test_abroad__home_in_german__said_in_german),
        cmocka_unit_test(test_teacher__category_with_a_weight__drawn_more_often),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
