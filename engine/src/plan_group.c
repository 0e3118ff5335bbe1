/* plan_group.c - a home's entities grouped by what they have in common.
 *
 * Three groupings, made once when a home is planned (n log n) and read at every utterance:
 *
 *   profile   entities of one domain and device class. A tool's schema filters by these two alone, so
 *             "is there a light that this tool takes in that room?" is a question about the room's
 *             few profiles, not about its devices.
 *   area      entities by the area they stand in, and profiles by area and floor.
 *   name      names and aliases in order, so that those who share one are found by halving. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "plan_build.h"

struct key {
    const char *domain, *cls;
    int area, index;
};

static int by_profile(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int d = strcmp(x->domain, y->domain);
    if (!d) d = strcmp(x->cls, y->cls);
    return d ? d : x->index - y->index;
}

static int by_domain(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int d = strcmp(x->domain, y->domain);
    return d ? d : (x->area > y->area) - (x->area < y->area);
}

static int by_owner(const void *a, const void *b)
{
    const struct san_name_owner *x = a, *y = b;
    int d = strcasecmp(x->name, y->name);
    return d ? d : x->entity - y->entity;
}

static int has_name(const struct san_entity *e, const char *name)
{
    int found = !strcasecmp(e->name, name);
    for (int i = 0; i < e->n_alias && !found; i++) found = !strcasecmp(e->alias[i], name);
    return found;
}

/* How many entities share a domain, or a domain and area. */
static void count_likes(struct san_home_plan *h, struct key *k)
{
    qsort(k, (size_t)h->n_entities, sizeof *k, by_domain);
    for (int i = 0; i < h->n_entities;) {
        int j = i;
        while (j < h->n_entities && !strcmp(k[j].domain, k[i].domain)) j++;
        for (int a = i; a < j;) {
            int b = a;
            while (b < j && k[b].area == k[a].area) b++;
            for (int x = a; x < b; x++) {
                h->entities[k[x].index].n_like = j - i;
                h->entities[k[x].index].n_like_here = b - a;
            }
            a = b;
        }
        i = j;
    }
}

static enum lt_err group_profiles(struct san_home_plan *h, struct key *k)
{
    h->profiles = calloc((size_t)h->n_entities + 1, sizeof *h->profiles);
    if (!h->profiles) return LT_ERR_NOMEM;
    qsort(k, (size_t)h->n_entities, sizeof *k, by_profile);
    for (int i = 0; i < h->n_entities; i++) {
        int is_new = !i || strcmp(k[i].domain, k[i - 1].domain) || strcmp(k[i].cls, k[i - 1].cls);
        h->n_profiles += is_new;
        struct san_profile *p = &h->profiles[h->n_profiles - 1];
        p->n++;
        p->entity = k[i].index;
        h->entities[k[i].index].profile = h->n_profiles - 1;
    }
    return LT_OK;
}

static enum lt_err group_areas(struct san_home_plan *h)
{
    size_t n = (size_t)h->n_entities;
    h->area_entity = malloc((n + 1) * sizeof *h->area_entity);
    h->area_entity_off = calloc((size_t)h->n_areas + 2, sizeof *h->area_entity_off);
    if (!h->area_entity || !h->area_entity_off) return LT_ERR_NOMEM;
    int *off = h->area_entity_off;
    for (int i = 0; i < h->n_entities; i++)
        if (h->entities[i].area >= 0) off[h->entities[i].area + 2]++;
    for (int a = 0; a < h->n_areas; a++) off[a + 1] += off[a];
    for (int i = 0; i < h->n_entities; i++)
        if (h->entities[i].area >= 0) h->area_entity[off[h->entities[i].area + 1]++] = i;
    return LT_OK;
}

/* Add entity i to the shares [first, *n) of a place; slot[profile] is where its share stands. */
static void share_add(struct san_profile_share *s, int first, int *n, int *slot, int profile, int i,
                      int count)
{
    int at = slot[profile];
    if (at < first || at >= *n || s[at].profile != profile) {
        at = slot[profile] = (*n)++;
        s[at] = (struct san_profile_share){.profile = profile};
    }
    s[at].n += count;
    s[at].entity = i;
}

