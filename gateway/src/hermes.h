/* hermes.h - the Hermes protocol (Snips, Rhasspy 2) over the same broker: satellites people own.
 *
 * As the home's NLU service (hermes.role: nlu) a `hermes/nlu/query` becomes a request; what was decided
 * is told as `nlu/intentParsed` and `hermes/intent/<tool>`, the dialogue is ended with the words to
 * speak, or continued when something must be asked:
 *
 *     nlu/query --> ASKING --+-- calls    --> intentParsed, intent/<tool>, endSession (text) or tts/say
 *                            +-- question --> continueSession (text), or tts/say without a session
 *                            +-- nothing  --> intentNotRecognized (the dialogue manager ends it)
 *                            +-- error    --> error/nlu, endSession
 *
 * Lintel has carried the calls out by then: no other handler should react to the same intents. A query
 * with an intentFilter is first decided without acting; calls outside the filter are not recognised.
 * hermes_audio.h hears and speaks for satellites, hermes_dialogue.h is the dialogue manager where there
 * is none (hermes.role: dialogue). As a listener (hermes.role: listener) `asr/textCaptured` is taken and answered with tts/say; not
 * while a dialogue manager runs, which would ask us the same again. Sources: docs of rhasspy-hermes and
 * rhasspy-nlu-hermes. Threads: the loop's. */
#ifndef LT_HERMES_H
#define LT_HERMES_H

#include <jansson.h>

#include "mqtt.h"

struct lt_gateway;

/* The broker is there: subscribe. Nothing when hermes.enabled is false. */
void lt_hermes_up(struct lt_gateway *gw);
/* Send an object; steals it, NULL sends nothing. */
void lt_hermes_publish(struct lt_gateway *gw, const char *topic, json_t *o);
/* Is this siteId one of hermes.site_ids? */
int lt_hermes_is_served(const struct lt_gateway *gw, const char *site_id);
/* 1 when the message was one of Hermes'. */
int lt_hermes_message(struct lt_gateway *gw, const struct lt_mqtt_message *msg);

#endif
