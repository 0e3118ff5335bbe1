/* request_index.h - the requests under way, found without looking at each of them.
 *
 * limits.queue allows many thousand at once, and every acknowledgement of the broker, every echo and
 * every end of a request asks for some of them: by session, by trace, by whether calls are still
 * unacknowledged, by who has waited longest for the broker. Each of these is a list of its own that
 * runs through the requests; joining and leaving one costs the same however many there are.
 *
 * Loop thread only. A request is in every list at most once and leaves all of them with
 * lt_index_leave. */
#ifndef LT_REQUEST_INDEX_H
#define LT_REQUEST_INDEX_H

#include <sys/queue.h>

#define LT_INDEX_BUCKETS 1024 /* of sessions, and of traces: limits.queue's default */

struct lt_req;

LIST_HEAD(lt_req_bucket, lt_req);
TAILQ_HEAD(lt_req_queue, lt_req);

/* A gateway's lists; zero it, then lt_index_init. */
struct lt_index {
    struct lt_req_bucket by_session[LT_INDEX_BUCKETS], by_trace[LT_INDEX_BUCKETS];
    struct lt_req_bucket unacknowledged; /* calls of theirs are out and not acknowledged */
    struct lt_req_queue unsent;          /* for room at the broker, the longest waiting first */
};

/* A request's places in them. */
struct lt_index_links {
    LIST_ENTRY(lt_req) session, trace, unacknowledged;
    TAILQ_ENTRY(lt_req) unsent;
    int has_session, has_trace, is_unacknowledged, is_unsent; /* whether it is in each */
};

void lt_index_init(struct lt_index *x);

/* Join the lists of its session (nothing without one) and of its trace; again is no fault. `session`,
 * `site_name` and `trace` must stay as they are until it leaves. */
void lt_index_session(struct lt_req *r);
void lt_index_trace(struct lt_req *r);
/* Join or leave the lists of those that wait for acknowledgements, and for room. */
void lt_index_unacknowledged(struct lt_req *r, int is_in);
void lt_index_unsent(struct lt_req *r, int is_in);
/* Leave all of them. */
void lt_index_leave(struct lt_req *r);

/* The requests that may be of this session, or have this trace: walk with LIST_FOREACH over the same
 * link and compare, others share the bucket. */
struct lt_req *lt_index_of_session(const struct lt_index *x, const char *site, const char *session);
/* The request with this trace that is not a duplicate of another; NULL: none. */
struct lt_req *lt_index_of_trace(const struct lt_index *x, const char *trace);

#endif
