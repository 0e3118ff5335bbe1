/* plausible_home.h - the words of a home's names, split and numbered once: what plausible.c looks at.
 *
 * Every name, alias, area and floor is a run of word numbers; what was said is compared with each word once
 * (lt__heard), so that a home of ten thousand things costs no splitting and no comparison of texts for each of
 * them. Private to plausible*.c. */
#ifndef LT_PLAUSIBLE_HOME_H
#define LT_PLAUSIBLE_HOME_H

#include <stdint.h>

#include "lt/catalog.h"
#include "phrases.h"

/* A word as lt_words_split leaves it, one of its kind. */
struct lt__word {
    char *text, *key; /* key: folded, without a plural s; those that are like it have the same */
    uint32_t at;      /* while the list is made: where it stands in `ids` */
    int is_place;     /* like a word of an area or a floor */
    int is_own;       /* no place's, no small word, no verb: it can name a thing */
};

/* A text of the home: ids[from] to ids[from + n - 1]. */
struct lt__run {
    uint32_t from, n;
};

/* An area or a floor, once each, in the order of the first thing that has it. */
struct lt__place {
    const char *text; /* borrowed from the catalogue */
    struct lt__run words;
    const struct lt_entity *first; /* NULL: a floor */
};

/* A domain, once each. */
struct lt__kind {
    const char *text; /* borrowed */
    const struct lt_entity *first;
    size_t n; /* things of it */
};

struct lt__thing {
    uint32_t name, n_names; /* names[name] and on: the name and the aliases */
    int32_t area, floor;    /* of places; -1: none */
};

struct lt_plausible_home {
    struct lt_catalog *catalog; /* a reference */
    struct lt__word *words;
    uint32_t *ids;
    struct lt__run *names;
    struct lt__thing *things;
    struct lt__place *places;
    struct lt__kind *kinds;
    size_t n_words, n_ids, n_names, n_places, n_kinds;
};

/* Cut any text, "lawn_mower" and "HassLawnMowerStart" too. */
void lt__plausible_split(const char *text, struct lt_words *out);
/* For each word of the home: bit i is set when the i-th word said is like it (lt__ask_is_like). To be freed;
 * NULL when out of memory. */
uint64_t *lt__heard(const struct lt_plausible_home *h, const struct lt_words *said);

#endif
