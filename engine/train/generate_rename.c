/* generate_rename.c - a tool under new names, so that only reading its block can give them.
 *
 * Names are split into words, words are replaced by others of the same sense, their order turns,
 * prefixes and suffixes come and go, and one of seven spellings puts them together. A few tools
 * get names that say nothing ("fn_17"), where a description says it. The tables hold only words
 * that stay true: "set" does not become "adjust", because a sibling may be the one that adjusts. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

#define SYNONYMS_MAX 6

static const char *const tool_words[][SYNONYMS_MAX] = {
    {"set", "put", "assign", "set"},
    {"get", "fetch", "read", "query", "retrieve"},
    {"query", "get", "lookup", "check"},
    {"read", "get", "fetch", "tell"},
    {"check", "get", "query", "look up"},
    {"create", "make", "new", "add"},
    {"add", "insert", "append", "put"},
    {"delete", "remove", "erase", "drop"},
    {"remove", "delete", "erase", "take off"},
    {"cancel", "call off", "abort", "drop"},
    {"start", "begin", "launch", "kick off"},
    {"send", "deliver", "dispatch"},
    {"find", "search", "look for", "locate"},
    {"search", "find", "look for"},
    {"show", "display", "present"},
    {"book", "reserve"},
    {"reserve", "book"},
    {"call", "ring", "phone"},
    {"increase", "raise", "bump up"},
    {"decrease", "lower", "reduce"},
    {"enable", "switch on", "activate"},
    {"disable", "switch off", "deactivate"},
    {"control", "manage", "operate"},
    {"order", "request"},
    {"recommend", "suggest"},
    {"update", "refresh", "edit"},
    {"report", "notify"},
    {"light", "lamp", "lighting"},
    {"lights", "lamps", "lighting"},
    {"temperature", "temp", "degrees"},
    {"message", "msg", "text"},
    {"email", "mail", "e mail"},
    {"timer", "countdown"},
    {"alarm", "wake up"},
    {"calendar", "agenda", "diary"},
    {"event", "appointment", "entry"},
    {"restaurant", "eatery", "place to eat"},
    {"weather", "forecast", "meteo"},
    {"music", "tunes", "audio"},
    {"song", "track", "title"},
    {"room", "area", "zone"},
    {"car", "vehicle", "auto"},
    {"cabin", "interior", "car"},
    {"seat", "chair"},
    {"volume", "loudness", "sound level"},
    {"brightness", "dimming", "light level"},
    {"account", "acct"},
    {"balance", "funds"},
    {"payment", "pay"},
    {"money", "cash", "funds"},
    {"transfer", "move"},
    {"recipe", "dish"},
    {"food", "meal"},
    {"flight", "plane"},
    {"hotel", "lodging", "accommodation"},
    {"taxi", "cab"},
    {"train", "rail"},
    {"traffic", "road conditions"},
    {"navigation", "nav", "route"},
    {"reminder", "nudge"},
    {"list", "checklist", "collection"},
    {"note", "memo", "jotting"},
    {"contact", "person", "address book"},
    {"phone", "mobile", "telephone"},
    {"photo", "picture", "image"},
    {"definition", "meaning"},
    {"news", "headlines"},
    {"status", "state", "info"},
    {"speed", "pace"},
    {"blinds", "shades", "window covers"},
    {"vacuum", "hoover", "robot cleaner"},
    {"thermostat", "heating", "climate"},
    {"climate", "hvac", "air con"},
};

static const char *const param_words[][SYNONYMS_MAX] = {
    {"temperature", "temp", "degrees", "value"},
    {"temp", "temperature", "degrees"},
    {"degrees", "temperature", "deg"},
    {"room", "area", "zone", "location", "where"},
    {"area", "room", "zone", "space"},
    {"zone", "area", "section"},
    {"name", "label", "title", "called"},
    {"label", "name", "tag"},
    {"title", "name", "subject", "heading"},
    {"date", "day", "on day", "when"},
    {"day", "date", "on day"},
    {"time", "at", "clock time", "time of day"},
    {"duration", "length", "how long"},
    {"minutes", "mins", "min", "n minutes"},
    {"hours", "hrs", "h"},
    {"seconds", "secs", "s"},
    {"amount", "quantity", "how much", "amt"},
    {"quantity", "count", "amount", "qty"},
    {"count", "number", "qty", "how many"},
    {"number", "num"},
    {"destination", "target", "dest", "to place"},
    {"location", "place", "loc", "position"},
    {"place", "location", "spot"},
    {"city", "town", "place"},
    {"contact", "person", "who", "recipient"},
    {"recipient", "to", "receiver", "addressee"},
    {"person", "who", "contact"},
    {"message", "text", "body", "content", "msg"},
    {"text", "content", "body"},
    {"item", "thing", "product", "article"},
    {"list", "list name", "which list"},
    {"level", "lvl", "setting", "step"},
    {"percent", "pct", "percentage", "value"},
    {"percentage", "percent", "pct"},
    {"brightness", "dim level", "luminosity", "bri"},
    {"color", "colour", "hue"},
    {"colour", "color", "hue"},
    {"position", "pos"},
    {"volume", "vol", "loudness"},
    {"mode", "setting"},
    {"direction", "dir", "way"},
    {"speed", "rate", "pace"},
    {"song", "track", "title"},
    {"artist", "performer", "singer", "by"},
    {"genre", "style", "kind of music"},
    {"query", "search", "q", "terms", "what"},
    {"unit", "units"},
    {"account", "acct", "which account"},
    {"currency", "curr", "money unit"},
    {"type", "kind", "sort", "category"},
    {"category", "type", "group"},
    {"state", "status"},
    {"action", "op", "operation", "what to do"},
    {"device", "appliance", "gadget", "unit"},
    {"dish", "food", "meal"},
    {"date range", "period", "span"},
    {"seat", "chair"},
};

static const char *const tool_prefix[] = {"do",   "my",  "api", "user", "assistant", "sys",
                                          "home", "svc", "app", "cmd",  "run",       "x"};
static const char *const tool_suffix[] = {"tool",    "action", "request", "v2", "cmd",
                                          "service", "now",    "fn",      "op", "skill"};

enum spelling { SNAKE, CAMEL, PASCAL, KEBAB, DOTTED, SPACED, UPPER, SPELLINGS };

/* How often a spelling is chosen for tools, and for parameters. */
static const double tool_spelling[SPELLINGS] = {0.44, 0.20, 0.14, 0.06, 0.07, 0.07, 0.02};
static const double param_spelling[SPELLINGS] = {0.66, 0.22, 0.04, 0.05, 0.01, 0.02, 0};

