/* self.h - Lintel as a device of the home: what Home Assistant shows of it, and the cloud's switch.
 *
 * Every site is one device. Its description goes, retained, to
 * <discovery.ha_prefix>/device/lintel_<site>/config (Home Assistant's MQTT discovery, device form:
 * one message with all components), its state to <site>/self, a second after something changed. The
 * availability is <site>/status, which is also our will. The switch listens on <site>/cloud: ON or OFF,
 * honoured by every decision from then on and kept in the store. What was said last is shown only
 * with self.last_utterance. Threads: the loop's. */
#ifndef LT_SELF_H
#define LT_SELF_H

#include <jansson.h>

#include "lt/err.h"
#include "lt/router.h"

struct lt_gateway;
struct lt_req;
struct lt_topic;
struct lt_mqtt_message;

struct lt_self { /* of a site */
    int is_cloud_on;
    enum lt_route route; /* of the last answer */
    enum lt_why why;
    double confidence; /* -1: the network did not answer */
    char text[256];    /* what was said; "" unless configured */
    int has_answer, is_dirty;
};

/* Read the switches. Before the store's writer runs. */
LT_NODISCARD enum lt_err lt_self_open(struct lt_gateway *gw, struct lt_diag *diag);
/* The broker is there: describe and show every site. */
void lt_self_up(struct lt_gateway *gw);
/* A message on <site>/cloud. */
void lt_self_message(struct lt_gateway *gw, const struct lt_topic *topic,
                     const struct lt_mqtt_message *msg);
/* A request was answered. */
void lt_self_note(const struct lt_req *r);
/* Is the topic one of our own descriptions? Reading the home, they are passed over. */
int lt_self_is_own(const struct lt_gateway *gw, const char *topic);

/* The description of a site's device; a new reference. Pure. */
json_t *lt_self_describe(const char *prefix, const char *site, int has_utterance);
/* "lintel_<site>" with what no id may have replaced by '_'. */
void lt_self_id(const char *site, char *out, size_t cap);

#endif
