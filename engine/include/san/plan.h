/* san/plan.h - a catalogue made ready: blocks of tokens, and what may be decided where.
 *
 * A tool becomes one block of tokens in which marker tokens stand for the tool itself, each of
 * its parameters and each of their listed values. Every entity, area, floor and kind of device
 * (domain or device class) of a home becomes a small block of its own. A marker is what the
 * network points at; an `item` is such a marker with its names as folded word hashes, from which
 * lexical features are computed. Tools and homes are planned apart, so that many catalogues
 * (and, in training, many examples of a batch) share them.
 *
 * Nested objects are flattened into parameters with a path ("zone.name"). A parameter that cannot
 * be expressed (an array of objects, or a schema with $ref, allOf, not or if) is left out; a tool
 * with a required one is planned with `unusable_why`: it is never offered, and the reason is kept.
 *
 * Threads: plans are read-only once made and reference counted. Memory: one owner per reference;
 * JSON is read while planning and not kept. */
#ifndef SAN_PLAN_H
#define SAN_PLAN_H

#include <jansson.h>
#include <stdint.h>

#include "lt/err.h"
#include "san/lex.h"
#include "san/pieces.h"
#include "san/tokenizer.h"

#define SAN_BLOCK_MAX_TOKENS      256 /* longest block; descriptions are shortened to fit */
#define SAN_TOOL_MAX_PARAMS       48  /* most parameters of a tool, after flattening */
#define SAN_PARAM_MAX_VALUES      64  /* most listed values of a parameter */
#define SAN_NEST_MAX              4   /* deepest nesting of objects that is flattened */
#define SAN_LIST_MAX              8   /* most items of a list */
#define SAN_DESCRIPTION_MAX_WORDS 28  /* words of a tool's description that are read */
#define SAN_PARAM_MAX_WORDS       12  /* words of a parameter's description that are read */
#define SAN_SPAN_MAX_WORDS        24  /* longest string that is copied from the utterance */
#define SAN_N_FEAT                8   /* lexical features of a candidate (plan.c says which) */
#define SAN_N_FLAG                8   /* flags of an utterance token */

/* Rows of the network's feature table. Part of the model's format: new entries go to the end. */
enum san_class {
    SAN_CLASS_TOOL,
    SAN_CLASS_PARAM,
    SAN_CLASS_VALUE,
    SAN_CLASS_ENTITY,
    SAN_CLASS_AREA,
    SAN_CLASS_FLOOR,
    SAN_CLASS_KIND,
    SAN_CLASS_WORD,   /* where a copied string may begin */
    SAN_CLASS_LAST,   /* where it may end */
    SAN_CLASS_NUMBER, /* a number said in the utterance */
    SAN_CLASS_COUNT = 12
};

enum san_param_kind {
    SAN_PARAM_STRING,
    SAN_PARAM_INTEGER,
    SAN_PARAM_NUMBER,
    SAN_PARAM_BOOLEAN,
    SAN_PARAM_ENUM,
    SAN_PARAM_ENTITY, /* x-entity */
    SAN_PARAM_AREA,   /* x-area */
    SAN_PARAM_FLOOR,  /* x-floor */
    SAN_PARAM_KIND,   /* a domain or device class of the home */
};

/* A phrase is n words whose hashes stand at words[first] of its owner. */
struct san_phrase {
    int first, n;
};

struct san_item {
    uint8_t cls;          /* enum san_class */
    int block;            /* block within its plan (0 for a tool) */
    int marker;           /* token index of the marker within the block */
    int phrase, n_phrase; /* its names: phrases[phrase .. phrase+n_phrase) */
    int ref;              /* homes: which entity, area, floor or kind it is */
};

struct san_block_text {
    int32_t *tok;
    int n_tok;
    int32_t *marker; /* token indices of the markers, ascending */
    int n_marker;
    uint64_t hash[2]; /* of tokens and markers: equal blocks are encoded once */
};

