/* generate_abroad.c - home phrases in other languages, over the homes of the data files.
 *
 * The files of other languages are translated templates: nine lines in ten set a light or add to a
 * list, all are said to "Sie". So a share of their lines (`own_abroad_share` of the mix) gives way to
 * phrases of our own, engine/data/abroad.json, where every kind of command is as frequent as another.
 * A device is said by its name, or by its kind where the home has one such device. */
#include <stdio.h>
#include <string.h>

#include "generate_internal.h"

static enum lt_err check_entries(const json_t *language, const char *path, size_t number,
                                 struct lt_diag *diag)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(language, "entries"), i, e)
    {
        if (!json_is_string(json_object_get(e, "tool")) ||
            !json_is_string(json_object_get(e, "domain")) ||
            json_array_size(json_object_get(e, "say")) +
                    json_array_size(json_object_get(e, "alone")) ==
                0)
            return lt_fail(diag, LT_ERR_INVALID,
                           "%s: languages[%zu].entries[%zu] needs tool, domain and phrases", path,
                           number, i);
    }
    return LT_OK;
}

enum lt_err gen_abroad_load(json_t **out, const char *path, struct lt_diag *diag)
{
    json_error_t je;
    json_t *root = json_load_file(path, 0, &je), *list, *one;
    if (!root) return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line, je.text);
    list = json_object_get(root, "languages");
    enum lt_err err = json_is_array(list)
                          ? LT_OK
                          : lt_fail(diag, LT_ERR_INVALID, "%s: \"languages\" must be a list", path);
    size_t i;
    json_array_foreach(list, i, one)
    {
        if (err) break;
        if (!json_is_string(json_object_get(one, "homes")) ||
            !json_array_size(json_object_get(one, "entries")))
            err = lt_fail(diag, LT_ERR_INVALID, "%s: languages[%zu] needs homes and entries", path,
                          i);
        else
            err = check_entries(one, path, i, diag);
    }
    if (err) {
        json_decref(root);
        return err;
    }
    *out = root;
    return LT_OK;
}

static int say_name(void *ctx, const char *placeholder, struct gen_text *text)
{
    const char *name = ctx;
    if (strcmp(placeholder, "name") || !name) return 0;
    gen_text_adds(text, name);
    return 1;
}

/* Whether two devices have the name, or what was said holds another one's. */
static int is_doubtful(const struct gen_home *h, int e, const char *text)
{
    for (int i = 0; i < h->n; i++) {
        if (i == e || !gen_find_words(text, h->e[i].name)) continue;
        if (!gen_find_words(h->e[e].name, h->e[i].name) ||
            strlen(h->e[i].name) == strlen(h->e[e].name))
            return 1;
    }
    return 0;
}

static int phrase_once(struct gen_group *gg, const json_t *language, struct gen_draft *d)
{
    static const struct gen_values none = {0}; /* made-up names are English */
    struct gen_rng *r = &gg->r;
    const struct gen_home *h = &gg->filed;
    const json_t *entries = json_object_get(language, "entries");
    const json_t *en = json_array_get(entries, gen_below(r, json_array_size(entries)));
    const char *tool = json_string_value(json_object_get(en, "tool"));
    const char *domain = json_string_value(json_object_get(en, "domain"));
    const char *device_class = json_string_value(json_object_get(en, "device_class"));
    const json_t *say = json_object_get(en, "say"), *alone = json_object_get(en, "alone");
    int e = -1, n = gen_home_count(h, domain, device_class, "", "", &e);
    if (!n || !gen_home_offers(gg->g, h, tool)) return 0;
    int by_kind =
        n == 1 && json_array_size(alone) && (!json_array_size(say) || gen_chance(r, 0.35));
    const json_t *list = by_kind ? alone : say;
    if (!json_array_size(list)) return 0;
    for (int lot = (int)gen_below(r, (size_t)n), i = 0; !by_kind && i < h->n; i++)
        if (gen_kind_matches(&h->e[i], domain, device_class) && lot-- == 0) e = i;
    char name[200];
    snprintf(name, sizeof name, "%s", h->e[e].name);
    if (gen_chance(r, 0.4)) gen_lower(name);
    const char *phrase =
        json_string_value(json_array_get(list, gen_below(r, json_array_size(list))));
    const struct gen_variant *v = gen_home_tool(gg, tool);
    json_t *args = json_object(), *given = json_object_get(en, "args");
    if (given) json_object_update(args, given);
    gen_text_clear(&d->text);
    int ok = v && phrase &&
             gen_fill(r, &none, json_object_get(language, "slots"), phrase, say_name,
                      by_kind ? NULL : name, args, &d->text) &&
             !is_doubtful(h, e, d->text.s) && !d->text.over;
    if (!ok) {
        json_decref(args);
        return 0;
    }
    json_object_set_new(args, "name", json_string(h->e[e].name));
    d->is_unsaid = by_kind;
    d->calls[0].v = v;
    d->calls[0].args = args;
    d->n_calls = 1;
    return 1;
}

int gen_abroad_draft(struct gen_group *gg, struct gen_draft *d)
{
    const char *id = gg->filed_home >= 0 ? gg->g->home_id[gg->filed_home] : "";
    size_t i;
    json_t *language, *list = json_object_get(gg->g->abroad, "languages");
    json_array_foreach(list, i, language)
    {
        const char *prefix = json_string_value(json_object_get(language, "homes"));
        if (strncmp(id, prefix, strlen(prefix)) != 0) continue;
        for (int tries = 0; tries < GEN_TRIES; tries++)
            if (phrase_once(gg, language, d)) {
                d->kind = "abroad";
                gen_home_catalogue(gg, &gg->filed, d, NULL);
                d->home = gen_home_view(&gg->filed, NULL);
                return d->home != NULL;
            }
    }
    return 0;
}
