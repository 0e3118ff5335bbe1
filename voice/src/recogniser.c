/* recogniser.c - the language model of a home in PocketSphinx. */
#include "lt/recogniser.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "coarse.h"
#include "floor.h"
#include "lt/commands.h"
#include "lt/lexicon.h"
#include "lt/log.h"
#include "lt/near.h"
#include "lt/ngram.h"
#include "lt/spoken.h"
#include "recheck.h"
#include "walk.h"

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
#define COMMAND_SILENCE   "0.02"
/* What may have been said instead: so many sentences that sound like the command heard and like the
 * free words are compared, none of them farther (lt/near.h). */
#define NEAR_COMMAND  24
#define NEAR_FREE     8
#define NEAR_WALK     12 /* and like what fits best by phones in general, if that is another */
#define NEAR_DISTANCE 7.0f
#define COARSE_BEHIND                                                                              \
    1000.0 /* of scores by phones in general: farther ones are not scored in full */
#define PHONES_BYTES 1024
#define SHARE_UNIT   70.0  /* of scores: so much worse is e times less likely */
#define CHANCE_UNIT  60.0  /* what a sentence e times as often said is worth in scores */
#define AGREED_WORTH 100.0 /* and what the free search heard as well */
#define FREE_SHARE   0.5 /* most that free words get of what is no command's: never enough to act */
#define SHARE_LEAST  0.004 /* readings with less are not given */
/* see trust_in */
#define TRUST_BASE    25.5
#define TRUST_FIT     0.467
#define TRUST_BEHIND  -0.358
#define BEHIND_MAX    20.0 /* of that, either way: the words may have no score to speak of */
#define TRUST_COMMON  4.38
#define PIECE         1600 /* samples heard at a time: the same is heard however sound is cut up */
#define FD_PATH_BYTES 32

struct search {
    ps_decoder_t *ps; /* NULL: there is no such search */
    cmd_ln_t *config;
};

