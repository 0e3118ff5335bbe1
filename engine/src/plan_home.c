/* plan_home.c - a home becomes one small block per entity, area, floor and kind of device.
 *
 * Entity   <ent> name {<alias> alias} <dom> domain class [<area> area [<floor> floor]]
 * Area     <area> name {<alias> alias} [<floor> floor]
 * Floor    <floor> name
 * Kind     <kind> domain, or class
 * A floor's other names ("upstairs") are phrases that it answers to and no tokens (floor_words.h).
 * Aliases are kept to as many as fit; an entity's name is never cut. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "floor_words.h"
#include "plan_build.h"

#define ALIAS_MAX 16 /* aliases of one thing that are read */

struct build {
    const struct san_pieces *v;
    struct san_home_plan *h;
    struct san__names names;
    struct san_tok_work work;
    int cap_blocks;
    struct lt_diag *diag;
};

static char *copy_text(const char *s)
{
    size_t n = strlen(s);
    char *p = malloc(n + 1);
    if (p) memcpy(p, s, n + 1);
    return p;
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s && *s ? s : NULL;
}

static void put_identifier(struct build *b, struct san__block *block, const char *name)
{
    char buf[256];
    san_identifier_words(name, buf, sizeof buf);
    san__block_words(block, b->v, buf, 8);
}

/* Close `block` as the next block of the home with one item of class cls. */
static enum lt_err put_block(struct build *b, const struct san__block *block, int cls,
                             int first_phrase, int ref, int *item)
{
    struct san_home_plan *h = b->h;
    if (h->n_blocks == b->cap_blocks) {
        int cap = b->cap_blocks ? b->cap_blocks * 2 : 64;
        struct san_block_text *blocks = realloc(h->blocks, (size_t)cap * sizeof *blocks);
        if (blocks) h->blocks = blocks;
        struct san_item *items = realloc(h->items, (size_t)cap * sizeof *items);
        if (items) h->items = items;
        if (!blocks || !items) return LT_ERR_NOMEM;
        b->cap_blocks = cap;
    }
    enum lt_err err = san__block_finish(block, &h->blocks[h->n_blocks]);
    if (err) return err;
    *item = h->n_items;
    h->items[h->n_items++] = (struct san_item){.cls = (uint8_t)cls,
                                               .block = h->n_blocks,
                                               .marker = block->marker[0],
                                               .phrase = first_phrase,
                                               .n_phrase = b->names.n_phrases - first_phrase,
                                               .ref = ref};
    h->n_blocks++;
    return LT_OK;
}

static int find_floor(const struct san_home_plan *h, const char *name)
{
    for (int i = 0; i < h->n_floors; i++)
        if (!strcasecmp(h->floors[i].name, name)) return i;
    return -1;
}

int san_home_area(const struct san_home_plan *h, const char *name)
{
    for (int i = 0; i < h->n_areas; i++)
        if (!strcasecmp(h->areas[i].name, name)) return i;
    /* an alias: the phrases behind the area's first one */
    struct san_word words[SAN_WORDS_MAX];
    int n = 0, n_all = san_words(name, strlen(name), words, SAN_WORDS_MAX);
    for (int i = 0; i < n_all; i++) /* phrases hold no punctuation */
        if (words[i].kind != SAN_WORD_PUNCT) words[n++] = words[i];
    for (int i = 0; i < h->n_areas; i++) {
        const struct san_item *it = &h->items[h->areas[i].item];
        for (int k = 0; k < it->n_phrase; k++) {
            const struct san_phrase *p = &h->phrases[it->phrase + k];
            int same = p->n == n;
            for (int j = 0; same && j < n; j++) same = h->words[p->first + j] == words[j].hash;
            if (same) return i;
        }
    }
    return -1;
}

static int find_kind(const struct san_home_plan *h, const char *name, int is_class)
{
    for (int i = 0; i < h->n_kinds; i++)
        if (h->kinds[i].is_class == is_class && !strcmp(h->kinds[i].name, name)) return i;
    return -1;
}

/* Add a name unless it is there, compared without regard to case. */
static void add_name(const char **names, int *n, const char *name)
{
    for (int i = 0; i < *n; i++)
        if (!strcasecmp(names[i], name)) return;
    names[(*n)++] = name;
}

