/* generate_noise.c - how people type and recognisers hear, without making an answer wrong.
 *
 * Every byte of a query is free, part of a span that an answer needs, or part of a number that an
 * answer holds. Words in spans stay; numbers may be spelt out; everything else may be dropped,
 * misheard or mistyped at low rates. Letter case changes everywhere, and the string arguments
 * then take the query's spelling. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate_internal.h"

enum { FREE, SPAN, NUMBER };

struct noisy {
    struct gen_text t;
    uint8_t mark[GEN_TEXT_BYTES];
};

/* Parameters whose values come from the device and not from the words. */
static int is_symbolic(const char *key, const json_t *prop)
{
    return !strcmp(key, "domain") || !strcmp(key, "device_class") || !strcmp(key, "state") ||
           json_object_get(prop, "enum") || json_object_get(prop, "x-entity") ||
           json_object_get(prop, "x-area") || json_object_get(prop, "x-floor");
}

static void mark_words(struct noisy *q, const char *span)
{
    for (const char *at = q->t.s; (at = gen_find_words(at, span)); at += strlen(span)) {
        memset(q->mark + (at - q->t.s), SPAN, strlen(span));
        if (!*at) break;
    }
}

static void mark_number(struct noisy *q, const json_t *v)
{
    char digits[32];
    double x = json_number_value(v);
    snprintf(digits, sizeof digits, "%.10g", x < 0 ? -x : x);
    for (const char *at = q->t.s; (at = strstr(at, digits)); at += strlen(digits)) {
        size_t i = (size_t)(at - q->t.s), n = strlen(digits);
        int whole =
            (!i || !(gen_is_word((unsigned char)at[-1]) || at[-1] == '.' || at[-1] == ':')) &&
            !gen_is_word((unsigned char)at[n]) &&
            !(at[n] == '.' && isdigit((unsigned char)at[n + 1])) && at[n] != ':' &&
            q->mark[i] == FREE;
        if (whole) memset(q->mark + i, NUMBER, n);
    }
}

static void mark_value(struct noisy *q, const json_t *v)
{
    size_t i;
    json_t *one;
    if (json_is_string(v)) mark_words(q, json_string_value(v));
    if (json_is_number(v)) mark_number(q, v);
    json_array_foreach((json_t *)(uintptr_t)v, i, one) mark_value(q, one);
}

static void mark_answers(struct noisy *q, const json_t *c)
{
    const json_t *answers = json_object_get(c, "answers");
    memset(q->mark, FREE, sizeof q->mark);
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const char *key;
        json_t *v;
        json_object_foreach(json_object_get(json_array_get(answers, i), "arguments"), key,
                            v) if (!json_is_number(v)) mark_value(q, v);
    }
    const json_t *entities = json_object_get(json_object_get(c, "home"), "entities");
    for (size_t i = 0; i < json_array_size(entities); i++) { /* names stay as they are called */
        const json_t *e = json_array_get(entities, i), *aliases = json_object_get(e, "aliases");
        const char *name = json_string_value(json_object_get(e, "name"));
        if (name) mark_words(q, name);
        for (size_t k = 0; k < json_array_size(aliases); k++)
            if (json_is_string(json_array_get(aliases, k)))
                mark_words(q, json_string_value(json_array_get(aliases, k)));
    }
    for (size_t i = 0; i < json_array_size(answers); i++) {
        const char *key;
        json_t *v;
        json_object_foreach(json_object_get(json_array_get(answers, i), "arguments"), key,
                            v) if (json_is_number(v)) mark_value(q, v);
    }
}

/* Replace n bytes at `at`; what comes in is marked `mark`. */
static void replace(struct noisy *q, size_t at, size_t n, const char *with, uint8_t mark)
{
    size_t m = strlen(with);
    if (q->t.n - n + m >= sizeof q->t.s) return;
    gen_text_erase(&q->t, at, n);
    memmove(q->mark + at + m, q->mark + at + n, sizeof q->mark - at - (n > m ? n : m));
    gen_text_insert(&q->t, at, with);
    memset(q->mark + at, mark, m);
}

static int is_free(const struct noisy *q, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        if (q->mark[i] != FREE) return 0;
    return 1;
}

/* The next word from *at on; its length, or 0 at the end. */
static size_t next_word(const struct noisy *q, size_t *at)
{
    while (*at < q->t.n && !gen_is_word((unsigned char)q->t.s[*at])) ++*at;
    size_t n = 0;
    while (*at + n < q->t.n &&
           (gen_is_word((unsigned char)q->t.s[*at + n]) || q->t.s[*at + n] == '\''))
        n++;
    return n;
}

