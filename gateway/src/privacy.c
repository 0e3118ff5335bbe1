/* privacy.c - two tables of (word, placeholder): the home's, made once, and the request's.
 *
 * Text is read once from left to right. At the start of every word the longest entry that fits wins;
 * where none does, the shapes (address, number) are tried. Entries hang in buckets by their first
 * letter, longest first, so that a home with thousands of devices costs little. */
#include "privacy.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lt/buf.h"
#include "lt/json.h"

#define MAX_TEXT_BYTES (LT_VEIL_SUMMARY_BYTES * 4)
#define MIN_DIGITS     5 /* 1000 K of a lamp and 2026 stay; a telephone number does not */

struct entry {
    struct entry *next; /* of the bucket */
    char *word;
    size_t n;
    char placeholder[24];
};

struct table {
    struct entry *bucket[256];
    struct entry **all; /* in the order made */
    size_t n, cap;
};

struct lt_veil_home {
    struct table table;
    char *summary;
    json_t *tools_json;
    size_t tools_bytes;
    int n_refs; /* atomic */
    struct lt_cloud_tools *tools;
};

struct lt_veil {
    struct lt_veil_home *home;
    unsigned hide;
    struct table table;
    int n_of[4]; /* persons, numbers, addresses, spare */
};

unsigned lt_privacy_word(const char *word)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"names", LT_HIDE_NAMES},
                 {"numbers", LT_HIDE_NUMBERS},
                 {"addresses", LT_HIDE_ADDRESSES},
                 {"home", LT_HIDE_HOME}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, word)) return words[i].bit;
    return 0;
}

/* ---- the tables ---- */

static unsigned char first_of(const char *word)
{
    return (unsigned char)tolower((unsigned char)*word);
}

static const struct entry *find_word(const struct table *t, const char *word, size_t n)
{
    for (const struct entry *e = t->bucket[first_of(word)]; e; e = e->next)
        if (e->n == n && !strncasecmp(e->word, word, n)) return e;
    return NULL;
}

/* Add a word under a placeholder, unless it is there; NULL when out of memory. */
static const struct entry *add(struct table *t, const char *word, size_t n, const char *placeholder)
{
    const struct entry *known = find_word(t, word, n);
    if (known) return known;
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 16;
        struct entry **all = realloc(t->all, cap * sizeof *all);
        if (!all) return NULL;
        t->all = all;
        t->cap = cap;
    }
    struct entry *e = calloc(1, sizeof *e);
    if (!e || !(e->word = strndup(word, n))) {
        free(e);
        return NULL;
    }
    e->n = n;
    snprintf(e->placeholder, sizeof e->placeholder, "%s", placeholder);
    struct entry **at = &t->bucket[first_of(word)];
    while (*at && (*at)->n >= n) at = &(*at)->next;
    e->next = *at;
    *at = e;
    t->all[t->n++] = e;
    return e;
}

static void table_free(struct table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        free(t->all[i]->word);
        free(t->all[i]);
    }
    free(t->all);
}

