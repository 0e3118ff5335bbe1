/* validate_node.h - a compiled sub-schema; shared by validate_compile.c and validate.c. */
#ifndef LT_VALIDATE_NODE_H
#define LT_VALIDATE_NODE_H

#include <stdint.h>

#include "lt/pattern.h"
#include "lt/validate.h"

#define TYPE_OBJECT  1u
#define TYPE_ARRAY   2u
#define TYPE_STRING  4u
#define TYPE_INTEGER 8u
#define TYPE_NUMBER  16u
#define TYPE_BOOLEAN 32u
#define TYPE_NULL    64u

#define NO_LIMIT (-1) /* an absent minLength, maxItems, … */

struct node;
struct node_list {
    struct node **v;
    size_t n;
};
struct named_node { /* a property, or a pattern for properties */
    const char *name;
    struct lt_pattern *pattern;
    struct node *node;
};

/* Pointers to json_t are borrowed from the schema's JSON, which the lt_schema keeps alive. */
struct node {
    int is_never;   /* the schema `false` */
    unsigned types; /* TYPE_ bits; 0: any */
    const json_t *enum_values, *const_value, *required;
    const json_t *minimum, *maximum, *exclusive_minimum, *exclusive_maximum, *multiple_of;
    int64_t min_length, max_length, min_items, max_items, min_properties, max_properties;
    int is_unique;
    struct lt_pattern *pattern;
    const char *pattern_text;
    const json_t *property_json; /* the object under "properties", to look names up */
    struct named_node *properties, *pattern_properties;
    size_t n_properties, n_pattern_properties;
    struct node *additional, *property_names, *items, *negated, *cond, *then, *otherwise, *ref;
    struct node_list prefix, any_of, one_of, all_of;
    const json_t *x_entity; /* object or true */
    int is_area, is_floor;
};

struct lt_schema {
    json_t *json; /* our reference to what was compiled */
    struct node *root;
    struct node_list all; /* every node, for freeing */
    size_t all_cap;
};

#endif
