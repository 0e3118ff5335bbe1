/* generate_lexicon.c - functions composed from words: a verb's wordings over a noun and its names.
 *
 * The teacher's phrases teach how people ask; few of them can teach that a telescope's "scope" or a
 * "digger" is named so, or that "call off" is to cancel. engine/data/lexicon.json holds such words by
 * the hundred, and this file multiplies them: nouns of one class are dealt out to categories, each
 * noun with two or three verbs of its class, so that within a category the noun or the verb alone
 * never tells. What comes out has the form of a teacher's file and goes the same way. */
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

#define NOUNS_PER_CATEGORY 7
#define VERBS_PER_CATEGORY 10
#define DEALS              2 /* how often each noun is dealt */
#define VERBS_PER_NOUN     3
#define VERBS_MAX          256 /* verbs of a class */
#define NAMES_MAX          6   /* names of a noun */
#define PHRASES_MAX        32  /* of a function; drawn when there are more */
#define NAME_BYTES         64
#define INSTANCE_WORDINGS  4   /* least wordings of such a function */
#define INSTANCES          0.6 /* share of the verbs of a category that ask which one is meant */

struct noun {
    char name[NAMES_MAX][NAME_BYTES];
    int n;
    const char *instance; /* slot that tells which one is meant, or NULL: there is but one */
};

static const json_t *member(const json_t *o, const char *key)
{
    return json_object_get(o, key);
}

static const char *pick_text(struct gen_rng *r, const json_t *list)
{
    return json_string_value(json_array_get(list, gen_below(r, json_array_size(list))));
}

/* "light bulb|bulb" */
static void read_noun(const char *text, struct noun *out)
{
    out->n = 0;
    out->instance = NULL;
    while (*text && out->n < NAMES_MAX) {
        size_t n = strcspn(text, "|");
        snprintf(out->name[out->n++], NAME_BYTES, "%.*s", (int)n, text);
        text += n + (text[n] == '|');
    }
}

static int shares_name(const struct noun *a, const struct noun *b)
{
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if (gen_share_word(a->name[i], b->name[k])) return 1;
    return 0;
}

static int is_near(const json_t *a, const json_t *b)
{
    size_t i;
    json_t *x;
    const char *id_a = json_string_value(member(a, "id")),
               *id_b = json_string_value(member(b, "id"));
    json_array_foreach(member(a, "near"), i, x) if (!strcmp(json_string_value(x), id_b)) return 1;
    json_array_foreach(member(b, "near"), i, x) if (!strcmp(json_string_value(x), id_a)) return 1;
    return 0;
}

static void plural(const char *noun, struct gen_text *t)
{
    size_t n = strlen(noun);
    gen_text_adds(t, noun);
    if (!n || noun[n - 1] == 's') return;
    if (noun[n - 1] == 'y' && n > 1 && !strchr("aeiou", noun[n - 2])) {
        gen_text_erase(t, t->n - 1, 1);
        gen_text_adds(t, "ies");
    } else if (noun[n - 1] == 'x' || (n > 1 && noun[n - 1] == 'h' && strchr("cs", noun[n - 2]))) {
        gen_text_adds(t, "es");
    } else {
        gen_text_adds(t, "s");
    }
}

/* The wording with {n} and {N} replaced; other slots stay. */
static void put_noun(struct gen_rng *r, const char *wording, const struct noun *noun, int names,
                     struct gen_text *t)
{
    const char *name = noun->name[gen_below(r, (size_t)(names < noun->n ? names : noun->n))];
    gen_text_clear(t);
    for (const char *at = wording; *at;) {
        if (!strncmp(at, "{n}", 3) || !strncmp(at, "{N}", 3)) {
            if (!strncmp(name, "the ", 4) && t->n >= 4 && !strcmp(t->s + t->n - 4, "the "))
                gen_text_erase(t, t->n - 4, 4);
            if (at[1] == 'n')
                gen_text_adds(t, name);
            else
                plural(name, t);
            at += 3;
        } else {
            gen_text_add(t, at++, 1);
        }
    }
}

