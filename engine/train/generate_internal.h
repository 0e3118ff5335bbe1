/* generate_internal.h - what the files of the case generator share; nobody else includes it.
 *
 *     generate.c           options in, groups out
 *     generate_mix.c       the table of weights
 *     generate_words.c     random numbers, text buffers, words and case
 *     generate_rename.c    a tool under new names (a *variant*)
 *     generate_load.c      phrases with slots: loading, filling
 *     generate_teacher.c   which functions serve the same request
 *     generate_function.c  cases over function tools
 *     generate_home.c      homes: random ones, and what is known of any home
 *     generate_phrase.c    cases from the home phrases
 *     generate_nothing.c   the families for which nothing is to be called, and joined commands
 *     generate_file.c      cases from data files
 *     generate_span.c      other values for what their lines say
 *     generate_abroad.c    home phrases in other languages
 *     generate_noise.c     how people type and recognisers hear
 *
 * A case is first a *draft*: a text, calls in the original names over variants, a catalogue of
 * variants. gen_finish() turns it into JSON under the variants' names. Whatever a group makes
 * (variants, homes) lives until the group is done; the cases hold references to what they use. */
#ifndef SAN_GENERATE_INTERNAL_H
#define SAN_GENERATE_INTERNAL_H

#include <stdint.h>

#include <jansson.h>

#include "lt/err.h"
#include "san/data.h"
#include "san/generate.h"

#define GEN_TEXT_BYTES     1024 /* longest generated query; a longer one is drawn anew */
#define GEN_CALLS_MAX      4    /* most calls of a draft */
#define GEN_POOL_MAX       48   /* most function tools of a group */
#define GEN_HOME_TOOLS_MAX 64   /* most home tools */
#define GEN_FILES_MAX      24   /* most data files of a mix */
#define GEN_CATEGORIES_MAX 1024 /* most teacher categories */
#define GEN_WEIGHT_MAX     4    /* a category is drawn at most so many times as often as others */
#define GEN_PART_BYTES     90   /* longest sentence that others are joined to */
#define GEN_TRIES          24   /* attempts at a draft before another family is drawn */

/* ---- generate_words.c ------------------------------------------------------------------------ */

struct gen_rng {
    uint64_t s[4];
};
void gen_seed(struct gen_rng *r, uint64_t seed, uint64_t stream);
uint64_t gen_rand(struct gen_rng *r);
uint32_t gen_below(struct gen_rng *r, size_t n); /* 0..n-1; 0 when n is 0 */
double gen_unit(struct gen_rng *r);              /* [0, 1) */
int gen_chance(struct gen_rng *r, double p);
int gen_weighted(struct gen_rng *r, const double *w, int n); /* an index, or -1 if all are 0 */
void gen_shuffle_ints(struct gen_rng *r, int *p, int n);
/* A random element of a static string table. */
#define GEN_PICK(r, table) ((table)[gen_below((r), sizeof(table) / sizeof *(table))])

struct gen_text {
    char s[GEN_TEXT_BYTES];
    size_t n;
    int over; /* something did not fit */
};
void gen_text_clear(struct gen_text *t);
void gen_text_add(struct gen_text *t, const char *s, size_t n);
void gen_text_adds(struct gen_text *t, const char *s);
void gen_text_insert(struct gen_text *t, size_t at, const char *s);
void gen_text_erase(struct gen_text *t, size_t at, size_t n);

int gen_is_word(unsigned char c); /* letter, digit or a byte of a multi-byte character */
void gen_lower(char *s);          /* ASCII letters alone */
/* Where `needle` stands in `hay` as whole words, ignoring ASCII case; NULL if nowhere. */
const char *gen_find_words(const char *hay, const char *needle);
/* Whether the two texts share a word, ignoring case and the kind words ("light", "room"). */
int gen_share_word(const char *a, const char *b);
/* A number in words ("seventy five", "twenty one point five") for 0..999999, or 0 if it cannot. */
int gen_number_words(double value, char *out, size_t cap);
/* Split a name at blanks, marks and case borders into lower-case words; count of words. */
#define GEN_WORDS_MAX  12
#define GEN_WORD_BYTES 32
int gen_split_name(const char *name, char words[GEN_WORDS_MAX][GEN_WORD_BYTES]);

