/* test_commands.c - patterns over a home as one network, and what of it sounds alike. */
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
#include "lt/near.h"
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
    "\"also\": {\"lamp\": [\"lantern\", \"floor lamp\"], \"sofa\": [\"couch\"], \"front door\": 3},"
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
        "turn the lantern off", /* also */
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
        "turn on the couch",      /* nothing is called a sofa */
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

static void test_same__order_and_words_that_mean_nothing__do_not_count(void **state)
{
    static const char *const same[] = {"turn on the floor_lamp", "switch on floor_lamp",
                                       "turn the floor lamp on", "floor_lamp on",
                                       "please turn on the floor_lamp"};
    static const char *const other[] = {"turn off the floor_lamp", "turn on the lamp",
                                        "turn on the counter_lights", "floor_lamp off",
                                        "set the floor_lamp to ten percent"};
    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_true(lt_commands_is_same("turn on the floor_lamp", same[i]));
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        assert_false(lt_commands_is_same("turn on the floor_lamp", other[i]));
    assert_true(lt_commands_is_same("one hour and one minute", "one minute and one hour"));
    assert_false(lt_commands_is_same("one hour and one minute", "one hour and minute"));
    assert_false(lt_commands_is_same("one hour", "one hour one"));
    assert_true(lt_commands_is_same("", "please"));
    assert_false(lt_commands_is_same("", "on"));
    int n_a = 0, n_b = 0;
    assert_int_equal(
        lt_commands_n_common("turn on the floor_lamp", "floor light on on", &n_a, &n_b),
        2); /* "on" and "floor" */
    assert_int_equal(n_a, 3);
    assert_int_equal(n_b, 4);
    assert_int_equal(lt_commands_n_common("", "the", &n_a, &n_b), 0);
    assert_int_equal(n_a + n_b, 0);
}

/* ---- sentences that sound alike ---- */

static char *say(void *ctx, const char *word)
{
    static const char *const said[][2] = {{"turn", "T ER1 N"},
                                          {"switch", "S W IH CH"},
                                          {"on", "AA1 N"},
                                          {"off", "AO1 F"},
                                          {"the", "DH AH0"},
                                          {"lamp", "L AE1 M P"},
                                          {"set", "S EH T"},
                                          {"to", "T UW"},
                                          {"percent", "P ER S EH N T"},
                                          {"ten", "T EH N"},
                                          {"twenty", "T W EH N T IY"},
                                          {"floor_lamp", "F L AO R L AE M P"},
                                          {"counter_lights", "K AW N T ER L AY T S"},
                                          {"thirty", "TH ER T IY"},
                                          {"forty", "F AO R T IY"}};
    (void)ctx;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        if (!strcmp(said[i][0], word)) return strdup(said[i][1]);
    return NULL; /* "please", "fifty" and others */
}

static size_t find_near(const char *phones, float distance, size_t max,
                        struct lt_near_sentence *out)
{
    struct lt_commands *c = make_usual();
    struct lt_near *n = NULL;
    size_t found = 0;
    assert_int_equal(lt_near_new(lt_commands_arcs(c), say, NULL, &n), LT_OK);
    assert_int_equal(lt_near_find(n, phones, distance, max, out, &found), LT_OK);
    lt_near_free(n);
    lt_commands_free(c);
    return found;
}

static void test_near__a_command__it_first_then_what_sounds_like_it_once_each(void **state)
{
    struct lt_near_sentence s[8];
    (void)state;
    size_t n = find_near("T ER N AA N DH AH F L AO R L AE M P", 9, 8, s);
    assert_true(n >= 4);
    assert_string_equal(s[0].words, "turn on the floor_lamp");
    assert_true(s[0].distance < 1e-3F && s[0].chance < 0);
    assert_string_equal(s[1].words, "turn off the floor_lamp");
    for (size_t i = 1; i < n; i++) {
        assert_true(s[i].distance >= s[i - 1].distance - 1e-3F && s[i].distance <= 9);
        assert_null(strstr(s[i].words, "please")); /* nobody knows how that is said */
        for (size_t k = 0; k < i; k++) assert_false(lt_commands_is_same(s[i].words, s[k].words));
    }
    n = find_near("S EH T DH AH L AE M P T UW TH ER T IY P ER S EH N T", 9, 3, s);
    assert_int_equal(n, 3);
    assert_string_equal(s[0].words, "set the lamp to thirty percent");
    assert_string_equal(s[1].words, "set the lamp to forty percent");
}

