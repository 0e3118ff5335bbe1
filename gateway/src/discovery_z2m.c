/* discovery_z2m.c - Zigbee2MQTT's own lists, <base>/bridge/devices and <base>/bridge/groups.
 *
 * Each list is the whole truth: what is in it no more is gone. An entry that is wrong leaves what was
 * known of that device. Groups are made of their members' abilities, so they are made again whenever
 * either list changes. Keys of sources have a '#', which no topic has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"
#include "lt/json.h"

#define DEVICES    "/bridge/devices"
#define GROUPS     "/bridge/groups"
#define MAX_GROUPS 65536 /* Zigbee numbers groups with 16 bits */

enum lt_err lt__z2m_key(const struct lt_discovery *d, const char *ieee, char *out, size_t out_bytes,
                        struct lt_diag *diag)
{
    size_t n = strlen(ieee);
    for (size_t i = 0; i < n; i++)
        if (!((ieee[i] >= '0' && ieee[i] <= '9') || (ieee[i] >= 'a' && ieee[i] <= 'z') ||
              (ieee[i] >= 'A' && ieee[i] <= 'Z')))
            n = 0;
    if (!n || n > 32) return lt_fail(diag, LT_ERR_INVALID, "ieee_address: \"%.40s\" is none", ieee);
    snprintf(out, out_bytes, "%s" DEVICES "#%s", d->z2m_base, ieee);
    return LT_OK;
}

/* Forget the sources below `prefix` that the newest list does not name. */
static void sweep(struct lt_discovery *d, const char *list)
{
    char prefix[LT_DISCOVERY_MAX_TOPIC_BYTES + 32];
    int n = snprintf(prefix, sizeof prefix, "%s%s#", d->z2m_base, list);
    for (size_t i = d->n_sources; i-- > 0;)
        if (!strncmp(d->sources[i]->key, prefix, (size_t)n) &&
            d->sources[i]->generation != d->generation)
            lt__source_remove(d, d->sources[i]->key);
}

static void fault_of(struct lt_discovery *d, const char *list, size_t i, const char *reason)
{
    char topic[LT_DISCOVERY_MAX_TOPIC_BYTES + 32], text[LT_DIAG_TEXT];
    snprintf(topic, sizeof topic, "%s%s", d->z2m_base, list);
    snprintf(text, sizeof text, "/%zu/%.480s", i, reason);
    lt__discovery_fault(d, topic, text);
}

/* Put the things into the source of this key and mark it as named by the newest list. */
static enum lt_err put(struct lt_discovery *d, const char *key, struct lt__things *things,
                       struct lt_diag *diag)
{
    struct lt__source *s = lt__source_get(d, key);
    if (!s) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a device");
    s->generation = d->generation;
    enum lt_err err = lt__source_set(d, s, things->v, things->n, diag);
    if (!err) *things = (struct lt__things){0};
    return err;
}

/* ---- devices ---- */

/* Can the device be used: interviewed, supported, not disabled, not the coordinator? */
static int is_usable(const json_t *device)
{
    const char *type = json_string_value(json_object_get(device, "type"));
    const char *state = json_string_value(json_object_get(device, "interview_state"));
    if (type && !strcmp(type, "Coordinator")) return 0;
    if (json_is_true(json_object_get(device, "disabled"))) return 0;
    if (state ? strcmp(state, "SUCCESSFUL") != 0
              : json_is_false(json_object_get(device, "interview_completed")))
        return 0;
    return json_is_object(json_object_get(device, "definition"));
}

static enum lt_err take_device(struct lt_discovery *d, const json_t *device, struct lt_diag *diag)
{
    char key[LT_DISCOVERY_MAX_TOPIC_BYTES + 64];
    struct lt__things things = {0};
    const char *ieee = json_string_value(json_object_get(device, "ieee_address"));
    if (!json_is_object(device))
        return lt_fail(diag, LT_ERR_INVALID, "expected object, got %s", lt_json_type_name(device));
    if (!ieee) return lt_fail(diag, LT_ERR_INVALID, "ieee_address: is missing");
    enum lt_err err = lt__z2m_key(d, ieee, key, sizeof key, diag);
    if (err || !is_usable(device)) return err;
    struct lt__source *s = lt__source_find(d, key);
    if (s && s->generation == d->generation)
        return lt_fail(diag, LT_ERR_EXISTS, "ieee_address: %s is there twice", ieee);
    if (s) s->generation = d->generation; /* named: stays even when this entry is wrong */
    err = lt__z2m_device_things(d, device, &things, diag);
    if (!err) err = put(d, key, &things, diag);
    lt__things_free(things.v, things.n);
    return err;
}

