/* generate_value.c - values of proper names and codes made afresh: "book it for Ms Torfield", "bay K7".
 *
 * A slot of the teacher's files lists a dozen values. A network that meets the same dozen again and
 * again learns them, and not where a name begins and ends: of "Stefan Ionescu gave blood" it took
 * "Ionescu". So a share of the drawn values that are proper names are replaced by ones made of parts
 * (values.json: first and last names, towns, titles, syllables), and digits and letters of codes by
 * others. A value that is passed has no leading article: that is what the people wrote whose answers
 * the network is judged by; sentences to pass on keep theirs. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

#define DEPTH_MAX 4 /* parts within parts */

/* The first part that the pattern asks for and nobody has, into `out`; 1 if there is one. */
static int lacks_part(const json_t *parts, const char *pattern, char *out, size_t cap)
{
    for (const char *at = pattern; (at = strchr(at, '{')); at++) {
        snprintf(out, cap, "%.*s", (int)strcspn(at + 1, "}"), at + 1);
        if (!json_object_get(parts, out)) return 1;
    }
    return 0;
}

enum lt_err gen_values_load(struct gen_values *s, const char *path, struct lt_diag *diag)
{
    json_error_t je;
    s->root = json_load_file(path, 0, &je);
    s->kind_of = json_object();
    s->whole = json_object();
    if (!s->root) return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line, je.text);
    if (!s->kind_of || !s->whole)
        return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    const char *name;
    size_t i;
    json_t *kind, *slot, *kinds = json_object_get(s->root, "kinds");
    json_t *parts = json_object_get(s->root, "parts");
    s->parts = parts;
    if (!json_is_object(kinds) || !json_is_object(parts))
        return lt_fail(diag, LT_ERR_INVALID, "%s: \"kinds\" and \"parts\" must be objects", path);
    json_object_foreach(kinds, name, kind)
    {
        json_t *say = json_object_get(kind, "say");
        if (!json_array_size(say))
            return lt_fail(diag, LT_ERR_INVALID, "%s: kind \"%s\" has no list \"say\"", path, name);
        json_array_foreach(say, i, slot)
        {
            char part[32] = "";
            if (!json_is_string(slot) ||
                lacks_part(parts, json_string_value(slot), part, sizeof part))
                return lt_fail(diag, LT_ERR_INVALID, "%s: no part \"%s\" of \"%s\"", path, part,
                               name);
        }
        json_array_foreach(json_object_get(kind, "slots"), i, slot)
        {
            if (!json_is_string(slot))
                return lt_fail(diag, LT_ERR_INVALID, "%s: slots of \"%s\" must be texts", path,
                               name);
            if (json_object_set(s->kind_of, json_string_value(slot), say))
                return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
        }
    }
    json_object_foreach(parts, name, kind)
    {
        if (!json_array_size(kind))
            return lt_fail(diag, LT_ERR_INVALID, "%s: part \"%s\" is no list", path, name);
        json_array_foreach(kind, i, slot)
        {
            if (!json_is_string(slot))
                return lt_fail(diag, LT_ERR_INVALID, "%s: %s[%zu] is no text", path, name, i);
        }
    }
    json_array_foreach(json_object_get(s->root, "whole"), i, slot)
    {
        if (!json_is_string(slot))
            return lt_fail(diag, LT_ERR_INVALID, "%s: \"whole\" must be a list of slots", path);
        if (json_object_set_new(s->whole, json_string_value(slot), json_true()))
            return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    }
    return LT_OK;
}

void gen_values_free(struct gen_values *s)
{
    json_decref(s->root);
    json_decref(s->kind_of);
    json_decref(s->whole);
}

/* Write a pattern with its {parts} replaced; 0 if one is unknown or it has no room. */
static int expand(struct gen_rng *r, const struct gen_values *s, const char *pattern, int depth,
                  char *out, size_t cap)
{
    size_t n = 0;
    out[0] = 0;
    while (*pattern) {
        size_t len = strcspn(pattern, "{");
        if (n + len + 1 > cap) return 0;
        memcpy(out + n, pattern, len);
        out[n += len] = 0;
        pattern += len;
        if (!*pattern) break;
        char part[32];
        len = strcspn(++pattern, "}");
        if (pattern[len] != '}' || len >= sizeof part || depth == DEPTH_MAX) return 0;
        memcpy(part, pattern, len);
        part[len] = 0;
        pattern += len + 1;
        const json_t *list = json_object_get(s->parts, part);
        const char *one =
            json_string_value(json_array_get(list, gen_below(r, json_array_size(list) + !list)));
        if (!one || !expand(r, s, one, depth + 1, out + n, cap - n)) return 0;
        n += strlen(out + n);
    }
    return n > 0;
}

/* A proper name: a capital begins its first or second word, and it has no digits. */
static int is_proper(const char *s)
{
    if (s[strcspn(s, "0123456789")]) return 0;
    const char *second = strchr(s, ' ');
    return isupper((unsigned char)*s) || (second && isupper((unsigned char)second[1]));
}

/* Exchange digits, and in words with digits the capitals too, of a code or a number that is spoken as
 * it is written: a word of digits and capitals ("B14", "GT-220"), or of three digits and more. */
static int vary_code(struct gen_rng *r, const char *s, char *out, size_t cap)
{
    int varied = 0;
    snprintf(out, cap, "%s", s);
    for (char *w = out; *w;) {
        size_t n = strcspn(w, " "), digits = 0, capitals = 0, others = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned char c = (unsigned char)w[i];
            if (isdigit(c))
                digits++;
            else if (isupper(c))
                capitals++;
            else if (c != '-' && c != '/')
                others++;
        }
        if (!others && digits && (capitals || digits >= 3)) {
            for (size_t i = 0; i < n; i++) {
                if (isdigit((unsigned char)w[i]))
                    w[i] = (char)('0' + gen_below(r, 10));
                else if (isupper((unsigned char)w[i]))
                    w[i] = (char)('A' + gen_below(r, 26));
            }
            varied = 1;
        }
        w += n;
        w += strspn(w, " ");
    }
    return varied;
}

int gen_value_fresh(struct gen_rng *r, const struct gen_values *s, const char *slot, char *out,
                    size_t cap)
{
    const json_t *say = json_object_get(s->kind_of, slot);
    if (!say) return 0;
    const char *pattern =
        json_string_value(json_array_get(say, gen_below(r, json_array_size(say))));
    return expand(r, s, pattern, 0, out, cap);
}

int gen_value_make(struct gen_rng *r, const struct gen_values *s, const char *slot, const char *old,
                   char *out, size_t cap)
{
    if (vary_code(r, old, out, cap)) return 1;
    return is_proper(old) && gen_value_fresh(r, s, slot, out, cap);
}

/* "a bag of nails", "a hundred": how much, and no article. */
static int is_measure(const struct gen_values *s, const char *word)
{
    size_t n = strcspn(word, " "), i;
    json_t *one, *list = json_object_get(s->root, "measures");
    json_array_foreach(list, i, one)
    {
        const char *measure = json_string_value(one);
        if (measure && strlen(measure) == n && !strncmp(measure, word, n)) return 1;
    }
    return 0;
}

const char *gen_value_passed(const struct gen_values *s, const char *slot, const char *said)
{
    size_t n = !strncmp(said, "the ", 4) ? 4 : !strncmp(said, "an ", 3) ? 3 : 2;
    if (n == 2 && strncmp(said, "a ", 2)) return said;
    if (!said[n] || json_object_get(s->whole, slot) || (n < 4 && is_measure(s, said + n)))
        return said;
    return said + n;
}
