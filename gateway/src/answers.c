/* answers.c - sentences from the tables: the user's own, and the one that is part of the program. */
#include "answers.h"

#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "embedded.h"
#include "lt/json.h"

#define KEYS_MAX 3  /* forms of a key: "hours.in_name", "hours.few", "hours" */
#define HOLE_MAX 64 /* longest name of a hole, with the NUL */

extern const struct lt__embedded lt__embedded_answers[];

struct lt_answers {
    json_t *by_language;
};

/* ---- the program's own ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static json_t *builtin; /* deploy/answers.json; kept until the program ends */

static void read_builtin(void)
{
    builtin = json_loadb(lt__embedded_answers[0].text, lt__embedded_answers[0].n,
                         JSON_REJECT_DUPLICATES, NULL);
}

static const json_t *program_table(void)
{
    pthread_once(&once, read_builtin);
    return builtin;
}

/* ---- reading one ---- */

/* The hole at `p`, a brace: its name. Returns the bytes up to behind its end; 0 when it has none. */
static size_t hole_at(const char *p, char *name)
{
    size_t n = strcspn(p, "}");
    if (!p[n] || n < 2 || n > HOLE_MAX) return 0;
    memcpy(name, p + 1, n - 1);
    name[n - 1] = '\0';
    return n + 1;
}

/* Does a sentence of this list have the hole? */
static int has_hole(const json_t *sentences, const char *name)
{
    char braced[HOLE_MAX + 2];
    json_t *s;
    size_t i;
    snprintf(braced, sizeof braced, "{%s}", name);
    json_array_foreach((json_t *)(uintptr_t)sentences, i, s)
    {
        if (strstr(json_string_value(s), braced)) return 1;
    }
    return 0;
}

/* A tool, or what one comes to for its target (lt_ask_verb), after done, "do." or "ask.". */
static int is_of_tool(const char *key)
{
    static const char *const verbs[] = {"lock", "unlock", "open", "close", "run", "press"};
    if (!strncmp(key, "do.", 3) || !strncmp(key, "ask.", 4)) key = strchr(key, '.') + 1;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(verbs[i], key)) return 1;
    return isupper((unsigned char)*key) != 0;
}

/* Can something fill the hole of this key? Arguments of tools are not all in the program's table, so that
 * any hole of it will do for a tool's sentence; a key that is not ours may be a tool of the user's. */
static int is_fillable(const char *key, const char *name)
{
    static const char *const arguments[] = {"device_class", "media_class", "hours", "minutes",
                                            "seconds"};
    const char *lang, *other;
    json_t *table, *sentences;
    int is_known = 0, is_tool = is_of_tool(key);
    for (size_t i = 0; is_tool && i < sizeof arguments / sizeof *arguments; i++)
        if (!strcmp(arguments[i], name)) return 1;
    json_object_foreach((json_t *)(uintptr_t)program_table(), lang, table)
    {
        json_object_foreach(table, other, sentences)
        {
            if (!strcmp(other, "words") || (!is_tool && strcmp(other, key) != 0)) continue;
            if (has_hole(sentences, name)) return 1;
            is_known |= !strcmp(other, key);
        }
    }
    return !is_known;
}

static enum lt_err check_sentence(const char *lang, const char *key, size_t i, const char *s,
                                  struct lt_diag *diag)
{
    char name[HOLE_MAX];
    for (; (s = strchr(s, '{')) != NULL; s++) {
        if (!hole_at(s, name))
            return lt_fail(diag, LT_ERR_PARSE, "/%s/%s/%zu: \"%.20s\" has no closing brace", lang,
                           key, i, s);
        if (!is_fillable(key, name))
            return lt_fail(diag, LT_ERR_PARSE,
                           "/%s/%s/%zu: nothing fills {%s}; deploy/answers.json shows what \"%s\" "
                           "can name",
                           lang, key, i, name, key);
    }
    return LT_OK;
}

static enum lt_err check_words(const char *lang, const json_t *words, struct lt_diag *diag)
{
    const char *word;
    json_t *said;
    if (!json_is_object(words))
        return lt_fail(diag, LT_ERR_PARSE, "/%s/words: not an object of words", lang);
    json_object_foreach((json_t *)(uintptr_t)words, word, said)
    {
        if (!json_is_string(said))
            return lt_fail(diag, LT_ERR_PARSE, "/%s/words/%s: not a word in quotes", lang, word);
    }
    return LT_OK;
}

