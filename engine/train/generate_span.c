/* generate_span.c - other values for what people say: "who is marie curie" from "who is brad pitt".
 *
 * The lines of the assistant files name few people, places and songs, and those again and again; a
 * network learns the names instead of where a name begins and ends. So a share of the lines get other
 * values: of the same parameter, from our own lists (spans.json) and from the other lines. A value
 * is exchanged where it stands in the query once, in words of its own; a parameter that the lists do not
 * have keeps its values. An article is said and not passed ("the fifteenth" is `fifteenth`), as these
 * files mark their spans, but for titles and other names that have it (`whole` of values.json). A list
 * "PARAM WORD" holds what stands after that word: "time in" an hour, "event_name to" lock the shed. */
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

#define SPAN_NAME_BYTES 128
#define SPAN_WORDS_MAX  6 /* longer values of lines are no names; they stay where they are */

/* {"parameter": [text, …]}, and the set of "parameter/text" that keeps them apart. */
static int learn(struct gen_spans *s, const char *param, const char *text)
{
    json_t *list = json_object_get(s->lists, param);
    char key[GEN_TEXT_BYTES];
    if (!list || snprintf(key, sizeof key, "%s/%s", param, text) >= (int)sizeof key) return 1;
    if (json_object_get(s->seen, key)) return 1;
    return !json_object_set_new(s->seen, key, json_true()) &&
           !json_array_append_new(list, json_string(text));
}

/* The list for a value of `param` at `at` of the query: "time in" after "in", if there is one. */
static const char *key_of(const struct gen_spans *s, const char *param, const char *query,
                          const char *at, char *key, size_t cap)
{
    const char *end = at, *from;
    while (end > query && end[-1] == ' ') end--;
    for (from = end; from > query && gen_is_word((unsigned char)from[-1]);) from--;
    if (end == at || from == end || !json_object_get(s->lists, param)) return param;
    if (snprintf(key, cap, "%s %.*s", param, (int)(end - from), from) >= (int)cap) return param;
    return json_object_get(s->lists, key) ? key : param;
}

enum lt_err gen_spans_load(struct gen_spans *s, const char *path, struct lt_diag *diag)
{
    json_error_t je;
    s->root = json_load_file(path, 0, &je);
    s->lists = json_object();
    s->seen = json_object();
    if (!s->root) return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line, je.text);
    if (!s->lists || !s->seen) return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    const char *param;
    json_t *list, *text, *spans = json_object_get(s->root, "spans");
    if (!json_is_object(spans))
        return lt_fail(diag, LT_ERR_INVALID, "%s: \"spans\" must be an object of lists", path);
    json_object_foreach(spans, param, list)
    {
        size_t i;
        if (!json_array_size(list) || json_object_set_new(s->lists, param, json_array()))
            return lt_fail(diag, LT_ERR_INVALID, "%s: \"%s\" must be a list of texts", path, param);
        json_array_foreach(list, i, text)
        {
            const char *t = json_string_value(text);
            if (!t || !*t || !gen_is_word((unsigned char)*t))
                return lt_fail(diag, LT_ERR_INVALID, "%s: %s[%zu] is no text that begins a word",
                               path, param, i);
            if (!learn(s, param, t))
                return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
        }
    }
    return LT_OK;
}

void gen_spans_free(struct gen_spans *s)
{
    json_decref(s->root);
    json_decref(s->lists);
    json_decref(s->seen);
}

static int n_words(const char *s)
{
    int n = 1;
    while ((s = strchr(s, ' '))) n++, s++;
    return n;
}

/* Where the value stands in the text, if it does so once. */
static const char *find_once(const char *text, const char *value)
{
    const char *at = gen_find_words(text, value);
    return at && !gen_find_words(at + strlen(value), value) ? at : NULL;
}

int gen_spans_learn(struct gen_spans *s, const char *query, const json_t *answers)
{
    size_t i, k;
    json_t *call, *value, *text;
    const char *param;
    json_array_foreach(answers, i, call)
    {
        json_object_foreach(json_object_get(call, "arguments"), param, value)
        {
            size_t n = json_is_array(value) ? json_array_size(value) : 1;
            for (k = 0; k < n; k++) {
                text = json_is_array(value) ? json_array_get(value, k) : value;
                const char *t = json_string_value(text), *at;
                char key[SPAN_NAME_BYTES];
                if (t && *t && gen_is_word((unsigned char)*t) && n_words(t) <= SPAN_WORDS_MAX &&
                    (at = find_once(query, t)) &&
                    !learn(s, key_of(s, param, query, at, key, sizeof key), t))
                    return 0;
            }
        }
    }
    return 1;
}

