/* submit.c - requests from doors inside the process; request.c carries them on. */
#include "submit.h"

#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/json.h"

static char *copy(const char *s)
{
    return s && *s ? strdup(s) : NULL;
}

static enum lt_err check_text(struct lt_gateway *gw, const char *text, struct lt_diag *diag)
{
    size_t n = text ? strlen(text) : 0, offset = 0;
    if (!n) return lt_fail(diag, LT_ERR_INVALID, "no words; send what was said");
    if ((int64_t)n > gw->config.limits.text_bytes)
        return lt_fail(diag, LT_ERR_LIMIT, "text of %zu bytes; at most %lld are taken", n,
                       (long long)gw->config.limits.text_bytes);
    if (!lt_utf8_is_valid(text, n, &offset))
        return lt_fail(diag, LT_ERR_INVALID, "not UTF-8 at byte %zu; send text as UTF-8", offset);
    return LT_OK;
}

/* Everything is copied, or nothing was taken. */
static int fill(struct lt_req *r, const struct lt_submission *s)
{
    size_t n = s->n_alternatives;
    if (n > LT_SUBMIT_MAX_ALTERNATIVES) n = LT_SUBMIT_MAX_ALTERNATIVES;
    r->text = strdup(s->text ? s->text : s->alternatives[0].text);
    if (!r->text) return 0;
    r->text_len = strlen(r->text);
    r->id = copy(s->id);
    r->key = copy(s->id);
    r->here = copy(s->here);
    r->lang = copy(s->lang);
    r->session = copy(s->session);
    for (size_t i = 0; i < n; i++) {
        if (!(r->readings[i].text = strdup(s->alternatives[i].text))) return 0;
        r->readings[i].share = s->alternatives[i].share;
        r->n_readings++;
    }
    return 1;
}

enum lt_err lt_submit(struct lt_gateway *gw, const struct lt_submission *s, lt_submit_fn fn,
                      void *ctx, uint64_t *ticket, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    if (!lt_gw_find_site(gw, s->site))
        return lt_fail(diag, LT_ERR_NOTFOUND, "site '%s' is not served here", s->site);
    if (s->text || !s->n_alternatives) err = check_text(gw, s->text, diag);
    for (size_t i = 0; !err && i < s->n_alternatives; i++)
        err = check_text(gw, s->alternatives[i].text, diag);
    if (err) return err;
    if (gw->is_draining || gw->n_requests >= gw->started.limits.queue)
        return lt_fail(diag, LT_ERR_BUSY, "too many requests are waiting; say it again later");
    struct lt_req *r = lt_req_new(gw, s->site);
    if (!r || !fill(r, s)) {
        if (r) {
            lt_req_set_state(r, LT_REQ_DONE);
            lt_req_settle(r);
        }
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    r->door = s->door;
    if (!lt_gw_talk_arrived(r)) {
        lt_req_set_state(r, LT_REQ_DONE);
        lt_req_settle(r);
        return lt_fail(diag, LT_ERR_LIMIT,
                       "too many requests from this source; wait a little "
                       "(safety.per_minute)");
    }
    r->is_dry_run = s->is_dry_run;
    r->is_hands_off = s->is_hands_off;
    r->deadline_ms = s->deadline_ms > 0 ? s->deadline_ms : gw->config.limits.deadline_ms;
    r->deadline_us = r->arrived_us + r->deadline_ms * 1000;
    r->on_answer = fn;
    r->on_answer_ctx = ctx;
    r->ticket = ++gw->last_ticket;
    if (ticket) *ticket = r->ticket;
    r->site->stats.n_requests++;
    memcpy(r->catalog_hash, r->site->used_hash, sizeof r->catalog_hash);
    lt_req_set_state(r, LT_REQ_WORKING);
    /* which reading wins is known after the network: the trace is accepted with that one */
    if (!r->n_readings) lt_req_accept(r);
    lt_req_infer(r);
    return LT_OK;
}

void lt_submit_cancel(struct lt_gateway *gw, uint64_t ticket)
{
    for (struct lt_req *r = gw->requests; r; r = r->next) {
        if (!ticket || r->ticket != ticket) continue;
        r->on_answer = NULL;
        r->is_cancelled = 1;
        if (r->state == LT_REQ_UNSENT) lt_req_deliver(r); /* ends it: see there */
        return;
    }
}

const char *lt_submit_speech(const json_t *result)
{
    const char *speech = json_string_value(json_object_get(result, "speech"));
    return speech ? speech : "";
}