static enum lt_err check_table(const char *lang, const json_t *table, struct lt_diag *diag)
{
    const char *key;
    json_t *sentences, *s;
    size_t i;
    enum lt_err err = LT_OK;
    if (strlen(lang) != 2 || !islower((unsigned char)lang[0]) || !islower((unsigned char)lang[1]))
        return lt_fail(diag, LT_ERR_PARSE, "/%s: not a language of two small letters (en, de)",
                       lang);
    if (!json_is_object(table))
        return lt_fail(diag, LT_ERR_PARSE, "/%s: not an object of sentences", lang);
    json_object_foreach((json_t *)(uintptr_t)table, key, sentences)
    {
        if (!strcmp(key, "words")) {
            err = check_words(lang, sentences, diag);
            if (err) return err;
            continue;
        }
        if (strlen(key) >= LT_ANSWERS_KEY)
            return lt_fail(diag, LT_ERR_PARSE, "/%s/%.40s...: a key of %d bytes at most", lang, key,
                           LT_ANSWERS_KEY - 1);
        if (!json_array_size(sentences))
            return lt_fail(diag, LT_ERR_PARSE, "/%s/%s: not a list of sentences ([\"...\"])", lang,
                           key);
        json_array_foreach(sentences, i, s)
        {
            if (!json_is_string(s))
                return lt_fail(diag, LT_ERR_PARSE, "/%s/%s/%zu: not a sentence in quotes", lang,
                               key, i);
            err = check_sentence(lang, key, i, json_string_value(s), diag);
            if (err) return err;
        }
    }
    return LT_OK;
}

static enum lt_err check(const json_t *o, struct lt_diag *diag)
{
    const char *lang;
    json_t *table;
    if (!json_is_object(o)) return lt_fail(diag, LT_ERR_PARSE, "not an object of languages");
    json_object_foreach((json_t *)(uintptr_t)o, lang, table)
    {
        enum lt_err err = check_table(lang, table, diag);
        if (err) return err;
    }
    return LT_OK;
}

enum lt_err lt_answers_open(const char *path, struct lt_answers **out, struct lt_diag *diag)
{
    json_t *o = NULL;
    struct lt_diag why = {0};
    enum lt_err err = lt_json_read_file(path, LT_ANSWERS_BYTES, &o, diag);
    if (!err && (err = check(o, &why))) lt_fail(diag, err, "%.200s: %.300s", path, why.text);
    struct lt_answers *a = err ? NULL : calloc(1, sizeof *a);
    if (!err && !a) err = LT_ERR_NOMEM;
    if (err) {
        json_decref(o);
        return err;
    }
    a->by_language = o;
    *out = a;
    return LT_OK;
}

void lt_answers_free(struct lt_answers *a)
{
    if (!a) return;
    json_decref(a->by_language);
    free(a);
}

struct lt_tongue lt_tongue_of(const struct lt_answers *own, const char *lang)
{
    struct lt_tongue t = {.own = own};
    int is_known =
        json_object_get(program_table(), lang) || (own && json_object_get(own->by_language, lang));
    snprintf(t.lang, sizeof t.lang, "%s", is_known ? lang : "en");
    return t;
}

/* ---- sentences ---- */

struct saying {
    const json_t *tables[2]; /* of one language: the user's, the program's; NULL: none */
    const char *must;        /* "{floor}": what a sentence must have; NULL: nothing */
    const struct lt_hole *holes;
    const json_t *arguments;
};

/* Not more than fits, and no letter in half. */
static void put(char *out, size_t cap, size_t *n, const char *text, size_t bytes)
{
    size_t room = cap - 1 - *n, k = bytes < room ? bytes : room;
    while (k < bytes && k && ((unsigned char)text[k] & 0xc0) == 0x80) k--;
    memcpy(out + *n, text, k);
    *n += k;
    out[*n] = '\0';
}

/* Names, and what somebody said in any language: said as they are. */
static int is_verbatim(const char *hole)
{
    static const char *const names[] = {
        "name",    "area", "floor", "item", "message", "search_query",
        "command", "it",   "last",  "do",   "tool",    "conversation_command"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], hole)) return 1;
    return 0;
}

static const char *translated(const struct saying *s, const char *hole, const char *text)
{
    for (int i = 0; i < 2 && !is_verbatim(hole); i++) {
        const json_t *words = json_object_get(s->tables[i], "words");
        const char *word = json_string_value(json_object_get(words, text));
        if (word) return word;
    }
    return text;
}

