/* The retrieval head: it learns from generated cases on a finished network, is alive, and ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "san/home_eval.h"
#include "san/retrieval_eval.h"
#include "san/retrieval_fit.h"
#include "san/train_run.h"
#include "tiny_lang.h"

static struct san_tokenizer *tokenizer;
static struct san_pieces pieces;
static struct san_hparams h;
static struct san_params p;

static const struct san_gen_options gen = {.tree_dir = SOURCE_DIR "/engine/data",
                                           .mix_path = SOURCE_DIR "/engine/train/mix.json",
                                           .seed = 3,
                                           .plain = 1};

static int setup(void **state)
{
    (void)state;
    struct lt_diag diag = {0};
    tokenizer = tiny_tokenizer(700, NULL);
    h = san_train_options_default().h;
    h.n_vocab = san_tokenizer_n_vocab(tokenizer);
    h.width = 32;
    h.n_head = 4;
    h.n_kv_head = 2;
    h.n_enc = 2;
    h.n_dec = 1;
    h.ret_hidden = h.ret_dim = 0;
    if (san_params_new(&h, &p)) return 1;
    san_params_init(&p, &h, 5);
    return san_pieces_init(&pieces, tokenizer, SAN_GRAMMAR, &diag) != LT_OK;
}

static int teardown(void **state)
{
    (void)state;
    san_params_free(&p);
    san_tokenizer_free(tokenizer);
    return 0;
}

static void test_fit__network_without_head__head_that_ranks(void **state)
{
    (void)state;
    struct san_retrieval_fit_options o = {
        .hidden = 32, .dim = 16, .n_groups = 40, .n_epochs = 6, .seed = 1};
    struct san_retrieval_fit_report r, again;
    struct san_hparams with_h, same_h;
    struct san_params with = {0}, same = {0};
    struct lt_diag diag = {0};
    if (san_retrieval_fit(&o, &gen, &h, &p, &pieces, &with_h, &with, &r, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(with_h.ret_dim, 16);
    assert_memory_equal(with.enc_q, p.enc_q, 32 * 32 * sizeof(float)); /* the network stays */
    assert_true(r.n_queries > 400 && r.n_kept > 50 && r.mean_tools > 20);
    /* better than any five, by as much as the luck of so few queries leaves */
    assert_true(r.top5 > 1.4 * 5 / r.mean_tools);
    assert_true(r.top5 >= r.top1);
    assert_true(r.least_norm > 1e-3); /* the published head gives zeros */
    /* the same seed gives the same head */
    if (san_retrieval_fit(&o, &gen, &h, &p, &pieces, &same_h, &same, &again, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(same.n, with.n);
    assert_memory_equal(same.mem, with.mem, with.n * sizeof(float));
    san_params_free(&with);
    san_params_free(&same);
}

static void test_eval__no_head_or_a_head__refused_or_ranked(void **state)
{
    (void)state;
    struct san_lookup *lookup;
    struct san_cases cases = tiny_cases(&lookup);
    struct san_retrieval_score s;
    struct lt_diag diag = {0};
    assert_int_equal(san_retrieval_eval(&h, &p, &pieces, &cases, 50, &s, &diag),
                     LT_ERR_UNSUPPORTED);
    struct san_hparams with_h = h;
    struct san_params with = {0};
    with_h.ret_hidden = 16;
    with_h.ret_dim = 8;
    assert_int_equal(san_params_new(&with_h, &with), LT_OK);
    san_params_init(&with, &with_h, 9);
    assert_int_equal(san_params_take(&with, &p), 3); /* the head's tensors are its own */
    if (san_retrieval_eval(&with_h, &with, &pieces, &cases, 50, &s, &diag))
        fail_msg("%s", diag.text);
    assert_true(s.n > 10 && s.mean_tools > 5);
    for (int i = 0; i < 3; i++)
        assert_true(s.top1[i] <= s.top5[i] && s.top5[i] <= s.top20[i] && s.top20[i] <= 1);
    assert_true(s.top5[SAN_BY_WORDS] > 5 / s.mean_tools);
    san_params_free(&with);
    san_cases_free(&cases);
    san_lookup_free(lookup);
}

/* A line that opens the one blind of its home, which stands in the den. */
static json_t *blind_line(const char *query, const char *here)
{
    json_t *line = json_pack(
        "{s:s, s:[{s:s, s:s, s:{s:s, s:{s:{s:s, s:{}}}, s:[s]}}],"
        " s:{s:[s], s:[{s:s, s:s, s:s}]}, s:[{s:s, s:{s:s}}]}",
        "query", query, "tools", "name", "open_cover", "description", "Open a cover", "parameters",
        "type", "object", "properties", "name", "type", "string", "x-entity", "required", "name",
        "home", "areas", "Den", "entities", "name", "Den Blind", "area", "Den", "domain", "cover",
        "answers", "name", "open_cover", "arguments", "name", "Den Blind");
    assert_non_null(line);
    if (here) json_object_set_new(json_object_get(line, "home"), "here", json_string(here));
    return line;
}

/* Twenty blinds elsewhere, so that a grown home has enough of them. */
static void add_blinds(json_t *line)
{
    static const char *const rooms[] = {"Attic", "Cellar", "Hall", "Study", "Porch"};
    static const char *const walls[] = {"North", "South", "East", "West"};
    json_t *home = json_object_get(line, "home");
    for (int i = 0; i < 5; i++) {
        json_array_append_new(json_object_get(home, "areas"), json_string(rooms[i]));
        for (int k = 0; k < 4; k++)
            json_array_append_new(json_object_get(home, "entities"),
                                  json_pack("{s:o, s:s, s:s}", "name",
                                            json_sprintf("%s %s Blind", rooms[i], walls[k]), "area",
                                            rooms[i], "domain", "cover"));
    }
}

static struct san_home_score seen_of(const char *query, const char *here)
{
    json_t *line[2] = {blind_line(query, here), blind_line("hello", NULL)};
    add_blinds(line[1]);
    json_object_set_new(line[1], "answers", json_array());
    struct san_cases cases = {.p = line, .n = 2};
    struct san_home_score s;
    struct lt_diag diag = {0};
    if (san_home_eval(&pieces, &cases, 120, NULL, &s, &diag)) fail_msg("%s", diag.text);
    for (int i = 0; i < 2; i++) json_decref(line[i]);
    assert_int_equal(s.n_cases, 1);
    assert_int_equal(s.n_entities + s.n_ambiguous + s.n_unnamed, 1);
    return s;
}

static void test_home_eval__kind_alone__counted_apart(void **state)
{
    (void)state;
    assert_int_equal(seen_of("open the blind", NULL).n_ambiguous, 1);
    assert_int_equal(seen_of("make it brighter", NULL).n_unnamed, 1);
}

static void test_home_eval__name_or_room_said_or_stood_in__counted_and_seen(void **state)
{
    (void)state;
    static const char *const said[][2] = {
        {"open the den blind", NULL}, {"open the blind", "Den"}, {"the blind in the den", NULL}};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        struct san_home_score s = seen_of(said[i][0], said[i][1]);
        assert_int_equal(s.n_entities, 1);
        assert_true(s.entities == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit__network_without_head__head_that_ranks),
        cmocka_unit_test(test_eval__no_head_or_a_head__refused_or_ranked),
        cmocka_unit_test(test_home_eval__kind_alone__counted_apart),
        cmocka_unit_test(test_home_eval__name_or_room_said_or_stood_in__counted_and_seen),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