/* ---- one of many ----------------------------------------------------------------------------- */

/* What tells the single ones of a class apart, as slots of relation_args; a class without a row has
 * but one of each. */
static const struct {
    const char *class, *slot[4];
} instances[] = {{"person", {"inst_person", "inst_person", "inst_person", "inst_person"}},
                 {"device", {"inst_thing", "inst_code", "inst_number", "inst_thing"}},
                 {"vehicle", {"inst_thing", "inst_code", "inst_number", "inst_thing"}},
                 {"place", {"inst_thing", "inst_code", "inst_number", "inst_thing"}},
                 {"document", {"inst_code", "inst_person", "inst_thing", "inst_number"}},
                 {"order", {"inst_code", "inst_person", "inst_number", "inst_code"}},
                 {"case", {"inst_code", "inst_person", "inst_number", "inst_thing"}},
                 {"collection", {"inst_thing", "inst_thing", "inst_person", "inst_thing"}},
                 {"animal", {"inst_thing", "inst_thing", "inst_number", "inst_person"}},
                 {"plant", {"inst_thing", "inst_code", "inst_number", "inst_code"}},
                 {"event", {"inst_thing", "inst_person", "inst_thing", "inst_code"}},
                 {"trip", {"inst_thing", "inst_code", "inst_person", "inst_thing"}},
                 {"account", {"inst_person", "inst_code", "inst_person", "inst_thing"}},
                 {"batch", {"inst_code", "inst_number", "inst_code", "inst_thing"}},
                 {"container", {"inst_code", "inst_number", "inst_code", "inst_thing"}},
                 {"structure", {"inst_thing", "inst_code", "inst_number", "inst_thing"}},
                 {"crew", {"inst_thing", "inst_person", "inst_number", "inst_thing"}},
                 {"match", {"inst_thing", "inst_number", "inst_code", "inst_thing"}},
                 {"lesson", {"inst_person", "inst_code", "inst_thing", "inst_number"}},
                 {"loan", {"inst_code", "inst_number", "inst_thing", "inst_code"}},
                 {"sample", {"inst_code", "inst_person", "inst_number", "inst_code"}},
                 {"property", {"inst_code", "inst_thing", "inst_number", "inst_person"}},
                 {"field", {"inst_thing", "inst_thing", "inst_number", "inst_code"}},
                 {"aimed", {"inst_code", "inst_number", "inst_thing", "inst_code"}},
                 {"server", {"inst_code", "inst_thing", "inst_number", "inst_code"}}};

static const char *instance_slot(struct gen_rng *r, const char *class)
{
    for (size_t i = 0; i < sizeof instances / sizeof *instances; i++)
        if (!strcmp(class, instances[i].class)) return instances[i].slot[gen_below(r, 4)];
    return NULL;
}

static void erase_end(struct gen_text *t, const char *end)
{
    size_t n = strlen(end);
    if (t->n < n || strcmp(t->s + t->n - n, end)) return;
    if (t->n > n && t->s[t->n - n - 1] != ' ') return;
    gen_text_erase(t, t->n - n, n);
}

/* A wording with the single one in the place of its {n}: "start Eagle", "start the Eagle crane", "start
 * crane 4". 0 if the wording has no {n}, has two, or is about the lot of them. */
static int put_instance(struct gen_rng *r, const char *wording, const struct noun *noun,
                        struct gen_text *t)
{
    static const char *const articles[] = {"the ", "The ", "a ", "that ", "this ", "our ", "my "};
    const char *hole = strstr(wording, "{n}");
    const char *name = noun->name[gen_below(r, (size_t)noun->n)];
    if (!hole || strstr(hole + 3, "{n}") || strstr(wording, "{N}")) return 0;
    int is_number = !strcmp(noun->instance, "inst_number");
    int form = is_number ? 2 : gen_chance(r, 0.6) ? 0 : gen_chance(r, 0.5) ? 1 : 2;
    if (!strncmp(name, "the ", 4)) name += 4;
    gen_text_clear(t);
    gen_text_add(t, wording, (size_t)(hole - wording));
    if (form != 1)
        for (size_t i = 0; i < sizeof articles / sizeof *articles; i++) erase_end(t, articles[i]);
    if (form == 2) {
        gen_text_adds(t, is_number && gen_chance(r, 0.2) ? "number" : name);
        gen_text_adds(t, " ");
    }
    gen_text_adds(t, "{");
    gen_text_adds(t, noun->instance);
    gen_text_adds(t, "}");
    if (form == 1) {
        gen_text_adds(t, " ");
        gen_text_adds(t, name);
    }
    gen_text_adds(t, hole + 3);
    return !t->over;
}