static void spell_numbers(struct gen_rng *r, struct noisy *q)
{
    if (!gen_chance(r, 0.45)) return;
    for (size_t i = 0; i < q->t.n; i++) {
        if (q->mark[i] != NUMBER) continue;
        size_t n = 0;
        while (i + n < q->t.n && q->mark[i + n] == NUMBER) n++;
        char digits[40], words[120];
        snprintf(digits, sizeof digits, "%.*s", (int)(n < 39 ? n : 39), q->t.s + i);
        if (!gen_number_words(strtod(digits, NULL), words, sizeof words)) {
            i += n;
            continue;
        }
        if (gen_chance(r, 0.2))
            for (char *p = strchr(words, ' '); p && !strchr(p + 1, ' '); p = NULL)
                if (strstr(words, "ty ") && !strstr(words, "hundred")) *p = '-';
        if (q->t.s[i + n] == '%') replace(q, i + n, 1, " percent", FREE);
        replace(q, i, n, words, SPAN);
        i += strlen(words);
    }
}

static void homophones(struct gen_rng *r, struct noisy *q)
{
    static const char *const pairs[][2] = {
        {"to", "two"},       {"to", "too"},          {"for", "four"},     {"two", "to"},
        {"lights", "lites"}, {"light", "lite"},      {"there", "their"},  {"your", "you're"},
        {"it's", "its"},     {"what's", "whats"},    {"I'm", "im"},       {"don't", "dont"},
        {"please", "pleas"}, {"right", "write"},     {"blinds", "blind"}, {"set", "said"},
        {"the", "da"},       {"through", "threw"},   {"hear", "here"},    {"know", "no"},
        {"by", "buy"},       {"weather", "whether"}, {"volume", "volum"}, {"turn", "tern"},
        {"play", "pley"},    {"heat", "heed"},       {"you", "u"},        {"are", "r"},
        {"let's", "lets"},   {"going to", "gonna"},  {"want to", "wanna"}};
    if (!gen_chance(r, 0.07)) return;
    for (int tries = 0; tries < 6; tries++) {
        const char *const *p = GEN_PICK(r, pairs);
        const char *at = gen_find_words(q->t.s, p[0]);
        size_t i = at ? (size_t)(at - q->t.s) : 0;
        if (!at || !is_free(q, i, strlen(p[0]))) continue;
        replace(q, i, strlen(p[0]), p[1], FREE);
        return;
    }
}

static void typo(struct gen_rng *r, struct noisy *q)
{
    if (!gen_chance(r, 0.05)) return;
    size_t starts[64], lens[64];
    int n = 0;
    for (size_t at = 0, len; n < 64 && (len = next_word(q, &at)); at += len) {
        int ascii = 1;
        for (size_t i = 0; i < len; i++) ascii &= isalpha((unsigned char)q->t.s[at + i]) != 0;
        if (len >= 5 && ascii && is_free(q, at, len)) {
            starts[n] = at;
            lens[n++] = len;
        }
    }
    if (!n) return;
    int w = (int)gen_below(r, (size_t)n);
    size_t at = starts[w] + 1 + gen_below(r, lens[w] - 2);
    char two[3] = {q->t.s[at + 1], q->t.s[at], 0}, one[3] = {q->t.s[at], q->t.s[at], 0};
    switch (gen_below(r, 3)) {
    case 0:
        replace(q, at, 2, two, FREE);
        break; /* swapped */
    case 1:
        replace(q, at, 1, "", FREE);
        break; /* left out */
    default:
        replace(q, at, 1, one, FREE);
        break; /* doubled */
    }
}

static void drop_articles(struct gen_rng *r, struct noisy *q)
{
    static const char *const words[] = {"the", "a", "an", "my", "please"};
    if (!gen_chance(r, 0.10)) return;
    for (size_t at = 0, len; (len = next_word(q, &at)); at += len)
        for (size_t i = 0; i < 5; i++)
            if (strlen(words[i]) == len && !strncmp(q->t.s + at, words[i], len) &&
                q->t.s[at + len] == ' ' && is_free(q, at, len + 1) && gen_chance(r, 0.7)) {
                replace(q, at, len + 1, "", FREE);
                len = 0;
                break;
            }
}

