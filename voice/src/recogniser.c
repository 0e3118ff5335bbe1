/* recogniser.c - the language model of a home in PocketSphinx. */
#include "lt/recogniser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lt/lexicon.h"
#include "lt/log.h"
#include "lt/ngram.h"
#include "lt/spoken.h"

#ifdef LT_HAVE_POCKETSPHINX
#include <pocketsphinx.h>
#include <sphinxbase/err.h>

#define LANGUAGE_WEIGHT 9.0
#define OPENNESS        1.0
#define LIST_SCALE      1024 /* the list's scores are shifted right by 10 bits */
#define SCORE_SCALE     0.05 /* acoustic scores count frames as if they were independent */
#define LOOK_AT         60   /* entries of the library's list looked at for readings */
#define FD_PATH_BYTES   32

struct lt_recogniser {
    ps_decoder_t *ps;
    cmd_ln_t *config;
    int is_listening;
    size_t n_samples, n_words, n_unknown;
};

static const char *folder_of(const char *given)
{
    return given && *given ? given : LT_POCKETSPHINX_MODELS "/en-us";
}

int lt_recogniser_is_there(const char *model_folder, struct lt_diag *diag)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/en-us/mdef", folder_of(model_folder));
    if (!access(path, R_OK)) return 1;
    lt_fail(diag, LT_ERR_UNSUPPORTED, "no acoustic model at %s; install pocketsphinx-en-us", path);
    return 0;
}

/* ---- making one ---- */

/* A file in memory that the library can open by name. */
static FILE *memory_file(const char *name, char path[FD_PATH_BYTES])
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    FILE *f = fd >= 0 ? fdopen(fd, "w+e") : NULL;
    if (!f && fd >= 0) close(fd);
    snprintf(path, FD_PATH_BYTES, "/proc/self/fd/%d", fd);
    return f;
}

static enum lt_err count_all(const struct lt_recogniser_options *o, struct lt_ngram *m,
                             struct lt_diag *diag)
{
    struct lt_spoken_options spoken;
    lt_spoken_defaults(&spoken);
    enum lt_err err = lt_spoken_count_names(o->catalog, &spoken, m);
    for (size_t i = 0; !err && i < o->n_phrase_files; i++) {
        json_error_t at;
        json_t *phrasings = json_load_file(o->phrase_files[i], 0, &at);
        if (!phrasings)
            return lt_fail(diag, LT_ERR_PARSE, "%s:%d: %s", o->phrase_files[i], at.line, at.text);
        err = lt_spoken_count(phrasings, o->catalog, &spoken, m);
        json_decref(phrasings);
        if (err) lt_fail(diag, err, "%s: %s", o->phrase_files[i], lt_strerror(err));
    }
    return err;
}

static enum lt_err write_lexicon(const struct lt_ngram *m, const char *folder, FILE *out,
                                 size_t *n_unknown, struct lt_diag *diag)
{
    char path[1100];
    size_t n = lt_ngram_n_words(m);
    const char **words = calloc(n ? n : 1, sizeof *words);
    if (!words) return LT_ERR_NOMEM;
    for (size_t i = 0; i < n; i++) words[i] = lt_ngram_word(m, i);
    snprintf(path, sizeof path, "%s/cmudict-en-us.dict", folder);
    enum lt_err err = lt_lexicon_write_joined(words, n, path, out, n_unknown, diag);
    free(words);
    return err;
}

static enum lt_err start_library(struct lt_recogniser *r, const char *folder, const char *lm,
                                 const char *dict, const struct lt_recogniser_options *o)
{
    char hmm[1100], weight[32];
    snprintf(hmm, sizeof hmm, "%s/en-us", folder);
    snprintf(weight, sizeof weight, "%g",
             o->language_weight > 0 ? o->language_weight : LANGUAGE_WEIGHT);
    err_set_logfp(NULL); /* its own log is long */
    r->config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-lm", lm, "-dict", dict, "-lw",
                            weight, "-topn", "8", NULL);
    r->ps = r->config ? ps_init(r->config) : NULL;
    return r->ps ? LT_OK : LT_ERR_IO;
}