/* ---- one function ---------------------------------------------------------------------------- */

/* "needs" is one argument or a list of them. */
static int is_needed(const json_t *verb, const char *arg)
{
    const json_t *needs = member(verb, "needs"), *one;
    if (json_is_string(needs)) return !strcmp(json_string_value(needs), arg);
    for (size_t i = 0; i < json_array_size(needs); i++) {
        one = json_array_get(needs, i);
        if (json_is_string(one) && !strcmp(json_string_value(one), arg)) return 1;
    }
    return 0;
}

/* The type is that of the values: "int", or what "type" says of values under "say" (a number said in
 * words, a flag that a word sets); else a string. */
static json_t *property(struct gen_rng *r, const json_t *arg)
{
    json_t *p = json_object(), *row;
    size_t i;
    if (member(arg, "int")) {
        json_object_set_new(p, "type", json_string("integer"));
        json_object_set_new(p, "minimum", json_integer(0));
        json_object_set(p, "maximum", (json_t *)(uintptr_t)member(arg, "max"));
    } else {
        const char *type = json_string_value(member(arg, "type"));
        json_object_set_new(p, "type", json_string(type ? type : "string"));
    }
    if (member(arg, "enum")) {
        json_t *values = json_array();
        json_array_foreach(member(arg, "enum"), i, row)
            json_array_append(values, json_array_get(row, 0));
        json_object_set_new(p, "enum", values);
    }
    if (gen_chance(r, 0.6) && member(arg, "about"))
        json_object_set_new(p, "description", json_string(pick_text(r, member(arg, "about"))));
    return p;
}

/* Name words become snake_case; how a name is really spelt the renaming decides later. */
static void put_words(struct gen_text *t, const char *words)
{
    for (; *words; words++) gen_text_add(t, *words == ' ' ? "_" : words, 1);
}

/* The parameter that tells which one is meant. */
static void add_instance(struct gen_rng *r, const struct noun *noun, const char *noun_name,
                         json_t *props, json_t *map, json_t *required)
{
    static const char *const others[] = {"name", "which", "id", "target", "label"};
    static const char *const about[] = {"which {n}", "name of the {n}", "the {n} that is meant",
                                        "{n}"};
    struct gen_text name = {0}, text = {0};
    put_words(&name, gen_chance(r, 0.7) ? noun_name : GEN_PICK(r, others));
    if (gen_chance(r, 0.15)) gen_text_adds(&name, gen_chance(r, 0.5) ? "_name" : "_id");
    if (member(props, name.s)) gen_text_adds(&name, "_ref");
    json_t *p =
        json_pack("{s:s}", "type", strcmp(noun->instance, "inst_number") ? "string" : "integer");
    put_noun(r, GEN_PICK(r, about), noun, 2, &text);
    if (gen_chance(r, 0.4)) json_object_set_new(p, "description", json_string(text.s));
    json_object_set_new(props, name.s, p);
    json_object_set_new(map, noun->instance, json_string(name.s));
    json_array_append_new(required, json_string(name.s));
}

