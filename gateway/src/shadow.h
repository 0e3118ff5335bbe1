/* shadow.h - a network that answers beside the active one, without consequences.
 *
 * `lintel models shadow HASH` names it. A serving gateway then puts requests to both, and writes down what
 * the other would have called; `lintel models shadow` shows where they differ. It runs on a thread of its
 * own, one request at a time: while it is busy, requests go by without it, so nobody waits. */
#ifndef LT_SHADOW_H
#define LT_SHADOW_H

#include "lt/store.h"

#define LT_MODEL_SHADOW "model.shadow" /* setting of site "": hash of the network; "" for none */

struct lt_gateway;
struct lt_req;

/* Which network is named: its hash and file, "" for none. The store's thread. */
struct lt_shadow_choice {
    char hash[LT_SHA256_HEX_CAP], path[1024];
};
LT_NODISCARD enum lt_err lt_shadow_choose(struct lt_store *s, struct lt_shadow_choice *out,
                                          struct lt_diag *diag);

/* The rest on the loop. A change takes effect with the next request. */
void lt_shadow_set(struct lt_gateway *gw, const struct lt_shadow_choice *c);
/* r is written down: the other network may look at it as well. */
void lt_shadow_offer(struct lt_req *r);
void lt_shadow_free(struct lt_gateway *gw); /* after the loop has run out */

#endif
