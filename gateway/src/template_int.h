/* template_int.h - what the files of the templates share: template.c reads expressions,
 * template_text.c the text and statements around them; template_calls.c has what works on values. */
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
int lt__template_number(const json_t *v, double *out);
/* ---- template_calls.c; NULL: undefined ---- */
/* '#%02x' | format(7): %s, %d, %i, %f, %x, %X with 0, width and precision, and %%. */
json_t *lt__template_format(const char *pattern, json_t *const *a, int n);
/* v[from:to] of a text or list; NAN: its end. */
json_t *lt__template_slice(const json_t *v, double from, double to);
/* The whole number that a text tells in this base; `otherwise` (may be NULL) when it tells none. */
json_t *lt__template_int(const json_t *v, int base, const json_t *otherwise);
/* The least or greatest of some numbers, or of one list. */
json_t *lt__template_extreme(json_t *const *a, int n, int is_greatest);
/* As Jinja prints it. 0 when it does not fit. */
int lt__template_print(const json_t *v, char *out, size_t cap);

#endif