static json_t *schema(struct gen_rng *r, const json_t *lexicon, const json_t *verb,
                      const struct noun *noun, int number)
{
    json_t *props = json_object(), *map = json_object(), *required = json_array(), *wordings;
    const char *arg, *noun_name = noun->name[number && noun->n > 1];
    const char *verb_name = number ? pick_text(r, member(verb, "schema"))
                                   : json_string_value(json_array_get(member(verb, "schema"), 0));
    struct gen_text name = {0}, about = {0};
    if (noun->instance) add_instance(r, noun, noun_name, props, map, required);
    json_object_foreach((json_t *)(uintptr_t)member(verb, "with"), arg, wordings)
    {
        if (number == 2 && !is_needed(verb, arg)) continue; /* the terse one */
        const json_t *spec = member(member(lexicon, "args"), arg);
        const char *p = pick_text(r, member(spec, "names"));
        if (!spec || !p || member(props, p)) continue;
        json_object_set_new(props, p, property(r, spec));
        json_object_set_new(map, arg, json_string(p));
        if (is_needed(verb, arg)) json_array_append_new(required, json_string(p));
    }
    put_words(&name, gen_chance(r, 0.75) ? verb_name : noun_name);
    gen_text_adds(&name, "_");
    put_words(&name, !strncmp(name.s, verb_name, 3) ? noun_name : verb_name);
    put_noun(r, pick_text(r, member(verb, "about")), noun, 2, &about);
    json_t *out = json_pack("{s:s,s:s,s:{s:s,s:o,s:o},s:o}", "name", name.s, "description",
                            number == 2 && gen_chance(r, 0.5) ? "" : about.s, "parameters", "type",
                            "object", "properties", props, "required", required, "map", map);
    return out;
}

static void add_wordings(struct gen_rng *r, const json_t *list, const struct noun *noun,
                         struct gen_text *t, json_t *out)
{
    int order[PHRASES_MAX * 2], n = 0;
    for (size_t i = 0; i < json_array_size(list) && n < PHRASES_MAX * 2; i++) order[n++] = (int)i;
    gen_shuffle_ints(r, order, n);
    for (int i = 0; i < n && json_array_size(out) < PHRASES_MAX; i++) {
        const char *wording = json_string_value(json_array_get(list, (size_t)order[i]));
        int ok = 1;
        if (noun->instance)
            ok = put_instance(r, wording, noun, t);
        else
            put_noun(r, wording, noun, NAMES_MAX, t);
        if (ok && !t->over) json_array_append_new(out, json_string(t->s));
    }
}

/* The function of a verb over a noun; NULL if the verb has too few wordings for one of many. */
static json_t *compose(struct gen_rng *r, const json_t *lexicon, const json_t *verb,
                       const struct noun *noun, int number)
{
    json_t *schemas = json_array(), *utterances = json_array(), *wordings;
    const char *arg;
    struct gen_text t = {0};
    char id[96];
    add_wordings(r, member(verb, "say"), noun, &t, utterances);
    json_object_foreach((json_t *)(uintptr_t)member(verb, "with"), arg, wordings)
        add_wordings(r, wordings, noun, &t, utterances);
    if (noun->instance && json_array_size(utterances) < INSTANCE_WORDINGS) {
        json_decref(schemas);
        json_decref(utterances);
        return NULL;
    }
    for (int i = 0; i < 3; i++) json_array_append_new(schemas, schema(r, lexicon, verb, noun, i));
    snprintf(id, sizeof id, "%s_%d", json_string_value(member(verb, "id")), number);
    return json_pack("{s:s,s:o,s:o}", "id", id, "schemas", schemas, "utterances", utterances);
}

/* ---- categories ------------------------------------------------------------------------------ */

/* Slots of all categories: what may stand for an argument. */
static json_t *slots_of(const json_t *lexicon)
{
    static const char *const inst[][2] = {
        {"inst_person", "person"}, {"inst_thing", "thing"}, {"inst_code", "code"}};
    json_t *slots = json_object(), *spec, *row, *word;
    const char *arg;
    size_t i, k;
    json_object_foreach((json_t *)(uintptr_t)member(lexicon, "args"), arg, spec)
    {
        if (member(spec, "int")) {
            json_object_set_new(slots, arg, json_pack("{s:O}", "int", member(spec, "int")));
        } else if (member(spec, "say")) {
            json_object_set(slots, arg, (json_t *)(uintptr_t)member(spec, "say"));
        } else {
            json_t *values = json_array();
            json_array_foreach(member(spec, "enum"), i, row) json_array_foreach(row, k, word) if (k)
                json_array_append_new(
                    values, json_pack("{s:O,s:O}", "say", word, "value", json_array_get(row, 0)));
            json_object_set_new(slots, arg, values);
        }
    }
    const json_t *of_worlds = member(lexicon, "relation_args");
    for (i = 0; i < sizeof inst / sizeof *inst; i++)
        if ((spec = json_object_get(member(of_worlds, inst[i][1]), "say")))
            json_object_set(slots, inst[i][0], spec);
    json_object_set_new(slots, "inst_number", json_pack("{s:[i,i]}", "int", 1, 60));
    return slots;
}

