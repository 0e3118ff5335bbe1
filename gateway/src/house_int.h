/* house_int.h - what house.c, timers.c and lists.c share. */
#ifndef LT_HOUSE_INT_H
#define LT_HOUSE_INT_H

#include "house.h"

struct lt_house {
    struct lt_timer_row *timers;
    size_t n_timers, cap_timers;
    struct lt_item_row *items;
    size_t n_items, cap_items;
};

/* Put a row (found by id) into memory, or take it out; put is 0 when out of memory. */
int lt__house_put_timer(struct lt_house *h, const struct lt_timer_row *t);
void lt__house_drop_timer(struct lt_house *h, const char *id);
int lt__house_put_item(struct lt_house *h, const struct lt_item_row *t);
void lt__house_drop_item(struct lt_house *h, const char *id);

/* Carry out a change in memory and note it; 0 when out of memory, and nothing changed. NULL for no
 * row. */
int lt__house_change_timer(struct lt_house *h, struct lt_house_answer *out,
                           const struct lt_timer_row *before, const struct lt_timer_row *after);
int lt__house_change_item(struct lt_house *h, struct lt_house_answer *out,
                          const struct lt_item_row *before, const struct lt_item_row *after);

/* A string argument without outer blanks, cut at cap; "" when absent. */
void lt__house_text(const json_t *arguments, const char *key, char *out, size_t cap);
/* Say the sentence under `key` (answers.h), and how the call ended: so a function ends with one line. */
enum lt_house_end lt__house_say(const struct lt_house_ask *ask, enum lt_house_end end,
                                const char *key, const struct lt_hole *holes,
                                struct lt_house_answer *out);
/* Equal but for ASCII case and outer blanks. */
int lt__house_same(const char *a, const char *b);

/* The tools of each; `word` is what follows Hass ("StartTimer"). */
enum lt_house_end lt__timers_call(struct lt_house *h, const struct lt_house_ask *ask,
                                  const char *word, const json_t *arguments,
                                  struct lt_house_answer *out);
enum lt_house_end lt__lists_call(struct lt_house *h, const struct lt_house_ask *ask,
                                 const char *word, const json_t *arguments,
                                 struct lt_house_answer *out);
int lt__timers_is_ours(const char *word);
int lt__lists_is_ours(const char *word);

#endif