static const char *synonym(struct gen_rng *r, const char *word, int of_tools)
{
    const char *const(*table)[SYNONYMS_MAX] = of_tools ? tool_words : param_words;
    size_t n = of_tools ? sizeof tool_words / sizeof *tool_words
                        : sizeof param_words / sizeof *param_words;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(table[i][0], word)) continue;
        size_t k = 0;
        while (k < SYNONYMS_MAX && table[i][k]) k++;
        return table[i][1 + gen_below(r, k - 1)];
    }
    return word;
}

/* Put words together. Each word may itself hold blanks. */
static void join_words(struct gen_text *out, const char *const *words, int n, enum spelling how)
{
    char flat[256];
    size_t len = 0;
    gen_text_clear(out);
    for (int i = 0; i < n; i++)
        len += (size_t)snprintf(flat + len, sizeof flat - len, "%s%s", i ? " " : "", words[i]),
            len = len < sizeof flat ? len : sizeof flat - 1;
    int start = 1, first = 1;
    for (const char *p = flat; *p; p++) {
        char c = *p;
        if (c == ' ' || c == '\'' || c == '-') {
            if (!start) {
                static const char *const mark[SPELLINGS] = {"_", "", "", "-", ".", " ", "_"};
                gen_text_adds(out, mark[how]);
            }
            start = 1;
            continue;
        }
        int big = how == UPPER || (start && (how == PASCAL || (how == CAMEL && !first)));
        if (big) c = (char)toupper((unsigned char)c);
        gen_text_add(out, &c, 1);
        start = first = 0;
    }
}