/* Verbs of a class in random order; at most GEN_VERBS_MAX. */
static int verbs_of(struct gen_rng *r, const json_t *lexicon, const char *class, const json_t **out,
                    int cap)
{
    int order[VERBS_MAX], n = 0;
    size_t i, k;
    json_t *verb, *on;
    json_array_foreach(member(lexicon, "verbs"), i, verb) json_array_foreach(
        member(verb, "on"), k, on) if (n < VERBS_MAX && !strcmp(json_string_value(on), class))
        order[n++] = (int)i;
    gen_shuffle_ints(r, order, n);
    if (n > cap) n = cap;
    for (int j = 0; j < n; j++) out[j] = json_array_get(member(lexicon, "verbs"), (size_t)order[j]);
    return n;
}

static int is_on(const json_t *verb, const char *class)
{
    size_t i;
    json_t *on;
    json_array_foreach(member(verb, "on"), i,
                       on) if (!strcmp(json_string_value(on), class)) return 1;
    return 0;
}

/* Lines that none of the category's functions serves: other verbs of the class over its nouns, not
 * near those that the noun has ("near" tells of verbs of one class only). */
static json_t *nothing_of(struct gen_rng *r, const json_t *lexicon, const char *class,
                          const struct noun *nouns, const uint32_t *has, const json_t **verbs,
                          int n_verbs, int n_nouns)
{
    json_t *out = json_array();
    const json_t *all = member(lexicon, "verbs");
    struct gen_text t = {0};
    for (int tries = 0; tries < 2000 && json_array_size(out) < 16; tries++) {
        const json_t *verb = json_array_get(all, gen_below(r, json_array_size(all)));
        int i = (int)gen_below(r, (size_t)n_nouns), ok = json_array_size(member(verb, "say")) > 0;
        ok = ok && is_on(verb, class);
        for (int k = 0; ok && k < n_verbs; k++)
            ok = !(has[i] >> k & 1) || (verbs[k] != verb && !is_near(verbs[k], verb));
        if (!ok) continue;
        put_noun(r, pick_text(r, member(verb, "say")), &nouns[i], NAMES_MAX, &t);
        json_array_append_new(out, json_string(t.s));
    }
    return out;
}

/* A category over `n` nouns of one class, in the form of a teacher's file. */
static json_t *category(struct gen_rng *r, const json_t *lexicon, const char *class,
                        const struct noun *nouns, int n, int number)
{
    const json_t *verbs[VERBS_PER_CATEGORY];
    int owner[VERBS_PER_CATEGORY]; /* noun that the verb asks for one of, or -1: it is any noun's */
    int n_verbs = verbs_of(r, lexicon, class, verbs, VERBS_PER_CATEGORY), made = 0;
    uint32_t has[NOUNS_PER_CATEGORY] = {0};
    json_t *functions = json_array();
    char name[64];
    for (int k = 0; k < n_verbs; k++) {
        /* "start Eagle" does not say what Eagle is, so no other noun may have that verb */
        int ok = gen_chance(r, INSTANCES);
        for (int j = 0; ok && j < k; j++) ok = owner[j] < 0 || !is_near(verbs[j], verbs[k]);
        owner[k] = ok ? (int)gen_below(r, (size_t)n) : -1;
    }
    for (int i = 0; i < n; i++) {
        int from = (int)gen_below(r, (size_t)n_verbs), given = 0;
        for (int k = 0; k < n_verbs && given < VERBS_PER_NOUN; k++) {
            int at = (from + k) % n_verbs, ok = owner[at] < 0 || owner[at] == i;
            for (int j = 0; ok && j < n_verbs; j++)
                ok = !(has[i] >> j & 1) || !is_near(verbs[j], verbs[at]);
            if (!ok) continue;
            struct noun one = nouns[i];
            if (owner[at] == i) one.instance = instance_slot(r, class);
            json_t *function = one.instance ? compose(r, lexicon, verbs[at], &one, made) : NULL;
            if (!function) function = compose(r, lexicon, verbs[at], &nouns[i], made);
            json_array_append_new(functions, function);
            has[i] |= 1u << at;
            given++;
            made++;
        }
    }
    snprintf(name, sizeof name, "lexicon_%s_%d", class, number);
    return json_pack("{s:s,s:o,s:o,s:o}", "category", name, "slots", slots_of(lexicon), "functions",
                     functions, "nothing",
                     nothing_of(r, lexicon, class, nouns, has, verbs, n_verbs, n));
}

