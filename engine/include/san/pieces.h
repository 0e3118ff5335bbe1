/* san/pieces.h - the special tokens of the render "lintel", by name.
 *
 * A vocabulary trained by `lintel tokenize` begins with these user-defined pieces. Their ids are
 * looked up once per network; a vocabulary that lacks one is refused with its name. The list is
 * part of the model's format: new entries go to the end.
 * Threads: a struct san_pieces is read-only once filled. */
#ifndef SAN_PIECES_H
#define SAN_PIECES_H

#include <stdint.h>

#include "lt/err.h"

struct san_tokenizer;

/* field, piece */
#define SAN_SPECIALS(XX)                                                                           \
    /* marks inside blocks: the token that stands for the thing it opens */                        \
    XX(tool, "<tool>")                                                                             \
    XX(param, "<param>")                                                                           \
    XX(val, "<val>") XX(ent, "<ent>") XX(area, "<area>") XX(floor, "<floor>")                      \
        XX(kind, "<kind>") /* structure inside blocks */                                           \
        XX(req, "<req>") XX(t_int, "<int>") XX(t_num, "<num>") XX(t_str, "<str>")                  \
            XX(t_bool, "<bool>") XX(t_list, "<list>") XX(t_enum, "<enum>")                         \
                XX(t_target, "<target>") XX(alias, "<alias>") XX(dom, "<dom>") /* the utterance */ \
        XX(utt, "<utt>") XX(here, "<here>") /* kinds of decision */                                \
        XX(q_tool, "<q_tool>") XX(q_next, "<q_next>") XX(q_target, "<q_target>")                   \
            XX(q_key, "<q_key>") XX(q_enum, "<q_enum>") XX(q_bool, "<q_bool>")                     \
                XX(q_num, "<q_num>") XX(q_str, "<q_str>") XX(q_end, "<q_end>")                     \
                    XX(q_spell, "<q_spell>") XX(q_more, "<q_more>")                                \
                        XX(q_home, "<q_home>") /* choices that are no block and no word */         \
        XX(none, "<none>") XX(done, "<done>") XX(end, "<end>") XX(true_, "<true>")                 \
            XX(false_, "<false>") XX(spell, "<spell>")                                             \
                XX(all, "<all>") /* for the future: unused rows that a later version may name */   \
        XX(unsaid, "<spare_0>")  /* target: a kind of device, no place said (grammar 2) */         \
        XX(spare1, "<spare_1>") XX(spare2, "<spare_2>") XX(spare3, "<spare_3>")                    \
            XX(spare4, "<spare_4>") XX(spare5, "<spare_5>")

/* Version of the walk (san/walk.h) that networks are trained for now. 2: targets may be <unsaid>. */
#define SAN_GRAMMAR 2

#define SAN_SPELL_ALPHABET "0123456789.:-" /* characters that the network may spell */

struct san_pieces {
    const struct san_tokenizer *tokenizer;
#define SAN_SPECIAL_FIELD(f, piece) int32_t f;
    SAN_SPECIALS(SAN_SPECIAL_FIELD)
#undef SAN_SPECIAL_FIELD
    int has_unsaid; /* targets may be <unsaid>: the network's grammar is 2 or later */
    int32_t spell_char[sizeof SAN_SPELL_ALPHABET - 1]; /* ids of the alphabet's characters */
};

/* Pieces of SAN_SPECIALS in order, for the trainer of vocabularies; *n receives how many. */
const char *const *san_pieces_list(int *n);
/* Look up every special piece. `grammar` is that of the network (struct san_hparams).
 * LT_ERR_UNSUPPORTED names the first piece that the vocabulary lacks. */
LT_NODISCARD enum lt_err san_pieces_init(struct san_pieces *v,
                                         const struct san_tokenizer *tokenizer, int grammar,
                                         struct lt_diag *diag);

#endif
