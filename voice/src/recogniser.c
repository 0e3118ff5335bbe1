/* recogniser.c - the language model of a home in PocketSphinx. */
#include "lt/recogniser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lt/commands.h"
#include "lt/lexicon.h"
#include "lt/log.h"
#include "lt/ngram.h"
#include "lt/spoken.h"

#ifdef LT_HAVE_POCKETSPHINX
#include <pocketsphinx.h>
#include <sphinxbase/cmn.h>
#include <sphinxbase/err.h>
#include <sphinxbase/feat.h>
#include <sphinxbase/fsg_model.h>

#define LANGUAGE_WEIGHT 9.0
#define OPENNESS        1.0
#define LIST_SCALE      1024 /* the list's scores are shifted right by 10 bits */
#define SCORE_SCALE     0.05 /* acoustic scores count frames as if they were independent */
#define LOOK_AT         60   /* entries of the library's list looked at for readings */
/* The search among commands: wide, as its network is small. All senones are scored, as scores are told
 * apart from the best of those: only so can two searches be compared. */
#define COMMAND_BEAM      "1e-80"
#define COMMAND_WORD_BEAM "1e-70"
#define RIVAL_BEAM        1e-80
#define COMMAND_SILENCE   "0.02"
#define RIVAL_NAME        "rival"
#define CEPSTRA_MAX       64
/* see trust_in */
#define TRUST_UNIT      100.0 /* of scores */
#define TRUST_AHEAD_MAX 8.0
#define TRUST_BASE      1.3
#define TRUST_AHEAD     0.52
#define TRUST_BEHIND    -0.2
#define TRUST_AGREED    1.7
#define RIVAL_SHARE     0.5 /* of the belief that is not the command's */
#define FD_PATH_BYTES   32

struct search {
    ps_decoder_t *ps; /* NULL: there is no such search */
    cmd_ln_t *config;
};

/* The running mean of the sound, as it was before an utterance. */
struct mean {
    mfcc_t mean[CEPSTRA_MAX], sum[CEPSTRA_MAX];
    int32 n_frames;
};