/* ---- relations: several arguments of one world ------------------------------------------------ */

#define WORLDS              110 /* categories of relations */
#define RELATIONS_PER_WORLD 10
#define RELATIONS_MAX       256

struct world { /* what its persons, things and places are called in schemas */
    const char *person, *thing, *spot, *unit;
};

/* Words of a schema or description: {person}, {thing}, {spot} and {unit} are the world's. In what
 * people say only {unit} and {person_role} are; the others stay slots, but {thing}s. */
static void put_world(const struct world *w, const char *text, int is_said, struct gen_text *t)
{
    const struct {
        const char *mark, *word;
        int in_speech;
    } rows[] = {{"{person_role}", w->person, 1}, {"{unit}", w->unit, 1},
                {"{spot}", w->spot, 1},          {"{thing}s", w->thing, 2},
                {"{thing}", w->thing, 0},        {"{person}", w->person, 0}};
    gen_text_clear(t);
    for (const char *at = text; *at;) {
        size_t i = 0, n = sizeof rows / sizeof *rows;
        while (i < n &&
               (strncmp(at, rows[i].mark, strlen(rows[i].mark)) || (is_said && !rows[i].in_speech)))
            i++;
        if (i == n) {
            gen_text_add(t, at++, 1);
            continue;
        }
        gen_text_adds(t, rows[i].word);
        if (rows[i].in_speech == 2) gen_text_adds(t, "s");
        at += strlen(rows[i].mark);
        if (*at == 's' && t->n && t->s[t->n - 1] == 's') gen_text_adds(t, "e"); /* witnesses */
    }
}

/* Name of the parameter that takes the argument, in this world. */
static const char *role_of(struct gen_rng *r, const struct world *w, const char *arg)
{
    static const char *const counts[] = {"days", "nights", "duration", "length_of_stay"};
    static const char *const amounts[] = {"amount", "value", "quantity", "number"};
    static const char *const money[] = {"euros", "amount", "sum"};
    static const char *const when[] = {"date", "when", "day", "slot", "time"};
    static const char *const others[][4] = {{"second", "partner", "with", "second_person"},
                                            {"other", "second", "other_one", "and"},
                                            {"to_code", "to", "target", "destination"},
                                            {"percent", "percent_off", "rate", "pct"},
                                            {"clock", "time", "at", "hour"},
                                            {"weekday", "day", "repeat", "every"},
                                            {"note", "text", "remark", "words"},
                                            {"reason", "cause", "why", "because"},
                                            {"minutes", "mins", "duration", "minutes"},
                                            {"stars", "rating", "score", "points"},
                                            {"colour", "color", "shade", "paint"},
                                            {"city", "town", "destination", "to"},
                                            {"phone", "number", "phone_number", "tel"},
                                            {"degrees", "temperature", "temp", "celsius"},
                                            {"item", "product", "what", "goods"},
                                            {"weight", "kilograms", "kg", "mass"},
                                            {"seconds", "secs", "duration", "length"},
                                            {"number", "no", "num", "count"},
                                            {"year", "in_year", "yyyy", "when"}};
    if (!strcmp(arg, "person")) return gen_chance(r, 0.75) ? w->person : "name";
    if (!strcmp(arg, "thing")) return gen_chance(r, 0.8) ? w->thing : "title";
    if (!strcmp(arg, "code")) return gen_chance(r, 0.8) ? w->spot : "place";
    if (!strcmp(arg, "amount")) return gen_chance(r, 0.6) ? w->unit : GEN_PICK(r, amounts);
    if (!strcmp(arg, "count")) return GEN_PICK(r, counts);
    if (!strcmp(arg, "euros")) return GEN_PICK(r, money);
    if (!strcmp(arg, "date")) return GEN_PICK(r, when);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (!strcmp(arg, others[i][0])) return others[i][gen_below(r, 4)];
    return arg;
}