struct lt_recogniser {
    struct search free_one, commands;
    struct lt_commands *network;
    double weight; /* of language */
    /* with commands: */
    struct lt_near *near;
    struct lt_recheck *recheck;
    struct lt_coarse *coarse;
    struct lt_walk *walk;
    char folder[LT_RECHECK_FOLDER_BYTES];
    FILE *notes; /* of the utterance; NULL: none could be taken */
    int is_listening;
    int16_t piece[PIECE]; /* heard when it is full */
    uint32_t noise;       /* of the floor: where its generator is */
    size_t n_piece, n_samples, n_words, n_unknown;
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

static char *say_word(void *ctx, const char *word)
{
    return ps_lookup_word(ctx, word); /* from malloc */
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
    if (lt_recheck_folder(r->folder))
        LT_LOG(WARN, "recogniser.notes_failed",
               LF_STR("why", "neither /dev/shm nor /tmp can be written to"),
               LF_STR("effect", "every command is asked back"));
    c->config = cmd_ln_init(
        NULL, ps_args(), TRUE, "-hmm", hmm, "-fsg", grammar, "-dict", dict, "-lw", weight, "-topn",
        "8", "-beam", COMMAND_BEAM, "-pbeam", COMMAND_BEAM, "-wbeam", COMMAND_WORD_BEAM, "-silprob",
        COMMAND_SILENCE, "-compallsen", "yes", *r->folder ? "-senlogdir" : NULL, r->folder, NULL);
    c->ps = c->config ? ps_init(c->config) : NULL;
    enum lt_err err = c->ps ? lt_recheck_new(hmm, dict, r->weight, &r->recheck) : LT_ERR_IO;
    if (!err) err = lt_coarse_new(hmm, say_word, c->ps, &r->coarse);
    if (!err) err = lt_walk_new(lt_commands_arcs(r->network), r->coarse, CHANCE_UNIT, &r->walk);
    if (err) return err;
    return lt_near_new(lt_commands_arcs(r->network), say_word, c->ps, &r->near);
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
    lt_near_free(r->near);
    lt_recheck_free(r->recheck);
    lt_walk_free(r->walk);
    lt_coarse_free(r->coarse);
    if (r->notes) fclose(r->notes);
    lt_commands_free(r->network);
    free(r);
}

void lt_recogniser_size(const struct lt_recogniser *r, size_t *n_words, size_t *n_unknown)
{
    *n_words = r->n_words;
    *n_unknown = r->n_unknown;
}

/* ---- hearing ---- */

/* Noise is learnt anew in each utterance: what is heard does not depend on who spoke before. */
static int begin(struct search *s)
{
    return ps_start_stream(s->ps) >= 0 && ps_start_utt(s->ps) >= 0;
}

static int begin_commands(struct lt_recogniser *r)
{
    if (r->notes) fclose(r->notes);
    r->notes = NULL;
    if (*r->folder && lt_recheck_begin(r->folder)) return 0;
    int is_well = begin(&r->commands);
    if (*r->folder) r->notes = lt_recheck_notes(r->folder);
    return is_well;
}

enum lt_err lt_recogniser_begin(struct lt_recogniser *r)
{
    if (r->is_listening) return LT_ERR_INVALID;
    r->n_samples = r->n_piece = 0;
    r->noise = LT_FLOOR_BEGIN; /* what is heard does not depend on who spoke before */
    if (!begin(&r->free_one)) return LT_ERR_IO;
    if (r->commands.ps && !begin_commands(r)) {
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

static int process(struct lt_recogniser *r, const int16_t *samples, size_t n, int is_whole)
{
    int16_t *floored = malloc(n * sizeof *floored);
    if (!floored) return 0;
    lt_floor_add(&r->noise, samples, n, floored);
    int is_well =
        ps_process_raw(r->free_one.ps, floored, n, FALSE, is_whole) >= 0 &&
        (!r->commands.ps || ps_process_raw(r->commands.ps, floored, n, FALSE, is_whole) >= 0);
    free(floored);
    return is_well;
}

static enum lt_err hear(struct lt_recogniser *r, const int16_t *samples, size_t n, int is_whole)
{
    int is_well = 1;
    if (!r->is_listening) return LT_ERR_INVALID;
    size_t room = (size_t)LT_RECOGNISER_MAX_S * LT_RECOGNISER_RATE - r->n_samples;
    if (n > room) n = room;
    r->n_samples += n;
    if (is_whole && n) is_well = process(r, samples, n, TRUE);
    for (size_t i = 0, part; !is_whole && is_well && i < n; i += part) {
        part = PIECE - r->n_piece < n - i ? PIECE - r->n_piece : n - i;
        memcpy(r->piece + r->n_piece, samples + i, part * sizeof *samples);
        r->n_piece += part;
        if (r->n_piece < PIECE) continue;
        r->n_piece = 0;
        is_well = process(r, r->piece, PIECE, FALSE);
    }
    if (is_well) return LT_OK;
    end_both(r);
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

/* The readings of one search; their shares come to `whole`. */
static void take_readings(const struct search *s, int look_at, double whole, struct lt_heard *out)
{
    int32 best = 0, score = 0;
    struct lt_heard *own = calloc(1, sizeof *own);
    logmath_t *math = ps_get_logmath(s->ps);
    const char *text = ps_get_hyp(s->ps, &best);
    double sum = 0;
    if (own && text) add_reading(own, text, 1);
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
}

/* ---- what may have been said instead ---- */

/* A sentence of the network, and how well it fits the sound. */
struct candidate {
    struct lt_near_sentence near;
    int32_t score;
    double worth, share; /* the score and how often it is said; its part of all */
};

struct candidates {
    struct candidate v[NEAR_COMMAND + NEAR_FREE + NEAR_WALK];
    size_t n;
    char free_words[LT_RECOGNISER_TEXT_MAX]; /* of the free search, as the library gives them */
    int32_t free_score; /* how well they fit the sound, as the candidates' scores; 0: not known */
};

/* How words of a search are said, one after the other; silence and noise are left out. */
static void phones_of(struct lt_recogniser *r, const char *words, char *out, size_t cap)
{
    char word[LT_NETWORK_NAME_MAX];
    size_t n = 0;
    *out = '\0';
    for (const char *p = words; *p;) {
        size_t len = strcspn(p, " ");
        if (len && len < sizeof word && *p != '<' && *p != '[' && *p != '+') {
            snprintf(word, sizeof word, "%.*s", (int)len, p);
            char *phones = ps_lookup_word(r->commands.ps, word);
            if (phones && n + strlen(phones) + 2 < cap)
                n += (size_t)snprintf(out + n, cap - n, "%s ", phones);
            free(phones);
        }
        p += len + (p[len] == ' ');
    }
}

/* How well a sentence fits the sound: half by phones in general (`coarse`, known already), half by phones in
 * their neighbourhood. 0: not at all. */
static int32_t score_of(struct lt_recogniser *r, const char *words, int32_t coarse)
{
    int32_t fine = coarse ? lt_recheck_score(r->recheck, r->notes, words) : 0;
    return fine ? fine / 2 + coarse / 2 : 0;
}

static int has(const struct candidates *c, const char *words)
{
    for (size_t i = 0; i < c->n; i++)
        if (!strcmp(c->v[i].near.words, words)) return 1;
    return 0;
}

/* Add the sentences of the network that sound like `words` unless they are there, scored by phones in
 * general. */
static enum lt_err add_near(struct lt_recogniser *r, const char *words, size_t max,
                            struct candidates *c)
{
    char phones[PHONES_BYTES];
    size_t n = 0;
    struct lt_near_sentence *near = malloc(max * sizeof *near);
    if (!near) return LT_ERR_NOMEM;
    phones_of(r, words, phones, sizeof phones);
    enum lt_err err = lt_near_find(r->near, phones, NEAR_DISTANCE, max, near, &n);
    for (size_t i = 0; !err && i < n; i++) {
        if (has(c, near[i].words) || c->n == sizeof c->v / sizeof *c->v) continue;
        int32_t score = lt_coarse_score(r->coarse, near[i].words);
        if (score) c->v[c->n++] = (struct candidate){.near = near[i], .score = score};
    }
    free(near);
    return err;
}

/* Score them in full. What is far behind by phones in general does not come back: it goes unscored. */
static void score_all(struct lt_recogniser *r, struct candidates *c)
{
    size_t n = 0;
    double best = -HUGE_VAL;
    /* not by fmax(): GCC 12 for arm64 breaks off at its reduction */
    for (size_t i = 0; i < c->n; i++) {
        double chance = c->v[i].score + CHANCE_UNIT * (double)c->v[i].near.chance;
        if (chance > best) best = chance;
    }
    for (size_t i = 0; i < c->n; i++) {
        struct candidate *one = &c->v[i];
        if (one->score + CHANCE_UNIT * (double)one->near.chance < best - COARSE_BEHIND) continue;
        one->score = score_of(r, one->near.words, one->score);
        if (one->score) c->v[n++] = *one;
    }
    c->n = n;
}

static int by_worth(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    return (x->worth < y->worth) - (x->worth > y->worth);
}

/* Best first, with the share of each among them. What the free search heard too is worth more. */
static void share_out(struct candidates *c, const char *free_text)
{
    double sum = 0;
    char text[LT_RECOGNISER_TEXT_MAX];
    for (size_t i = 0; i < c->n; i++) {
        clean(c->v[i].near.words, text);
        c->v[i].worth = c->v[i].score + CHANCE_UNIT * (double)c->v[i].near.chance +
                        (lt_commands_is_same(text, free_text) ? AGREED_WORTH : 0);
    }
    qsort(c->v, c->n, sizeof *c->v, by_worth);
    for (size_t i = 0; i < c->n; i++)
        sum += c->v[i].share = exp((c->v[i].worth - c->v[0].worth) / SHARE_UNIT);
    for (size_t i = 0; i < c->n; i++) c->v[i].share /= sum;
}

/* How many of the words that mean something both have, of those that either has: 0..1. */
static double common(const char *a, const char *b)
{
    int n_a = 0, n_b = 0, n_both = lt_commands_n_common(a, b, &n_a, &n_b);
    return n_a + n_b > n_both ? (double)n_both / (n_a + n_b - n_both) : 1;
}

/* How sure it is that one of the candidates was said at all, 0..1: by how well the best one fits (its score
 * by the frame; 0 would be the best sound at every moment), by how far it is behind the free words, which
 * fit what is no command better, and by the words it has in common with those. The numbers are fitted,
 * see docs/voice.md. */
static double trust_in(const struct candidates *c, const char *free_text, double frames)
{
    char text[LT_RECOGNISER_TEXT_MAX];
    double behind = c->free_score ? (c->free_score - c->v[0].score) / frames : 0;
    clean(c->v[0].near.words, text);
    behind = fmax(-BEHIND_MAX, fmin(BEHIND_MAX, behind));
    return 1 / (1 + exp(-(TRUST_BASE + TRUST_FIT * c->v[0].score / frames + TRUST_BEHIND * behind +
                          TRUST_COMMON * common(text, free_text))));
}

/* The free words as the dictionary has them: without marks of silence, noise and pronunciation. */
static void words_only(const char *in, char out[LT_RECOGNISER_TEXT_MAX])
{
    size_t n = 0;
    *out = '\0';
    for (const char *p = in; *p;) {
        size_t len = strcspn(p, " "), keep = strcspn(p, " (");
        if (keep && *p != '<' && *p != '[' && *p != '+' && n + keep + 2 < LT_RECOGNISER_TEXT_MAX)
            n += (size_t)snprintf(out + n, LT_RECOGNISER_TEXT_MAX - n, "%s%.*s", n ? " " : "",
                                  (int)keep, p);
        p += len + (p[len] == ' ');
    }
}

/* The commands heard and those that sound like them. */
static enum lt_err look_around(struct lt_recogniser *r, struct candidates *c)
{
    int32 score = 0;
    char words[LT_RECOGNISER_TEXT_MAX], walked[LT_COMMANDS_TEXT_MAX];
    const char *heard = ps_get_hyp(r->commands.ps, &score);
    if (!heard || !*heard || !r->notes || !lt_coarse_take(r->coarse, r->notes)) return LT_OK;
    snprintf(words, sizeof words, "%s", heard);
    enum lt_err err = add_near(r, words, NEAR_COMMAND, c);
    if (!err && *c->free_words) err = add_near(r, c->free_words, NEAR_FREE, c);
    if (!err) err = lt_walk_find(r->walk, walked);
    if (!err && *walked && !has(c, walked)) err = add_near(r, walked, NEAR_WALK, c);
    words_only(c->free_words, words);
    if (!err && *words) c->free_score = score_of(r, words, lt_coarse_score(r->coarse, words));
    score_all(r, c);
    clean(c->free_words, words);
    share_out(c, words);
    return err;
}

static enum lt_err end_well(struct lt_recogniser *r, struct candidates *c, struct lt_heard *any,
                            struct lt_heard *out)
{
    char text[LT_RECOGNISER_TEXT_MAX];
    int32 score = 0;
    const char *words = ps_get_hyp(r->free_one.ps, &score);
    double trust = 0;
    snprintf(c->free_words, sizeof c->free_words, "%s", words ? words : "");
    take_readings(&r->free_one, LOOK_AT, 1, any);
    enum lt_err err = r->commands.ps ? look_around(r, c) : LT_OK;
    if (err) return err;
    clean(c->free_words, text);
    if (c->n) trust = trust_in(c, text, ps_get_n_frames(r->commands.ps) + 1);
    /* free words are words of the home whatever was said: where there are commands, they alone do nothing */
    double rest = (1 - trust) * (r->commands.ps ? FREE_SHARE : 1);
    for (size_t i = 0; i < c->n; i++) {
        clean(c->v[i].near.words, text);
        if (c->v[i].share * trust >= SHARE_LEAST) join_reading(out, text, c->v[i].share * trust);
    }
    for (int i = 0; i < any->n_readings; i++)
        if (any->readings[i].share * rest >= SHARE_LEAST)
            join_reading(out, any->readings[i].text, any->readings[i].share * rest);
    qsort(out->readings, (size_t)out->n_readings, sizeof *out->readings, by_share);
    return LT_OK;
}

enum lt_err lt_recogniser_end(struct lt_recogniser *r, struct lt_heard *out)
{
    memset(out, 0, sizeof *out);
    if (!r->is_listening) return LT_ERR_INVALID;
    out->audio_s = (double)r->n_samples / LT_RECOGNISER_RATE;
    int is_well = !r->n_piece || process(r, r->piece, r->n_piece, FALSE);
    if (!end_both(r) || !is_well) return LT_ERR_IO;
    if (!r->n_samples) return LT_OK;
    struct candidates *c = calloc(1, sizeof *c);
    struct lt_heard *any = calloc(1, sizeof *any);
    enum lt_err err = c && any ? end_well(r, c, any, out) : LT_ERR_NOMEM;
    free(any);
    free(c);
    return err;
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
