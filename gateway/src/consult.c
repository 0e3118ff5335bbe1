/* consult.c - one run of act.h for each call, so that each has its own result. */
#include "consult.h"

#include <stdlib.h>
#include <string.h>

#include "gateway_int.h"
#include "lt/log.h"

struct consult {
    struct lt_req *r; /* kept alive by n_busy */
    uint64_t ticket;
    int n_left;
    json_t *results;
};

struct part {
    struct consult *c;
    size_t i;
};

static void finish(struct consult *c)
{
    if (--c->n_left) return;
    struct lt_req *r = c->r;
    lt_tier_ran(r->gw->tier, c->ticket, c->results);
    json_decref(c->results);
    free(c);
    r->n_busy--;
    lt_req_settle(r); /* the ask may be over long since */
}

/* What a device reported, without what only we need. */
static void on_read(void *ctx, const json_t *outcome, const char *speech)
{
    struct part *p = ctx;
    struct consult *c = p->c;
    struct lt_req *r = c->r;
    const char *const *areas = r->gw->policy.policy.never_cloud_areas;
    json_t *rows = json_array(), *row;
    size_t i;
    (void)speech;
    json_array_foreach(outcome, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (name && lt_privacy_is_private(r->catalog->checked, areas, name)) continue;
        json_t *copy = json_copy(row);
        json_object_del(copy, "call");
        json_object_del(copy, "id");
        json_array_append_new(rows, copy);
    }
    json_array_set_new(c->results, p->i, json_pack("{s:o}", "output", rows));
    free(p);
    finish(c);
}

static int may_run(const struct lt_req *r, const json_t *calls)
{
    const struct lt_policy *p = &r->gw->policy.policy;
    struct lt_facts facts = {.site = r->site_name, .here = r->here};
    struct lt_local none = {NULL, 0};
    struct lt_upper_answer answer = {LT_OUTCOME_ANSWERED, calls, NULL};
    struct lt_decision d;
    lt_router_judge(p, r->catalog->checked, &facts, &none, &answer, &d, NULL);
    if (d.route != LT_ROUTE_CLOUD) return 0;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        json_t *one = json_pack("[O]", json_array_get(calls, i));
        int is_ours = one && lt_act_takes(lt_req_act(r), one, 0);
        json_decref(one);
        if (!is_ours) return 0;
    }
    return 1;
}

int lt_consult(void *req, const json_t *calls, uint64_t ticket)
{
    struct lt_req *r = req;
    size_t n = json_array_size(calls);
    struct consult *c = may_run(r, calls) ? calloc(1, sizeof *c) : NULL;
    if (!c) return 0;
    LT_LOG(DEBUG, "cloud.consults", LF_STR("trace", r->trace), LF_INT("calls", (int64_t)n));
    c->r = r;
    c->ticket = ticket;
    c->n_left = (int)n;
    c->results = json_array();
    r->n_busy++;
    for (size_t i = 0; i < n; i++)
        json_array_append_new(c->results, json_pack("{s:s}", "error", "cannot be read now"));
    for (size_t i = 0; i < n; i++) {
        json_t *one = json_pack("[O]", json_array_get(calls, i));
        struct part *p = malloc(sizeof *p);
        if (p) *p = (struct part){c, i};
        if (!p || !one || lt_act_start(lt_req_act(r), one, 0, r->trace, on_read, p)) {
            free(p);
            c->n_left--; /* its result says that it could not be read */
        }
        json_decref(one);
    }
    if (c->n_left > 0) return 1;
    json_decref(c->results); /* nothing could be started: no results will come */
    free(c);
    r->n_busy--;
    return 0;
}