/* "21.5" with the language's mark, a single byte: "21,5". In place. */
static void decimal_mark(const struct saying *s, char *number)
{
    const char *mark = translated(s, "", ".");
    size_t whole = strspn(number, "-0123456789"), part = 0;
    if (whole && number[whole] == '.') part = strspn(number + whole + 1, "0123456789");
    if (part && !number[whole + 1 + part] && strlen(mark) == 1) number[whole] = *mark;
}

/* What fills the hole; 0: nothing does. */
static int value_of(const struct saying *s, const char *hole, char *out, size_t cap)
{
    const char *text = NULL;
    for (const struct lt_hole *h = s->holes; h && h->name && !text; h++)
        if (!strcmp(h->name, hole) && h->text && *h->text) text = h->text;
    const json_t *v = text ? NULL : json_object_get(s->arguments, hole);
    if (json_is_array(v)) v = json_array_get(v, 0);
    if (!text) text = json_string_value(v);
    if (text)
        snprintf(out, cap, "%s", translated(s, hole, text));
    else if (json_is_number(v))
        snprintf(out, cap, "%g", json_number_value(v));
    else
        return 0;
    if (!is_verbatim(hole)) decimal_mark(s, out);
    return *out != '\0';
}

/* "Emma's Desk Lamp", "The Den": English says no "the" before these. */
static int brings_its_article(const char *name)
{
    const size_t n = strcspn(name, " ");

    if (!strncasecmp(name, "the ", 4) || !strncasecmp(name, "my ", 3) ||
        !strncasecmp(name, "our ", 4))
        return 1;
    return name[n] == ' ' && ((n > 2 && !strncmp(name + n - 2, "'s", 2)) ||
                              (n > 4 && !strncmp(name + n - 4, "\xe2\x80\x99s", 4)) ||
                              (n > 2 && !strncmp(name + n - 2, "s'", 2)));
}

static int fill(const struct saying *s, const char *sentence, char *out, size_t cap)
{
    size_t n = 0;
    *out = '\0';
    while (*sentence) {
        char name[HOLE_MAX], value[1024];
        size_t len = *sentence == '{' ? hole_at(sentence, name) : 0, text = strcspn(sentence, "{");
        if (!len) {
            put(out, cap, &n, sentence, text ? text : 1);
            sentence += text ? text : 1;
            continue;
        }
        if (!value_of(s, name, value, sizeof value)) return 0;
        if (n >= 4 && !strcmp(out + n - 4, "the ") && brings_its_article(value)) n -= 4;
        put(out, cap, &n, value, strlen(value));
        sentence += len;
    }
    return n > 0;
}

/* From the tables of one language: the user's sentences for any of the keys, then the program's. */
static int say_of(const struct saying *s, const char *const *keys, char *out, size_t cap)
{
    for (int own = 0; own < 2; own++) {
        for (int k = 0; k < KEYS_MAX && keys[k]; k++) {
            const json_t *list = json_object_get(s->tables[own], keys[k]), *one;
            size_t i;
            json_array_foreach((json_t *)(uintptr_t)list, i, one)
            {
                const char *sentence = json_string_value(one);
                if (s->must && !strstr(sentence, s->must)) continue;
                if (fill(s, sentence, out, cap)) return 1;
            }
        }
    }
    *out = '\0';
    return 0;
}

static struct saying in_language(const struct lt_tongue *t, const char *lang)
{
    return (struct saying){
        .tables = {t && t->own ? json_object_get(t->own->by_language, lang) : NULL,
                   json_object_get(program_table(), lang)}};
}

static int say(const struct lt_tongue *t, const char *const *keys, const json_t *arguments,
               const struct lt_hole *holes, char *out, size_t cap)
{
    const char *const langs[] = {t && *t->lang ? t->lang : "en", "en"};
    for (int l = 0; l < 2; l++) {
        struct saying s = in_language(t, langs[l]);
        s.holes = holes;
        s.arguments = arguments;
        if (say_of(&s, keys, out, cap)) return 1;
    }
    return 0;
}

int lt_say_part(const struct lt_tongue *t, const char *key, const struct lt_hole *holes, char *out,
                size_t cap)
{
    return say(t, (const char *const[KEYS_MAX]){key}, NULL, holes, out, cap);
}

int lt_say(const struct lt_tongue *t, const char *key, const struct lt_hole *holes, char *out,
           size_t cap)
{
    int is_there = lt_say_part(t, key, holes, out, cap);
    lt_say_capital(out);
    return is_there;
}

