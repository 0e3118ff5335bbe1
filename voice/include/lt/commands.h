/* lt/commands.h - the plain commands of one home, as a network of words to be heard.
 *
 * A file (deploy/commands.json, which anybody may add to) says for each tool how people ask for it
 * when they make no words: patterns of words, "(a|b)" for one of several, "[a]" for a or nothing,
 * "<1..10>" for numbers in words ("<5..60/5>" in steps), and holes: {name}, with or without "the", {Name}
 * without it, {names} those of several things, {area}, {Area}, {floor}, {kind} (what covers are called together), or a list of the file.
 * A number before a pattern says how much more often it is said than others. Of these, what the
 * catalogue has tools and devices for becomes one network (lt/network.h).
 *
 *     {"lists": {NAME: [pattern, …]}, "kinds": {device_class: [words]},
 *      "also": {name or alias of a thing: [what people call such a thing besides]},
 *      "before": {"share": 0..1, "say": […]}, "after": {…}, "joins": {"share", "say"} (before a second command),
 *      "commands": [{"tools": [any of], "domain": [any of; none: all], "say": [patterns],
 *                   "bare": [patterns that nobody says "please" or "can you" before]}]} */
#ifndef LT_COMMANDS_H
#define LT_COMMANDS_H

#include <jansson.h>
#include <stdio.h>

#include "lt/network.h"

#define LT_COMMANDS_MAX_FORMS 2000 /* sentences of one pattern before its holes are filled */
#define LT_COMMANDS_TEXT_MAX  512  /* longest of them, bytes */

struct lt_commands; /* opaque */

/* Make the network. LT_ERR_INVALID (diag names the pattern), LT_ERR_NOTFOUND (the catalogue has
 * nothing that the file knows; then *out is NULL), LT_ERR_LIMIT, LT_ERR_NOMEM. On LT_OK *out is
 * the caller's. */
LT_NODISCARD enum lt_err lt_commands_new(const json_t *file, const json_t *catalog,
                                         struct lt_commands **out, struct lt_diag *diag);
void lt_commands_free(struct lt_commands *c); /* NULL is fine */
/* Arcs, states 0 (the beginning) to n_states - 1; 1 is the end. Borrowed. */
const struct lt_arcs *lt_commands_arcs(const struct lt_commands *c);
/* Does the network say this text (spoken words, see lt_spoken_words)? */
int lt_commands_has(const struct lt_commands *c, const char *text);
/* Do two sentences differ by no more than the order of words and words like "the" and "please"? Names may be
 * joined by '_'. */
int lt_commands_is_same(const char *a, const char *b);
/* How many words of those that mean something both sentences have; *n_a and *n_b: how many each has. */
int lt_commands_n_common(const char *a, const char *b, int *n_a, int *n_b);
/* Write arcs as a finite state grammar of PocketSphinx. LT_ERR_IO. */
LT_NODISCARD enum lt_err lt_commands_write(const struct lt_arcs *arcs, FILE *out);

#endif
