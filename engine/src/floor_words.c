/* floor_words.c - see floor_words.h. */
#include "floor_words.h"

#include <stddef.h>
#include <strings.h>

/* Heights of named floors. FIRST is above a ground floor and is the ground where there is none and a second
 * is above it, as Americans count. */
enum height { UNKNOWN = -2, BELOW, GROUND, FIRST, SECOND, THIRD, ATTIC = 9 };

static const struct {
    const char *name;
    enum height height;
} known[] = {
    {"basement", BELOW},
    {"cellar", BELOW},
    {"lower level", BELOW},
    {"lower ground floor", BELOW},
    {"keller", BELOW},
    {"untergeschoss", BELOW},
    {"sous-sol", BELOW},
    {"sótano", BELOW},
    {"kelder", BELOW},
    {"piwnica", BELOW},
    {"seminterrato", BELOW},
    {"ground floor", GROUND},
    {"ground", GROUND},
    {"ground level", GROUND},
    {"main floor", GROUND},
    {"main level", GROUND},
    {"downstairs", GROUND},
    {"erdgeschoss", GROUND},
    {"eg", GROUND},
    {"rez-de-chaussée", GROUND},
    {"planta baja", GROUND},
    {"begane grond", GROUND},
    {"parter", GROUND},
    {"piano terra", GROUND},
    {"first floor", FIRST},
    {"1st floor", FIRST},
    {"upstairs", FIRST},
    {"upper", FIRST},
    {"upper floor", FIRST},
    {"upper level", FIRST},
    {"obergeschoss", FIRST},
    {"og", FIRST},
    {"erster stock", FIRST},
    {"1. og", FIRST},
    {"premier étage", FIRST},
    {"étage", FIRST},
    {"primera planta", FIRST},
    {"planta alta", FIRST},
    {"eerste verdieping", FIRST},
    {"verdieping", FIRST},
    {"piętro", FIRST},
    {"pierwsze piętro", FIRST},
    {"primo piano", FIRST},
    {"second floor", SECOND},
    {"2nd floor", SECOND},
    {"zweiter stock", SECOND},
    {"deuxième étage", SECOND},
    {"segunda planta", SECOND},
    {"tweede verdieping", SECOND},
    {"drugie piętro", SECOND},
    {"secondo piano", SECOND},
    {"third floor", THIRD},
    {"3rd floor", THIRD},
    {"attic", ATTIC},
    {"loft", ATTIC},
    {"top floor", ATTIC},
    {"dachgeschoss", ATTIC},
    {"dachboden", ATTIC},
    {"dg", ATTIC},
    {"grenier", ATTIC},
    {"ático", ATTIC},
    {"zolder", ATTIC},
    {"poddasze", ATTIC},
    {"mansarda", ATTIC},
};

static const char *const said_ground[] = {"downstairs", "ground floor", "unten",   "en bas",
                                          "abajo",      "beneden",      "na dole", NULL};
static const char *const said_upper[] = {"upstairs", "upper floor", "oben",     "en haut",
                                         "arriba",   "boven",       "na górze", NULL};
static const char *const said_below[] = {"basement", "cellar", "keller", NULL};
static const char *const said_attic[] = {"attic", "loft", "top floor", NULL};

static enum height height_of(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (!strcasecmp(known[i].name, name)) return known[i].height;
    return UNKNOWN;
}

static int has(const char *const *names, int n, enum height h, int *which)
{
    int count = 0;

    for (int i = 0; i < n; i++)
        if (height_of(names[i]) == h) {
            *which = i;
            count++;
        }
    return count;
}

/* Add those of `said` that no floor is called. */
static int put(const char *const *said, const char *const *names, int n, const char **out,
               int n_out)
{
    for (; *said && n_out < SAN__FLOOR_WORDS; said++) {
        int is_named = 0;

        for (int k = 0; k < n && !is_named; k++) is_named = !strcasecmp(names[k], *said);
        if (!is_named) out[n_out++] = *said;
    }
    return n_out;
}

int san__floor_words(const char *const *names, int n, int i, const char *out[SAN__FLOOR_WORDS])
{
    int ground = -1, upper = -1, below = -1, attic = -1, above = 0, first = -1, second = -1,
        n_out = 0;

    for (int k = 0; k < n; k++)
        if (height_of(names[k]) == UNKNOWN) return 0; /* it may be the one that is meant */
    if (has(names, n, GROUND, &ground) > 1 || has(names, n, BELOW, &below) > 1 ||
        has(names, n, ATTIC, &attic) > 1 || has(names, n, FIRST, &first) > 1)
        return 0;
    if (ground < 0 && first >= 0 && has(names, n, SECOND, &second) == 1) ground = first;
    for (int k = 0; k < n; k++) {
        const enum height h = height_of(names[k]);

        if (k == ground || h < FIRST || h == ATTIC) continue;
        upper = k;
        above++;
    }
    if (above == 0) upper = attic;
    if (above > 1) upper = -1;
    if (i == ground) n_out = put(said_ground, names, n, out, n_out);
    if (i == upper && ground >= 0) n_out = put(said_upper, names, n, out, n_out);
    if (i == below) n_out = put(said_below, names, n, out, n_out);
    if (i == attic) n_out = put(said_attic, names, n, out, n_out);
    return n_out;
}