/* ---- groups ---- */

static enum lt_err take_group(struct lt_discovery *d, const json_t *group, struct lt_diag *diag)
{
    char key[LT_DISCOVERY_MAX_TOPIC_BYTES + 64];
    struct lt__things things = {0};
    const json_t *id = json_object_get(group, "id");
    if (!json_is_object(group))
        return lt_fail(diag, LT_ERR_INVALID, "expected object, got %s", lt_json_type_name(group));
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > MAX_GROUPS)
        return lt_fail(diag, LT_ERR_INVALID, "id: is no group's number");
    snprintf(key, sizeof key, "%s" GROUPS "#%lld", d->z2m_base, (long long)json_integer_value(id));
    struct lt__source *s = lt__source_find(d, key);
    if (s && s->generation == d->generation)
        return lt_fail(diag, LT_ERR_EXISTS, "id: %lld is there twice",
                       (long long)json_integer_value(id));
    if (s) s->generation = d->generation;
    enum lt_err err = lt__z2m_group_things(d, group, &things, diag);
    if (!err) err = put(d, key, &things, diag);
    lt__things_free(things.v, things.n);
    return err;
}

/* ---- lists ---- */

typedef enum lt_err (*take_fn)(struct lt_discovery *d, const json_t *entry, struct lt_diag *diag);

static void take_list(struct lt_discovery *d, const char *list, const json_t *entries, take_fn take)
{
    d->generation++;
    for (size_t i = 0; i < json_array_size(entries); i++) {
        struct lt_diag diag = {0};
        enum lt_err err = take(d, json_array_get(entries, i), &diag);
        if (err) fault_of(d, list, i, lt_diag_text(&diag, err));
    }
    sweep(d, list);
}

/* The list in the message; NULL (reported) when it is none. */
static json_t *read_list(struct lt_discovery *d, const char *topic, const void *payload, size_t n)
{
    struct lt_diag diag = {0};
    json_t *v = NULL;
    enum lt_err err = n ? lt_json_parse(payload, n, LT_DISCOVERY_MAX_BRIDGE_BYTES, &v, &diag)
                        : LT_OK; /* taken back */
    if (!err && !n && !(v = json_array())) err = LT_ERR_NOMEM;
    if (!err && !json_is_array(v))
        err = lt_fail(&diag, LT_ERR_INVALID, "expected array, got %s", lt_json_type_name(v));
    if (!err) return v;
    lt__discovery_fault(d, topic, lt_diag_text(&diag, err));
    json_decref(v);
    return NULL;
}

int lt__z2m_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n,
                 int *changed)
{
    size_t n_base = d->z2m_base ? strlen(d->z2m_base) : 0;
    if (!n_base || strncmp(topic, d->z2m_base, n_base) != 0) return 0;
    int is_devices = !strcmp(topic + n_base, DEVICES);
    if (!is_devices && strcmp(topic + n_base, GROUPS) != 0) return 0;
    char *last = is_devices ? d->z2m_devices_digest : d->z2m_groups_digest;
    char digest[LT_SHA256_HEX_CAP];
    lt__digest(payload, n, digest);
    if (!strcmp(digest, last)) return 1; /* the same again */
    json_t *list = read_list(d, topic, payload, n);
    last[0] = '\0'; /* so that the good one, coming again, ends the fault */
    if (!list) return 1;
    memcpy(last, digest, sizeof digest);
    lt__discovery_fault_over(d, topic);
    if (is_devices) {
        d->has_z2m = n > 0;
        take_list(d, DEVICES, list, take_device);
        json_decref(list);
    } else {
        json_decref(d->z2m_groups);
        d->z2m_groups = list;
    }
    take_list(d, GROUPS, d->z2m_groups, take_group);
    *changed = 1;
    return 1;
}
