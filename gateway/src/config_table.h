/* config_table.h - the rows behind lt/config.h; private to the config_*.c. */
#ifndef LT_CONFIG_TABLE_H
#define LT_CONFIG_TABLE_H

#include "config.h"

enum lt_config_type {
    LT_CFG_STR,  /* char *; `choices` may limit it */
    LT_CFG_INT,  /* int64_t */
    LT_CFG_NUM,  /* double */
    LT_CFG_BOOL, /* int */
    LT_CFG_LIST  /* struct lt_strings; the default is one comma-separated text */
};

enum {
    LT_CFG_RELOAD = 1, /* SIGHUP applies it */
    LT_CFG_SECRET = 2, /* holds a reference */
    LT_CFG_PAIR = 4,   /* a list whose items are "match=value" */
    LT_CFG_SITE = 8 /* names sites (in front of the '=' of a pair), each of which must be served */
};

struct lt_config_row {
    const char *key; /* dotted; without the list's own name for endpoint rows */
    enum lt_config_type type;
    const char *unit; /* "" when it has none */
    double min, max;  /* bounds of numbers, longest bytes of strings */
    const char *def;
    const char *choices; /* "a|b" or NULL */
    int flags;
    size_t offset;
    const char *doc;
};

extern const struct lt_config_row lt__config_rows[];
extern const size_t lt__config_n_rows;
extern const struct lt_config_row lt__config_endpoint_rows[];
extern const size_t lt__config_n_endpoint_rows;

/* Line of the file where the dotted key stands, from 1; 0 when it is not written there. */
typedef size_t (*lt__config_line_fn)(void *ctx, const char *key);

/* Check what no single row can see. LT_ERR_INVALID with file, line and key in `diag`. */
enum lt_err lt__config_check(const struct lt_config *c, const char *file,
                             lt__config_line_fn line_of, void *ctx, struct lt_diag *diag);

#endif