static enum lt_err share_places(struct san_home_plan *h)
{
    size_t most = (size_t)h->n_entities + 1;
    int *slot = calloc((size_t)h->n_profiles + 1, sizeof *slot), n = 0;
    h->area_share = malloc(most * sizeof *h->area_share);
    h->floor_share = malloc(most * sizeof *h->floor_share);
    h->area_share_off = calloc((size_t)h->n_areas + 1, sizeof *h->area_share_off);
    h->floor_share_off = calloc((size_t)h->n_floors + 1, sizeof *h->floor_share_off);
    if (!slot || !h->area_share || !h->floor_share || !h->area_share_off || !h->floor_share_off) {
        free(slot);
        return LT_ERR_NOMEM;
    }
    for (int a = 0; a < h->n_areas; a++) {
        int first = n;
        for (int k = h->area_entity_off[a]; k < h->area_entity_off[a + 1]; k++)
            share_add(h->area_share, first, &n, slot, h->entities[h->area_entity[k]].profile,
                      h->area_entity[k], 1);
        h->area_share_off[a + 1] = n;
    }
    n = 0;
    for (int f = 0; f < h->n_floors; f++) {
        int first = n;
        for (int a = 0; a < h->n_areas; a++)
            for (int k = h->area_share_off[a];
                 h->areas[a].floor == f && k < h->area_share_off[a + 1]; k++)
                share_add(h->floor_share, first, &n, slot, h->area_share[k].profile,
                          h->area_share[k].entity, h->area_share[k].n);
        h->floor_share_off[f + 1] = n;
    }
    free(slot);
    return LT_OK;
}

static enum lt_err group_names(struct san_home_plan *h)
{
    size_t n = 0;
    for (int i = 0; i < h->n_entities; i++) n += 1 + (size_t)h->entities[i].n_alias;
    h->owners = calloc(n + 1, sizeof *h->owners);
    if (!h->owners) return LT_ERR_NOMEM;
    for (int i = 0; i < h->n_entities; i++) {
        h->owners[h->n_owners++] = (struct san_name_owner){h->entities[i].name, i};
        for (int a = 0; a < h->entities[i].n_alias; a++)
            h->owners[h->n_owners++] = (struct san_name_owner){h->entities[i].alias[a], i};
    }
    qsort(h->owners, n, sizeof *h->owners, by_owner);
    for (size_t i = 1; i < n; i++) {
        struct san_entity *x = &h->entities[h->owners[i - 1].entity],
                          *y = &h->entities[h->owners[i].entity];
        if (x == y || strcasecmp(h->owners[i - 1].name, h->owners[i].name)) continue;
        if (has_name(y, x->name)) x->is_name_shared = 1;
        if (has_name(x, y->name)) y->is_name_shared = 1;
    }
    return LT_OK;
}

enum lt_err san__home_group(struct san_home_plan *h)
{
    struct key *k = calloc((size_t)h->n_entities + 1, sizeof *k);
    if (!k) return LT_ERR_NOMEM;
    for (int i = 0; i < h->n_entities; i++) {
        const struct san_entity *e = &h->entities[i];
        k[i] = (struct key){e->domain, e->device_class ? e->device_class : "", e->area, i};
    }
    count_likes(h, k);
    enum lt_err err = group_profiles(h, k);
    free(k);
    if (!err) err = group_areas(h);
    if (!err) err = share_places(h);
    return err ? err : group_names(h);
}

void san__home_group_free(struct san_home_plan *h)
{
    free(h->profiles);
    free(h->area_share);
    free(h->area_share_off);
    free(h->floor_share);
    free(h->floor_share_off);
    free(h->area_entity);
    free(h->area_entity_off);
    free(h->owners);
}

int san__home_named(const struct san_home_plan *h, const char *name, int *n)
{
    int low = 0, high = h->n_owners;
    while (low < high) {
        int mid = (low + high) / 2;
        if (strcasecmp(h->owners[mid].name, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *n = 0;
    while (low + *n < h->n_owners && !strcasecmp(h->owners[low + *n].name, name)) ++*n;
    return low;
}
