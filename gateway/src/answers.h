/* answers.h - what is said aloud: short sentences for each tool and outcome, in the speaker's language.
 *
 * deploy/answers.json holds them, talk.answers names a copy that a user has edited:
 *
 *     {"de": {"HassTurnOn": ["{name} ist an.", "{domain} in {area} ist an.", "Ist an."],
 *             "nothing": ["Dafür habe ich hier nichts."], "words": {"light": "Licht"}}}
 *
 * "ask.HassGetState" holds the question before the call is made ("ask.lock", "ask.unlock", "ask.open",
 * "ask.close" where HassTurnOn means that); English has its own words for the commonest of them (ask.c).
 * A tool has several sentences: the first whose {arguments} the call has is said. A value other than a
 * name, room or floor is looked up in `words` first. Which language a request is in is given with it, or
 * told by small words that only that language has; of what cannot be told nothing is assumed. Read-only
 * after loading. */
#ifndef LT_ANSWERS_H
#define LT_ANSWERS_H

#include <jansson.h>
#include <stddef.h>

#include "lt/err.h"

#define LT_ANSWERS_BYTES (1 << 20) /* longest file */
#define LT_LANG_CAP      3         /* two letters */

struct lt_answers; /* opaque */

/* LT_ERR_NOTFOUND, LT_ERR_PARSE (no JSON, or a place that holds no sentences; the text says which). */
LT_NODISCARD enum lt_err lt_answers_open(const char *path, struct lt_answers **out,
                                         struct lt_diag *diag);
void lt_answers_free(struct lt_answers *a); /* NULL is fine */

/* Say what was done: one sentence for each of the calls, three at most. Writes "" where the language or
 * a tool has no sentence that fits. `a` may be NULL: "". */
void lt_answers_done(const struct lt_answers *a, const char *lang, const json_t *calls, char *out,
                     size_t cap);
/* Ask whether to do a call: the sentence under "ask." and `what`, lt_ask_verb() of it. "" when there is none. */
void lt_answers_ask(const struct lt_answers *a, const char *lang, const char *what,
                    const json_t *arguments, char *out, size_t cap);
/* A sentence by its key: nothing, refused, foreign, what, mean, which, failed. `said` fills {it}; may be NULL.
 * "" when there is none. */
void lt_answers_say(const struct lt_answers *a, const char *lang, const char *key, const char *said,
                    char *out, size_t cap);

/* The two letters of a given language ("de-AT" is "de"), or of the one the text is in; "" when it
 * cannot be told. `given` may be NULL. */
void lt_language_of(const char *given, const char *text, char out[LT_LANG_CAP]);

#endif