static json_t *relation_property(const json_t *lexicon, const json_t *relation, const char *arg)
{
    const json_t *spec = member(member(lexicon, "relation_args"), arg);
    json_t *values = (json_t *)(uintptr_t)member(member(relation, "enum"), arg);
    if (values) return json_pack("{s:s,s:O}", "type", "string", "enum", values);
    if (member(spec, "bool")) return json_pack("{s:s}", "type", "boolean");
    if (member(spec, "int") || member(spec, "float"))
        return json_pack("{s:s,s:i,s:O}", "type", member(spec, "int") ? "integer" : "number",
                         "minimum", 0, "maximum", member(spec, "max"));
    return json_pack("{s:s}", "type", "string");
}

static json_t *relation_schema(struct gen_rng *r, const json_t *lexicon, const json_t *relation,
                               const struct world *w)
{
    json_t *props = json_object(), *map = json_object(), *required = json_array(), *must;
    struct gen_text words = {0}, name = {0}, about = {0};
    const char *arg;
    json_object_foreach((json_t *)(uintptr_t)member(relation, "args"), arg, must)
    {
        const char *role = role_of(r, w, arg);
        if (member(props, role)) role = arg;
        json_object_set_new(props, role, relation_property(lexicon, relation, arg));
        json_object_set_new(map, arg, json_string(role));
        if (json_integer_value(must)) json_array_append_new(required, json_string(role));
    }
    put_world(w, pick_text(r, member(relation, "schema")), 0, &words);
    put_words(&name, words.s);
    put_world(w, pick_text(r, member(relation, "about")), 0, &about);
    return json_pack("{s:s,s:s,s:{s:s,s:o,s:o},s:o}", "name", name.s, "description", about.s,
                     "parameters", "type", "object", "properties", props, "required", required,
                     "map", map);
}

static json_t *relation_function(struct gen_rng *r, const json_t *lexicon, const json_t *relation,
                                 const struct world *w)
{
    json_t *schemas = json_array(), *utterances = json_array(), *say;
    struct gen_text t = {0};
    size_t i;
    for (int k = 0; k < 3; k++)
        json_array_append_new(schemas, relation_schema(r, lexicon, relation, w));
    json_array_foreach(member(relation, "say"), i, say)
    {
        const char *text =
            json_is_string(say) ? json_string_value(say) : json_string_value(member(say, "u"));
        put_world(w, text, 1, &t);
        json_array_append_new(utterances,
                              json_is_string(say)
                                  ? json_string(t.s)
                                  : json_pack("{s:s,s:O}", "u", t.s, "args", member(say, "args")));
    }
    return json_pack("{s:O,s:o,s:o}", "id", member(relation, "id"), "schemas", schemas,
                     "utterances", utterances);
}

static json_t *relation_slots(const json_t *lexicon)
{
    json_t *slots = json_object(), *spec;
    const char *arg;
    json_object_foreach((json_t *)(uintptr_t)member(lexicon, "relation_args"), arg, spec)
    {
        if (member(spec, "say"))
            json_object_set(slots, arg, (json_t *)(uintptr_t)member(spec, "say"));
        else if (member(spec, "int"))
            json_object_set_new(slots, arg, json_pack("{s:O}", "int", member(spec, "int")));
        else if (member(spec, "float"))
            json_object_set_new(slots, arg, json_pack("{s:O}", "float", member(spec, "float")));
    }
    return slots;
}

