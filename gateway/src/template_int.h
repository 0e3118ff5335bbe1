/* template_int.h - what the two halves of the templates share: template.c reads expressions,
 * template_text.c the text and statements around them. */
#ifndef LT_TEMPLATE_INT_H
#define LT_TEMPLATE_INT_H

#include "template.h"

struct lt__template_reader {
    const char *at, *end;
    const json_t *vars; /* NULL: only check */
    int depth;
    enum lt_err err;
    struct lt_diag *diag;
};

/* Read an expression up to what cannot belong to it. A new reference; NULL: undefined, or r->err. */
json_t *lt__template_expression(struct lt__template_reader *r);
/* Set r->err unless it is set; NULL. */
json_t *lt__template_refuse(struct lt__template_reader *r, const char *what);
void lt__template_blanks(struct lt__template_reader *r);
/* Behind blanks: is the word next? Then step over it. */
int lt__template_take_word(struct lt__template_reader *r, const char *word);
int lt__template_name(struct lt__template_reader *r, char out[64]);
int lt__template_is_true(const json_t *v);
/* As Jinja prints it. 0 when it does not fit. */
int lt__template_print(const json_t *v, char *out, size_t cap);

#endif