/* ---- generate_rename.c ----------------------------------------------------------------------- */

/* A tool as a group shows it. */
struct gen_variant {
    json_t *tool;         /* what the catalogue shows; owned */
    json_t *params;       /* {original parameter: shown parameter}; owned */
    const char *original; /* the original tool name; borrowed from the files */
    int function;         /* index of the teacher function, or -1 */
    const json_t *schema; /* the teacher's schema with its map; borrowed, NULL for other tools */
};
void gen_variant_clear(struct gen_variant *v);

enum gen_style {                     /* how far a variant goes */
                 GEN_STYLE_ORIGINAL, /* as it is */
                 GEN_STYLE_TERSE,    /* names kept, descriptions cut or dropped */
                 GEN_STYLE_REWORDED, /* names kept, another description */
                 GEN_STYLE_RENAMED   /* everything */
};
/* Make a variant of `tool`. `descriptions`: other texts that fit it, or NULL. `keep`: {parameter:
 * true} whose description must stay, or NULL. `fixed_params`: the parameters that name a target stay (home tools). */
int gen_variant_make(struct gen_rng *r, enum gen_style style, json_t *tool,
                     const char *const *descriptions, int n_descriptions, const json_t *keep,
                     int fixed_params, struct gen_variant *out);

/* ---- drafts (generate.c) --------------------------------------------------------------------- */

struct gen_call {
    const struct gen_variant *v;
    json_t *args; /* in the original parameter names; owned */
};
struct gen_draft {
    struct gen_text text;
    struct gen_call calls[GEN_CALLS_MAX];
    int n_calls;
    const struct gen_variant *cat[SAN_GEN_TOOLS_MAX];
    int n_cat;
    json_t *home; /* owned view, or NULL */
    const char *source, *kind;
    int is_unsaid;  /* the device was meant by its kind alone */
    int is_unclear; /* and nobody can tell which: the calls are not the answer, which is [] */
};
void gen_draft_clear(struct gen_draft *d);
/* Add to the catalogue unless it is full or has a tool of that shown name. 1 if it is in now. */
int gen_draft_show(struct gen_draft *d, const struct gen_variant *v);
int gen_draft_shows(const struct gen_draft *d, const struct gen_variant *v);

/* ---- generate_mix.c -------------------------------------------------------------------------- */

enum gen_fn_family {
    GEN_FN_CALL,
    GEN_FN_TWO,
    GEN_FN_ABSENT,
    GEN_FN_NOTHING,
    GEN_FN_ESCALATE,
    GEN_FN_MISSING,
    GEN_FN_CONDITION,
    GEN_FN_THREE,
    GEN_FN_FAMILIES
};
enum gen_home_family {
    GEN_HOME_CALL,
    GEN_HOME_TWO,
    GEN_HOME_NO_TOOL,
    GEN_HOME_NO_DEVICE,
    GEN_HOME_NO_AREA,
    GEN_HOME_EMPTY_AREA,
    GEN_HOME_AMBIGUOUS,
    GEN_HOME_NOTHING,
    GEN_HOME_ESCALATE,
    GEN_HOME_CONDITION,
    GEN_HOME_THREE,
    GEN_HOME_FAMILIES
};
struct gen_mix_file {
    char name[48];
    double weight;
    int is_home;    /* its lines have homes */
    char prefix[8]; /* ids of its homes begin with this */
};
struct gen_mix {
    double teacher_functions, teacher_home;
    struct gen_mix_file file[GEN_FILES_MAX];
    int n_files;
    double fn_family[GEN_FN_FAMILIES];
    double home_family[GEN_HOME_FAMILIES];
    int pool;             /* function tools of a group */
    double random_home;   /* share of the teacher's home phrases over a random home */
    double noise;         /* share of the queries that get noise */
    double composed;      /* share of the categories drawn that are composed from the lexicon */
    double own_abroad;    /* share of the lines of other languages that are phrases of our own */
    double absent_files;  /* share of the file lines whose tool is taken away */
    double renamed_files; /* share of the groups whose file tools are renamed */
    double swapped_spans; /* share of the file lines without a home that get other values */
    double made_values;   /* share of the proper names and codes that are made afresh */
    double home_style[4]; /* weights of enum gen_style for the home tools */
    double fn_style[4];   /* the same for the teacher's functions */
};
enum lt_err gen_mix_load(struct gen_mix *m, const char *path, struct lt_diag *diag);

