/* test_commands.c - patterns over a home as one network, and what of it means something else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lt/commands.h"
#include "lt/lexicon.h"
#include "lt/network.h"

static const char home[] =
    "{\"tools\": [{\"name\": \"HassTurnOn\"}, {\"name\": \"HassLightSet\"}], \"home\": {"
    "\"areas\": [{\"name\": \"Kitchen\"}], \"entities\": ["
    "{\"name\": \"Floor Lamp\", \"domain\": \"light\", \"aliases\": [\"Lamp\"]},"
    "{\"name\": \"Counter Lights\", \"domain\": \"light\"},"
    "{\"name\": \"Front Door\", \"domain\": \"lock\"}]}}";

static const char file[] =
    "{\"before\": {\"share\": 0.2, \"say\": [\"please\", \"can you\"]},"
    "\"after\": {\"share\": 0.1, \"say\": [\"please\"]},"
    "\"lists\": {\"percent\": [\"<10..90/10> percent\"]}, \"commands\": ["
    "{\"tools\": [\"HassTurnOn\", \"HassTurnOff\"], \"domain\": [\"light\"],"
    " \"say\": [\"9 (turn|switch) (on|off) {name}\", \"turn {name} (on|off)\"],"
    " \"bare\": [\"{Name} (on|off)\", \"are {names} on\"]},"
    "{\"tools\": [\"HassLightSet\"], \"domain\": [\"light\"], \"say\": [\"set {name} to "
    "{percent}\"]},"
    "{\"tools\": [\"HassVacuumStart\"], \"say\": [\"start cleaning\"]}]}";

static struct lt_commands *make(const char *text, enum lt_err *err, struct lt_diag *diag)
{
    struct lt_commands *c = NULL;
    json_t *f = json_loads(text, 0, NULL), *h = json_loads(home, 0, NULL);
    assert_true(f && h);
    *err = lt_commands_new(f, h, &c, diag);
    json_decref(f);
    json_decref(h);
    return c;
}

static struct lt_commands *make_usual(void)
{
    enum lt_err err;
    struct lt_diag diag = {0};
    struct lt_commands *c = make(file, &err, &diag);
    assert_int_equal(err, LT_OK);
    return c;
}

static void test_commands__patterns_over_a_home__say_what_fits_and_nothing_else(void **state)
{
    static const char *const said[] = {
        "turn on the floor lamp",
        "switch off lamp please",
        "can you turn the counter lights on",
        "floor lamp off",
        "are the counter lights on",
        "please set the lamp to ninety percent please",
    };
    static const char *const not_said[] = {
        "",
        "turn on",
        "switch lamp off",        /* on or off come first */
        "turn on the front door", /* no light */
        "please floor lamp off",  /* bare */
        "are the floor lamp on",  /* one thing */
        "start cleaning",         /* no such tool */
        "set the lamp to ninety five percent",
        "turn on the floor lamp floor lamp",
    };
    struct lt_commands *c = make_usual();
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!lt_commands_has(c, said[i])) fail_msg("not said: %s", said[i]);
    for (size_t i = 0; i < sizeof not_said / sizeof *not_said; i++)
        if (lt_commands_has(c, not_said[i])) fail_msg("said: %s", not_said[i]);
    lt_commands_free(c);
}

static void test_commands__faulty_files__refused_with_the_pattern(void **state)
{
    static const char *const patterns[] = {
        "turn (on|off", "turn on)", "set to {nothing}", "<9..1> percent",
        "<1..5/0>",     "<x>",      "turn on {name",    "((((((((((deep))))))))))",
    };
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        char text[300];
        enum lt_err err;
        struct lt_diag diag = {0};
        snprintf(text, sizeof text,
                 "{\"commands\": [{\"tools\": [\"HassTurnOn\"], \"say\": [\"%s\"]}]}", patterns[i]);
        assert_null(make(text, &err, &diag));
        assert_int_equal(err, LT_ERR_INVALID);
        assert_non_null(strstr(diag.text, "commands: "));
    }
}

