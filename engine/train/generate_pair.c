/* generate_pair.c - one sentence over a home that means two calls and says the shared words once:
 * "the kitchen and hallway lights", "turn on the lamp and set it to blue". */
#include <stdio.h>
#include <string.h>

#include "generate_phrase.h"

/* Of the cases where two commands share words, those whose second says "it" or "them". */
#define AGAIN_SHARE 0.35

/* How often two devices by name are looked for among those whose names share a word. */
#define SHARED_TRIES 0.8

/* "kitchen" and "hallway" -> "kitchen and the hallway" where an article stands before the first. */
static int say_both(struct gen_rng *r, const char *phrase, const char *placeholder, char *first,
                    size_t cap, const char *second)
{
    const char *at = strstr(phrase, placeholder);
    if (!at || strstr(at + 1, placeholder) || at[strlen(placeholder)] == '\'') return 0;
    int has_article = at - phrase >= 4 && !memcmp(at - 4, "the ", 4);
    size_t n = strlen(first);
    const char *with =
        has_article && !gen_starts_possessive(second) && gen_chance(r, 0.6) ? " and the " : " and ";
    return (size_t)snprintf(first + n, cap - n, "%s%s", with, second) < cap - n;
}

/* A word that the names of e and f share and nothing else in the home has: "bedside" of Bedside Left and
 * Bedside Right. */
static int shared_word(const struct gen_home *h, int e, int f, char out[GEN_WORD_BYTES])
{
    char words[GEN_WORDS_MAX][GEN_WORD_BYTES];
    const int n = gen_split_name(h->e[e].name, words);

    for (int w = 0; w < n; w++) {
        int is_taken = strlen(words[w]) < 3 || (words[w][0] >= '0' && words[w][0] <= '9') ||
                       !gen_share_word(words[w], h->e[f].name);

        for (int i = 0; i < h->n_area && !is_taken; i++)
            is_taken = gen_find_words(h->area[i].name, words[w]) != NULL;
        for (int i = 0; i < h->n && !is_taken; i++)
            is_taken = i != e && i != f && gen_find_words(h->e[i].name, words[w]);
        if (is_taken) continue;
        memcpy(out, words[w], GEN_WORD_BYTES);
        return 1;
    }
    return 0;
}

/* "the bedside lights": two devices of one kind by the word that only their names share. f: the other, set
 * where there is one. */
static int say_shared(struct gen_rng *r, const struct gen_home *h, int e, int *f, char *out,
                      size_t cap)
{
    static const struct {
        const char *domain, *device_class, *nouns[2];
    } kinds[] = {{"light", "", {"lights", "lamps"}},
                 {"fan", "", {"fans", "fans"}},
                 {"cover", "blind", {"blinds", "blinds"}},
                 {"cover", "curtain", {"curtains", "curtains"}},
                 {"cover", "shutter", {"shutters", "shutters"}},
                 {"cover", "shade", {"shades", "shades"}},
                 {"cover", "window", {"windows", "windows"}}};
    const struct gen_entity *en = &h->e[e];
    char word[GEN_WORD_BYTES];

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        if (strcmp(en->domain, kinds[k].domain) ||
            (*kinds[k].device_class && strcmp(en->device_class, kinds[k].device_class)))
            continue;
        for (int i = 0; i < h->n; i++) {
            const char *noun = kinds[k].nouns[gen_below(r, 2)];

            if (i == e || strcmp(h->e[i].domain, en->domain) ||
                strcmp(h->e[i].device_class, en->device_class) || !shared_word(h, e, i, word) ||
                gen_find_words(noun, word))
                continue;
            *f = i;
            snprintf(out, cap, gen_chance(r, 0.4) ? "both %s %s" : "%s %s", word, noun);
            return 1;
        }
    }
    return 0;
}

/* "turn off the kitchen and hallway lights", "set the lamp and the chandelier to 20": the command
 * for each of the two. */
