/* answers.h - what is said to people: every sentence and every part of one, in the speaker's language.
 *
 * deploy/answers.json holds them and is part of the program; talk.answers names a file of the same form
 * with the sentences that a user words anew:
 *
 *     {"de": {"HassTurnOn": ["{name} ist an.", "{domain} in {area} ist an.", "Ist an."],
 *             "nothing": ["Dafür habe ich hier nichts."], "words": {"light": "Licht"}}}
 *
 * Under a key stand several sentences: the first whose {holes} can all be filled is said. A key that the
 * file lacks, or none of whose sentences can be filled, is looked for
 *
 *     the user's, in the language -> the program's, in the language -> the user's, in English -> the
 *     program's, in English
 *
 * Keys: docs/answers.md. What fills a hole is said as `words` of the language has it ("red" is "rot"),
 * but for names and what somebody said, which stay as they are. Read-only after loading; any thread. */
#ifndef LT_ANSWERS_H
#define LT_ANSWERS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "language.h"
#include "lt/err.h"

#define LT_ANSWERS_BYTES (1 << 20) /* longest file */
#define LT_ANSWERS_KEY   128       /* longest key, bytes with the NUL */

struct lt_answers; /* opaque: a user's own table */

/* LT_ERR_NOTFOUND; LT_ERR_PARSE: no JSON, a language that is not two letters, a place that holds no
 * sentences, or a hole that nothing fills. The text names file, place and what to do. */
LT_NODISCARD enum lt_err lt_answers_open(const char *path, struct lt_answers **out,
                                         struct lt_diag *diag);
void lt_answers_free(struct lt_answers *a); /* NULL is fine */

/* In whose words, and in which language. Copied freely; the table must outlive the copies. A NULL
 * tongue, table or "" as language: the program's own table, English. */
struct lt_tongue {
    const struct lt_answers *own;
    char lang[LT_LANG_CAP];
};

/* The tongue for a language, two letters: English where neither table has a sentence of it. */
struct lt_tongue lt_tongue_of(const struct lt_answers *own, const char *lang);

/* What fills a hole. Text NULL or "": nothing does. */
struct lt_hole {
    const char *name, *text;
};
#define LT_HOLES(...) ((const struct lt_hole[]){__VA_ARGS__, {NULL, NULL}})

/* Say the sentence under `key`, with a capital letter. `holes` ends with a NULL name and may be NULL.
 * Returns 0, and "", when there is none; a sentence longer than cap is cut between letters. */
int lt_say(const struct lt_tongue *t, const char *key, const struct lt_hole *holes, char *out,
           size_t cap);
/* The same for a part of a sentence: its first letter stays. */
int lt_say_part(const struct lt_tongue *t, const char *key, const struct lt_hole *holes, char *out,
                size_t cap);
/* A sentence that counts: {n} is filled with `n`, and the key with the language's ending for that number
 * (".one", ".few"; Unicode CLDR, "Language Plural Rules") comes before the plain one. */
int lt_say_count(const struct lt_tongue *t, const char *key, int64_t n, const struct lt_hole *holes,
                 char *out, size_t cap);
/* A part of a sentence about a call, in this language or not at all: what `holes` does not fill, the
 * call's arguments do. `must`: a hole that it must have, or NULL. */
int lt_say_call(const struct lt_tongue *t, const char *key, const json_t *arguments,
                const struct lt_hole *holes, const char *must, char *out, size_t cap);

/* Put one more to a list: "A", "A, B", "A, B or C". `key` of the last step is "or" or "and", else
 * "comma". `list` grows in place. */
void lt_say_join(const struct lt_tongue *t, const char *key, const char *one, char *list,
                 size_t cap);
/* Large first letter, where it is one of ASCII, Latin or Polish. In place. */
void lt_say_capital(char *s);

/* A length of time: "1 hour 20 minutes". Milliseconds, rounded to seconds. */
void lt_say_span(const struct lt_tongue *t, int64_t ms, char *out, size_t cap);
/* What a timer is called: "pasta timer", or "10 minute timer" where it has no name. */
void lt_say_timer(const struct lt_tongue *t, const char *name, int64_t total_ms, char *out,
                  size_t cap);

#endif