static void test_near__nothing_within_the_distance_or_no_phones__none(void **state)
{
    static struct lt_near_sentence s[LT_NEAR_MAX];
    char endless[4 * LT_NEAR_PHONES_MAX * 3 + 1] = "";
    (void)state;
    assert_int_equal(find_near("S UW P", 1, 8, s), 0);
    assert_int_equal(find_near("", 1, 8, s), 0);
    assert_int_equal(find_near("X1 ? 7", 1, 8, s), 0); /* no phones either */
    for (size_t i = 0; i + 4 < sizeof endless; i += 3) memcpy(endless + i, "AA ", 4);
    assert_int_equal(find_near(endless, 3, 8, s), 0);
    assert_true(find_near("AA N", 1000, LT_NEAR_MAX + 5, s) <= LT_NEAR_MAX);
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
    assert_null(strstr(text, "radio(2) EY"));
    assert_null(strstr(text, "radio(3)"));
    free(text);
    f = open_memstream(&text, &n);
    assert_int_equal(
        lt_lexicon_add_british("off AO F\ndoor D AO R\nminutes M IH N AH T S\ncouldn K AH N\n", f),
        LT_OK);
    fclose(f);
    assert_non_null(strstr(text, "off(2) AA F\n"));
    assert_non_null(strstr(text, "minutes(2) M IH N IH T S\n"));
    assert_null(strstr(text, "couldn(2)"));
    assert_null(strstr(text, "AA R"));
    free(text);
}

static void test_lexicon__variants_apart_in_the_dictionary__each_name_once(void **state)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    (void)state;
    assert_int_equal(
        lt_lexicon_add_british("can K AE N\ncan't K AE N T\ncan(2) K AH N\ncarnt K AA R N\n", f),
        LT_OK);
    fclose(f);
    assert_non_null(strstr(text, "can K AE N\ncan(2) K AH N\ncan(3) K AA N\n"));
    assert_null(strstr(strstr(text, "can K") + 1, "\ncan K"));
    assert_non_null(strstr(text, "can't K AE N T\n"));
    free(text);
}

static void test_lexicon__open_vowels__all_of_a_word_at_once(void **state)
{
    char *text = NULL;
    size_t n;
    FILE *f = open_memstream(&text, &n);
    (void)state;
    assert_int_equal(
        lt_lexicon_add_british("eighty EY T IY\nlampshade L AE M P SH EY D\nchair CH EH R\n", f),
        LT_OK);
    fclose(f);
    assert_non_null(strstr(text, "eighty EY T IY\neighty(2) AY T IY\n"));
    assert_non_null(strstr(text, "L AA M P SH AY D\n"));
    assert_null(strstr(text, "L AE M P SH AY D"));
    assert_null(strstr(text, "CH AE R"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands__patterns_over_a_home__say_what_fits_and_nothing_else),
        cmocka_unit_test(test_commands__faulty_files__refused_with_the_pattern),
        cmocka_unit_test(test_commands__too_many_forms_or_nothing_that_fits__limit_and_not_found),
        cmocka_unit_test(test_same__order_and_words_that_mean_nothing__do_not_count),
        cmocka_unit_test(test_near__a_command__it_first_then_what_sounds_like_it_once_each),
        cmocka_unit_test(test_near__nothing_within_the_distance_or_no_phones__none),
        cmocka_unit_test(test_commands__written__a_grammar_with_its_start_and_end),
        cmocka_unit_test(test_network__sentences_alike_at_both_ends__share_their_arcs),
        cmocka_unit_test(test_network__classes_missing_or_in_themselves__refused),
        cmocka_unit_test(test_lexicon__british__r_is_said_before_vowels_only),
        cmocka_unit_test(test_lexicon__variants_apart_in_the_dictionary__each_name_once),
        cmocka_unit_test(test_lexicon__open_vowels__all_of_a_word_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