struct san_param {
    char *path; /* "brightness", or "zone.name" when nested */
    enum san_param_kind kind;
    uint8_t is_required;
    uint8_t is_list;          /* an array of such values */
    uint8_t is_list_or_one;   /* one value is written bare, several as an array */
    uint8_t is_target;        /* decided together as the tool's target */
    uint8_t kind_is_class;    /* SAN_PARAM_KIND: device class rather than domain */
    uint8_t is_implied;       /* optional with one possible value: never asked, never written */
    int group;                /* innermost optional object it is nested in, or -1 */
    int groups[SAN_NEST_MAX]; /* all of them, outermost first */
    int n_groups;
    int min_items, max_items; /* lists */
    uint8_t is_unique;        /* lists: an item may not come twice */
    double min, max;          /* numbers; -INFINITY and INFINITY when open */
    double step;              /* numbers: a multiple of it, 0 for any */
    int item;                 /* its marker, -1 for target parameters */
    int value_item, n_value;  /* listed values: items[value_item ..] */
    char **value_json;        /* (n_value) the values as JSON text */
    int is_open;              /* strings: other values than the listed ones may be copied */
    char **filter;            /* entity domains or kinds admitted; NULL: all */
    int n_filter;
    char **filter_class; /* entity device classes admitted; NULL: all */
    int n_filter_class;
};

struct san_tool_plan {
    char *name;
    char *unusable_why; /* NULL when the tool can be called */
    struct san_block_text block;
    struct san_item *items; /* [0] is the tool */
    int n_items;
    struct san_param *params; /* in schema order */
    int n_params;
    int target_entity, target_area, target_floor; /* parameter index or -1 */
    struct san_phrase *phrases;
    int n_phrases;
    uint32_t *words;
    int n_words;
    int refs;
};

struct san_entity {
    char *id, *name, *domain, *device_class; /* device_class may be NULL */
    char **alias;
    int n_alias;
    int area; /* index into areas or -1 */
    int item;
    int n_like_here;        /* entities of its domain in its area, itself included */
    int n_like;             /* entities of its domain in the home */
    int profile;            /* index into the home's profiles */
    uint8_t is_name_shared; /* another entity has this name or alias */
};
struct san_area {
    char *name;
    int floor; /* index into floors or -1 */
    int item;
};
struct san_floor {
    char *name;
    int item;
};
struct san_kind {
    char *name;
    uint8_t is_class; /* device class rather than domain */
    int item;
};

/* Entities of one domain and device class: whatever a tool's schema says of entities, it says of all
 * of a profile. A home has a few dozen, however many entities it has. */
struct san_profile {
    int entity; /* one of them, the last */
    int n;      /* how many there are */
};
/* How many entities of a profile an area (or floor) holds. */
struct san_profile_share {
    int profile, n;
    int entity; /* one of them, the last */
};
/* A name or alias and whose it is. */
struct san_name_owner {
    const char *name; /* borrowed from the entity */
    int entity;
};

struct san_home_plan {
    struct san_entity *entities;
    int n_entities;
    struct san_area *areas;
    int n_areas;
    struct san_floor *floors;
    int n_floors;
    struct san_kind *kinds;
    int n_kinds;
    struct san_block_text *blocks;
    int n_blocks;
    struct san_item *items; /* one per block, in the order of blocks */
    int n_items;
    struct san_phrase *phrases;
    int n_phrases;
    uint32_t *words;
    int n_words;
    /* what groups entities (plan_group.c), so that no question about a home costs time by their number */
    struct san_profile *profiles;
    int n_profiles;
    struct san_profile_share *area_share; /* area a: [area_share_off[a], area_share_off[a+1]) */
    int *area_share_off;
    struct san_profile_share *floor_share; /* floors likewise */
    int *floor_share_off;
    int *
        area_entity; /* entities by area: area a's are [area_entity_off[a], area_entity_off[a+1]) */
    int *area_entity_off;
    struct san_name_owner *owners; /* sorted by name without regard to case, then by entity */
    int n_owners;
    int here; /* area index or -1 */
    int refs;
};

