/* hermes_audio.h - ears and a mouth for Hermes satellites: hermes.services lists asr, tts.
 *
 * asr: `asr/startListening` opens an ear (speech.h) for the satellite; its `audioServer/<siteId>/audioFrame`
 * messages, each a small WAV, are heard until the speaker stops, `asr/stopListening`, or nobody speaks;
 * then `asr/textCaptured` tells the words (none: an empty text), or `error/asr` what went wrong. Frames of
 * satellites that nobody listens to cost a look at their topic.
 *
 *     startListening --> LISTENING --(silence, stopListening)--> textCaptured
 *                            +--(toggleOff, another startListening)--> forgotten
 *
 * tts: `tts/say` is spoken by voice.tts and sent as `audioServer/<siteId>/playBytes/<id>`; `tts/sayFinished`
 * follows when the satellite says playFinished, or when it should be through. Threads: the loop's. */
#ifndef LT_HERMES_AUDIO_H
#define LT_HERMES_AUDIO_H

#include "mqtt.h"

/* In textCaptured of our own ear: [{"text","likelihood"}], best first. Others pass it over. */
#define LT_HERMES_READINGS "lintelReadings"
#define LT_HERMES_EARS_MAX 32 /* satellites listened to, or spoken on, at once */

struct lt_gateway;
struct lt_hermes_ear;  /* opaque */
struct lt_hermes_play; /* opaque */

void lt_hermes_audio_up(struct lt_gateway *gw); /* the broker is there: subscribe */
/* 1 when the message was for a service that is switched on. */
int lt_hermes_audio_message(struct lt_gateway *gw, const struct lt_mqtt_message *msg);
void lt_hermes_audio_close(struct lt_gateway *gw);

#endif