/* Letters, digits and all bytes of non-ASCII letters. */
static int is_word(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* The longest entry that stands at `s` as whole words ("lamp" is not in "lamps"). */
static const struct entry *at_word(const struct table *t, const char *s)
{
    for (const struct entry *e = t->bucket[first_of(s)]; e; e = e->next)
        if (!strncasecmp(e->word, s, e->n) && !is_word(s[e->n])) return e;
    return NULL;
}

/* ---- shapes ---- */

static size_t span_of(const char *s, const char *also)
{
    size_t n = 0;
    while (s[n] && (isalnum((unsigned char)s[n]) || strchr(also, s[n]))) n++;
    return n;
}

static size_t trim(const char *s, size_t n)
{
    while (n && strchr(".,;:!?-)", s[n - 1])) n--;
    return n;
}

static size_t email_at(const char *s)
{
    size_t name = span_of(s, "._%+-");
    if (!name || s[name] != '@') return 0;
    size_t host = trim(s + name + 1, span_of(s + name + 1, ".-"));
    return host && memchr(s + name + 1, '.', host) ? name + 1 + host : 0;
}

static size_t web_at(const char *s)
{
    if (strncasecmp(s, "http://", 7) != 0 && strncasecmp(s, "https://", 8) != 0 &&
        strncasecmp(s, "www.", 4) != 0)
        return 0;
    return trim(s, strcspn(s, " \t\r\n\"'<>"));
}

/* A number with the separators people use; its digits to *n_digits. */
static size_t number_at(const char *s, int *n_digits)
{
    size_t n = *s == '+' || *s == '(';
    *n_digits = 0;
    for (; isdigit((unsigned char)s[n]) || (*n_digits && s[n] && strchr(" -/().", s[n])); n++)
        if (isdigit((unsigned char)s[n])) ++*n_digits;
    while (n && !isdigit((unsigned char)s[n - 1])) n--;
    return n;
}

/* "2026-11-23", "23.11.2026", "11/23/26": a call may need it, and it names nobody. */
static int is_date(const char *s, size_t n)
{
    int part[4] = {0}, n_parts = 0;
    for (size_t i = 0; i < n && n_parts < 4; i++) {
        if (isdigit((unsigned char)s[i]))
            part[n_parts]++;
        else if (strchr("-./", s[i]) && part[n_parts])
            n_parts++;
        else
            return 0;
    }
    return n_parts == 2 && part[1] <= 2 && part[0] != 3 && part[0] <= 4 && part[2] <= 4 &&
           (part[0] == 4) + (part[2] == 4) <= 1 && part[0] + part[2] <= 6;
}

static int ends_with(const char *s, size_t n, const char *tail)
{
    size_t m = strlen(tail);
    return n > m && !strncasecmp(s + n - m, tail, m);
}

static size_t word_at(const char *s)
{
    size_t n = 0;
    while (is_word(s[n]) || (n && s[n] == '\'')) n++;
    return n;
}

static int is_street(const char *s, size_t n)
{
    static const char *const english[] = {"street", "st",    "road",   "rd",
                                          "avenue", "ave",   "lane",   "drive",
                                          "close",  "court", "square", "boulevard"};
    for (size_t i = 0; i < sizeof english / sizeof english[0]; i++)
        if (n == strlen(english[i]) && !strncasecmp(s, english[i], n)) return 1;
    return 0;
}

/* "12 Baker Street": a number, one to three capitalised words, a kind of street. */
static size_t english_street_at(const char *s)
{
    size_t n = strspn(s, "0123456789");
    if (!n || n > 5) return 0;
    if (isalpha((unsigned char)s[n]) && !is_word(s[n + 1])) n++; /* 221b */
    for (int i = 0; i < 4 && s[n] == ' '; i++) {
        const char *w = s + n + 1;
        size_t m = word_at(w);
        if (!m) return 0;
        n += 1 + m;
        if (i && is_street(w, m)) return n;
        if (!isupper((unsigned char)*w)) return 0;
    }
    return 0;
}

/* "Hauptstrasse 5": a word with the ending of a street, then a number. */
static size_t german_street_at(const char *s)
{
    static const char *const tails[] = {"strasse",
                                        "stra\xc3\x9f"
                                        "e",
                                        "str",
                                        "weg",
                                        "platz",
                                        "gasse",
                                        "allee"};
    size_t n = word_at(s), is_any = 0;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++)
        is_any |= (size_t)ends_with(s, n, tails[i]);
    if (!is_any || !isupper((unsigned char)*s)) return 0;
    n += s[n] == '.';
    if (s[n] != ' ' || !isdigit((unsigned char)s[n + 1])) return 0;
    n += 1 + strspn(s + n + 1, "0123456789");
    return isalpha((unsigned char)s[n]) && !is_word(s[n + 1]) ? n + 1 : n;
}

static size_t address_at(const char *s)
{
    size_t n = email_at(s);
    if (!n) n = web_at(s);
    if (!n) n = english_street_at(s);
    return n ? n : german_street_at(s);
}

/* ---- hiding and showing ---- */

static const struct entry *new_entry(struct lt_veil *v, const char *s, size_t n, const char *kind,
                                     int *count)
{
    char placeholder[24];
    const struct entry *known = find_word(&v->table, s, n);
    if (known || v->table.n >= LT_VEIL_MAX) return known;
    snprintf(placeholder, sizeof placeholder, "%s-%d", kind, ++*count);
    return add(&v->table, s, n, placeholder);
}

/* What is to be hidden at `s`, a place where a word begins; *n its length. NULL: nothing, and *n
 * bytes may be passed over. */