static enum lt_err add_floor(struct build *b, const char *name, const char *const *others,
                             int n_other)
{
    struct san_home_plan *h = b->h;
    struct san_floor *floors = realloc(h->floors, ((size_t)h->n_floors + 1) * sizeof *floors);
    if (!floors) return LT_ERR_NOMEM;
    h->floors = floors;
    char *copy = copy_text(name);
    if (!copy) return LT_ERR_NOMEM;
    h->floors[h->n_floors] = (struct san_floor){.name = copy};
    h->n_floors++;
    struct san__block block = {.work = &b->work};
    san__block_mark(&block, b->v->floor);
    san__block_words(&block, b->v, name, 12);
    int first = b->names.n_phrases;
    enum lt_err err = san__names_add(&b->names, name);
    for (int i = 0; i < n_other && !err; i++) err = san__names_add(&b->names, others[i]);
    if (!err)
        err = put_block(b, &block, SAN_CLASS_FLOOR, first, h->n_floors - 1,
                        &h->floors[h->n_floors - 1].item);
    return err;
}

/* Whether a room or a device is called so, which then is meant rather than the floor. */
static int names_a_thing(const json_t *things, const char *name)
{
    size_t i, k;
    json_t *x, *alias;

    json_array_foreach(things, i, x)
    {
        const char *own = json_is_string(x) ? json_string_value(x) : text_of(x, "name");

        if (own && !strcasecmp(own, name)) return 1;
        json_array_foreach(json_object_get(x, "aliases"), k, alias)
        {
            if (json_is_string(alias) && !strcasecmp(json_string_value(alias), name)) return 1;
        }
    }
    return 0;
}

static enum lt_err add_floors(struct build *b, const json_t *floors, const json_t *areas,
                              const json_t *entities)
{
    const size_t cap = json_array_size(floors) + json_array_size(areas);
    const char **names = calloc(cap + 1, sizeof *names);
    enum lt_err err = names ? LT_OK : LT_ERR_NOMEM;
    int n = 0;
    size_t i;
    json_t *x;

    json_array_foreach(floors, i, x)
    {
        const char *name = json_is_string(x) ? json_string_value(x) : text_of(x, "name");

        if (name && !err) add_name(names, &n, name);
    }
    json_array_foreach(areas, i, x)
    {
        if (text_of(x, "floor") && !err) add_name(names, &n, text_of(x, "floor"));
    }
    for (int k = 0; k < n && !err; k++) {
        const char *others[SAN__FLOOR_WORDS];
        int n_other = 0, n_found = san__floor_words(names, n, k, others);

        for (int o = 0; o < n_found; o++)
            if (!names_a_thing(areas, others[o]) && !names_a_thing(entities, others[o]))
                others[n_other++] = others[o];
        err = add_floor(b, names[k], others, n_other);
    }
    free(names);
    return err;
}

static enum lt_err add_kind(struct build *b, const char *name, int is_class)
{
    struct san_home_plan *h = b->h;
    if (find_kind(h, name, is_class) >= 0) return LT_OK;
    struct san_kind *kinds = realloc(h->kinds, ((size_t)h->n_kinds + 1) * sizeof *kinds);
    if (!kinds) return LT_ERR_NOMEM;
    h->kinds = kinds;
    char *copy = copy_text(name);
    if (!copy) return LT_ERR_NOMEM;
    h->kinds[h->n_kinds] = (struct san_kind){.name = copy, .is_class = (uint8_t)is_class};
    h->n_kinds++;
    struct san__block block = {.work = &b->work};
    san__block_mark(&block, b->v->kind);
    put_identifier(b, &block, name);
    char buf[256];
    san_identifier_words(name, buf, sizeof buf);
    int first = b->names.n_phrases;
    enum lt_err err = san__names_add(&b->names, buf);
    if (!err)
        err = put_block(b, &block, SAN_CLASS_KIND, first, h->n_kinds - 1,
                        &h->kinds[h->n_kinds - 1].item);
    return err;
}