/* ---- generate_load.c ------------------------------------------------------------------------- */

struct gen_values {      /* generate_value.c: values made of parts */
    json_t *root;        /* the file; owned, as are the next two; NULL: values stay as they are */
    json_t *kind_of;     /* {slot: patterns of its kind} */
    json_t *whole;       /* set of slots whose values keep their article */
    const json_t *parts; /* {part: [text]} */
    double share;        /* of the values that can be made */
};
enum lt_err gen_values_load(struct gen_values *s, const char *path, struct lt_diag *diag);
void gen_values_free(struct gen_values *s);
/* Make another value for the slot, in place of `old`, a text of its list: 1 if it has such. */
int gen_value_make(struct gen_rng *r, const struct gen_values *s, const char *slot, const char *old,
                   char *out, size_t cap);
/* Make a value of the slot's kind: 1 if it has one. */
int gen_value_fresh(struct gen_rng *r, const struct gen_values *s, const char *slot, char *out,
                    size_t cap);
/* The value that is passed for what is said: without a leading article. */
const char *gen_value_passed(const struct gen_values *s, const char *slot, const char *said);

struct gen_category {
    char name[40];
    json_t *root; /* the file; owned */
    json_t *slots, *nothing;
    int first, n;    /* functions */
    int is_composed; /* from the lexicon */
    int weight;      /* lots in the draw of a pool, 1 to GEN_WEIGHT_MAX */
};
struct gen_function {
    const char *id;
    int category;
    json_t *schemas, *utterances; /* borrowed from the file */
    json_t *coded[3];  /* {parameter: true} of each schema whose values are not said literally */
    uint8_t is_remote; /* of none of the kinds that a home's tools serve too (clashes.json) */
    uint8_t knows;     /* might answer questions of the escalation list (web search) */
};
struct gen_entry { /* of the home phrases */
    const char *tool, *domain, *device_class, *note;
    json_t *json, *args, *slots;
    int here_adds_nothing, any_kind, unsure, with_name;
};
struct gen_teacher {
    struct gen_category cat[GEN_CATEGORIES_MAX];
    int n_cat;
    struct gen_function *fn;
    int n_fn;
    struct gen_entry *entry;
    int n_entry;
    json_t *home_root[4]; /* files of home phrases; owned */
    int n_home_root;
    json_t *home_nothing; /* list of strings; owned */
    json_t *escalate;     /* list of strings; owned */
    uint8_t *clash;       /* bit a * n_fn + b: gen_functions_clash; owned */
};
enum lt_err gen_teacher_load(struct gen_teacher *t, const char *dir, const char *const *exclude,
                             int n_exclude, struct lt_diag *diag);
void gen_teacher_free(struct gen_teacher *t);
/* Add the functions of one file's object (kept by reference); `path` is for errors. */
enum lt_err gen_teacher_add(struct gen_teacher *t, json_t *root, const char *path,
                            struct lt_diag *diag);
/* generate_lexicon.c: add the categories composed from the lexicon; the same for the same seed. */
enum lt_err gen_lexicon_load(struct gen_teacher *t, const char *path, uint64_t seed,
                             struct lt_diag *diag);
/* Fill the slots of `phrase` into `text`; sets canonical arguments in `args`. `made` may
 * exchange values (its root NULL: none). `fill` may give the
 * text of placeholders that are no slots ({name}); it returns 0 if it cannot. 1 on success. */
typedef int (*gen_fill_fn)(void *ctx, const char *placeholder, struct gen_text *text);
int gen_fill(struct gen_rng *r, const struct gen_values *made, const json_t *slots,
             const char *phrase, gen_fill_fn fill, void *ctx, json_t *args, struct gen_text *text);

