/* audio.h - a bare microphone: a WAV on the audio topic is heard, answered, and the answer spoken.
 *
 *     <prefix>/<site>/audio[/<room>] --> ear (speech.h) --> words --> lt_submit --> result
 *        | not a WAV, truncated, no recogniser, no words:                            |
 *        +--> <prefix>/<site>/response: an error object                              |
 *                       <prefix>/<site>/response: the result  <----------------------+
 *                       <prefix>/<site>/voice[/<room>]: a WAV, where voice.tts is set
 *
 * One message is one utterance; its level after "audio" is the room of the microphone. Threads: the
 * loop's. */
#ifndef LT_AUDIO_H
#define LT_AUDIO_H

#include "mqtt.h"
#include "topics.h"

#define LT_AUDIO_BYTES_MAX (16 << 20) /* longest message taken */

struct lt_gateway;
struct lt_audio; /* one utterance */

/* The broker is there: subscribe. Nothing while nobody hears. */
void lt_audio_up(struct lt_gateway *gw);
void lt_audio_message(struct lt_gateway *gw, const struct lt_topic *topic,
                      const struct lt_mqtt_message *msg);
/* Forget all that is under way. */
void lt_audio_close(struct lt_gateway *gw);

#endif