/* Write aliases behind a name, in the block while there is room and always as phrases. */
static enum lt_err put_aliases(struct build *b, struct san__block *block, const json_t *aliases)
{
    size_t i;
    json_t *x;
    enum lt_err err = LT_OK;
    json_array_foreach(aliases, i, x)
    {
        const char *s = json_string_value(x);
        if (!s || !*s || err || i >= ALIAS_MAX) continue;
        if (block->n_tok < SAN_BLOCK_MAX_TOKENS / 2) {
            san__block_put(block, b->v->alias);
            san__block_words(block, b->v, s, 12);
        }
        err = san__names_add(&b->names, s);
    }
    return err;
}

static enum lt_err add_area(struct build *b, const json_t *area, int i)
{
    struct san_home_plan *h = b->h;
    const char *name = json_is_string(area) ? json_string_value(area) : text_of(area, "name");
    if (!name || !*name)
        return lt_fail(b->diag, LT_ERR_INVALID, "/home/areas/%d/name: expected a non-empty string",
                       i);
    const char *floor = text_of(area, "floor");
    struct san_area *out = &h->areas[h->n_areas];
    *out = (struct san_area){.name = copy_text(name), .floor = floor ? find_floor(h, floor) : -1};
    if (!out->name) return LT_ERR_NOMEM;
    h->n_areas++;
    struct san__block block = {.work = &b->work};
    san__block_mark(&block, b->v->area);
    san__block_words(&block, b->v, name, 12);
    int first = b->names.n_phrases;
    enum lt_err err = san__names_add(&b->names, name);
    if (!err) err = put_aliases(b, &block, json_object_get(area, "aliases"));
    if (floor) {
        san__block_put(&block, b->v->floor);
        san__block_words(&block, b->v, floor, 8);
    }
    if (!err) err = put_block(b, &block, SAN_CLASS_AREA, first, h->n_areas - 1, &out->item);
    return err;
}

static enum lt_err add_entity(struct build *b, const json_t *entity, int i)
{
    struct san_home_plan *h = b->h;
    const char *id = text_of(entity, "id");
    const char *name = text_of(entity, "name");
    const char *domain = text_of(entity, "domain");
    const char *cls = text_of(entity, "device_class");
    const char *area = text_of(entity, "area");
    char from_id[64];
    if (!name)
        return lt_fail(b->diag, LT_ERR_INVALID,
                       "/home/entities/%d/name: expected a non-empty string", i);
    if (!domain && id && strchr(id, '.') && strchr(id, '.') - id < (int)sizeof from_id) {
        size_t n = (size_t)(strchr(id, '.') - id);
        memcpy(from_id, id, n);
        from_id[n] = '\0';
        domain = from_id;
    }
    if (!domain)
        return lt_fail(b->diag, LT_ERR_INVALID,
                       "/home/entities/%d/domain: expected a string such as \"light\"", i);
    struct san_entity *e = &h->entities[h->n_entities];
    *e = (struct san_entity){.id = copy_text(id ? id : name),
                             .name = copy_text(name),
                             .domain = copy_text(domain),
                             .device_class = cls ? copy_text(cls) : NULL,
                             .area = area ? san_home_area(h, area) : -1};
    h->n_entities++;
    if (!e->id || !e->name || !e->domain || (cls && !e->device_class)) return LT_ERR_NOMEM;
    const json_t *aliases = json_object_get(entity, "aliases");
    size_t n_alias = json_array_size(aliases);
    e->alias = n_alias ? calloc(n_alias, sizeof *e->alias) : NULL;
    for (size_t k = 0; e->alias && k < n_alias && k < ALIAS_MAX; k++) {
        const char *s = json_string_value(json_array_get(aliases, k));
        if (s && *s && (e->alias[e->n_alias] = copy_text(s))) e->n_alias++;
    }
    struct san__block block = {.work = &b->work};
    san__block_mark(&block, b->v->ent);
    san__block_words(&block, b->v, name, 24);
    int first = b->names.n_phrases;
    enum lt_err err = san__names_add(&b->names, name);
    if (!err) err = put_aliases(b, &block, aliases);
    san__block_put(&block, b->v->dom);
    put_identifier(b, &block, domain);
    if (cls) put_identifier(b, &block, cls);
    if (e->area >= 0) {
        san__block_put(&block, b->v->area);
        san__block_words(&block, b->v, h->areas[e->area].name, 8);
        if (h->areas[e->area].floor >= 0) {
            san__block_put(&block, b->v->floor);
            san__block_words(&block, b->v, h->floors[h->areas[e->area].floor].name, 6);
        }
    }
    if (!err) err = put_block(b, &block, SAN_CLASS_ENTITY, first, h->n_entities - 1, &e->item);
    if (!err) err = add_kind(b, domain, 0);
    if (!err && cls) err = add_kind(b, cls, 1);
    return err;
}