static const struct entry *hidden_at(struct lt_veil *v, const char *s, size_t *n)
{
    int n_digits;
    const struct entry *e = v->home ? at_word(&v->home->table, s) : NULL;
    const struct entry *own = at_word(&v->table, s); /* people, and what came before */
    if (own && (!e || own->n > e->n)) e = own;
    if (e) {
        *n = e->n;
        return e;
    }
    *n = v->hide & LT_HIDE_ADDRESSES ? address_at(s) : 0;
    if (*n) return new_entry(v, s, *n, "Address", &v->n_of[2]);
    *n = number_at(s, &n_digits);
    if (*n && is_date(s, *n)) return NULL; /* as a whole: its parts are no numbers either */
    if (v->hide & LT_HIDE_NUMBERS && n_digits >= MIN_DIGITS)
        return new_entry(v, s, *n, "Number", &v->n_of[1]);
    *n = 0;
    return NULL;
}

char *lt_veil_hide(struct lt_veil *v, const char *text)
{
    struct lt_buf b;
    lt_buf_init(&b, MAX_TEXT_BYTES);
    enum lt_err err = LT_OK;
    int is_inside = 0; /* of a word */
    for (const char *s = text; *s && !err;) {
        size_t n = 0;
        const struct entry *e = is_inside ? NULL : hidden_at(v, s, &n);
        if (e || n) {
            err = e ? lt_buf_adds(&b, e->placeholder) : lt_buf_add(&b, s, n);
            s += n;
            is_inside = is_word(s[-1]);
        } else {
            err = lt_buf_add(&b, s, 1);
            is_inside = is_word(*s++);
        }
    }
    if (!err) err = lt_buf_adds(&b, "");
    char *out = err ? NULL : lt_buf_take(&b);
    lt_buf_free(&b);
    return out;
}

static const struct entry *by_placeholder(const struct table *t, const char *s, size_t *n)
{
    for (size_t i = 0; i < t->n; i++) {
        size_t m = strlen(t->all[i]->placeholder);
        if (!strncasecmp(t->all[i]->placeholder, s, m) && !isdigit((unsigned char)s[m])) {
            *n = m;
            return t->all[i];
        }
    }
    return NULL;
}

/* Could a placeholder begin here? Saves the search at most places. */
static int may_be_placeholder(const char *s)
{
    static const char *const kinds[] = {"Person-", "Number-", "Address-",
                                        "Device-", "Area-",   "Floor-"};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (!strncasecmp(s, kinds[i], strlen(kinds[i]))) return 1;
    return 0;
}

char *lt_veil_show(const struct lt_veil *v, const char *text)
{
    struct lt_buf b;
    lt_buf_init(&b, MAX_TEXT_BYTES);
    enum lt_err err = LT_OK;
    int is_inside = 0;
    for (const char *s = text; *s && !err;) {
        size_t n = 0;
        const struct entry *e = NULL;
        if (!is_inside && may_be_placeholder(s)) {
            e = by_placeholder(&v->table, s, &n);
            if (!e && v->home) e = by_placeholder(&v->home->table, s, &n);
        }
        if (e) {
            err = lt_buf_adds(&b, e->word);
            s += n;
            is_inside = 1;
        } else {
            err = lt_buf_add(&b, s, 1);
            is_inside = is_word(*s++);
        }
    }
    if (!err) err = lt_buf_adds(&b, "");
    char *out = err ? NULL : lt_buf_take(&b);
    lt_buf_free(&b);
    return out;
}

json_t *lt_veil_show_json(const struct lt_veil *v, json_t *value)
{
    const char *key;
    size_t i;
    json_t *o, *item, *copy;
    if (json_is_string(value)) {
        char *text = lt_veil_show(v, json_string_value(value));
        copy = text ? json_string(text) : NULL;
        free(text);
        return copy;
    }
    if (json_is_array(value)) {
        o = json_array();
        json_array_foreach(value, i, item)
        {
            if (json_array_append_new(o, lt_veil_show_json(v, item))) goto nomem;
        }
        return o;
    }
    if (json_is_object(value)) {
        o = json_object();
        json_object_foreach(value, key, item)
        {
            if (json_object_set_new(o, key, lt_veil_show_json(v, item))) goto nomem;
        }
        return o;
    }
    return json_deep_copy(value);
nomem:
    json_decref(o);
    return NULL;
}