static void test_commands__too_many_forms_or_nothing_that_fits__limit_and_not_found(void **state)
{
    enum lt_err err;
    struct lt_diag diag = {0};
    (void)state;
    assert_null(make("{\"commands\": [{\"tools\": [\"HassTurnOn\"], \"say\": "
                     "[\"<1..99> <1..99> <1..99>\"]}]}",
                     &err, &diag));
    assert_int_equal(err, LT_ERR_LIMIT);
    assert_null(make("{\"commands\": [{\"tools\": [\"Other\"], \"say\": [\"go\"]}]}", &err, &diag));
    assert_int_equal(err, LT_ERR_NOTFOUND);
    assert_null(make("{}", &err, &diag));
    assert_int_equal(err, LT_ERR_NOTFOUND);
    assert_null(make("{\"commands\": [{\"tools\": [\"HassTurnOn\"], \"say\": [3]}, 7, null]}", &err,
                     &diag));
    assert_int_equal(err, LT_ERR_NOTFOUND);
}

/* Does the network of arcs say the words (names joined by '_')? */
static int says(const struct lt_arcs *a, int at, const char *p, int n_silent)
{
    if (at == 1 && !*p) return 1;
    for (size_t i = 0; i < a->n; i++) {
        const struct lt_arc *arc = &a->v[i];
        size_t n = strcspn(p, " ");
        if (arc->from != at) continue;
        if (!arc->word && n_silent < 16 && says(a, arc->to, p, n_silent + 1)) return 1;
        if (arc->word && n && strlen(arc->word) == n && !strncmp(arc->word, p, n) &&
            says(a, arc->to, p + n + (p[n] == ' '), 0))
            return 1;
    }
    return 0;
}

static void test_rivals__of_a_command__everything_but_what_means_the_same(void **state)
{
    static const char *const same[] = {
        "turn on the floor_lamp", "switch on floor_lamp",          "turn the floor_lamp on",
        "floor_lamp on",          "please turn on the floor_lamp", "turn floor_lamp on please",
    };
    static const char *const other[] = {
        "turn off the floor_lamp",           "turn on the lamp",
        "turn on the counter_lights",        "floor_lamp off",
        "set the floor_lamp to ten percent",
    };
    struct lt_commands *c = make_usual();
    struct lt_arcs arcs = {0};
    (void)state;
    assert_int_equal(lt_commands_rivals(c, "turn on the floor_lamp", &arcs), LT_OK);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        if (says(&arcs, arcs.start, same[i], 0)) fail_msg("is no rival: %s", same[i]);
        assert_true(says(lt_commands_arcs(c), 0, same[i], 0));
        assert_true(lt_commands_is_same("turn on the floor_lamp", same[i]));
    }
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        if (!says(&arcs, arcs.start, other[i], 0)) fail_msg("is a rival: %s", other[i]);
        assert_false(lt_commands_is_same("turn on the floor_lamp", other[i]));
    }
    assert_false(says(&arcs, arcs.start, "turn on the front_door", 0)); /* nor is it a command */
    free(arcs.v);
    lt_commands_free(c);
}

static void test_rivals__of_words_twice_and_of_nothing__told_apart(void **state)
{
    (void)state;
    assert_true(lt_commands_is_same("one hour and one minute", "one minute and one hour"));
    assert_false(lt_commands_is_same("one hour and one minute", "one hour and minute"));
    assert_false(lt_commands_is_same("one hour", "one hour one"));
    assert_true(lt_commands_is_same("", "please"));
    assert_false(lt_commands_is_same("", "on"));
    struct lt_commands *c = make_usual();
    struct lt_arcs arcs = {0};
    assert_int_equal(lt_commands_rivals(c, "", &arcs), LT_OK); /* anything is another thing */
    assert_true(says(&arcs, arcs.start, "turn on the floor_lamp", 0));
    free(arcs.v);
    lt_commands_free(c);
}