/* Whether another value of the call shares words with `value`: "joe" beside "joe's garage". */
static int overlaps(const struct gen_draft *d, const json_t *self, const char *value)
{
    for (int c = 0; c < d->n_calls; c++) {
        const char *param;
        json_t *v;
        json_object_foreach(d->calls[c].args, param, v)
        {
            size_t n = json_is_array(v) ? json_array_size(v) : 1;
            for (size_t k = 0; k < n; k++) {
                const json_t *x = json_is_array(v) ? json_array_get(v, k) : v;
                const char *t = json_string_value(x);
                if (!t || x == self) continue;
                if (gen_find_words(t, value) || gen_find_words(value, t)) return 1;
            }
        }
    }
    return 0;
}

static int has_capital(const char *s)
{
    for (; *s; s++)
        if (*s >= 'A' && *s <= 'Z') return 1;
    return 0;
}

static int ends_possessive(const char *s)
{
    size_t n = strlen(s);
    return n > 2 && !strcmp(s + n - 2, "'s");
}

/* Another text for `param` as it fits into the query: of the list, or a name made of parts; "'s" where
 * the old one had it, no second article. 0 when the draw does not fit. */
static int draw(struct gen_group *gg, const char *param, const json_t *list, const char *query,
                const char *at, const char *old, char *out, size_t cap)
{
    static const char *const articles[] = {"the ", "a ", "my "};
    const struct gen_values *made = &gg->g->values;
    char name[SPAN_NAME_BYTES];
    const char *t =
        json_string_value(json_array_get(list, gen_below(&gg->r, json_array_size(list))));
    if (made->root && gen_chance(&gg->r, made->share) &&
        gen_value_fresh(&gg->r, made, param, name, sizeof name)) {
        if (!has_capital(query)) gen_lower(name);
        t = name;
    }
    size_t n = strlen(t);
    for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) {
        size_t a = strlen(articles[i]);
        if (strncmp(t, articles[i], a) != 0) continue;
        for (size_t k = 0; k < sizeof articles / sizeof *articles; k++) {
            size_t b = strlen(articles[k]);
            if ((size_t)(at - query) >= b && !strncmp(at - b, articles[k], b)) {
                t += a;
                n -= a;
                break;
            }
        }
        break;
    }
    if (ends_possessive(t)) n -= 2;
    if (n + 3 > cap) return 0;
    snprintf(out, cap, "%.*s%s", (int)n, t, ends_possessive(old) ? "'s" : "");
    return *out && !gen_find_words(query, out);
}

/* What is passed of a new value: without the article, which the text keeps. */
static const char *passed(struct gen_group *gg, const char *param, const char *text)
{
    const struct gen_values *made = &gg->g->values;
    return made->root ? gen_value_passed(made, param, text) : text;
}

/* One value of the draft; the new one, or NULL where the old one stays. */
static json_t *swap(struct gen_group *gg, struct gen_draft *d, const char *param,
                    const json_t *value)
{
    const char *old = json_string_value(value);
    char text[256], key[SPAN_NAME_BYTES];
    if (!json_object_get(gg->g->spans.lists, param) || !old || strlen(old) < 2 ||
        !gen_chance(&gg->r, 0.7))
        return NULL;
    const char *at = find_once(d->text.s, old);
    if (!at || overlaps(d, value, old)) return NULL;
    const char *of = key_of(&gg->g->spans, param, d->text.s, at, key, sizeof key);
    const json_t *list = json_object_get(gg->g->spans.lists, of);
    if (!draw(gg, of, list, d->text.s, at, old, text, sizeof text)) return NULL;
    size_t from = (size_t)(at - d->text.s);
    gen_text_erase(&d->text, from, strlen(old));
    gen_text_insert(&d->text, from, text);
    return json_string(passed(gg, param, text));
}

void gen_spans_swap(struct gen_group *gg, struct gen_draft *d)
{
    for (int c = 0; c < d->n_calls; c++) {
        const char *param;
        void *next;
        json_t *v;
        json_object_foreach_safe(d->calls[c].args, next, param, v)
        {
            json_t *text;
            if (!json_is_array(v)) {
                if ((text = swap(gg, d, param, v)))
                    json_object_set_new(d->calls[c].args, param, text);
                continue;
            }
            for (size_t k = 0; k < json_array_size(v); k++)
                if ((text = swap(gg, d, param, json_array_get(v, k))))
                    json_array_set_new(v, k, text);
        }
    }
}