static enum lt_err build_home(struct build *b, const json_t *home)
{
    struct san_home_plan *h = b->h;
    const json_t *areas = json_object_get(home, "areas");
    const json_t *floors = json_object_get(home, "floors");
    const json_t *entities = json_object_get(home, "entities");
    enum lt_err err = LT_OK;
    h->here = -1;
    if ((areas && !json_is_null(areas) && !json_is_array(areas)))
        return lt_fail(b->diag, LT_ERR_INVALID, "/home/areas: expected an array");
    if (entities && !json_is_null(entities) && !json_is_array(entities))
        return lt_fail(b->diag, LT_ERR_INVALID, "/home/entities: expected an array");
    h->areas = calloc(json_array_size(areas) + 1, sizeof *h->areas);
    h->entities = calloc(json_array_size(entities) + 1, sizeof *h->entities);
    if (!h->areas || !h->entities) return LT_ERR_NOMEM;
    size_t i;
    json_t *x;
    err = add_floors(b, floors, areas, entities);
    json_array_foreach(areas, i, x) if (!err) err = add_area(b, x, (int)i);
    /* names for san_home_area, which add_entity uses */
    json_array_foreach(entities, i, x)
    {
        if (err) break;
        h->phrases = b->names.phrases;
        h->words = b->names.words;
        err = add_entity(b, x, (int)i);
    }
    h->phrases = b->names.phrases;
    h->n_phrases = b->names.n_phrases;
    h->words = b->names.words;
    h->n_words = b->names.n_words;
    b->names = (struct san__names){0};
    if (!err) err = san__home_group(h);
    const char *here = text_of(home, "here");
    if (!err && here) h->here = san_home_area(h, here);
    return err;
}

enum lt_err san_home_plan_new(const struct san_pieces *v, const json_t *home,
                              struct san_home_plan **out, struct lt_diag *diag)
{
    if (!json_is_object(home)) return lt_fail(diag, LT_ERR_INVALID, "/home: expected an object");
    struct build b = {.v = v, .diag = diag};
    b.h = calloc(1, sizeof *b.h);
    if (!b.h) return lt_fail(diag, LT_ERR_NOMEM, "out of memory planning the home");
    b.h->refs = 1;
    enum lt_err err = build_home(&b, home);
    san_tok_work_free(&b.work);
    if (err) {
        san_home_plan_unref(b.h);
        return lt_fail(diag, err, "cannot plan the home: %s", lt_strerror(err));
    }
    *out = b.h;
    return LT_OK;
}

struct san_home_plan *san_home_plan_ref(struct san_home_plan *h)
{
    __atomic_add_fetch(&h->refs, 1, __ATOMIC_RELAXED);
    return h;
}

void san_home_plan_unref(struct san_home_plan *h)
{
    if (!h || __atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL)) return;
    for (int i = 0; i < h->n_entities; i++) {
        struct san_entity *e = &h->entities[i];
        free(e->id);
        free(e->name);
        free(e->domain);
        free(e->device_class);
        for (int k = 0; k < e->n_alias; k++) free(e->alias[k]);
        free(e->alias);
    }
    for (int i = 0; i < h->n_areas; i++) free(h->areas[i].name);
    for (int i = 0; i < h->n_floors; i++) free(h->floors[i].name);
    for (int i = 0; i < h->n_kinds; i++) free(h->kinds[i].name);
    for (int i = 0; i < h->n_blocks; i++) san__block_text_free(&h->blocks[i]);
    san__home_group_free(h);
    free(h->entities);
    free(h->areas);
    free(h->floors);
    free(h->kinds);
    free(h->blocks);
    free(h->items);
    free(h->phrases);
    free(h->words);
    free(h);
}