enum lt_err lt_recogniser_new(const struct lt_recogniser_options *o, struct lt_recogniser **out,
                              struct lt_diag *diag)
{
    char lm_path[FD_PATH_BYTES], dict_path[FD_PATH_BYTES];
    const char *folder = folder_of(o->model_folder);
    if (!lt_recogniser_is_there(o->model_folder, diag)) return LT_ERR_UNSUPPORTED;
    struct lt_recogniser *r = calloc(1, sizeof *r);
    struct lt_ngram *m = lt_ngram_new();
    FILE *lm = memory_file("lintel-words", lm_path), *dict = memory_file("lintel-says", dict_path);
    enum lt_err err = r && m && lm && dict ? LT_OK : LT_ERR_NOMEM;
    if (!err) err = count_all(o, m, diag);
    if (!err) err = lt_ngram_write(m, o->openness > 0 ? o->openness : OPENNESS, lm);
    if (!err) err = write_lexicon(m, folder, dict, &r->n_unknown, diag);
    if (!err) {
        r->n_words = lt_ngram_n_words(m);
        lt_ngram_free(m); /* before the library takes its own share */
        m = NULL;
        err = start_library(r, folder, lm_path, dict_path, o);
        if (err)
            lt_fail(diag, err, "PocketSphinx does not start with %s and %zu words", folder,
                    r->n_words);
    }
    lt_ngram_free(m);
    if (lm) fclose(lm);
    if (dict) fclose(dict);
    if (err) {
        lt_fail(diag, err, "recogniser: %s", lt_strerror(err));
        lt_recogniser_free(r);
        return err;
    }
    *out = r;
    return LT_OK;
}

void lt_recogniser_free(struct lt_recogniser *r)
{
    if (!r) return;
    if (r->ps) ps_free(r->ps);
    if (r->config) cmd_ln_free_r(r->config);
    free(r);
}

void lt_recogniser_size(const struct lt_recogniser *r, size_t *n_words, size_t *n_unknown)
{
    *n_words = r->n_words;
    *n_unknown = r->n_unknown;
}

/* ---- hearing ---- */

enum lt_err lt_recogniser_begin(struct lt_recogniser *r)
{
    if (r->is_listening) return LT_ERR_INVALID;
    r->n_samples = 0;
    if (ps_start_utt(r->ps) < 0) return LT_ERR_IO;
    r->is_listening = 1;
    return LT_OK;
}

static enum lt_err hear(struct lt_recogniser *r, const int16_t *samples, size_t n, int is_whole)
{
    size_t room = (size_t)LT_RECOGNISER_MAX_S * LT_RECOGNISER_RATE - r->n_samples;
    if (!r->is_listening) return LT_ERR_INVALID;
    if (n > room) n = room;
    if (!n) return LT_OK;
    r->n_samples += n;
    if (ps_process_raw(r->ps, samples, n, FALSE, is_whole) >= 0) return LT_OK;
    ps_end_utt(r->ps);
    r->is_listening = 0;
    return LT_ERR_IO;
}

enum lt_err lt_recogniser_hear(struct lt_recogniser *r, const int16_t *samples, size_t n)
{
    return hear(r, samples, n, FALSE);
}

/* Words only: marks of silence, noise and pronunciation variants go. */
static void clean(const char *in, char out[LT_RECOGNISER_TEXT_MAX])
{
    size_t n = 0;
    for (const char *p = in; *p;) {
        size_t word = strcspn(p, " "), keep = strcspn(p, " (");
        if (word && *p != '<' && *p != '[' && *p != '+' && n + keep + 2 < LT_RECOGNISER_TEXT_MAX) {
            if (n) out[n++] = ' ';
            for (size_t i = 0; i < keep; i++) out[n++] = p[i] == '_' ? ' ' : p[i];
        }
        p += word + (p[word] == ' ');
    }
    out[n] = '\0';
}