/* ---- generate_teacher.c ---------------------------------------------------------------------- */

/* Read clashes.json once all functions are loaded; `teacher_dir` has the files of the categories that
 * it may name although the options exclude them. Errors name file and entry. */
enum lt_err gen_clashes_load(struct gen_teacher *t, const char *path, const char *teacher_dir,
                             struct lt_diag *diag);
/* Whether the two functions may serve one request, so that neither distracts from the other. */
int gen_functions_clash(const struct gen_teacher *t, int a, int b);

/* ---- generate_home.c ------------------------------------------------------------------------- */

struct gen_entity {
    json_t *json;
    const char *name, *domain, *device_class, *area, *floor; /* "" where there is none */
    json_t *aliases;
};
struct gen_area {
    const char *name, *floor;
    json_t *aliases;
};
struct gen_home {
    json_t *json; /* {areas, entities}; owned */
    struct gen_entity *e;
    int n;
    struct gen_area *area;
    int n_area;
    const char *floor[16];
    int n_floor;
    int has_shopping_todo;
};
struct gen_vocabulary { /* names met in the homes of the files */
    struct gen_name {
        const char *name, *domain, *device_class;
    } * name;
    int n_name;
    const char **area;
    int n_area;
};
int gen_home_init(struct gen_home *h, json_t *json); /* takes one more reference */
void gen_home_fini(struct gen_home *h);
json_t *gen_home_random(struct gen_rng *r, const struct gen_vocabulary *v); /* new reference */
int gen_home_is_english(const char *id);                                    /* by the id's prefix */
int gen_vocabulary_init(struct gen_vocabulary *v, const json_t *homes);
void gen_vocabulary_fini(struct gen_vocabulary *v);
/* The home as a device in `here` sees it; "" or NULL: no place is known. New reference. */
json_t *gen_home_view(const struct gen_home *h, const char *here);
/* Entities of the kind in an area ("" any), on a floor ("" any); the last index in *which. */
int gen_home_count(const struct gen_home *h, const char *domain, const char *device_class,
                   const char *area, const char *floor, int *which);
int gen_kind_matches(const struct gen_entity *e, const char *domain, const char *device_class);
/* Whether text contains a name or alias of an entity other than `except` (-1: none excepted). */
int gen_home_mentions(const struct gen_home *h, const char *text, int except);

/* ---- the generator --------------------------------------------------------------------------- */

struct gen_line {            /* one line of a data file, as small as it goes */
    char *query, *answers;   /* answers: JSON text, NULL for [] */
    const char *kind, *here; /* interned; here may be NULL */
    uint16_t *tools;
    uint16_t n_tools;
    int32_t home; /* index of the home, or -1 */
};
struct gen_file {
    const struct gen_mix_file *mix;
    struct gen_line *line;
    int n;
    int *by_home;     /* line numbers sorted by home */
    int *by_home_off; /* (n_homes + 1) */
};
struct gen_spans { /* values by parameter */
    json_t *root;  /* the file; owned, as are the others */
    json_t *lists; /* {parameter: [text]} */
    json_t *seen;  /* set of "parameter/text" */
};
struct san_gen {
    struct gen_mix mix;
    struct gen_teacher teacher;
    struct gen_spans spans;
    struct gen_values values;
    struct san_lookup *lookup;
    struct gen_vocabulary vocabulary;
    json_t *abroad; /* phrases in other languages, or NULL */
    json_t *home_tools_root;
    json_t *home_needs;
    json_t *home_tool[GEN_HOME_TOOLS_MAX];
    int n_home_tools;
    json_t *tool_table; /* list of [key, tool] in key order, indexed by gen_line.tools */
    json_t **tool_at;   /* the tools of the table */
    int n_tool_at;
    const char **home_id; /* ids of the homes of the files, sorted */
    int n_homes;
    json_t *interned; /* set of strings */
    struct gen_file file[GEN_FILES_MAX];
    int n_files;
    char *notes;
    uint64_t seed, next;
    int allow_bad;
    int plain;
};

