/* san/generate.h - the endless, seeded stream of training cases.
 *
 * A generator mixes sources by the weights of a table (engine/train/mix.json, docs/data.md): the
 * teacher's phrasings of functions, expanded over schemas that are renamed afresh; the teacher's
 * home phrases over random homes; the data files of a directory; and the families for which
 * nothing is to be called. Cases come in *groups*, one group being a training batch: the cases of
 * a group share tools and homes (the same json_t pointers), because a block that several examples
 * of a batch share is encoded once.
 *
 * Group k of a generator depends only on the options, the files and k: streams are reproducible,
 * and a training run resumes by asking for the next number. Cases are of the form of san/data.h,
 * with `kind` naming the family they come from.
 *
 * Memory: cases are the caller's references; what is inside is shared and read-only. Threads: a
 * generator belongs to one thread at a time. Groups may be handed to another thread, because
 * reference counts are atomic, as long as nobody changes what they hold. */
#ifndef SAN_GENERATE_H
#define SAN_GENERATE_H

#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "lt/err.h"

#define SAN_GEN_GROUP_MAX    512 /* most cases of a group */
#define SAN_GEN_EXCLUDE_MAX  32  /* most excluded categories */
#define SAN_GEN_TOOLS_MAX    60  /* most tools of a generated catalogue */
#define SAN_GEN_ENTITIES_MAX 80  /* most entities of a random home */

struct san_gen;

struct san_gen_options {
    /* The tree's own data: teacher/ (*.json), home-tools.json, tools.json, homes.jsonl.gz. */
    const char *tree_dir;
    /* Folder of the data files (*.jsonl.gz) that the mix names, or NULL. Absent files are left
     * out, the weights of the others grow accordingly, and san_gen_notes() says so. */
    const char *data_dir;
    const char *mix_path; /* the table of sources and weights */
    uint64_t seed;
    /* Teacher categories ("car_cabin") and data files ("car-own") that must not be used at all,
     * neither as answers nor as distractors. */
    const char *const *exclude;
    int n_exclude;
    int allow_bad; /* non-zero: go on when more than SAN_DATA_BAD_SHARE_MAX of a file's lines are bad */
    int plain;     /* non-zero: no noise on the queries and no renaming of schemas */
};

/* Read all files. LT_ERR_NOTFOUND, LT_ERR_PARSE and LT_ERR_INVALID name the file and what is
 * wrong. On LT_OK *out is the caller's. */
LT_NODISCARD enum lt_err san_gen_new(const struct san_gen_options *o, struct san_gen **out,
                                     struct lt_diag *diag);
void san_gen_free(struct san_gen *g); /* NULL is fine */
/* What was left out or skipped while reading, one remark a line, "" if nothing; borrowed. */
const char *san_gen_notes(const struct san_gen *g);

/* Group number `index` of n cases (1..SAN_GEN_GROUP_MAX) into out[0..n-1]; order is random. The
 * caller json_decref()s each. LT_ERR_NOMEM, LT_ERR_INVALID. */
LT_NODISCARD enum lt_err san_gen_group_at(struct san_gen *g, uint64_t index, int n, json_t **out,
                                          struct lt_diag *diag);
/* The group after the one asked for last (the first is number 0). */
LT_NODISCARD enum lt_err san_gen_group(struct san_gen *g, int n, json_t **out,
                                       struct lt_diag *diag);

/* Write n_cases cases of consecutive groups as data lines of the full form. LT_ERR_IO. */
LT_NODISCARD enum lt_err san_gen_write_lines(struct san_gen *g, uint64_t n_cases, int group,
                                             FILE *out, struct lt_diag *diag);
/* Write plain text for the vocabulary trainer, one piece a line: the queries of n_cases cases, and
 * once for each group the names, descriptions, parameters and enum values of its tools and the
 * names of its homes. LT_ERR_IO. */
LT_NODISCARD enum lt_err san_gen_corpus(struct san_gen *g, uint64_t n_cases, FILE *out,
                                        struct lt_diag *diag);

#endif
