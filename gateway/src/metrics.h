/* metrics.h - the counters as Prometheus text, in a file or on http://127.0.0.1:<port>/metrics.
 *
 * Counters of asking cloud models carry the names of OpenTelemetry's conventions for generative AI
 * (dots as underscores, the unit behind), all others begin with lintel_. Labels are providers, models,
 * sites and words of ours, never what people said or what their things are called. The endpoint is
 * bound to the loopback address, speaks HTTP/1.0 without TLS, answers GET only, serves at most
 * LT_METRICS_MAX_CLIENTS at a time, and gives each LT_METRICS_WAIT_MS.
 * Threads: the loop's thread. */
#ifndef LT_METRICS_H
#define LT_METRICS_H

#include "lt/buf.h"
#include "lt/err.h"

#define LT_METRICS_MAX_CLIENTS   8
#define LT_METRICS_WAIT_MS       5000
#define LT_METRICS_REQUEST_BYTES 4096       /* longest request head that is read */
#define LT_METRICS_MAX_BYTES     (1u << 20) /* longest text */

struct lt_gateway;
struct lt_metrics; /* opaque: the endpoint */

/* `s` as a label's value, which may not hold a bare quote, backslash or line break; in out. */
const char *lt_metrics_label(const char *s, char *out, size_t cap);
/* Append all counters of `gw`. LT_ERR_LIMIT, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_metrics_text(struct lt_gateway *gw, struct lt_buf *out);
/* Write them to `path`, whole or not at all. LT_ERR_IO. */
LT_NODISCARD enum lt_err lt_metrics_write(struct lt_gateway *gw, const char *path,
                                          struct lt_diag *diag);
/* Listen on 127.0.0.1:port. LT_ERR_IO when it is taken. */
LT_NODISCARD enum lt_err lt_metrics_listen(struct lt_gateway *gw, int port, struct lt_metrics **out,
                                           struct lt_diag *diag);
/* Stop listening and drop clients; it frees itself in the loop's next turns. NULL is fine. */
void lt_metrics_close(struct lt_metrics *m);

#endif
