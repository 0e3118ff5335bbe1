/* lt/store_house.h - what the gateway itself keeps for a house: timers, list items, settings.
 *
 * The rows are small and few; the gateway holds them in memory, writes every change here in the
 * same group as the answer that caused it, and reads them back when it starts. Each row is named by
 * an id that the caller makes (a ULID), so that writing the same change twice is harmless: after a
 * crash nothing is there double. Threads and errors as lt/store.h says. Texts are
 * UTF-8 and stored as they are: a list whose words were masked would be of no use, so `store.text`
 * does not touch them; they go with the site (lt_store_site_erase). */
#ifndef LT_STORE_HOUSE_H
#define LT_STORE_HOUSE_H

#include "lt/store.h"

#define LT_HOUSE_NAME_MAX 128 /* longest name of a timer or list, and area, bytes */
#define LT_HOUSE_TEXT_MAX 512 /* longest item or command, bytes */

struct lt_timer_row {
    char id[LT_ULID_CAP];
    char site[65];
    char name[LT_HOUSE_NAME_MAX + 1]; /* "" without */
    char area[LT_HOUSE_NAME_MAX + 1]; /* of the device it was started from; "" unknown */
    char session[LT_HOUSE_NAME_MAX + 1];
    char command[LT_HOUSE_TEXT_MAX + 1]; /* carried out when the time is up; "" for none */
    char lang[3];                        /* in which it was started: two letters; "" unknown */
    int64_t total_ms;                    /* length it was started with */
    int64_t due_unix_ms;                 /* when it rings; 0 while paused */
    int64_t left_ms;                     /* while paused; 0 while running */
    int64_t started_unix_ms;
};

struct lt_item_row {
    char id[LT_ULID_CAP];
    char site[65];
    char list[LT_HOUSE_NAME_MAX + 1];
    char item[LT_HOUSE_TEXT_MAX + 1];
    int is_done;
    int64_t added_unix_ms;
};

/* Write a row, new or changed. */
LT_NODISCARD enum lt_err lt_store_timer_put(struct lt_store *s, const struct lt_timer_row *t,
                                            struct lt_diag *diag);
LT_NODISCARD enum lt_err lt_store_item_put(struct lt_store *s, const struct lt_item_row *t,
                                           struct lt_diag *diag);
/* Remove a row; one that is not there is no error. */
LT_NODISCARD enum lt_err lt_store_timer_delete(struct lt_store *s, const char *id,
                                               struct lt_diag *diag);
LT_NODISCARD enum lt_err lt_store_item_delete(struct lt_store *s, const char *id,
                                              struct lt_diag *diag);
/* All rows, oldest first; the row is borrowed for the callback, non-zero stops. */
typedef int (*lt_timer_row_fn)(const struct lt_timer_row *t, void *user);
typedef int (*lt_item_row_fn)(const struct lt_item_row *t, void *user);
LT_NODISCARD enum lt_err lt_store_timer_list(struct lt_store *s, lt_timer_row_fn fn, void *user,
                                             struct lt_diag *diag);
LT_NODISCARD enum lt_err lt_store_item_list(struct lt_store *s, lt_item_row_fn fn, void *user,
                                            struct lt_diag *diag);

/* A switch of a site that outlives a restart. */
LT_NODISCARD enum lt_err lt_store_setting_put(struct lt_store *s, const char *site, const char *key,
                                              const char *value, struct lt_diag *diag);
/* "" when it was never put. LT_ERR_LIMIT when it does not fit. */
LT_NODISCARD enum lt_err lt_store_setting_get(struct lt_store *s, const char *site, const char *key,
                                              char *out, size_t out_bytes, struct lt_diag *diag);

#endif
