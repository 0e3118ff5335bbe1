/* test_voice.c - words as spoken, the language model counted from them, pronunciations. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "../../voice/src/floor.h"
#include "lt/endpoint.h"
#include "lt/lexicon.h"
#include "lt/resample.h"
#include "lt/spoken.h"
#include "lt/wav.h"

static void test_spoken__numbers_signs_and_accents__words_as_they_are_said(void **state)
{
    static const char *const cases[][2] = {
        {"Set it to 21.5 °C!", "set it to twenty one point five degrees c"},
        {"dim to 100%", "dim to one hundred percent"},
        {"Café  de l'Été", "cafe de l'ete"},
        {"the twins' room", "the twins room"},
        {"1234567", "one two three four five six seven"},
        {"115 & 2000K", "one hundred and fifteen and two thousand k"},
        {"...", ""},
    };
    char out[128];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lt_spoken_words(cases[i][0], out, sizeof out);
        assert_string_equal(out, cases[i][1]);
    }
    assert_int_equal(lt_spoken_words("kitchen", out, 4), 3); /* cut, still a string */
    assert_string_equal(out, "kit");
    lt_spoken_words("\xc3", out, sizeof out); /* half a letter at the end */
}

/* log10 probability that the ARPA text gives to a run; 1 when it is not there. */
static double look_up(const char *arpa, const char *run)
{
    char pattern[128];
    snprintf(pattern, sizeof pattern, " %s", run);
    for (const char *p = strstr(arpa, pattern); p; p = strstr(p + 1, pattern)) {
        const char *line = p, *end = p + strlen(pattern);
        while (line > arpa && line[-1] != '\n') line--;
        if (strcspn(line, " ") == (size_t)(p - line) && (*end == ' ' || *end == '\n'))
            return atof(line);
    }
    return 1;
}

static void test_ngram__counted_sentences__likelier_than_unseen(void **state)
{
    struct lt_ngram *m = lt_ngram_new();
    char *arpa = NULL;
    size_t n;
    (void)state;
    assert_int_equal(lt_ngram_add(m, "turn on the light", 3), LT_OK);
    assert_int_equal(lt_ngram_add(m, "turn off the fan", 1), LT_OK);
    assert_int_equal(lt_ngram_n_words(m), 6);
    FILE *f = open_memstream(&arpa, &n);
    assert_int_equal(lt_ngram_write(m, 1, f), LT_OK);
    fclose(f);
    assert_non_null(strstr(arpa, "ngram 1=8\n"));
    assert_true(look_up(arpa, "turn on") > look_up(arpa, "turn off"));
    assert_true(look_up(arpa, "the light") < 0 && look_up(arpa, "the fan") < 0);
    assert_int_equal(look_up(arpa, "fan light"), 1); /* never seen */
    lt_ngram_free(m);
    free(arpa);
}

static void test_spoken__demo_home__its_names_are_in_the_model_and_others_are_not(void **state)
{
    struct lt_ngram *m = lt_ngram_new();
    struct lt_spoken_options o;
    json_t *catalog = json_load_file(SOURCE_DIR "/deploy/demo/catalog.json", 0, NULL);
    json_t *phrasings =
        json_load_file(SOURCE_DIR "/engine/data/teacher/home_devices.json", 0, NULL);
    int has_thermostat = 0, has_valve = 0;
    (void)state;
    assert_true(m && catalog && phrasings);
    lt_spoken_defaults(&o);
    assert_int_equal(lt_spoken_count_names(catalog, &o, m), LT_OK);
    assert_int_equal(lt_spoken_count(phrasings, catalog, &o, m), LT_OK);
    for (size_t i = 0; i < lt_ngram_n_words(m); i++) {
        has_thermostat |= !strcmp(lt_ngram_word(m, i), "thermostat");
        has_valve |= !strcmp(lt_ngram_word(m, i), "sprinkler");
    }
    assert_true(has_thermostat && !has_valve);
    assert_int_equal(lt_spoken_count(catalog, catalog, &o, m), LT_ERR_INVALID);
    json_decref(catalog);
    json_decref(phrasings);
    lt_ngram_free(m);
}

