/* generate_phrase.h - what the makers of home phrases share: how things are called, and the arguments
 * that mean them. */
#ifndef GENERATE_PHRASE_H
#define GENERATE_PHRASE_H

#include "generate_internal.h"

/* Lists of phrases of an entry, by what stands for the device. */
extern const char *const gen_forms[];
enum { GEN_BY_NAME, GEN_BY_AREA, GEN_BY_FLOOR, GEN_BY_HERE, GEN_BY_ALL };

struct gen_saying { /* what stands for the placeholders */
    char name[200], area[120], floor[80];
};

/* Does the name bring its own article or owner ("the Den", "Emma's Room", "my lamp")? */
int gen_starts_possessive(const char *s);
/* Are they the same words? */
int gen_same_text(const char *a, const char *b);
/* Adds what a placeholder stands for (ctx: struct gen_saying); an article before it goes where the words
 * bring their own. For gen_fill. */
int gen_fill_placeholder(void *ctx, const char *placeholder, struct gen_text *text);
/* How people call entity e: its name, an alias, or a part that is enough. `here` may be NULL. */
void gen_say_name(struct gen_rng *r, const struct gen_home *h, int e, const char *here, char *out,
                  size_t cap);
/* How people call a room: its name or an alias. */
void gen_say_area(struct gen_rng *r, const struct gen_area *a, char *out, size_t cap);
/* "Television" of the Living Room -> "living room television". */
void gen_say_room_before(struct gen_rng *r, const char *area, char *name, size_t cap);
/* "... in the living room" at the end of what is said. */
void gen_say_room_after(struct gen_rng *r, const char *area, struct gen_text *t);
/* Whether an entity that is neither e nor f (-1: none) could be meant by the words of the text. Names
 * that are part of what was said for these do not count: the longest name wins. */
int gen_names_a_third(const struct gen_home *h, const char *text, int e, const char *said, int f,
                      const char *said_f);
/* The same for one entity. */
int gen_names_another(const struct gen_home *h, const char *text, int e, const char *said);
/* Is it a kind of thing that is on or off, open or closed, somewhere? */
int gen_is_stateful(const char *domain);
/* Properties of a home tool's schema, borrowed; NULL when there is no such tool. */
const json_t *gen_tool_properties(const struct gen_group *gg, const char *tool);
/* An entry with phrases of the form that this home can serve, or NULL. */
const struct gen_entry *gen_pick_entry(struct gen_group *gg, const struct gen_home *h, int form);
/* One of an entry's phrases of a form. */
const char *gen_pick_phrase(struct gen_rng *r, const struct gen_entry *en, int form);
/* One of the entities that the entry speaks of, or -1. */
int gen_pick_entity(struct gen_rng *r, const struct gen_entry *en, const struct gen_home *h);
/* Put entity e into args by name, and what makes it unique. 0: the words do not tell which. */
int gen_target_by_name(const struct gen_home *h, int e, const json_t *props, int area_said,
                       json_t *args);
/* Put a room, a floor, or neither (the home) into args, with the kind of device. 0: not expressible. */
int gen_target_by_place(const struct gen_entry *en, const struct gen_home *h, const json_t *props,
                        const char *area, const char *floor, json_t *args);

#endif
