/* privacy.h - what the cloud may be told: names and numbers taken out before, put back after.
 *
 * Before a request leaves the house, what the rules name is replaced by placeholders ("Person-1",
 * "Number-1", "Address-1", and with LT_HIDE_HOME "Device-4" and "Area-2"); what comes back is
 * restored word for word, so that calls still name the home's own devices. A home's placeholders
 * depend on its catalogue alone, which keeps the vendor's prompt cache warm; those of one request
 * live as long as its lt_veil.
 * Recognised without a list: e-mail addresses, web addresses, street addresses of the forms
 * "12 Baker Street" and "Hauptstrasse 5", and numbers of five digits or more (telephone, account
 * and card numbers; a brightness or a time stays, since a call needs it). People are recognised by
 * the list of names given. Two placeholders of one kind always stand for different words; the same
 * word, compared without regard to ASCII case, always gets the same one.
 * Threads: a lt_veil_home is read-only after it is made, except for its tool set (loop only); its
 * references are counted atomically. */
#ifndef LT_PRIVACY_H
#define LT_PRIVACY_H

#include <jansson.h>

#include "lt/adapter.h"
#include "lt/catalog.h"

#define LT_VEIL_MAX           128         /* things hidden of one request; more stays as it is */
#define LT_VEIL_SUMMARY_BYTES (64 * 1024) /* a larger home is summarised in part */

enum {
    LT_HIDE_NAMES = 1,     /* the people listed */
    LT_HIDE_NUMBERS = 2,   /* five digits or more */
    LT_HIDE_ADDRESSES = 4, /* e-mail, web, street */
    LT_HIDE_HOME = 8,      /* names of devices, areas and floors */
};

/* Borrowed; lists end with NULL or are NULL. */
struct lt_privacy_rules {
    unsigned hide;                    /* LT_HIDE_* */
    const char *const *names;         /* people, for LT_HIDE_NAMES */
    const char *const *private_areas; /* their devices are not listed to the cloud at all */
};

/* "names" -> LT_HIDE_NAMES, also "numbers", "addresses", "home"; 0 for another word. */
unsigned lt_privacy_word(const char *word);

struct lt_veil_home; /* opaque: what one catalogue looks like from outside */

/* Describe a home under the rules. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_veil_home_new(const struct lt_catalog *c,
                                          const struct lt_privacy_rules *rules,
                                          struct lt_veil_home **out);
struct lt_veil_home *lt_veil_home_ref(struct lt_veil_home *h);  /* returns h */
void lt_veil_home_unref(struct lt_veil_home *h);                /* NULL is fine */
const char *lt_veil_home_summary(const struct lt_veil_home *h); /* areas and devices; borrowed */
size_t lt_veil_home_tools_bytes(const struct lt_veil_home *h);  /* of the tools as JSON */
/* The catalogue's tools with the home's names in enums hidden; made on first use, borrowed. NULL with
 * diag when no vendor could take them. Loop thread. */
struct lt_cloud_tools *lt_veil_home_tools(struct lt_veil_home *h, struct lt_diag *diag);
/* Do these words name a private area or a device in one? Then they stay in the house. */
int lt_privacy_is_private(const struct lt_catalog *c, const char *const *private_areas,
                          const char *text);

struct lt_veil; /* opaque: one request's placeholders */

/* Begin a request; it keeps a reference to `home`, `rules` are borrowed for the call. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_veil_new(struct lt_veil_home *home,
                                     const struct lt_privacy_rules *rules, struct lt_veil **out);
void lt_veil_free(struct lt_veil *v); /* NULL is fine */
/* `text` with placeholders; malloc'ed, NULL when out of memory. */
char *lt_veil_hide(struct lt_veil *v, const char *text);
/* `text` with the real words again, placeholders compared without regard to case; malloc'ed. */
char *lt_veil_show(const struct lt_veil *v, const char *text);
/* A copy of a JSON value with every string value restored; a new reference, NULL without memory. */
json_t *lt_veil_show_json(const struct lt_veil *v, json_t *value);

#endif