static int pair_once(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    int form = gen_chance(r, 0.5) ? GEN_BY_AREA : GEN_BY_NAME, e = -1, f = -1, ok = 0;
    int is_shared = 0;
    const struct gen_entry *en = gen_pick_entry(gg, h, form);
    const json_t *props = en ? gen_tool_properties(gg, en->tool) : NULL;
    if (!props || en->with_name || en->any_kind || !en->domain) return 0;
    const char *phrase = gen_pick_phrase(r, en, form);
    struct gen_saying s = {.name = ""};
    char said[2][200] = {"", ""};
    const char *area[2] = {"", ""};
    if (form == GEN_BY_AREA) {
        if (h->n_area < 2) return 0;
        for (int k = 0; k < 2; k++) {
            const struct gen_area *a = &h->area[gen_below(r, (size_t)h->n_area)];
            area[k] = a->name;
            gen_say_area(r, a, k ? said[1] : s.area, sizeof s.area);
            if (!gen_home_count(h, en->domain, en->device_class, a->name, "", NULL)) return 0;
        }
        if (!strcmp(area[0], area[1]) ||
            !say_both(r, phrase, "{area}", s.area, sizeof s.area, said[1]))
            return 0;
    } else {
        e = gen_pick_entity(r, en, h);
        f = gen_pick_entity(r, en, h);
        if (e >= 0 && gen_chance(r, SHARED_TRIES) && say_shared(r, h, e, &f, s.name, sizeof s.name))
            is_shared = 1;
        if (is_shared && f < e) { /* in the order of the home */
            const int first = f;

            f = e;
            e = first;
        }
        if (e < 0 || f < 0 || e == f || gen_same_text(h->e[e].name, h->e[f].name)) return 0;
        gen_say_name(r, h, e, NULL, said[0], sizeof said[0]);
        gen_say_name(r, h, f, NULL, said[1], sizeof said[1]);
        if (!is_shared) {
            snprintf(s.name, sizeof s.name, "%s", said[0]);
            if (!say_both(r, phrase, "{name}", s.name, sizeof s.name, said[1])) return 0;
        } else if (strstr(phrase, "{name}'")) {
            return 0;
        }
    }
    json_t *args[2] = {json_copy(en->args), NULL};
    gen_text_clear(&d->text);
    const struct gen_variant *v = gen_home_tool(gg, en->tool);
    if (v && gen_fill(r, &gg->g->values, en->slots, phrase, gen_fill_placeholder, &s, args[0],
                      &d->text)) {
        args[1] = json_copy(args[0]);
        ok = !d->text.over && d->text.n <= GEN_PART_BYTES;
        for (int k = 0; ok && k < 2; k++)
            ok = form == GEN_BY_AREA ? gen_target_by_place(en, h, props, area[k], "", args[k])
                                     : gen_target_by_name(h, k ? f : e, props, 0, args[k]);
        ok = ok && (form == GEN_BY_AREA ? !gen_home_mentions(h, d->text.s, -1)
                                        : !gen_names_a_third(h, d->text.s, e, said[0], f, said[1]));
    }
    if (ok) {
        for (int k = 0; k < 2; k++) d->calls[k] = (struct gen_call){.v = v, .args = args[k]};
        d->n_calls = 2;
    } else {
        json_decref(args[0]);
        json_decref(args[1]);
    }
    return ok;
}

/* One command by a device's name, a second one by "it"; by a room, and by "them". */
static int again_once(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    struct gen_rng *r = &gg->r;
    int form = gen_chance(r, 0.6) ? GEN_BY_NAME : GEN_BY_AREA, e = -1, ok = 0;
    const struct gen_entry *en[2] = {gen_pick_entry(gg, h, form),
                                     gen_pick_entry(gg, h, GEN_BY_NAME)};
    struct gen_saying said = {.name = ""}, again = {.name = "it"};
    const char *area = "";
    if (!en[0] || !en[1] || !strcmp(en[0]->tool, en[1]->tool)) return 0;
    for (int k = 0; k < 2; k++)
        if (!en[k]->domain || en[k]->with_name || en[k]->any_kind ||
            !strcmp(en[k]->domain, "todo") || strcmp(en[k]->domain, en[0]->domain) ||
            !strcmp(en[k]->tool, "HassGetState"))
            return 0;
    if (form == GEN_BY_NAME) {
        e = gen_pick_entity(r, en[0], h);
        if (e < 0 || !gen_kind_matches(&h->e[e], en[1]->domain, en[1]->device_class)) return 0;
        gen_say_name(r, h, e, NULL, said.name, sizeof said.name);
    } else {
        if (!h->n_area) return 0;
        const struct gen_area *a = &h->area[gen_below(r, (size_t)h->n_area)];
        area = a->name;
        gen_say_area(r, a, said.area, sizeof said.area);
        snprintf(again.name, sizeof again.name, "them");
        for (int k = 0; k < 2; k++)
            if (gen_home_count(h, en[k]->domain, en[k]->device_class, area, "", NULL) < 2) return 0;
    }
    struct gen_draft part[2];
    memset(part, 0, sizeof part);
    for (int k = 0; k < 2; k++) {
        const struct gen_variant *v = gen_home_tool(gg, en[k]->tool);
        const json_t *props = gen_tool_properties(gg, en[k]->tool);
        const char *phrase = gen_pick_phrase(r, en[k], k ? GEN_BY_NAME : form);
        json_t *args = json_copy(en[k]->args);
        ok = v && props && !strstr(phrase, "{name}'") &&
             gen_fill(r, &gg->g->values, en[k]->slots, phrase, gen_fill_placeholder,
                      k ? &again : &said, args, &part[k].text) &&
             (form == GEN_BY_NAME ? gen_target_by_name(h, e, props, 0, args)
                                  : gen_target_by_place(en[k], h, props, area, "", args));
        part[k].calls[0] = (struct gen_call){.v = v, .args = args};
        part[k].n_calls = 1;
        ok = ok && gen_phrase_can_join(&part[k], 0);
        ok = ok && (form == GEN_BY_NAME && !k ? !gen_names_another(h, part[k].text.s, e, said.name)
                                              : !gen_home_mentions(h, part[k].text.s, -1));
        if (!ok) break;
    }
    ok = ok && gen_join(r, d, part, 2);
    for (int k = 0; k < 2; k++) gen_draft_clear(&part[k]);
    return ok;
}

int gen_phrase_pair(struct gen_group *gg, const struct gen_home *h, struct gen_draft *d)
{
    int is_again = gen_chance(&gg->r, AGAIN_SHARE);
    for (int i = 0; i < 3 * GEN_TRIES; i++)
        if (is_again ? again_once(gg, h, d) : pair_once(gg, h, d)) return 1;
    return 0;
}
