/* doctor_speech.h - what `lintel doctor` can tell about hearing and speaking.
 *
 * One finding for each of voice.stt and voice.tts that is set: the server is asked what it is (Wyoming
 * `describe`, answered by `info`), and the finding names its programs, its models or voices, and their
 * languages; or why it cannot be used and what to change. The recogniser inside is looked for on this
 * machine. Nothing is sent to a server besides the question. */
#ifndef LT_DOCTOR_SPEECH_H
#define LT_DOCTOR_SPEECH_H

#include "config.h"
#include "doctor_cloud.h"

#define LT_DOCTOR_SPEECH_MS    5000 /* longest wait for one server, connection and answer */
#define LT_DOCTOR_SPEECH_NAMES 4    /* models, and languages, told by name; of more the number */

/* Findings of the checks "voice.recogniser", "voice.stt" and "voice.tts"; `file` names the configuration.
 * None where voice is off. */
void lt_doctor_speech(const struct lt_config *c, const char *file, lt_doctor_note_fn note,
                      void *ctx);

#endif
