/* flywheel_world.h - households that live in one home each, own tools that no network has seen, and say
 * what they want in words they are used to.
 *
 * Every household has the demo home with its tools, and four of seven tools of its own (kiln, telescope,
 * beehives, terrarium, darkroom, winch, bells). It asks for its own tools (45 %), for the home (50 %),
 * or for something nobody there can do (5 %). Wordings are drawn from templates; each household has its
 * favourites (the k-th favourite is said 1/k as often as the first), puts a "please" here and there, and
 * mistypes now and then. What would be right is known with every request. All of it follows from the
 * seed. */
#ifndef FLYWHEEL_WORLD_H
#define FLYWHEEL_WORLD_H

#include <jansson.h>

#include "san/rand.h"

#define WORLD_TOOLS     7
#define WORLD_OWN       4 /* of these in a household */
#define WORLD_HOMES_MAX 32
#define WORLD_TEMPLATES 16 /* most of one tool */

struct world; /* opaque */

struct wish {
    char text[256];
    json_t *answers;  /* what would be right; the caller's */
    const char *kind; /* "own", "home", "nothing"; static */
    int template_no;  /* for looking at single wordings */
};

/* `catalog` is the demo home's; borrowed. NULL when out of memory. */
struct world *world_new(uint64_t seed, int n_homes, const json_t *catalog);
void world_free(struct world *w);
/* The household's catalogue; borrowed. */
const json_t *world_catalog(const struct world *w, int home);
/* Object {name: true} of the tools that no network has seen; borrowed. */
const json_t *world_new_tools(const struct world *w);
/* What the household says next. */
void world_wish(struct world *w, int home, struct wish *out);
/* Something else than `answers`, as a wrong teacher or a wrong memory would have it; a new reference. */
json_t *world_mistake(struct world *w, int home, const json_t *answers);

#endif
