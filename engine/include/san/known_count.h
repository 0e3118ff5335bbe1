/* san/known_count.h - the list of known words (san/known.h) of what a generator's people say.
 *
 * Words of letters a to z, three and more, of the utterances without noise ("plain"), counted; those met
 * at least SAN_KNOWN_MIN_COUNT times are kept, the most frequent first, equally frequent ones by
 * alphabet. The same for the same options and number of cases. */
#ifndef SAN_KNOWN_COUNT_H
#define SAN_KNOWN_COUNT_H

#include "san/generate.h"
#include "san/known.h"

#define SAN_KNOWN_MIN_COUNT 3

/* From n_cases generated cases; options' `plain` is taken as set. LT_ERR_* as san_gen_new and
 * san_gen_group, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_known_count_words(const struct san_gen_options *o, uint64_t n_cases,
                                               struct san_known **out, struct lt_diag *diag);

#endif