static void test_lexicon__known_plural_compound_and_strange_words__all_pronounced(void **state)
{
    static const char *const words[] = {"lamp", "lamps", "bedlamp", "dvd", "zwake", "unlamp"};
    char path[] = "/tmp/lintel-dict-XXXXXX", *out = NULL;
    size_t n, n_unknown;
    struct lt_diag diag = {0};
    int fd = mkstemp(path);
    FILE *dict = fdopen(fd, "w"), *f = open_memstream(&out, &n);
    (void)state;
    fputs("bed B EH D\nlamp L AE M P\nlamp(2) L AA M P\n", dict);
    fclose(dict);
    assert_int_equal(lt_lexicon_write(words, 6, path, f, &n_unknown, &diag), LT_OK);
    fclose(f);
    assert_non_null(strstr(out, "lamp L AE M P\n"));
    assert_non_null(strstr(out, "lamp(2) L AA M P\n"));
    assert_non_null(strstr(out, "lamps L AE M P Z\n"));
    assert_non_null(strstr(out, "bedlamp B EH D L AE M P\n"));
    assert_non_null(strstr(out, "unlamp AH N L AE M P\n"));
    assert_non_null(strstr(out, "dvd D IY V IY D IY\n"));
    assert_non_null(strstr(out, "zwake Z W EY K\n"));
    assert_int_equal(n_unknown, 2);
    free(out);
    remove(path);
    f = open_memstream(&out, &n);
    assert_int_equal(lt_lexicon_write(words, 6, path, f, NULL, &diag), LT_ERR_NOTFOUND);
    assert_non_null(strstr(diag.text, path));
    fclose(f);
    free(out);
}

static void test_lexicon__joined_words__parts_in_every_combination(void **state)
{
    static const char *const words[] = {"floor_lamp", "lamp"};
    char path[] = "/tmp/lintel-dict-XXXXXX", *out = NULL;
    size_t n, n_unknown;
    struct lt_diag diag = {0};
    int fd = mkstemp(path);
    FILE *dict = fdopen(fd, "w"), *f = open_memstream(&out, &n);
    (void)state;
    fputs("floor F L AO R\nlamp L AE M P\nlamp(2) L AA M P\n", dict);
    fclose(dict);
    assert_int_equal(lt_lexicon_write_joined(words, 2, path, f, &n_unknown, &diag), LT_OK);
    fclose(f);
    assert_non_null(strstr(out, "floor_lamp F L AO R L AE M P\n"));
    assert_non_null(strstr(out, "floor_lamp(2) F L AO R L AA M P\n"));
    assert_non_null(strstr(out, "lamp L AE M P\n"));
    assert_int_equal(n_unknown, 0);
    free(out);
    remove(path);
}

static void test_wav__forms_and_faults__read_or_refused_with_the_reason(void **state)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t n, cut;
        enum lt_err err;
    } cases[] = {
        {0, "", 0, 0, LT_OK},
        {0, "RIFX", 4, 0, LT_ERR_PARSE},
        {0, "", 0, 100, LT_ERR_IO},
        {0, "", 0, 170, LT_ERR_PARSE}, /* within the header */
        {20, "\x06\x00", 2, 0, LT_ERR_UNSUPPORTED},
        {22, "\x09\x00", 2, 0, LT_ERR_UNSUPPORTED},
        {24, "\x10\x00\x00\x00", 4, 0, LT_ERR_UNSUPPORTED},
        {34, "\x0c\x00", 2, 0, LT_ERR_UNSUPPORTED},
        {34, "\x28\x00", 2, 0, LT_ERR_UNSUPPORTED},
        {40, "\xff\xff\xff\x7f", 4, 0, LT_OK},
        {40, "\0\0\0\0", 4, 0, LT_OK},
        {16, "\xff\xff\xff\xff", 4, 0, LT_ERR_PARSE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t wav[LT_WAV_HEADER_BYTES + 160] = {0};
        struct lt_wav w;
        struct lt_diag diag = {0};
        lt_wav_header(wav, 16000, 1, 160);
        memcpy(wav + cases[i].at, cases[i].bytes, cases[i].n);
        assert_int_equal(lt_wav_read(wav, sizeof wav - cases[i].cut, &w, &diag), cases[i].err);
        assert_int_equal(!*diag.text, !cases[i].err);
        if (!cases[i].err) assert_int_equal(lt_wav_n_frames(&w), 80);
    }
}