enum lt_err lt_veil_new(struct lt_veil_home *home, const struct lt_privacy_rules *rules,
                        struct lt_veil **out)
{
    struct lt_veil *v = calloc(1, sizeof *v);
    if (!v) return LT_ERR_NOMEM;
    v->home = home ? lt_veil_home_ref(home) : NULL;
    v->hide = rules->hide;
    for (const char *const *name = rules->names; v->hide & LT_HIDE_NAMES && name && *name; name++)
        if (**name && !new_entry(v, *name, strlen(*name), "Person", &v->n_of[0]) &&
            v->table.n < LT_VEIL_MAX) {
            lt_veil_free(v);
            return LT_ERR_NOMEM;
        }
    *out = v;
    return LT_OK;
}

void lt_veil_free(struct lt_veil *v)
{
    if (!v) return;
    lt_veil_home_unref(v->home);
    table_free(&v->table);
    free(v);
}

/* ---- a home ---- */

static int is_in(const char *const *list, const char *word)
{
    for (; list && *list; list++)
        if (!strcasecmp(*list, word)) return 1;
    return 0;
}

int lt_privacy_is_private(const struct lt_catalog *c, const char *const *private_areas,
                          const char *text)
{
    struct table t = {0};
    int is_private = 0;
    if (!private_areas || !*private_areas || !text) return 0;
    for (const char *const *a = private_areas; *a; a++)
        if (**a) add(&t, *a, strlen(*a), "");
    for (size_t i = 0; c && i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        size_t k;
        json_t *alias;
        if (!is_in(private_areas, e->area)) continue;
        if (*e->name) add(&t, e->name, strlen(e->name), "");
        json_array_foreach(e->aliases, k, alias)
        {
            if (json_string_length(alias))
                add(&t, json_string_value(alias), json_string_length(alias), "");
        }
    }
    for (const char *s = text; *s && !is_private; s++)
        is_private = (s == text || !is_word(s[-1])) && at_word(&t, s) != NULL;
    table_free(&t);
    return is_private;
}

static int add_named(struct table *t, const char *name, const char *kind, int number)
{
    char placeholder[24];
    if (!name || !*name) return 1;
    snprintf(placeholder, sizeof placeholder, "%s-%d", kind, number);
    return add(t, name, strlen(name), placeholder) != NULL;
}

/* Placeholders of everything the home has a name for. */
static enum lt_err name_home(struct lt_veil_home *h, const struct lt_catalog *c)
{
    size_t i, k;
    int ok = 1;
    json_t *area, *alias;
    const json_t *home = json_object_get(lt_catalog_json(c), "home");
    json_array_foreach(json_object_get(home, "areas"), i, area)
    {
        int number = (int)i + 1;
        ok &=
            add_named(&h->table, json_string_value(json_object_get(area, "name")), "Area", number);
        ok &= add_named(&h->table, json_string_value(json_object_get(area, "floor")), "Floor",
                        number);
        json_array_foreach(json_object_get(area, "aliases"), k, alias)
        {
            ok &= add_named(&h->table, json_string_value(alias), "Area", number);
        }
    }
    for (i = 0; i < lt_catalog_n_entities(c); i++)
        ok &= add_named(&h->table, lt_catalog_entity(c, i)->name, "Device", (int)i + 1);
    for (i = 0; i < lt_catalog_n_entities(c); i++) /* a name beats another device's alias */
        json_array_foreach(lt_catalog_entity(c, i)->aliases, k, alias)
        {
            ok &= add_named(&h->table, json_string_value(alias), "Device", (int)i + 1);
        }
    return ok ? LT_OK : LT_ERR_NOMEM;
}

static const char *outside(const struct lt_veil_home *h, const char *name)
{
    const struct entry *e = *name ? find_word(&h->table, name, strlen(name)) : NULL;
    return e ? e->placeholder : name;
}