int lt_say_call(const struct lt_tongue *t, const char *key, const json_t *arguments,
                const struct lt_hole *holes, const char *must, char *out, size_t cap)
{
    struct saying s = in_language(t, t && *t->lang ? t->lang : "en");
    char braced[HOLE_MAX + 2];
    snprintf(braced, sizeof braced, "{%s}", must ? must : "");
    s.holes = holes;
    s.arguments = arguments;
    s.must = must ? braced : NULL;
    return say_of(&s, (const char *const[KEYS_MAX]){key}, out, cap);
}

void lt_say_capital(char *s)
{
    unsigned char *u = (unsigned char *)s;
    if (u[0] == 0xc2 && u[1] == 0xbf) u += 2; /* U+00BF, which opens a Spanish question */
    if (islower(u[0])) {
        u[0] = (unsigned char)toupper(u[0]);
    } else if (u[0] == 0xc3 && u[1] >= 0xa0 && u[1] != 0xb7 && u[1] < 0xbf) {
        u[1] = (unsigned char)(u[1] - 0x20); /* U+00E0 to U+00FE: Latin-1 */
    } else if ((u[0] == 0xc4 && (u[1] == 0x85 || u[1] == 0x87 || u[1] == 0x99)) ||
               (u[0] == 0xc5 && u[1] == 0x9b)) {
        u[1]--; /* ą ć ę ś */
    } else if (u[0] == 0xc5 && (u[1] == 0x82 || u[1] == 0x84 || u[1] == 0xba || u[1] == 0xbc)) {
        u[1]--; /* ł ń ź ż */
    }
}

/* ---- numbers, lists, times ---- */

/* The ending for a number of things; NULL: the plain key. */
static const char *ending_of(const struct lt_tongue *t, int64_t n)
{
    const char *lang = t ? t->lang : "";
    int64_t tens = n / 10 % 10, ones = n % 10;
    if (n == 1 || (n == 0 && !strcmp(lang, "fr"))) return "one";
    if (!strcmp(lang, "pl") && tens != 1 && ones >= 2 && ones <= 4) return "few";
    return NULL;
}

/* `form`: a key's ending that comes first, or NULL. */
static int say_number(const struct lt_tongue *t, const char *key, const char *form, int64_t n,
                      const struct lt_hole *holes, char *out, size_t cap)
{
    char first[LT_ANSWERS_KEY], counted[LT_ANSWERS_KEY];
    const char *keys[KEYS_MAX] = {NULL}, *ending = ending_of(t, n);
    int k = 0;
    json_t *number = json_pack("{s:I}", "n", (json_int_t)n);
    snprintf(first, sizeof first, "%.100s.%.20s", key, form ? form : "");
    snprintf(counted, sizeof counted, "%.100s.%.20s", key, ending ? ending : "");
    if (form) keys[k++] = first;
    if (ending) keys[k++] = counted;
    keys[k] = key;
    int is_there = say(t, keys, number, holes, out, cap);
    json_decref(number);
    return is_there;
}

int lt_say_count(const struct lt_tongue *t, const char *key, int64_t n, const struct lt_hole *holes,
                 char *out, size_t cap)
{
    int is_there = say_number(t, key, NULL, n, holes, out, cap);
    lt_say_capital(out);
    return is_there;
}

void lt_say_join(const struct lt_tongue *t, const char *key, const char *one, char *list,
                 size_t cap)
{
    char before[1024];
    if (!*list) {
        size_t n = 0;
        put(list, cap, &n, one, strlen(one));
        return;
    }
    snprintf(before, sizeof before, "%s", list);
    lt_say_part(t, key, LT_HOLES({"it", before}, {"last", one}), list, cap);
}

static void span_words(const struct lt_tongue *t, int64_t ms, const char *form, char *out,
                       size_t cap)
{
    static const char *const keys[] = {"hours", "minutes", "seconds"};
    int64_t s = (ms + 500) / 1000, part[] = {s / 3600, s / 60 % 60, s % 60};
    *out = '\0';
    for (int i = 0; i < 3; i++) {
        char one[64];
        if (!part[i] && (i < 2 || *out)) continue;
        say_number(t, keys[i], form, part[i], NULL, one, sizeof one);
        lt_say_join(t, "span", one, out, cap);
    }
}

void lt_say_span(const struct lt_tongue *t, int64_t ms, char *out, size_t cap)
{
    span_words(t, ms, NULL, out, cap);
}

void lt_say_timer(const struct lt_tongue *t, const char *name, int64_t total_ms, char *out,
                  size_t cap)
{
    char span[128];
    span_words(t, total_ms, "in_name", span, sizeof span);
    lt_say_part(t, "timer", LT_HOLES({"name", name}, {"span", span}), out, cap);
}
