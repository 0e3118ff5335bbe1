/* ask.h - what is missing in a command, as a question: which light, for how long, how bright?
 *
 * Pure functions over a catalogue. Three sources say that a command is not complete: the engine, when
 * the words fit several things and nothing tells which (san_answer.unclear_json); the calls
 * themselves, when what a tool needs was not said ("set a timer"; a brightness where no number
 * was spoken); and a small grammar of openers for which the network has no call at all ("set the
 * volume"). The question holds the calls as far as they are known, what may be answered, and the words
 * to ask with, in the speaker's tongue (answers.h). session.c keeps it until the answer comes. */
#ifndef LT_ASK_H
#define LT_ASK_H

#include <jansson.h>

#include "answers.h"
#include "lt/catalog.h"
#include "phrases.h"

#define LT_ASK_CHOICES_MAX 64  /* most things a question may be about */
#define LT_ASK_SPOKEN_MAX  5   /* most of them named in the question */
#define LT_ASK_SPEECH      640 /* longest question, bytes */

enum lt_ask_kind {
    LT_ASK_NOTHING, /* no question */
    LT_ASK_CHOICE,  /* which one */
    LT_ASK_SPAN,    /* how long: hours, minutes, seconds */
    LT_ASK_NUMBER,  /* how much: the argument `slot` */
    LT_ASK_TEXT,    /* what: the argument `slot`, in the speaker's words */
    LT_ASK_CONFIRM, /* shall I? */
    LT_ASK_PIN      /* the code */
};

struct lt_question { /* zero-initialise; lt_question_free */
    enum lt_ask_kind kind;
    json_t *calls;   /* as far as known */
    size_t index;    /* of the call that lacks something */
    char slot[32];   /* argument that is missing */
    json_t *choices; /* array of {"label","arguments","words"}; "arguments" replaces or joins */
    int is_joining;  /* a choice's arguments join those of the call, instead of naming the target */
    int is_guarded;  /* the answer confirms a sensitive action */
    char speech[LT_ASK_SPEECH];
};
void lt_question_free(struct lt_question *q); /* zeroes it */

/* Which of the entities that `unclear` (calls) means? Nothing when there are fewer than two. */
void lt_ask_unclear(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *unclear,
                    struct lt_question *out);
/* Which of the entities that have all the nouns that were said ("the lamp", where there are three)?
 * For a network that was not sure of its target (`calls`), or that knew no call (`calls` empty): then
 * verb and noun must be all that was said. Those in the speaker's room (`here`, may be NULL) come
 * before others. Nothing where one fits better than the others, or where all are meant. */
void lt_ask_which(const struct lt_tongue *t, const struct lt_catalog *c,
                  const struct lt_words *said, const char *here, const json_t *calls,
                  struct lt_question *out);
/* What do the calls lack, judged by the words that were said? Nothing when nothing. */
void lt_ask_missing(const struct lt_tongue *t, const struct lt_words *said, const json_t *calls,
                    struct lt_question *out);
/* The same for words that the network has no call for. */
void lt_ask_opener(const struct lt_tongue *t, const struct lt_catalog *c,
                   const struct lt_words *said, struct lt_question *out);
/* Shall I do these calls? `is_pin`: the code is asked for. `c` may be NULL. */
void lt_ask_confirm(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *calls,
                    int is_pin, struct lt_question *out);
/* One of the choices a house call offers (lt_house_answer.choices). */
void lt_ask_offered(const json_t *calls, size_t index, const char *speech, const json_t *choices,
                    struct lt_question *out);

/* Choices whose words have all that was said (small words apart): a new array, empty when none.
 * "the second", "the last" count along the list. */
json_t *lt_ask_match(const json_t *choices, const struct lt_words *said);
/* Put a choice into the call. Returns 0 when out of memory. */
int lt_ask_fill_choice(json_t *call, const json_t *choice, int is_joining);
/* The entities of the same kind as the one the call means, without it: "the other one". New array. */
json_t *lt_ask_others(const struct lt_catalog *c, const json_t *call);
/* An entity as a choice; a new reference. */
json_t *lt__ask_choice(const struct lt_catalog *c, const struct lt_entity *e);
/* Words alike but for a plural s; a list has one alike. */
int lt__ask_is_like(const char *a, const char *b);
int lt__ask_has_word(const struct lt_words *w, const char *word);
/* A verb of commands, or its particle; what a kind of device is called ("lamp" for "light"). */
int lt__ask_is_verb(const char *word);
int lt__ask_is_kind(const char *domain, const char *word);

/* ---- in words: ask_words.c ---- */

/* Which of these: names at most LT_ASK_SPOKEN_MAX of them, else their rooms, else none. `kind`: what they
 * are called, as a domain or in the speaker's words; "" for nothing. */
void lt_ask_word_which(const struct lt_tongue *t, const char *kind, const json_t *choices,
                       char *out, size_t cap);
/* What the call comes to for its target: "lock", "unlock", "open", "close", "run", "press", or the name of
 * a tool. `c` may be NULL. */
const char *lt_ask_verb(const struct lt_catalog *c, const json_t *call);
/* What a call does, for a question: "unlock the Front Door". In the tongue's language, or "". */
void lt_ask_describe(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *call,
                     char *out, size_t cap);
/* What was done: one sentence for each of the calls, three at most; "" where one of them has none. */
void lt_ask_done(const struct lt_tongue *t, const struct lt_catalog *c, const json_t *calls,
                 char *out, size_t cap);

#endif