/* "Areas: Kitchen (Downstairs), …" and one line per device. A cut summary is still true. */
static enum lt_err summarise(struct lt_veil_home *h, const struct lt_catalog *c,
                             const char *const *private_areas)
{
    struct lt_buf b;
    size_t i, n = 0;
    json_t *area;
    const json_t *home = json_object_get(lt_catalog_json(c), "home");
    lt_buf_init(&b, LT_VEIL_SUMMARY_BYTES);
    enum lt_err err = lt_buf_adds(&b, "Areas:");
    json_array_foreach(json_object_get(home, "areas"), i, area)
    {
        const char *name = json_string_value(json_object_get(area, "name"));
        const char *floor = json_string_value(json_object_get(area, "floor"));
        if (err || !name || is_in(private_areas, name)) continue;
        err = lt_buf_addf(&b, "%s %s%s%s%s", n++ ? "," : "", outside(h, name), floor ? " (" : "",
                          floor ? outside(h, floor) : "", floor ? ")" : "");
    }
    if (!err) err = lt_buf_adds(&b, "\nDevices:\n");
    for (i = 0; !err && i < lt_catalog_n_entities(c); i++) {
        const struct lt_entity *e = lt_catalog_entity(c, i);
        if (is_in(private_areas, e->area)) continue;
        err = lt_buf_addf(&b, "- %s [%s%s%s]%s%s\n", outside(h, e->name), e->domain,
                          *e->device_class ? "/" : "", e->device_class, *e->area ? " in " : "",
                          outside(h, e->area));
    }
    h->summary = err && err != LT_ERR_LIMIT ? NULL : lt_buf_take(&b);
    lt_buf_free(&b);
    return h->summary ? LT_OK : LT_ERR_NOMEM;
}

/* Replace the home's names among a schema's string values (enum, const); descriptions are words for
 * people and are read through for names. */
static json_t *veil_schema(struct lt_veil *v, json_t *value, const char *key)
{
    const char *k;
    size_t i;
    json_t *o, *item;
    if (json_is_string(value)) {
        int is_free =
            key && (!strcmp(key, "enum") || !strcmp(key, "const") || !strcmp(key, "description"));
        char *text = is_free ? lt_veil_hide(v, json_string_value(value)) : NULL;
        o = is_free ? (text ? json_string(text) : NULL) : json_copy(value);
        free(text);
        return o;
    }
    if (json_is_array(value)) {
        o = json_array();
        json_array_foreach(value, i, item) json_array_append_new(o, veil_schema(v, item, key));
        return o;
    }
    if (json_is_object(value)) {
        o = json_object();
        json_object_foreach(value, k, item) json_object_set_new(o, k, veil_schema(v, item, k));
        return o;
    }
    return json_deep_copy(value);
}

enum lt_err lt_veil_home_new(const struct lt_catalog *c, const struct lt_privacy_rules *rules,
                             struct lt_veil_home **out)
{
    struct lt_veil_home *h = calloc(1, sizeof *h);
    struct lt_veil *v = NULL;
    json_t *tools = json_object_get(lt_catalog_json(c), "tools");
    struct lt_privacy_rules home_only = {.hide = LT_HIDE_HOME};
    if (!h) return LT_ERR_NOMEM;
    h->n_refs = 1;
    enum lt_err err = rules->hide & LT_HIDE_HOME ? name_home(h, c) : LT_OK;
    if (!err) err = summarise(h, c, rules->private_areas);
    if (!err && rules->hide & LT_HIDE_HOME) {
        err = lt_veil_new(h, &home_only, &v);
        if (!err && !(h->tools_json = veil_schema(v, tools, NULL))) err = LT_ERR_NOMEM;
        lt_veil_free(v);
    } else if (!err) {
        h->tools_json = json_incref(tools);
    }
    char *text = err ? NULL : lt_json_dump(h->tools_json);
    h->tools_bytes = text ? strlen(text) : 0;
    free(text);
    if (err) {
        lt_veil_home_unref(h);
        return err;
    }
    *out = h;
    return LT_OK;
}

struct lt_veil_home *lt_veil_home_ref(struct lt_veil_home *h)
{
    __atomic_add_fetch(&h->n_refs, 1, __ATOMIC_RELAXED);
    return h;
}

size_t lt_veil_home_tools_bytes(const struct lt_veil_home *h)
{
    return h->tools_bytes;
}

void lt_veil_home_unref(struct lt_veil_home *h)
{
    if (!h || __atomic_sub_fetch(&h->n_refs, 1, __ATOMIC_ACQ_REL) > 0) return;
    table_free(&h->table);
    json_decref(h->tools_json);
    lt_cloud_tools_unref(h->tools);
    free(h->summary);
    free(h);
}

const char *lt_veil_home_summary(const struct lt_veil_home *h)
{
    return h->summary;
}

struct lt_cloud_tools *lt_veil_home_tools(struct lt_veil_home *h, struct lt_diag *diag)
{
    if (h->tools) return h->tools;
    char *text = lt_json_dump(h->tools_json);
    enum lt_err err = text ? lt_cloud_tools_new(text, strlen(text), &h->tools, diag) : LT_ERR_NOMEM;
    free(text);
    return err ? NULL : h->tools;
}
