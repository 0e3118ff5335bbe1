/* talk.h - the conversation side of a request's life: what the pure modules (session.h, ask.h, house.h,
 * safety.h) do to a request, in the order in which request.c calls it.
 *
 *     lt_gw_talk_is_own     a message of ours that somebody sent back to us: dropped
 *     lt_gw_talk_arrived    source, session, rate; the code is cut out before anything is stored
 *     lt_gw_talk_must_wait  an earlier request of the session is under way: this one waits
 *     lt_gw_talk_before     is it an answer to a question, an undoing? Then the router is not asked
 *     lt_gw_talk_after      is something ambiguous or missing in what the router decided? Then ask
 *     lt_gw_talk_settle     sensitive calls are confirmed first; house tools are carried out
 *     lt_gw_talk_recorded   it is in the store: tell timers and speakers; or _unrecorded: take it back
 *
 * Threads: the loop's, except lt_gw_talk_write (store writer). */
#ifndef LT_TALK_H
#define LT_TALK_H

#include "lt/err.h"
#include "lt/router.h"
#include "safety.h"

struct lt_gateway;
struct lt_gw_site;
struct lt_req;
struct lt_mqtt_message;

LT_NODISCARD enum lt_err lt_gw_talk_open(struct lt_gateway *gw, struct lt_diag *diag);
void lt_gw_talk_close(struct lt_gateway *gw);
/* The configuration changed; a bad code keeps the old rules, and the log says so. */
void lt_gw_talk_reload(struct lt_gateway *gw);
/* The broker is there (again): timers may ring, what is retained is sent. */
void lt_gw_talk_up(struct lt_gateway *gw);
/* The broker has one of our messages. */
void lt_gw_talk_delivered(struct lt_gateway *gw, int publish_id);

int lt_gw_talk_is_own(const struct lt_mqtt_message *msg);
/* 0: this source sends too much; the request is to be refused. */
int lt_gw_talk_arrived(struct lt_req *r);
/* The same, where it is known only later what was said: cut the code out. */
void lt_gw_talk_hide(struct lt_req *r);
int lt_gw_talk_must_wait(const struct lt_req *r);
/* r is done and about to go: the next of its session goes on. */
void lt_gw_talk_next(struct lt_gateway *gw, const char *site, const char *session);
/* 1: route, calls and speech are set. */
int lt_gw_talk_before(struct lt_req *r);
void lt_gw_talk_after(struct lt_req *r, struct lt_decision *d);
void lt_gw_talk_settle(struct lt_req *r);
/* May these calls be carried out for r now? `is_look`: only to know (safety.h). `why` receives words for
 * the speaker with LT_VERDICT_REFUSE; static. */
enum lt_verdict lt_gw_talk_verdict(const struct lt_req *r, const json_t *calls, int is_look,
                                   const char **why);
LT_NODISCARD enum lt_err lt_gw_talk_write(struct lt_req *r, struct lt_diag *diag);
void lt_gw_talk_recorded(struct lt_req *r);
void lt_gw_talk_unrecorded(struct lt_req *r);

/* Words to be said in an area (NULL: everywhere): published on <site>/announce, for speakers to say. */
void lt_announce(struct lt_gateway *gw, const char *site, const char *area, const char *lang,
                 const char *text);

#endif