static void politeness(struct gen_rng *r, struct noisy *q)
{
    static const char *const before[] = {"please ",
                                         "hey ",
                                         "hey, ",
                                         "ok ",
                                         "okay, ",
                                         "uh ",
                                         "um ",
                                         "can you ",
                                         "could you ",
                                         "could you please ",
                                         "would you ",
                                         "i want you to ",
                                         "i'd like you to ",
                                         "so ",
                                         "well ",
                                         "go ahead and ",
                                         "computer, ",
                                         "hello, ",
                                         "quick, ",
                                         "right, ",
                                         "er ",
                                         "just ",
                                         "now "};
    static const char *const after[] = {" please",    ", please",    " thanks",    " thank you",
                                        " now",       " for me",     " would you", ", thanks",
                                        " right now", " if you can", " mate",      ", will you"};
    static const char *const verbs[] = {
        "turn",   "switch", "set",  "open",   "close", "play",  "stop",  "start", "dim",
        "put",    "make",   "lock", "unlock", "raise", "lower", "pause", "add",   "remove",
        "cancel", "show",   "tell", "send",   "book",  "find",  "call",  "order", "mute"};
    double x = gen_unit(r);
    size_t first = strcspn(q->t.s, " ");
    int verb = 0;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strlen(verbs[i]) == first && !strncasecmp(q->t.s, verbs[i], first)) verb = 1;
    if (x < 0.14) {
        const char *w = GEN_PICK(r, before);
        int asks = strstr(w, "you") || strstr(w, "ahead") || strstr(w, "just"); /* needs a verb */
        if (asks && !verb) return;
        if (q->mark[0] == FREE && q->t.s[0] >= 'A' && q->t.s[0] <= 'Z' && q->t.s[1] != ' ' &&
            q->t.s[1] != '\'')
            q->t.s[0] = (char)(q->t.s[0] + 32);
        replace(q, 0, 0, w, FREE);
    } else if (x < 0.24) {
        size_t n = q->t.n;
        if (n && strchr(".!?", q->t.s[n - 1])) return;
        if (n && q->mark[n - 1] != FREE && !verb) return; /* it could read as part of a span */
        replace(q, n, 0, GEN_PICK(r, after), FREE);
    } else if (x < 0.28) { /* a hesitation between two free words */
        size_t at = 0, len = next_word(q, &at);
        for (int skip = (int)gen_below(r, 3); skip >= 0 && len; skip--) {
            at += len;
            if (skip) len = next_word(q, &at);
        }
        if (at && at < q->t.n && q->t.s[at] == ' ' && is_free(q, at - 1, 3))
            replace(q, at, 0, gen_chance(r, 0.5) ? " uh" : " um", FREE);
    }
}

static void punctuation(struct gen_rng *r, struct noisy *q)
{
    double x = gen_unit(r);
    size_t n = q->t.n;
    if (!n) return;
    int marked = strchr(".!?", q->t.s[n - 1]) != NULL;
    if (x < 0.45 && marked && q->mark[n - 1] == FREE)
        replace(q, n - 1, 1, "", FREE);
    else if (x < 0.12 && !marked)
        replace(q, n, 0, ".", FREE);
    else if (x < 0.15 && !marked)
        replace(q, n, 0, "!", FREE);
    if (gen_chance(r, 0.3)) /* recognisers write no commas */
        for (size_t i = 0; i + 1 < q->t.n; i++)
            if (q->t.s[i] == ',' && q->t.s[i + 1] == ' ' && q->mark[i] == FREE)
                replace(q, i, 1, "", FREE);
}

static void letter_case(struct gen_rng *r, struct noisy *q)
{
    double x = gen_unit(r);
    if (x < 0.40) {
        gen_lower(q->t.s);
    } else if (x < 0.60) {
        if (q->t.s[0] >= 'a' && q->t.s[0] <= 'z') q->t.s[0] = (char)(q->t.s[0] - 32);
    } else if (x < 0.606) {
        for (size_t i = 0; i < q->t.n; i++) q->t.s[i] = (char)toupper((unsigned char)q->t.s[i]);
    }
}

/* ---- spelling of the arguments --------------------------------------------------------------- */

static json_t *respelled(const char *query, const json_t *v)
{
    if (json_is_string(v)) {
        const char *s = json_string_value(v), *at = gen_find_words(query, s);
        if (at && strncmp(at, s, strlen(s))) return json_stringn(at, strlen(s));
    } else if (json_is_array(v)) {
        json_t *out = json_array(), *one;
        size_t i;
        json_array_foreach((json_t *)(uintptr_t)v, i, one)
        {
            json_t *n = respelled(query, one);
            json_array_append_new(out, n ? n : json_incref(one));
        }
        return out;
    }
    return NULL;
}

void gen_respell(json_t *c)
{
    const char *query = json_string_value(json_object_get(c, "query"));
    json_t *answers = json_object_get(c, "answers"), *call;
    size_t i;
    json_array_foreach(answers, i, call)
    {
        json_t *tool = san_case_tool(c, json_string_value(json_object_get(call, "name")));
        json_t *props = json_object_get(json_object_get(tool, "parameters"), "properties");
        json_t *args = json_object_get(call, "arguments");
        const char *key;
        json_t *v;
        void *tmp;
        json_object_foreach_safe(args, tmp, key, v)
        {
            json_t *n = is_symbolic(key, json_object_get(props, key)) ? NULL : respelled(query, v);
            if (n) json_object_set_new(args, key, n);
        }
    }
}

int gen_noise(struct gen_rng *r, json_t *c, int is_english)
{
    const char *query = json_string_value(json_object_get(c, "query"));
    struct noisy q;
    gen_text_clear(&q.t);
    gen_text_adds(&q.t, query);
    if (q.t.over) return 0;
    mark_answers(&q, c);
    if (is_english) {
        spell_numbers(r, &q);
        drop_articles(r, &q);
        homophones(r, &q);
    }
    typo(r, &q);
    if (is_english) politeness(r, &q);
    punctuation(r, &q);
    letter_case(r, &q);
    while (q.t.n && q.t.s[q.t.n - 1] == ' ') gen_text_erase(&q.t, q.t.n - 1, 1);
    if (!q.t.n) return 0;
    json_t *text = json_string(q.t.s);
    return text && !json_object_set_new(c, "query", text);
}