struct lt_recogniser {
    struct search free_one, commands;
    struct lt_commands *network;
    double weight; /* of language */
    int16_t *kept; /* the utterance, to be heard again; NULL without commands */
    size_t cap_kept;
    struct mean before;
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

static enum lt_err make_commands(const struct lt_recogniser_options *o, struct lt_commands **out,
                                 struct lt_diag *diag)
{
    json_error_t at;
    *out = NULL;
    if (!o->commands_file) return LT_OK;
    json_t *file = json_load_file(o->commands_file, 0, &at);
    if (!file) return lt_fail(diag, LT_ERR_PARSE, "%s:%d: %s", o->commands_file, at.line, at.text);
    enum lt_err err = lt_commands_new(file, o->catalog, out, diag);
    json_decref(file);
    return err == LT_ERR_NOTFOUND ? LT_OK : err;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The words of both searches, each once. */
static const char **all_words(const struct lt_ngram *m, const struct lt_arcs *arcs, size_t *n_out)
{
    size_t n = 0, n_all = lt_ngram_n_words(m) + (arcs ? arcs->n : 0);
    const char **words = calloc(n_all ? n_all : 1, sizeof *words);
    if (!words) return NULL;
    for (size_t i = 0; i < lt_ngram_n_words(m); i++) words[n++] = lt_ngram_word(m, i);
    for (size_t i = 0; arcs && i < arcs->n; i++)
        if (arcs->v[i].word) words[n++] = arcs->v[i].word;
    qsort(words, n, sizeof *words, by_text);
    *n_out = 0;
    for (size_t i = 0; i < n; i++)
        if (!*n_out || strcmp(words[*n_out - 1], words[i]) != 0) words[(*n_out)++] = words[i];
    return words;
}

static enum lt_err write_lexicon(struct lt_recogniser *r, const struct lt_ngram *m,
                                 const struct lt_arcs *arcs, const char *folder, FILE *out,
                                 struct lt_diag *diag)
{
    char path[1100], *text = NULL;
    size_t n_bytes = 0;
    const char **words = all_words(m, arcs, &r->n_words);
    FILE *f = words ? open_memstream(&text, &n_bytes) : NULL;
    snprintf(path, sizeof path, "%s/cmudict-en-us.dict", folder);
    enum lt_err err =
        f ? lt_lexicon_write_joined(words, r->n_words, path, f, &r->n_unknown, diag) : LT_ERR_NOMEM;
    if (f && fclose(f) && !err) err = LT_ERR_NOMEM;
    if (!err) err = lt_lexicon_add_british(text, out);
    free(text);
    free(words);
    return err;
}

static void stop_search(struct search *s)
{
    if (s->ps) ps_free(s->ps);
    if (s->config) cmd_ln_free_r(s->config);
    *s = (struct search){0};
}

static enum lt_err start(struct lt_recogniser *r, const char *folder, const char *lm,
                         const char *grammar, const char *dict,
                         const struct lt_recogniser_options *o)
{
    char hmm[1100], weight[32];
    snprintf(hmm, sizeof hmm, "%s/en-us", folder);
    r->weight = o->language_weight > 0 ? o->language_weight : LANGUAGE_WEIGHT;
    snprintf(weight, sizeof weight, "%g", r->weight);
    err_set_logfp(NULL); /* its own log is long */
    struct search *f = &r->free_one, *c = &r->commands;
    f->config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-lm", lm, "-dict", dict, "-lw",
                            weight, "-topn", "8", "-fwdflat", "no", NULL);
    f->ps = f->config ? ps_init(f->config) : NULL;
    if (!f->ps) return LT_ERR_IO;
    if (!grammar) return LT_OK;
    c->config =
        cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-fsg", grammar, "-dict", dict, "-lw",
                    weight, "-topn", "8", "-beam", COMMAND_BEAM, "-pbeam", COMMAND_BEAM, "-wbeam",
                    COMMAND_WORD_BEAM, "-silprob", COMMAND_SILENCE, "-compallsen", "yes", NULL);
    c->ps = c->config ? ps_init(c->config) : NULL;
    return c->ps ? LT_OK : LT_ERR_IO;
}

/* The model's files, only in memory. */
struct files {
    FILE *lm, *dict, *grammar;
    char lm_path[FD_PATH_BYTES], dict_path[FD_PATH_BYTES], grammar_path[FD_PATH_BYTES];
};

static enum lt_err make(struct lt_recogniser *r, const struct lt_recogniser_options *o,
                        struct files *f, struct lt_diag *diag)
{
    const char *folder = folder_of(o->model_folder);
    struct lt_commands *commands = NULL;
    struct lt_ngram *m = lt_ngram_new();
    f->lm = memory_file("lintel-words", f->lm_path);
    f->dict = memory_file("lintel-says", f->dict_path);
    f->grammar = memory_file("lintel-commands", f->grammar_path);
    enum lt_err err = m && f->lm && f->dict && f->grammar ? LT_OK : LT_ERR_NOMEM;
    if (!err) err = count_all(o, m, diag);
    if (!err) err = make_commands(o, &commands, diag);
    if (!err) err = lt_ngram_write(m, o->openness > 0 ? o->openness : OPENNESS, f->lm);
    if (!err && commands) err = lt_commands_write(lt_commands_arcs(commands), f->grammar);
    if (!err)
        err = write_lexicon(r, m, commands ? lt_commands_arcs(commands) : NULL, folder, f->dict,
                            diag);
    const char *grammar = commands ? f->grammar_path : NULL;
    lt_ngram_free(m); /* before the library takes its own share */
    r->network = commands;
    if (err) return err;
    err = start(r, folder, f->lm_path, grammar, f->dict_path, o);
    return err ? lt_fail(diag, err, "PocketSphinx does not start with %s and %zu words", folder,
                         r->n_words)
               : LT_OK;
}

