/* floor_words.h - what people call a floor besides its name: "upstairs" for the First Floor.
 *
 * Homes name their floors as their hub suggests (Ground Floor, First Floor), and nobody says that. Which
 * floor is meant follows from the others: upstairs is the one floor above the ground, or the lowest
 * but for the attic. Where several could be meant nothing is added, so that nothing is guessed. */
#ifndef SAN_FLOOR_WORDS_H
#define SAN_FLOOR_WORDS_H

#define SAN__FLOOR_WORDS 16 /* other names of one floor, at most */

/* Other names of floor i of the n in `names` into `out` (static texts); returns how many. None is a name
 * that a floor of the home has. English, German, French, Spanish, Dutch, Polish and Italian. */
int san__floor_words(const char *const *names, int n, int i, const char *out[SAN__FLOOR_WORDS]);

#endif