/* Add a reading with its weight, or its weight to the same words. */
static void add_reading(struct lt_heard *out, const char *hypothesis, double weight)
{
    char text[LT_RECOGNISER_TEXT_MAX];
    clean(hypothesis, text);
    if (!*text) return;
    for (int i = 0; i < out->n_readings; i++)
        if (!strcmp(out->readings[i].text, text)) {
            if (weight > out->readings[i].share) out->readings[i].share = weight;
            return;
        }
    if (out->n_readings == LT_RECOGNISER_READINGS) return;
    struct lt_reading *reading = &out->readings[out->n_readings++];
    memcpy(reading->text, text, sizeof text);
    reading->share = weight;
}

static void take_readings(struct lt_recogniser *r, struct lt_heard *out)
{
    int32 best = 0, score = 0;
    logmath_t *math = ps_get_logmath(r->ps);
    const char *text = ps_get_hyp(r->ps, &best);
    double sum = 0;
    int looked = 0;
    if (!text) return;
    add_reading(out, text, 1);
    ps_nbest_t *list = ps_nbest(r->ps);
    for (int is_first = 1; list && looked < LOOK_AT; looked++) {
        const char *other = ps_nbest_hyp(list, &score);
        if (is_first) best = score; /* the list's own scale */
        is_first = 0;
        if (other)
            add_reading(out, other,
                        exp(logmath_log_to_ln(math, score - best) * LIST_SCALE * SCORE_SCALE));
        list = ps_nbest_next(list);
    }
    if (list) ps_nbest_free(list);
    for (int i = 0; i < out->n_readings; i++) sum += out->readings[i].share;
    for (int i = 0; i < out->n_readings; i++) out->readings[i].share /= sum;
}

enum lt_err lt_recogniser_end(struct lt_recogniser *r, struct lt_heard *out)
{
    memset(out, 0, sizeof *out);
    if (!r->is_listening) return LT_ERR_INVALID;
    r->is_listening = 0;
    out->audio_s = (double)r->n_samples / LT_RECOGNISER_RATE;
    if (ps_end_utt(r->ps) < 0) return LT_ERR_IO;
    if (r->n_samples) take_readings(r, out);
    return LT_OK;
}

enum lt_err lt_recogniser_whole(struct lt_recogniser *r, const int16_t *samples, size_t n,
                                struct lt_heard *out)
{
    enum lt_err err = lt_recogniser_begin(r);
    if (!err) err = hear(r, samples, n, TRUE);
    memset(out, 0, sizeof *out);
    return err ? err : lt_recogniser_end(r, out);
}

#else /* built without it */

int lt_recogniser_is_there(const char *model_folder, struct lt_diag *diag)
{
    (void)model_folder;
    lt_fail(diag, LT_ERR_UNSUPPORTED,
            "this lintel was built without PocketSphinx; install libpocketsphinx-dev and build it "
            "again, or name a Wyoming speech server in voice.stt");
    return 0;
}

enum lt_err lt_recogniser_new(const struct lt_recogniser_options *o, struct lt_recogniser **out,
                              struct lt_diag *diag)
{
    (void)out;
    lt_recogniser_is_there(o->model_folder, diag);
    return LT_ERR_UNSUPPORTED;
}

void lt_recogniser_free(struct lt_recogniser *r)
{
    (void)r;
}

void lt_recogniser_size(const struct lt_recogniser *r, size_t *n_words, size_t *n_unknown)
{
    (void)r;
    *n_words = *n_unknown = 0;
}

enum lt_err lt_recogniser_begin(struct lt_recogniser *r)
{
    (void)r;
    return LT_ERR_UNSUPPORTED;
}

enum lt_err lt_recogniser_hear(struct lt_recogniser *r, const int16_t *samples, size_t n)
{
    (void)r;
    (void)samples;
    (void)n;
    return LT_ERR_UNSUPPORTED;
}

enum lt_err lt_recogniser_end(struct lt_recogniser *r, struct lt_heard *out)
{
    (void)r;
    memset(out, 0, sizeof *out);
    return LT_ERR_UNSUPPORTED;
}

enum lt_err lt_recogniser_whole(struct lt_recogniser *r, const int16_t *samples, size_t n,
                                struct lt_heard *out)
{
    (void)samples;
    (void)n;
    return lt_recogniser_end(r, out);
}
#endif
