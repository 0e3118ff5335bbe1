/* speech_local.c - the recogniser inside, on a thread of its own, for one utterance after the other.
 *
 *     waiting ears --(oldest)--> ACTIVE --piece, piece, …, last piece--> readings --> next ear
 *
 * An ear's sound gathers while it waits. A piece is a job: it takes what gathered, so that a thread
 * that is behind catches up in one step. The recogniser is made for the site's catalogue when the
 * first utterance after a change begins, which takes a fraction of the time somebody speaks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/log.h"
#include "speech_int.h"

#define QUEUE_MAX   4
#define N_PHRASINGS 2
#define PATH_BYTES  1024

struct lt__local {
    struct lt_speech *s;
    struct lt_gateway *gw;
    struct lt_worker *worker;
    struct lt_ear *active;   /* whose sound the recogniser is in the middle of */
    int is_in_utterance;     /* the recogniser is; also when its ear has gone */
    int is_busy, is_closing; /* a job is out */
    char phrasings[N_PHRASINGS][PATH_BYTES], commands[PATH_BYTES];

    /* the job's, while it is out */
    struct lt_job job;
    struct lt_gw_site *site;
    int is_first, is_last;
    int16_t *samples;
    size_t n;
    struct lt_heard heard;

    /* the thread's */
    struct lt_recogniser *recogniser;
    char hash[LT_SHA256_HEX_CAP]; /* of the catalogue it was made for */
};

static enum lt_err make_recogniser(struct lt__local *l, struct lt_diag *diag)
{
    const char *files[N_PHRASINGS];
    uv_mutex_lock(&l->site->lock);
    struct lt_site_catalog *catalog = lt_site_catalog_ref(l->site->catalog);
    uv_mutex_unlock(&l->site->lock);
    if (!catalog) return lt_fail(diag, LT_ERR_NOTFOUND, "there is no catalogue to listen for yet");
    if (l->recogniser && !strcmp(l->hash, lt_catalog_hash(catalog->checked))) {
        lt_site_catalog_unref(catalog);
        return LT_OK;
    }
    for (int i = 0; i < N_PHRASINGS; i++) files[i] = l->phrasings[i];
    json_t *home = json_loads(lt_catalog_text(catalog->checked), 0, NULL);
    struct lt_recogniser_options o = {.model_folder = l->gw->started.voice.model_folder,
                                      .phrase_files = files,
                                      .n_phrase_files = N_PHRASINGS,
                                      .commands_file = *l->commands ? l->commands : NULL,
                                      .catalog = home};
    lt_recogniser_free(l->recogniser);
    l->recogniser = NULL;
    enum lt_err err = home ? lt_recogniser_new(&o, &l->recogniser, diag) : LT_ERR_NOMEM;
    snprintf(l->hash, sizeof l->hash, "%s", err ? "" : lt_catalog_hash(catalog->checked));
    json_decref(home);
    lt_site_catalog_unref(catalog);
    return err;
}

/* On the thread. */
static enum lt_err run(struct lt_job *job, struct lt_diag *diag)
{
    struct lt__local *l = (struct lt__local *)((char *)job - offsetof(struct lt__local, job));
    enum lt_err err = LT_OK;
    if (l->is_first) {
        err = make_recogniser(l, diag);
        if (!err) err = lt_recogniser_begin(l->recogniser);
    }
    if (!err && l->n) err = lt_recogniser_hear(l->recogniser, l->samples, l->n);
    if (!err && l->is_last) err = lt_recogniser_end(l->recogniser, &l->heard);
    if (!err && l->is_last) memcpy(l->heard.lang, LT_RECOGNISER_LANG, sizeof LT_RECOGNISER_LANG);
    return err ? lt_fail(diag, err, "speech recogniser: %s", lt_strerror(err)) : LT_OK;
}

static void done(struct lt_job *job)
{
    struct lt__local *l = (struct lt__local *)((char *)job - offsetof(struct lt__local, job));
    struct lt_ear *e = l->active;
    l->is_busy = 0;
    free(l->samples);
    l->samples = NULL;
    if (l->is_closing) return;
    if (job->err || l->is_last) {
        l->active = NULL;
        l->is_in_utterance = 0;
        if (e) lt__ear_settle(e, job->err ? NULL : &l->heard, job->err ? job->diag.text : NULL);
    }
    lt__local_pump(l);
}

/* The oldest that has something to be heard. */
static struct lt_ear *next_ear(const struct lt_speech *s)
{
    struct lt_ear *oldest = NULL;
    for (struct lt_ear *e = s->ears; e; e = e->next) /* newest first */
        if (e->is_begun && !e->is_settled) oldest = e;
    return oldest;
}

void lt__local_pump(struct lt__local *l)
{
    struct lt_ear *e = l->active;
    if (l->is_busy || l->is_closing) return;
    l->is_first = 0;
    if (!e && !l->is_in_utterance) {
        if (!(e = l->active = next_ear(l->s))) return;
        l->is_first = 1;
        l->site = lt_gw_find_site(l->gw, e->site);
    }
    if (e && !e->n_pending && !e->is_ended) return;
    l->n = e ? e->n_pending : 0;
    l->samples = e ? e->pending : NULL;
    l->is_last = !e || e->is_ended; /* no ear: it was cancelled, the utterance is closed */
    if (e) {
        e->pending = NULL;
        e->n_pending = e->cap_pending = 0;
    }
    l->is_in_utterance = l->is_busy = 1;
    l->job = (struct lt_job){.run = run, .done = done};
    lt_worker_follow(l->worker, &l->job);
}

void lt__local_forget(struct lt__local *l, struct lt_ear *e)
{
    if (l->active != e) return;
    l->active = NULL;
    lt__local_pump(l); /* close the utterance it left */
}

enum lt_err lt__local_open(struct lt_speech *s, struct lt__local **out, struct lt_diag *diag)
{
    static const char *const names[N_PHRASINGS] = {"data/teacher/home_devices.json",
                                                   "data/teacher/home_living.json"};
    if (!lt_recogniser_is_there(s->gw->started.voice.model_folder, diag)) return LT_ERR_UNSUPPORTED;
    struct lt__local *l = calloc(1, sizeof *l);
    if (!l) return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    l->s = s;
    l->gw = s->gw;
    for (int i = 0; i < N_PHRASINGS; i++)
        if (!lt_config_find_shipped(names[i], l->phrasings[i], PATH_BYTES)) {
            free(l);
            return lt_fail(diag, LT_ERR_NOTFOUND,
                           "voice.recogniser: %s is not installed; install Lintel's data",
                           names[i]);
        }
    lt_config_find_shipped("commands.json", l->commands, PATH_BYTES); /* without: heard less well */
    enum lt_err err = lt_worker_start(&s->gw->loop, "hearing", QUEUE_MAX, NULL, &l->worker, diag);
    if (err) {
        free(l);
        return err;
    }
    *out = l;
    return LT_OK;
}

void lt__local_close(struct lt__local *l)
{
    l->is_closing = 1;
    lt_worker_stop(l->worker); /* its job's done has run when this returns */
    lt_recogniser_free(l->recogniser);
    free(l->samples);
    free(l);
}