/* The part of a large home that an utterance sees (home_index.h): its own entities, areas and floors,
 * ascending, and all kinds. */
struct san_shown {
    const int *entities, *areas, *floors;
    int n_entities, n_areas, n_floors;
    const int *items; /* items to compare with the utterance: those of the above, the areas and
                       * floors that they lie in, and all kinds; ascending */
    int n_items;
};

/* A catalogue: tools and a home (NULL when there is none). Borrows nothing: holds references. */
struct san_plan {
    struct san_tool_plan **tools;
    int n_tools;
    struct san_home_plan *home;
    const struct san_shown *shown; /* NULL: the whole home; borrowed */
};

/* Plan one tool, JSON of design 3.2 ({"name","description","parameters"}; Needle's flat form is
 * accepted). `path` names it in errors ("/tools/3"). LT_ERR_INVALID, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_tool_plan_new(const struct san_pieces *v, const json_t *tool,
                                           const char *path, struct san_tool_plan **out,
                                           struct lt_diag *diag);
struct san_tool_plan *san_tool_plan_ref(struct san_tool_plan *t);
void san_tool_plan_unref(struct san_tool_plan *t);

/* Plan a home ({"areas","entities","here"}). Entities without a name are LT_ERR_INVALID. */
LT_NODISCARD enum lt_err san_home_plan_new(const struct san_pieces *v, const json_t *home,
                                           struct san_home_plan **out, struct lt_diag *diag);
struct san_home_plan *san_home_plan_ref(struct san_home_plan *h);
void san_home_plan_unref(struct san_home_plan *h);

/* Plan a whole catalogue {"tools":[…],"home":{…}}. Two tools of one name are LT_ERR_INVALID. */
LT_NODISCARD enum lt_err san_plan_init(struct san_plan *p, const struct san_pieces *v,
                                       const json_t *catalog, struct lt_diag *diag);
void san_plan_fini(struct san_plan *p);
/* Index of the area of that name (folded comparison) or alias, -1 when there is none. */
int san_home_area(const struct san_home_plan *h, const char *name);

/* ---- the utterance against a plan -------------------------------------------------------- */

/* An utterance ready for the network. Reusable; san_utterance_init once, _set per request. */
struct san_utterance {
    const char *text; /* borrowed */
    char *read;       /* the text with mistyped words mended, where there were any */
    size_t cap_read;
    int is_mended;
    int n_words, n_mentions;
    struct san_word words[SAN_WORDS_MAX];
    struct san_mention mentions[SAN_WORDS_MAX];
    int32_t tok[SAN_BLOCK_MAX_TOKENS];
    uint32_t flag[SAN_BLOCK_MAX_TOKENS];
    int n_tok;
    int16_t word_first[SAN_WORDS_MAX]; /* first token of each word, -1 when it was cut off */
    int16_t word_last[SAN_WORDS_MAX];
    int here;           /* area index or -1 */
    float *tool_feat;   /* (items of all tools, SAN_N_FEAT), tool after tool */
    int *tool_feat_off; /* (n_tools+1) first item of each tool */
    float *home_feat;   /* (items of the home, SAN_N_FEAT) */
    size_t cap_tool_feat, cap_home_feat, cap_off;
    void *scratch;
    size_t cap_scratch;
    struct san_tok_work work;
};

/* An utterance without words, and its memory released. One may be set again and again in between. */
void san_utterance_init(struct san_utterance *u);
void san_utterance_fini(struct san_utterance *u);
/* Tokenise `text` (mistyped words as they were meant: src/respell.h), compare it with the plan's names, compute flags and features. `here` is an
 * area's name, "" for none, or NULL for the home's own. Words past SAN_BLOCK_MAX_TOKENS tokens are cut.
 * LT_ERR_INVALID when text is empty or not UTF-8, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err san_utterance_set(struct san_utterance *u, const struct san_pieces *v,
                                           const struct san_plan *p, const char *text,
                                           const char *here, struct lt_diag *diag);

#endif