static void test_wav__samples_of_every_width__the_same_level(void **state)
{
    static const struct {
        struct lt_wav form;
        const char *bytes;
        size_t n;
    } cases[] = {
        {{.channels = 1, .bytes = 1}, "\xc0", 1},
        {{.channels = 1, .bytes = 2}, "\x00\x40", 2},
        {{.channels = 1, .bytes = 3}, "\x00\x00\x40", 3},
        {{.channels = 1, .bytes = 4}, "\x00\x00\x00\x40", 4},
        {{.channels = 2, .bytes = 2}, "\x00\x60\x00\x20", 4},
        {{.channels = 1, .bytes = 4, .is_float = 1}, "\x00\x00\x00\x3f", 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct lt_wav w = cases[i].form;
        w.rate = 16000;
        w.data = (const uint8_t *)cases[i].bytes;
        w.n = cases[i].n;
        assert_int_equal(lt_wav_check(&w, NULL), LT_OK);
        assert_in_range(lt_wav_sample(&w, 0), 16383, 16384);
    }
}

/* Level of a tone after resampling, relative to before. */
static double passes(int from, int to, double hz)
{
    static int16_t in[48000], out[48000 * 2];
    double power = 0;
    size_t n = 0, k = 0;
    struct lt_resample *r = lt_resample_new(from, to);
    assert_non_null(r);
    for (int i = 0; i < from / 2; i++) in[i] = (int16_t)(10000 * sin(6.283185307 * hz * i / from));
    for (size_t at = 0; at < (size_t)from / 2; at += k) { /* in uneven pieces */
        k = (size_t)from / 2 - at < 777 ? (size_t)from / 2 - at : 777;
        n += lt_resample_push(r, in + at, k, out + n);
    }
    n += lt_resample_end(r, out + n);
    assert_in_range(n, to / 2 - 1, to / 2 + 1);
    for (size_t i = n / 4; i < n * 3 / 4; i++) power += (double)out[i] * out[i];
    lt_resample_free(r);
    return sqrt(2 * power / (double)(n / 2)) / 10000;
}

static void test_resample__tones__kept_below_and_gone_above_the_lower_half_rate(void **state)
{
    static const int rates[] = {8000, 11025, 22050, 44100, 48000};
    (void)state;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        double level = passes(rates[i], 16000, 1000);
        assert_true(level > 0.98 && level < 1.02);
    }
    assert_true(passes(48000, 16000, 11000) < 0.01);
    assert_true(passes(44100, 16000, 15000) < 0.01);
    assert_null(lt_resample_new(0, 16000));
    assert_null(lt_resample_new(16000, 1 << 30));
}

/* Hear so many ms at a level with a little noise; returns the state. */
static enum lt_endpoint_state hear(struct lt_endpoint *e, int ms, int level)
{
    static unsigned seed = 1;
    enum lt_endpoint_state state = e->state;
    for (int i = 0; i < ms * 16; i++) {
        seed = seed * 1103515245u + 12345u;
        int noise = (int)(seed >> 16 & 0x3f) - 32;
        int16_t v = (int16_t)(level * ((i / 40 % 2) * 2 - 1) + noise);
        state = lt_endpoint_hear(e, &v, 1);
    }
    return state;
}

static void
test_endpoint__speech_pauses_noise_and_silence__begins_and_ends_where_it_should(void **state)
{
    struct lt_endpoint e;
    (void)state;
    lt_endpoint_init(&e, 700, 5000, 10000);
    assert_int_equal(hear(&e, 1000, 0), LT_ENDPOINT_WAITING);
    assert_int_equal(hear(&e, 20, 9000), LT_ENDPOINT_WAITING); /* a click */
    assert_int_equal(hear(&e, 500, 0), LT_ENDPOINT_WAITING);
    assert_int_equal(hear(&e, 400, 3000), LT_ENDPOINT_SPEAKING);
    assert_int_equal(hear(&e, 500, 0), LT_ENDPOINT_SPEAKING); /* a pause */
    assert_int_equal(hear(&e, 400, 3000), LT_ENDPOINT_SPEAKING);
    assert_int_equal(hear(&e, 800, 0), LT_ENDPOINT_ENDED);
    lt_endpoint_init(&e, 700, 5000, 10000);
    assert_int_equal(hear(&e, 6000, 0), LT_ENDPOINT_NOTHING);
    lt_endpoint_init(&e, 700, 5000, 10000);
    assert_int_equal(hear(&e, 500, 3000), LT_ENDPOINT_SPEAKING); /* begins with a word */
    assert_int_equal(hear(&e, 60000, 3000), LT_ENDPOINT_ENDED);  /* and never ends */
}