enum lt_err lt_recogniser_new(const struct lt_recogniser_options *o, struct lt_recogniser **out,
                              struct lt_diag *diag)
{
    struct files f = {0};
    if (!lt_recogniser_is_there(o->model_folder, diag)) return LT_ERR_UNSUPPORTED;
    struct lt_recogniser *r = calloc(1, sizeof *r);
    enum lt_err err = r ? make(r, o, &f, diag) : LT_ERR_NOMEM;
    if (f.lm) fclose(f.lm);
    if (f.dict) fclose(f.dict);
    if (f.grammar) fclose(f.grammar);
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
    stop_search(&r->free_one);
    stop_search(&r->commands);
    lt_commands_free(r->network);
    free(r->kept);
    free(r);
}

void lt_recogniser_size(const struct lt_recogniser *r, size_t *n_words, size_t *n_unknown)
{
    *n_words = r->n_words;
    *n_unknown = r->n_unknown;
}

/* ---- hearing ---- */

static void keep_mean(struct search *s, struct mean *m)
{
    const cmn_t *cmn = ps_get_feat(s->ps)->cmn_struct;
    size_t n = (size_t)cmn->veclen < CEPSTRA_MAX ? (size_t)cmn->veclen : CEPSTRA_MAX;
    memcpy(m->mean, cmn->cmn_mean, n * sizeof *m->mean);
    memcpy(m->sum, cmn->sum, n * sizeof *m->sum);
    m->n_frames = cmn->nframe;
}

static void set_mean(struct search *s, const struct mean *m)
{
    cmn_t *cmn = ps_get_feat(s->ps)->cmn_struct;
    size_t n = (size_t)cmn->veclen < CEPSTRA_MAX ? (size_t)cmn->veclen : CEPSTRA_MAX;
    memcpy(cmn->cmn_mean, m->mean, n * sizeof *m->mean);
    memcpy(cmn->sum, m->sum, n * sizeof *m->sum);
    cmn->nframe = m->n_frames;
}

/* Noise is learnt anew in each utterance: what is heard does not depend on who spoke before. */
static int begin(struct search *s)
{
    return ps_start_stream(s->ps) >= 0 && ps_start_utt(s->ps) >= 0;
}

enum lt_err lt_recogniser_begin(struct lt_recogniser *r)
{
    if (r->is_listening) return LT_ERR_INVALID;
    r->n_samples = 0;
    if (!begin(&r->free_one)) return LT_ERR_IO;
    if (r->commands.ps) keep_mean(&r->commands, &r->before);
    if (r->commands.ps && !begin(&r->commands)) {
        ps_end_utt(r->free_one.ps);
        return LT_ERR_IO;
    }
    r->is_listening = 1;
    return LT_OK;
}

static int end_both(struct lt_recogniser *r)
{
    r->is_listening = 0;
    int is_well = ps_end_utt(r->free_one.ps) >= 0;
    return r->commands.ps ? (ps_end_utt(r->commands.ps) >= 0) & is_well : is_well;
}

/* Sound is kept for the second hearing; n_samples are there already. */
static enum lt_err keep(struct lt_recogniser *r, const int16_t *samples, size_t n)
{
    if (r->n_samples + n > r->cap_kept) {
        size_t cap = r->n_samples + n + (size_t)LT_RECOGNISER_RATE * 2;
        int16_t *more = realloc(r->kept, cap * sizeof *more);
        if (!more) return LT_ERR_NOMEM;
        r->kept = more;
        r->cap_kept = cap;
    }
    memcpy(r->kept + r->n_samples, samples, n * sizeof *samples);
    return LT_OK;
}