static void test_commands__written__a_grammar_with_its_start_and_end(void **state)
{
    char *text = NULL;
    size_t n;
    struct lt_arc arcs[] = {{2, 1, 0.5, "on"}, {2, 1, 0.5, NULL}};
    const struct lt_arcs a = {arcs, 2, 2, 3, 2};
    FILE *f = open_memstream(&text, &n);
    (void)state;
    assert_int_equal(lt_commands_write(&a, f), LT_OK);
    fclose(f);
    assert_string_equal(text, "FSG_BEGIN home\nN 3\nS 2\nF 1\nT 2 1 0.500000000 on\n"
                              "T 2 1 0.500000000 \nFSG_END\n");
    free(text);
}

static void test_network__sentences_alike_at_both_ends__share_their_arcs(void **state)
{
    size_t n_states, n_arcs;
    struct lt_network *n = lt_network_new();
    (void)state;
    assert_int_equal(lt_network_add(n, "turn on the lamp", 1), LT_OK);
    assert_int_equal(lt_network_add(n, "turn off the lamp", 3), LT_OK);
    assert_int_equal(lt_network_shrink(n), LT_OK);
    lt_network_size(n, &n_states, &n_arcs);
    assert_int_equal(n_states, 5);
    assert_int_equal(n_arcs, 5);
    struct lt_arcs arcs = {.n_states = 2};
    assert_int_equal(lt_network_lay(n, 0, 1, 1, NULL, NULL, &arcs), LT_OK);
    assert_true(says(&arcs, 0, "turn off the lamp", 0));
    assert_false(says(&arcs, 0, "turn the lamp", 0));
    for (size_t i = 0; i < arcs.n; i++)
        if (!strcmp(arcs.v[i].word, "off")) assert_true(arcs.v[i].share == 0.75);
    free(arcs.v);
    lt_network_free(n);
}

static const struct lt_network *no_class(void *ctx, const char *token)
{
    (void)token;
    return ctx;
}

static void test_network__classes_missing_or_in_themselves__refused(void **state)
{
    struct lt_network *n = lt_network_new();
    struct lt_arcs arcs = {.n_states = 2};
    char longest[LT_NETWORK_NAME_MAX + 1];
    (void)state;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(lt_network_add(n, longest, 1), LT_ERR_LIMIT);
    assert_int_equal(lt_network_add(n, "turn on {name}", 1), LT_OK);
    assert_int_equal(lt_network_shrink(n), LT_OK);
    assert_int_equal(lt_network_lay(n, 0, 1, 1, no_class, NULL, &arcs), LT_ERR_NOTFOUND);
    arcs.n = 0;
    assert_int_equal(lt_network_lay(n, 0, 1, 1, no_class, n, &arcs), LT_ERR_LIMIT);
    free(arcs.v);
    lt_network_free(n);
}

static void test_lexicon__british__r_is_said_before_vowels_only(void **state)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    (void)state;
    assert_int_equal(lt_lexicon_add_british("car K AA R\nradio R EY D IY OW\n", f), LT_OK);
    fclose(f);
    assert_non_null(strstr(text, "car K AA R\n"));
    assert_non_null(strstr(text, "car(2) K AA\n"));
    assert_non_null(strstr(text, "radio R EY D IY OW\n"));
    assert_null(strstr(text, "radio(2)"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands__patterns_over_a_home__say_what_fits_and_nothing_else),
        cmocka_unit_test(test_commands__faulty_files__refused_with_the_pattern),
        cmocka_unit_test(test_commands__too_many_forms_or_nothing_that_fits__limit_and_not_found),
        cmocka_unit_test(test_rivals__of_a_command__everything_but_what_means_the_same),
        cmocka_unit_test(test_rivals__of_words_twice_and_of_nothing__told_apart),
        cmocka_unit_test(test_commands__written__a_grammar_with_its_start_and_end),
        cmocka_unit_test(test_network__sentences_alike_at_both_ends__share_their_arcs),
        cmocka_unit_test(test_network__classes_missing_or_in_themselves__refused),
        cmocka_unit_test(test_lexicon__british__r_is_said_before_vowels_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