static void rename_words(struct gen_rng *r, const char *name, int of_tools, double p_synonym,
                         enum spelling how, struct gen_text *out)
{
    char w[GEN_WORDS_MAX][GEN_WORD_BYTES];
    const char *words[GEN_WORDS_MAX + 2];
    int n = gen_split_name(name, w), m = 0;
    int from = of_tools && n > 1 && !strcmp(w[0], "hass") ? 1 : 0;
    if (of_tools && gen_chance(r, 0.12)) words[m++] = GEN_PICK(r, tool_prefix);
    int body = m;
    for (int i = from; i < n; i++)
        words[m++] = gen_chance(r, p_synonym) ? synonym(r, w[i], of_tools) : w[i];
    if (of_tools && m - body >= 2 && gen_chance(r, 0.25)) { /* "create_event" -> "event_create" */
        const char *first = words[body];
        for (int i = body; i + 1 < m; i++) words[i] = words[i + 1];
        words[m - 1] = first;
    }
    if (of_tools && gen_chance(r, 0.10)) words[m++] = GEN_PICK(r, tool_suffix);
    if (!m) words[m++] = "value";
    join_words(out, words, m, how);
    if (!out->n) gen_text_adds(out, name);
}

static void opaque_name(struct gen_rng *r, struct gen_text *out)
{
    static const char *const stem[] = {"fn_", "tool_", "f",      "action", "cmd-",
                                       "op_", "t",     "skill_", "func"};
    char s[32];
    if (gen_chance(r, 0.5))
        snprintf(s, sizeof s, "%s%u", GEN_PICK(r, stem), gen_below(r, 100));
    else
        snprintf(s, sizeof s, "%s%c", GEN_PICK(r, stem), 'a' + (int)gen_below(r, 26));
    gen_text_clear(out);
    gen_text_adds(out, s);
}

/* The first clause of a description, or its first words. New reference. */
static json_t *shortened(struct gen_rng *r, const char *text)
{
    size_t n = strcspn(text, ".;,:(");
    if (gen_chance(r, 0.4) || n < 8) {
        size_t words = 3 + gen_below(r, 4);
        for (n = 0; text[n]; n++)
            if (text[n] == ' ' && !--words) break;
    }
    while (n && (text[n - 1] == ' ' || text[n - 1] == ',')) n--;
    json_t *s = json_stringn(text, n);
    return s ? s : json_string(text);
}

/* A description in other typing: without its full stop, or in lower case. */
static json_t *retyped(struct gen_rng *r, const char *text)
{
    char s[600];
    snprintf(s, sizeof s, "%s", text);
    size_t n = strlen(s);
    if (n && s[n - 1] == '.' && gen_chance(r, 0.5)) s[n - 1] = 0;
    if (gen_chance(r, 0.2)) gen_lower(s);
    json_t *out = json_string(s);
    return out ? out : json_string(text);
}

static json_t *reordered(struct gen_rng *r, const json_t *list)
{
    int order[64], n = (int)json_array_size(list);
    if (n > 64) return json_copy((json_t *)(uintptr_t)list);
    for (int i = 0; i < n; i++) order[i] = i;
    gen_shuffle_ints(r, order, n);
    json_t *out = json_array();
    for (int i = 0; i < n; i++) json_array_append(out, json_array_get(list, (size_t)order[i]));
    return out;
}

void gen_variant_clear(struct gen_variant *v)
{
    json_decref(v->tool);
    json_decref(v->params);
    memset(v, 0, sizeof *v);
}

/* Parameters of home tools that say what is meant; consumers know them by name. */
static int is_target(const char *key, const json_t *prop)
{
    static const char *const names[] = {"name", "area", "floor", "domain", "device_class", "state"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(key, names[i])) return 1;
    return json_object_get(prop, "x-entity") || json_object_get(prop, "x-area") ||
           json_object_get(prop, "x-floor");
}