static json_t *world_category(struct gen_rng *r, const json_t *lexicon, int number)
{
    const json_t *roles = member(lexicon, "roles"), *all = member(lexicon, "relations");
    const struct world w = {
        pick_text(r, member(roles, "person")), pick_text(r, member(roles, "thing")),
        pick_text(r, member(roles, "spot")), pick_text(r, member(lexicon, "units"))};
    const json_t *chosen[RELATIONS_PER_WORLD];
    json_t *functions = json_array(), *nothing = json_array(), *say;
    int order[RELATIONS_MAX], n = 0, n_all = 0;
    struct gen_text t = {0};
    char name[40];
    for (size_t i = 0; i < json_array_size(all) && n_all < RELATIONS_MAX; i++)
        order[n_all++] = (int)i;
    gen_shuffle_ints(r, order, n_all);
    for (int i = 0; i < n_all; i++) {
        const json_t *one = json_array_get(all, (size_t)order[i]);
        int ok = 1;
        for (int k = 0; ok && k < n; k++) ok = !is_near(chosen[k], one);
        if (!ok) continue;
        if (n < RELATIONS_PER_WORLD) {
            chosen[n++] = one;
            json_array_append_new(functions, relation_function(r, lexicon, one, &w));
            continue;
        }
        size_t k; /* what the others serve, nothing serves here */
        json_array_foreach(member(one, "say"), k, say)
        {
            const char *text = json_string_value(say);
            if (!text || strchr(text, '{')) continue;
            put_world(&w, text, 1, &t);
            json_array_append_new(nothing, json_string(t.s));
        }
    }
    snprintf(name, sizeof name, "lexicon_world_%d", number);
    return json_pack("{s:s,s:o,s:o,s:o}", "category", name, "slots", relation_slots(lexicon),
                     "functions", functions, "nothing", nothing);
}

static enum lt_err add_composed(struct gen_teacher *t, json_t *root, const char *path,
                                struct lt_diag *diag)
{
    enum lt_err err = root ? gen_teacher_add(t, root, path, diag)
                           : lt_fail(diag, LT_ERR_PARSE, "%s: incomplete", path);
    json_decref(root);
    if (!err) t->cat[t->n_cat - 1].is_composed = 1;
    return err;
}

enum lt_err gen_lexicon_load(struct gen_teacher *t, const char *path, uint64_t seed,
                             struct lt_diag *diag)
{
    json_error_t je;
    struct gen_rng r;
    enum lt_err err = LT_OK;
    json_t *lexicon = json_load_file(path, 0, &je), *list;
    const char *class;
    if (!lexicon) return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line, je.text);
    gen_seed(&r, seed, UINT64_C(0x6c657869));
    json_object_foreach((json_t *)(uintptr_t)member(lexicon, "nouns"), class, list)
    {
        int order[512], n = 0, number = 0;
        for (int deal = 0; deal < DEALS; deal++)
            for (size_t i = 0; i < json_array_size(list) && n < 512; i++) order[n++] = (int)i;
        gen_shuffle_ints(&r, order, n);
        for (int at = 0; at < n && !err;) {
            struct noun nouns[NOUNS_PER_CATEGORY];
            int have = 0;
            for (; at < n && have < NOUNS_PER_CATEGORY; at++) {
                read_noun(json_string_value(json_array_get(list, (size_t)order[at])), &nouns[have]);
                int ok = 1;
                for (int k = 0; ok && k < have; k++) ok = !shares_name(&nouns[k], &nouns[have]);
                have += ok; /* one that shares a word is left out this time */
            }
            err = add_composed(t, category(&r, lexicon, class, nouns, have, number++), path, diag);
        }
    }
    for (int i = 0; i < WORLDS && !err && member(lexicon, "relations"); i++)
        err = add_composed(t, world_category(&r, lexicon, i), path, diag);
    json_decref(lexicon);
    return err;
}
