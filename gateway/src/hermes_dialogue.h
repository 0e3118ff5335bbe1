/* hermes_dialogue.h - Lintel as the dialogue manager of Hermes satellites that have none
 * (hermes.role: dialogue): wake word, listening, answer, perhaps a question, the end.
 *
 *     hotword/<id>/detected, dialogueManager/startSession
 *        --> sessionStarted, hotword/toggleOff --> LISTENING (asr/startListening)
 *     asr/textCaptured of the session --> THINKING (hermes.c puts it to the journey)
 *        answer   --> SPEAKING (tts/say) --(sayFinished, or too long)--> sessionEnded, hotword/toggleOn
 *        question --> SPEAKING           --(the same)----------------> LISTENING
 *     too long in one state, or dialogueManager/endSession --> sessionEnded
 *
 * One session at a time for a satellite. Another one that startSession asks for waits (QUEUED, sessionQueued)
 * unless canBeEnqueued is false; a wake word while an answer is spoken ends that session (abortedByUser) and
 * begins its own. intentFilter of startSession and continueSession limits what is carried out; with
 * sendIntentNotRecognized the one who began it is told of words without an intent and continues or ends.
 * Threads: the loop's. */
#ifndef LT_HERMES_DIALOGUE_H
#define LT_HERMES_DIALOGUE_H

#include <jansson.h>

#define LT_HERMES_SESSIONS_MAX 32    /* satellites in a session at once */
#define LT_HERMES_SESSION_MS   30000 /* longest stay in one state */
#define LT_HERMES_SAY_MS       10000 /* longest wait for tts/sayFinished: perhaps nobody speaks */

enum lt_hermes_then { LT_HERMES_THEN_END, LT_HERMES_THEN_LISTEN, LT_HERMES_THEN_GIVE_UP };

struct lt_gateway;
struct lt_hermes_session; /* opaque */

void lt_hermes_dialogue_up(struct lt_gateway *gw); /* subscribe */
/* Any Hermes message but those of hermes.c and hermes_audio.c. */
void lt_hermes_dialogue_message(struct lt_gateway *gw, const char *topic, const json_t *o);
/* Words came for a session: 1 when it is one of ours that listens; it thinks from now on. */
int lt_hermes_dialogue_heard(struct lt_gateway *gw, const char *session_id);
/* The intents allowed now in a session of ours, or NULL: any. The session's. */
const json_t *lt_hermes_dialogue_filter(struct lt_gateway *gw, const char *session_id);
/* Say `text` ("" for nothing) in a session of ours, then go on so. `lang`: of the text, where the session has
 * none; may be NULL. */
void lt_hermes_dialogue_say(struct lt_gateway *gw, const char *session_id, const char *text,
                            const char *lang, enum lt_hermes_then then);
void lt_hermes_dialogue_close(struct lt_gateway *gw);

#endif