/* Properties of the variant; fills v->params and the new list of required ones. */
static json_t *variant_properties(struct gen_rng *r, enum gen_style style, const json_t *props,
                                  const json_t *keep, int fixed_params, enum spelling how,
                                  int must_describe, struct gen_variant *v)
{
    const char *keys[128];
    int order[128], n = 0;
    void *it = json_object_iter((json_t *)(uintptr_t)props);
    for (; it && n < 128; it = json_object_iter_next((json_t *)(uintptr_t)props, it))
        keys[n++] = json_object_iter_key(it);
    for (int i = 0; i < n; i++) order[i] = i;
    if (style == GEN_STYLE_RENAMED || (style == GEN_STYLE_REWORDED && gen_chance(r, 0.5)))
        gen_shuffle_ints(r, order, n);
    double drop = style == GEN_STYLE_TERSE ? 0.7 : style == GEN_STYLE_RENAMED ? 0.3 : 0.0;
    if (must_describe) drop = 0;
    double renamed = gen_chance(r, 0.25) ? 0.0 : 0.7; /* a quarter keeps all its parameters */
    json_t *out = json_object();
    for (int i = 0; i < n; i++) {
        const char *key = keys[order[i]];
        json_t *prop = json_copy(json_object_get(props, key));
        struct gen_text name;
        gen_text_clear(&name);
        if (style == GEN_STYLE_RENAMED && !(fixed_params && is_target(key, prop))) {
            rename_words(r, key, 0, renamed, how, &name);
            if (json_object_get(out, name.s)) gen_text_clear(&name);
        }
        if (!name.n) gen_text_adds(&name, key);
        if (json_object_get(out, name.s)) { /* two parameters must not fall together */
            char more[16];
            snprintf(more, sizeof more, "_%d", i + 2);
            gen_text_adds(&name, more);
        }
        const char *text = json_string_value(json_object_get(prop, "description"));
        int coded = keep && json_object_get(keep, key);
        if (text && !coded && gen_chance(r, drop))
            json_object_del(prop, "description");
        else if (text && style == GEN_STYLE_RENAMED)
            json_object_set_new(prop, "description", retyped(r, text));
        json_t *options = json_object_get(prop, "enum");
        if (options && style != GEN_STYLE_ORIGINAL && gen_chance(r, 0.5))
            json_object_set_new(prop, "enum", reordered(r, options));
        json_object_set_new(out, name.s, prop);
        json_object_set_new(v->params, key, json_string(name.s));
    }
    return out;
}

int gen_variant_make(struct gen_rng *r, enum gen_style style, json_t *tool,
                     const char *const *descriptions, int n_descriptions, const json_t *keep,
                     int fixed_params, struct gen_variant *v)
{
    const char *name = json_string_value(json_object_get(tool, "name"));
    const char *text = json_string_value(json_object_get(tool, "description"));
    const json_t *schema = json_object_get(tool, "parameters");
    memset(v, 0, sizeof *v);
    v->original = name;
    v->function = -1;
    v->params = json_object();
    if (style == GEN_STYLE_ORIGINAL) {
        const char *key;
        json_t *p;
        json_object_foreach(json_object_get(schema, "properties"), key, p)
            json_object_set_new(v->params, key, json_string(key));
        v->tool = json_incref(tool);
        return v->params != NULL;
    }

    struct gen_text shown;
    gen_text_clear(&shown);
    enum spelling how = (enum spelling)gen_weighted(r, tool_spelling, SPELLINGS);
    int opaque = style == GEN_STYLE_RENAMED && text && *text && gen_chance(r, 0.07);
    if (opaque)
        opaque_name(r, &shown);
    else if (style == GEN_STYLE_RENAMED)
        rename_words(r, name, 1, 0.45, how, &shown);
    else
        gen_text_adds(&shown, name);

    json_t *out = json_object();
    json_object_set_new(out, "name", json_string(shown.s));
    double x = gen_unit(r);
    if (text) {
        const char *other =
            n_descriptions ? descriptions[gen_below(r, (size_t)n_descriptions)] : text;
        if (style == GEN_STYLE_REWORDED || opaque)
            json_object_set_new(out, "description", json_string(other));
        else if (style == GEN_STYLE_TERSE && x < 0.5)
            json_object_set_new(out, "description", shortened(r, text));
        else if (style == GEN_STYLE_RENAMED && x < 0.40)
            json_object_set_new(out, "description", retyped(r, text));
        else if (style == GEN_STYLE_RENAMED && x < 0.68)
            json_object_set_new(out, "description", retyped(r, other));
        else if (style == GEN_STYLE_RENAMED && x < 0.84)
            json_object_set_new(out, "description", shortened(r, text));
        /* otherwise the name alone has to say it */
    }

    enum spelling param_how = how == SNAKE || how == CAMEL || how == KEBAB
                                  ? how
                                  : (enum spelling)gen_weighted(r, param_spelling, SPELLINGS);
    json_t *props = variant_properties(r, style, json_object_get(schema, "properties"), keep,
                                       fixed_params, param_how, opaque, v);
    json_t *required = json_array(), *one;
    size_t i;
    json_array_foreach(json_object_get(schema, "required"), i, one)
    {
        json_t *to = json_object_get(v->params, json_string_value(one));
        if (to) json_array_append(required, to);
    }
    json_t *parameters =
        json_pack("{s:s,s:o,s:o}", "type", "object", "properties", props, "required", required);
    json_object_set_new(out, "parameters", parameters);
    v->tool = out;
    return parameters && v->params;
}
