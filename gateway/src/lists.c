/* lists.c - the shopping list and to-do lists: add, tick off, remove. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "house_int.h"

#define SHOPPING "Shopping List"

enum verb { ADD, COMPLETE, REMOVE };
static const struct {
    const char *word;
    enum verb verb;
    int is_shopping;
} verbs[] = {
    {"ShoppingListAddItem", ADD, 1},       {"ShoppingListCompleteItem", COMPLETE, 1},
    {"ShoppingListRemoveItem", REMOVE, 1}, {"ListAddItem", ADD, 0},
    {"ListCompleteItem", COMPLETE, 0},     {"ListRemoveItem", REMOVE, 0},
};
#define N_VERBS (sizeof verbs / sizeof verbs[0])

int lt__lists_is_ours(const char *verb)
{
    for (size_t i = 0; i < N_VERBS; i++)
        if (!strcmp(verbs[i].word, verb)) return 1;
    return 0;
}

/* The item that is meant: the same words, else one that begins with them. NULL: none. */
static const struct lt_item_row *find(const struct lt_house *h, const char *site, const char *list,
                                      const char *item, int is_open_only)
{
    const struct lt_item_row *near = NULL;
    for (size_t i = 0; i < h->n_items; i++) {
        const struct lt_item_row *t = h->items + i;
        if (strcmp(t->site, site) != 0 || !lt__house_same(t->list, list)) continue;
        if (is_open_only && t->is_done) continue;
        if (lt__house_same(t->item, item)) return t;
        if (!near && !strncasecmp(t->item, item, strlen(item))) near = t;
    }
    return near;
}

static size_t count(const struct lt_house *h, const char *site)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_items; i++) n += !strcmp(h->items[i].site, site);
    return n;
}

/* An item and its list in words; the shopping list has sentences of its own, without a name. */
static enum lt_house_end say(const struct lt_house_ask *ask, enum lt_house_end end, const char *key,
                             const char *list, const char *item, struct lt_house_answer *out)
{
    const char *name = strcmp(list, SHOPPING) != 0 ? list : "";
    return lt__house_say(ask, end, key, LT_HOLES({"item", item}, {"name", name}), out);
}

static enum lt_house_end add(struct lt_house *h, const struct lt_house_ask *ask, const char *tool,
                             const char *list, const char *item, struct lt_house_answer *out)
{
    struct lt_item_row t = {.added_unix_ms = ask->now_unix_ms};
    const struct lt_item_row *there = find(h, ask->site, list, item, 1);
    if (there && lt__house_same(there->item, item))
        return say(ask, LT_HOUSE_DONE, "list.has", list, item, out);
    if (count(h, ask->site) >= LT_HOUSE_ITEMS_MAX)
        return say(ask, LT_HOUSE_FAILED, "list.full", list, item, out);
    lt_ulid_next(ask->ids, ask->now_unix_ms, t.id);
    snprintf(t.site, sizeof t.site, "%s", ask->site);
    snprintf(t.list, sizeof t.list, "%s", list);
    snprintf(t.item, sizeof t.item, "%s", item);
    if (!lt__house_change_item(h, out, NULL, &t))
        return say(ask, LT_HOUSE_FAILED, "no_memory", list, item, out);
    return say(ask, LT_HOUSE_DONE, tool, list, item, out);
}

enum lt_house_end lt__lists_call(struct lt_house *h, const struct lt_house_ask *ask,
                                 const char *word, const json_t *arguments,
                                 struct lt_house_answer *out)
{
    char list[LT_HOUSE_NAME_MAX + 1] = SHOPPING, item[LT_HOUSE_TEXT_MAX + 1], tool[64];
    size_t k = 0;
    while (k < N_VERBS && strcmp(verbs[k].word, word) != 0) k++;
    if (k == N_VERBS) return LT_HOUSE_NOT_OURS;
    snprintf(tool, sizeof tool, "Hass%.40s", word);
    if (!verbs[k].is_shopping) lt__house_text(arguments, "name", list, sizeof list);
    lt__house_text(arguments, "item", item, sizeof item);
    if (!*list || !*item)
        return lt__house_say(ask, LT_HOUSE_ASKS, *list ? "need.item" : "need.list", NULL, out);
    if (verbs[k].verb == ADD) return add(h, ask, tool, list, item, out);
    const struct lt_item_row *t = find(h, ask->site, list, item, verbs[k].verb == COMPLETE);
    if (!t) return say(ask, LT_HOUSE_FAILED, "list.lacks", list, item, out);
    struct lt_item_row before = *t, after = *t;
    after.is_done = 1;
    if (!lt__house_change_item(h, out, &before, verbs[k].verb == COMPLETE ? &after : NULL))
        return say(ask, LT_HOUSE_FAILED, "no_memory", list, item, out);
    return say(ask, LT_HOUSE_DONE, tool, before.list, before.item, out);
}