/* One group in the making. */
struct gen_group {
    struct san_gen *g;
    struct gen_rng r;
    enum gen_style home_style;
    struct gen_variant home_tool[GEN_HOME_TOOLS_MAX]; /* parallel to g->home_tool */
    struct gen_variant pool[GEN_POOL_MAX];            /* teacher functions */
    int n_pool;
    struct gen_variant *file_tool; /* (n_tool_at) variants of the other tools, made when used */
    enum gen_style file_style;
    int file_pool[GEN_POOL_MAX]; /* indices of tools that serve as distractors */
    int n_file_pool;
    struct gen_home random, filed; /* n == 0 && !json: not made */
    int filed_home;                /* index of the home of `filed`, or -1 */
    int filed_is_english;
};

/* Variant of the home tool of that original name, or NULL. */
const struct gen_variant *gen_home_tool(struct gen_group *gg, const char *name);
/* Whether the home has what the tool needs (and the shopping list rule of the README holds). */
int gen_home_offers(const struct san_gen *g, const struct gen_home *h, const char *tool);
/* Fill the catalogue of a home draft: its own tools, and others that the home offers; `without`
 * is left out with the tools that could do the same (NULL: none). */
void gen_home_catalogue(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d,
                        const char *without);
/* Number of tools to show: 1..max, small ones more often. */
int gen_catalogue_size(struct gen_rng *r, int max);

/* Makers of drafts: 1 when *d is complete, 0 when the attempt failed. */
int gen_function_draft(struct gen_group *gg, struct gen_draft *d);
int gen_home_draft(struct gen_group *gg, struct gen_draft *d);
int gen_file_draft(struct gen_group *gg, int file, struct gen_draft *d);

/* Used across the makers. */
int gen_function_pool(struct gen_group *gg);
int gen_function_call(struct gen_group *gg, struct gen_draft *d, int pool_index);
/* A home phrase with its call. `want_empty`: only requests that are ambiguous, without a call. */
int gen_phrase_call(struct gen_group *gg, const struct gen_home *h, const char *here,
                    int want_empty, struct gen_draft *d);
/* One command said of two places or two devices, with a call for each. */
int gen_phrase_pair(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d);
int gen_phrase_absent(struct gen_group *gg, const struct gen_home *h, const char *here,
                      enum gen_home_family family, struct gen_draft *d);
int gen_phrase_nothing(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d);
/* Can the draft stand beside others in one sentence? Questions only where `may_ask`. */
int gen_phrase_can_join(const struct gen_draft *d, int may_ask);
int gen_join(struct gen_rng *r, struct gen_draft *d, struct gen_draft *parts, int n);
void gen_add_condition(struct gen_rng *r, struct gen_text *t, int with_times);

/* generate_file.c */
enum lt_err gen_files_load(struct san_gen *g, const char *dir, const char *const *exclude,
                           int n_exclude, struct lt_diag *diag);
void gen_files_free(struct san_gen *g);
void gen_file_pool(struct gen_group *gg);

/* generate_span.c */
/* generate_abroad.c: the file of phrases in other languages. LT_ERR_PARSE, LT_ERR_INVALID. */
enum lt_err gen_abroad_load(json_t **out, const char *path, struct lt_diag *diag);
/* A command in the language of the group's home of the files. 0 if there is none for it. */
int gen_abroad_draft(struct gen_group *gg, struct gen_draft *d);
enum lt_err gen_spans_load(struct gen_spans *s, const char *path, struct lt_diag *diag);
void gen_spans_free(struct gen_spans *s);
/* Take the values of a line in. 0 when out of memory. */
int gen_spans_learn(struct gen_spans *s, const char *query, const json_t *answers);
/* Exchange values of the draft, in its text and its calls, whose arguments it must own alone. */
void gen_spans_swap(struct gen_group *gg, struct gen_draft *d);

/* generate_noise.c: change the query of a finished case in ways that leave its answers right; only
 * letter case, punctuation and typing mistakes where it is not English. */
int gen_noise(struct gen_rng *r, json_t *c, int is_english);
/* Give string arguments that stand in the query the query's own spelling. */
void gen_respell(json_t *c);

#endif