/* ---- the floor of noise ---- */

static void test_floor__a_second_of_nothing__white_and_sixty_decibels_down(void **state)
{
    enum { N = 16000 };
    static int16_t out[N];
    static const int16_t silence[N];
    uint32_t noise = LT_FLOOR_BEGIN;
    double sum = 0, square = 0, next = 0;
    int most = 0, n_most = 0;
    (void)state;
    lt_floor_add(&noise, silence, N, out);
    for (int i = 0; i < N; i++) {
        sum += out[i];
        square += (double)out[i] * out[i];
        if (i) next += (double)out[i] * out[i - 1];
        if (abs(out[i]) > most) most = abs(out[i]);
        n_most += abs(out[i]) == LT_FLOOR_MOST;
    }
    assert_int_equal(most, LT_FLOOR_MOST);
    assert_true(fabs(20 * log10(most / 32767.0) + 60) < 0.1); /* the rule */
    assert_true(fabs(sum / N) < 1);                           /* no direct current */
    double power = LT_FLOOR_MOST * (LT_FLOOR_MOST + 1) / 3.0; /* of 67 levels, each as likely */
    assert_true(fabs(square / N / power - 1) < 0.05);
    assert_in_range(n_most, 2 * N / 67 * 8 / 10, 2 * N / 67 * 12 / 10);
    assert_true(fabs(next / square) < 0.05); /* one sample tells nothing of the next */
}

static void test_floor__any_pieces_and_full_scale__the_same_noise_and_no_overflow(void **state)
{
    enum { N = 4000 };
    static int16_t in[N], whole[N], pieces[N];
    uint32_t noise = LT_FLOOR_BEGIN, again = LT_FLOOR_BEGIN;
    int n_loudest = 0;
    (void)state;
    for (int i = 0; i < N; i++) in[i] = i % 3 ? (i % 3 == 1 ? INT16_MAX : INT16_MIN) : 1000;
    lt_floor_add(&noise, in, N, whole);
    for (size_t i = 0, k = 1; i < N; i += k, k = k % 7 + 1) {
        if (k > N - i) k = N - i;
        lt_floor_add(&again, in + i, k, pieces + i);
    }
    assert_memory_equal(whole, pieces, sizeof whole);
    assert_int_equal(noise, again);
    for (int i = 0; i < N; i++) {
        assert_in_range(abs(whole[i] - in[i]), 0, LT_FLOOR_MOST); /* never round to the other end */
        n_loudest += i % 3 && whole[i] == in[i];
    }
    assert_true(n_loudest > N / 4);
    lt_floor_add(&again, in, 0, pieces);
    assert_int_equal(noise, again);
    noise = LT_FLOOR_BEGIN;
    lt_floor_add(&noise, in, N, in); /* in place */
    assert_memory_equal(whole, in, sizeof whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spoken__numbers_signs_and_accents__words_as_they_are_said),
        cmocka_unit_test(test_ngram__counted_sentences__likelier_than_unseen),
        cmocka_unit_test(test_spoken__demo_home__its_names_are_in_the_model_and_others_are_not),
        cmocka_unit_test(test_lexicon__known_plural_compound_and_strange_words__all_pronounced),
        cmocka_unit_test(test_lexicon__joined_words__parts_in_every_combination),
        cmocka_unit_test(test_wav__forms_and_faults__read_or_refused_with_the_reason),
        cmocka_unit_test(test_wav__samples_of_every_width__the_same_level),
        cmocka_unit_test(test_resample__tones__kept_below_and_gone_above_the_lower_half_rate),
        cmocka_unit_test(
            test_endpoint__speech_pauses_noise_and_silence__begins_and_ends_where_it_should),
        cmocka_unit_test(test_floor__a_second_of_nothing__white_and_sixty_decibels_down),
        cmocka_unit_test(test_floor__any_pieces_and_full_scale__the_same_noise_and_no_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