static enum lt_err hear(struct lt_recogniser *r, const int16_t *samples, size_t n, int is_whole)
{
    if (!r->is_listening) return LT_ERR_INVALID;
    size_t room = (size_t)LT_RECOGNISER_MAX_S * LT_RECOGNISER_RATE - r->n_samples;
    if (n > room) n = room;
    if (!n) return LT_OK;
    enum lt_err err = r->commands.ps ? keep(r, samples, n) : LT_OK;
    r->n_samples += n;
    if (!err && ps_process_raw(r->free_one.ps, samples, n, FALSE, is_whole) >= 0 &&
        (!r->commands.ps || ps_process_raw(r->commands.ps, samples, n, FALSE, is_whole) >= 0))
        return LT_OK;
    end_both(r);
    return err ? err : LT_ERR_IO;
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

static int by_share(const void *a, const void *b)
{
    const struct lt_reading *x = a, *y = b;
    return (x->share < y->share) - (x->share > y->share);
}

/* Put a reading among those of both searches: the same words add up, the weakest makes room. */
static void join_reading(struct lt_heard *out, const char *text, double share)
{
    int at = 0;
    while (at < out->n_readings && strcmp(out->readings[at].text, text) != 0) at++;
    if (at == LT_RECOGNISER_READINGS) {
        for (int i = at = 0; i < out->n_readings; i++)
            if (out->readings[i].share < out->readings[at].share) at = i;
        if (out->readings[at].share >= share) return;
        out->readings[at].share = 0;
    } else if (at == out->n_readings) {
        out->n_readings++;
    }
    snprintf(out->readings[at].text, LT_RECOGNISER_TEXT_MAX, "%s", text);
    out->readings[at].share += share;
}

/* The readings of one search; their shares come to `whole`. Returns the best one's score. */
static double take_readings(const struct search *s, int look_at, double whole, struct lt_heard *out)
{
    int32 best = 0, score = 0;
    struct lt_heard *own = calloc(1, sizeof *own);
    logmath_t *math = ps_get_logmath(s->ps);
    const char *text = ps_get_hyp(s->ps, &best);
    double sum = 0, best_score = best;
    if (own && text) add_reading(own, text, 1);
    /* not among commands: the library's list of a network's readings can take for ever */
    ps_nbest_t *list = own && own->n_readings && look_at ? ps_nbest(s->ps) : NULL;
    for (int looked = 0; list && looked < look_at && own->n_readings < LT_RECOGNISER_READINGS;
         looked++) {
        const char *other = ps_nbest_hyp(list, &score);
        if (!looked) {
            char first[LT_RECOGNISER_TEXT_MAX];
            best = score; /* the list's own scale */
            clean(other ? other : "", first);
            if (strcmp(first, own->readings[0].text) != 0) break; /* a list of parts */
        }
        if (other)
            add_reading(own, other,
                        exp(logmath_log_to_ln(math, score - best) * LIST_SCALE * SCORE_SCALE));
        list = ps_nbest_next(list);
    }
    if (list) ps_nbest_free(list);
    for (int i = 0; own && i < own->n_readings; i++) sum += own->readings[i].share;
    for (int i = 0; own && i < own->n_readings; i++)
        join_reading(out, own->readings[i].text, whole * own->readings[i].share / sum);
    free(own);
    return best_score;
}

/* ---- how far a command can be trusted ---- */

struct command {
    char words[LT_RECOGNISER_TEXT_MAX]; /* as the network has them */
    char rival[LT_RECOGNISER_TEXT_MAX]; /* the best that means something else; "": nothing does */
    double score, rival_score;
};

static fsg_model_t *rival_network(struct lt_recogniser *r, const char *words)
{
    char path[FD_PATH_BYTES];
    struct lt_arcs arcs = {0};
    FILE *f = memory_file("lintel-rivals", path);
    fsg_model_t *fsg = NULL;
    if (f && !lt_commands_rivals(r->network, words, &arcs) && !lt_commands_write(&arcs, f))
        fsg = fsg_model_readfile(path, ps_get_logmath(r->commands.ps), (float32)r->weight);
    free(arcs.v);
    if (f) fclose(f);
    return fsg;
}

/* Hear the utterance again among everything that means something else than the command. */
static void hear_rival(struct lt_recogniser *r, struct command *c)
{
    int32 score = 0;
    char usual[64];
    ps_decoder_t *ps = r->commands.ps;
    fsg_model_t *fsg = rival_network(r, c->words);
    if (!fsg) return;
    snprintf(usual, sizeof usual, "%s", ps_get_search(ps));
    cmd_ln_set_float_r(r->commands.config, "-beam", RIVAL_BEAM); /* read when a search is made */
    cmd_ln_set_float_r(r->commands.config, "-pbeam", RIVAL_BEAM);
    cmd_ln_set_float_r(r->commands.config, "-wbeam", RIVAL_BEAM);
    if (!ps_set_fsg(ps, RIVAL_NAME, fsg)) {
        set_mean(&r->commands, &r->before);
        ps_set_search(ps, RIVAL_NAME);
        if (begin(&r->commands)) {
            ps_process_raw(ps, r->kept, r->n_samples, FALSE, FALSE);
            ps_end_utt(ps);
            const char *text = ps_get_hyp(ps, &score);
            clean(text ? text : "", c->rival);
            c->rival_score = score;
        }
        ps_set_search(ps, usual);
        ps_unset_search(ps, RIVAL_NAME);
    }
    fsg_model_free(fsg);
}

/* How sure it is that the command was said, 0..1. Three things tell: how much better it fits than what
 * means something else, how much worse than the free search's words (by the frame), and whether those
 * say the same. The numbers are a logistic regression over phrases of tests/bench/spoken_tune.txt, its
 * constant 0.2 lower, towards asking back. */
static double trust_in(const struct command *c, double free_score, int is_agreed, double frames)
{
    double ahead = *c->rival ? (c->score - c->rival_score) / TRUST_UNIT : 0;
    double behind = (free_score - c->score) / frames;
    if (ahead > TRUST_AHEAD_MAX) ahead = TRUST_AHEAD_MAX;
    if (ahead < -TRUST_AHEAD_MAX) ahead = -TRUST_AHEAD_MAX;
    if (behind < 0) behind = 0;
    return 1 / (1 + exp(-(TRUST_BASE + TRUST_AHEAD * ahead + TRUST_BEHIND * behind +
                          (is_agreed ? TRUST_AGREED : 0))));
}

enum lt_err lt_recogniser_end(struct lt_recogniser *r, struct lt_heard *out)
{
    memset(out, 0, sizeof *out);
    if (!r->is_listening) return LT_ERR_INVALID;
    out->audio_s = (double)r->n_samples / LT_RECOGNISER_RATE;
    if (!end_both(r)) return LT_ERR_IO;
    if (!r->n_samples) return LT_OK;
    struct command *c = calloc(1, sizeof *c);
    struct lt_heard *any = calloc(1, sizeof *any);
    if (!c || !any) {
        free(c);
        free(any);
        return LT_ERR_NOMEM;
    }
    int32 score = 0;
    const char *words = r->commands.ps ? ps_get_hyp(r->commands.ps, &score) : NULL;
    double free_score = take_readings(&r->free_one, LOOK_AT, 1, any), trust = 0;
    if (words && *words) {
        char text[LT_RECOGNISER_TEXT_MAX];
        snprintf(c->words, sizeof c->words, "%s", words);
        c->score = score;
        double frames = ps_get_n_frames(r->commands.ps) + 1;
        clean(c->words, text);
        hear_rival(r, c);
        trust =
            trust_in(c, any->n_readings ? free_score : c->score,
                     any->n_readings && lt_commands_is_same(text, any->readings[0].text), frames);
        join_reading(out, text, trust);
        if (*c->rival) join_reading(out, c->rival, (1 - trust) * RIVAL_SHARE);
    }
    for (int i = 0; i < any->n_readings; i++)
        join_reading(out, any->readings[i].text,
                     any->readings[i].share * (1 - trust) * (*c->rival ? 1 - RIVAL_SHARE : 1));
    qsort(out->readings, (size_t)out->n_readings, sizeof *out->readings, by_share);
    free(any);
    free(c);
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
