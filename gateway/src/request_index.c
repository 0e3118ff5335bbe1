/* request_index.c - chained hash tables and two lists of requests. */
#include "request_index.h"

#include <string.h>

#include "gateway_int.h"

static uint64_t fold(uint64_t h, const char *s)
{
    while (*s) h = (h ^ (unsigned char)*s++) * 1099511628211ull; /* FNV-1a */
    return h;
}

static size_t session_bucket(const char *site, const char *session)
{
    return fold(fold(14695981039346656037ull, site) ^ '/', session) % LT_INDEX_BUCKETS;
}

static size_t trace_bucket(const char *trace)
{
    return fold(14695981039346656037ull, trace) % LT_INDEX_BUCKETS;
}

void lt_index_init(struct lt_index *x)
{
    TAILQ_INIT(&x->unsent);
}

void lt_index_session(struct lt_req *r)
{
    if (!r->session || r->links.has_session) return;
    struct lt_index *x = &r->gw->index;
    LIST_INSERT_HEAD(&x->by_session[session_bucket(r->site_name, r->session)], r, links.session);
    r->links.has_session = 1;
}

void lt_index_trace(struct lt_req *r)
{
    if (!r->trace[0] || r->links.has_trace) return;
    LIST_INSERT_HEAD(&r->gw->index.by_trace[trace_bucket(r->trace)], r, links.trace);
    r->links.has_trace = 1;
}

void lt_index_unacknowledged(struct lt_req *r, int is_in)
{
    if (r->links.is_unacknowledged == !!is_in) return;
    if (is_in)
        LIST_INSERT_HEAD(&r->gw->index.unacknowledged, r, links.unacknowledged);
    else
        LIST_REMOVE(r, links.unacknowledged);
    r->links.is_unacknowledged = !!is_in;
}

void lt_index_unsent(struct lt_req *r, int is_in)
{
    if (r->links.is_unsent == !!is_in) return;
    if (is_in)
        TAILQ_INSERT_TAIL(&r->gw->index.unsent, r, links.unsent);
    else
        TAILQ_REMOVE(&r->gw->index.unsent, r, links.unsent);
    r->links.is_unsent = !!is_in;
}

void lt_index_leave(struct lt_req *r)
{
    if (r->links.has_session) LIST_REMOVE(r, links.session);
    if (r->links.has_trace) LIST_REMOVE(r, links.trace);
    r->links.has_session = r->links.has_trace = 0;
    lt_index_unacknowledged(r, 0);
    lt_index_unsent(r, 0);
}

struct lt_req *lt_index_of_session(const struct lt_index *x, const char *site, const char *session)
{
    return LIST_FIRST(&x->by_session[session_bucket(site, session)]);
}

struct lt_req *lt_index_of_trace(const struct lt_index *x, const char *trace)
{
    struct lt_req *r = LIST_FIRST(&x->by_trace[trace_bucket(trace)]);
    while (r && (r->is_duplicate || strcmp(r->trace, trace) != 0)) r = LIST_NEXT(r, links.trace);
    return r;
}
