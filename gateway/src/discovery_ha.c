/* discovery_ha.c - Home Assistant's MQTT discovery: config topics, single and of whole devices.
 *
 *     <prefix>/<component>/[<node>/]<object>/config    one entity
 *     <prefix>/device/[<node>/]<object>/config         a device with its components
 *
 * An empty payload takes the announcement back. A device's announcement is the whole truth about it:
 * a component that is in it no more is gone. A component that is wrong leaves the one known before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery_int.h"
#include "lt/json.h"
#include "template.h"

struct config_topic {
    char component[64], object[LT_DISCOVERY_MAX_TOPIC_BYTES];
};

/* What an announcement is read with. */
struct reading {
    struct lt_discovery *d;
    const char *topic;
    const struct config_topic *parts;
};

/* ---- the topic ---- */

static int is_id(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
              (s[i] >= '0' && s[i] <= '9') || s[i] == '_' || s[i] == '-'))
            return 0;
    return n > 0;
}

/* Is it a config topic below the prefix? Fills component and object. */
static int split_topic(const char *prefix, const char *topic, struct config_topic *out)
{
    const char *level[4];
    size_t n[4], count = 0, n_prefix = strlen(prefix);
    if (strncmp(topic, prefix, n_prefix) != 0 || topic[n_prefix] != '/' ||
        strlen(topic) > LT_DISCOVERY_MAX_TOPIC_BYTES)
        return 0;
    for (const char *p = topic + n_prefix + 1;; p += n[count - 1] + 1) {
        if (count == 4) return 0;
        level[count] = p;
        n[count] = strcspn(p, "/");
        count++;
        if (!p[n[count - 1]]) break;
    }
    if (count < 3 || strcmp(level[count - 1], "config") != 0 || n[0] >= sizeof out->component)
        return 0;
    for (size_t i = 0; i + 1 < count; i++)
        if (!is_id(level[i], n[i])) return 0;
    snprintf(out->component, sizeof out->component, "%.*s", (int)n[0], level[0]);
    snprintf(out->object, sizeof out->object, "%.*s", (int)n[count - 2], level[count - 2]);
    return 1;
}

/* ---- members that every entity has ---- */

/* A member that must be a string; *out stays for an absent one or null. */
static enum lt_err text(const json_t *o, const char *where, const char *key, const char **out,
                        struct lt_diag *diag)
{
    const json_t *v = json_object_get(o, key);
    if (!v || json_is_null(v)) return LT_OK;
    if (!json_is_string(v))
        return lt_fail(diag, LT_ERR_INVALID, "%s%s: expected string, got %s", where, key,
                       lt_json_type_name(v));
    *out = json_string_value(v);
    return LT_OK;
}

/* The same for a name. Blank counts as absent. */
static enum lt_err name_text(const json_t *o, const char *where, const char *key, const char **out,
                             struct lt_diag *diag)
{
    char path[64];
    const char *s = "";
    enum lt_err err = text(o, where, key, &s, diag);
    while (*s == ' ') s++;
    if (err || !*s) return err;
    snprintf(path, sizeof path, "%s%s", where, key);
    *out = s;
    return lt__name_check(s, path, diag);
}

static enum lt_err add_availability(struct lt__thing *t, const json_t *o, const char *where,
                                    const char *topic_key, const char *template_key,
                                    struct lt_diag *diag)
{
    struct lt_thing_availability a = {.payload_available = "online",
                                      .payload_not_available = "offline"};
    enum lt_err err = text(o, where, topic_key, &a.topic, diag);
    if (!err && !a.topic) err = lt_fail(diag, LT_ERR_INVALID, "%s%s: is missing", where, topic_key);
    if (!err) err = lt__filter_check(a.topic, topic_key, diag);
    if (!err) err = text(o, where, template_key, &a.template_text, diag);
    if (!err) err = text(o, where, "payload_available", &a.payload_available, diag);
    if (!err) err = text(o, where, "payload_not_available", &a.payload_not_available, diag);
    if (!err) lt__availability_add(t, a);
    return err;
}

static enum lt_err read_availability(struct lt__thing *t, const json_t *c, struct lt_diag *diag)
{
    const json_t *list = json_object_get(c, "availability");
    const char *mode = "latest";
    enum lt_err err = text(c, "", "availability_mode", &mode, diag);
    if (err) return err;
    if (strcmp(mode, "latest") != 0 && strcmp(mode, "all") != 0 && strcmp(mode, "any") != 0)
        return lt_fail(diag, LT_ERR_INVALID,
                       "availability_mode: \"%.40s\" is none of latest, all, any", mode);
    t->pub.availability_mode = mode;
    if (list && !json_is_null(list)) {
        if (!json_is_array(list) || json_array_size(list) > LT_DISCOVERY_MAX_AVAILABILITY)
            return lt_fail(diag, LT_ERR_INVALID, "availability: expected a list of at most %d",
                           LT_DISCOVERY_MAX_AVAILABILITY);
        for (size_t i = 0; !err && i < json_array_size(list); i++)
            err = add_availability(t, json_array_get(list, i), "availability/", "topic",
                                   "value_template", diag);
        return err;
    }
    if (!json_object_get(c, "availability_topic")) return LT_OK;
    return add_availability(t, c, "", "availability_topic", "availability_template", diag);
}

/* First identifier; Zigbee2MQTT's own is preferred, since it tells the source. */
static const char *identifier_of(const json_t *device)
{
    const json_t *ids = json_object_get(device, "identifiers");
    const char *first = json_string_value(ids);
    for (size_t i = 0; i < json_array_size(ids); i++) {
        const char *id = json_string_value(json_array_get(ids, i));
        if (id && !first) first = id;
        if (id && !strncmp(id, "zigbee2mqtt_", 12)) first = id;
    }
    return first ? first : "";
}

/* The name as Home Assistant composes it: the device's, then the entity's; a producer that repeats
 * the device's name in the entity's is not spoken twice. */
static enum lt_err read_names(struct lt__thing *t, const json_t *c, const json_t *device,
                              const char *object, struct lt_diag *diag)
{
    char plain[LT_DISCOVERY_MAX_NAME_BYTES + 1];
    const char *own = "", *owner = "", *area = "", *wanted = "";
    enum lt_err err = name_text(c, "", "name", &own, diag);
    if (!err) err = name_text(device, "device/", "name", &owner, diag);
    if (!err) err = name_text(device, "device/", "suggested_area", &area, diag);
    if (!err) err = text(c, "", "object_id", &wanted, diag);
    if (!err) err = text(c, "", "default_entity_id", &wanted, diag);
    if (err) return err;
    if (!*own && !json_object_get(c, "name") && *owner && *t->pub.device_class) {
        lt__pretty(t->pub.device_class, plain, sizeof plain); /* a sensor is called by its class */
        own = lt__keep(t, plain);
    }
    if (!*own && !*owner) {
        lt__pretty(object, plain, sizeof plain);
        own = lt__keep(t, plain);
        err = lt__name_check(own, "name", diag);
    }
    t->pub.device_name = owner;
    t->found_area = area;
    t->room_text = *owner ? owner : own;
    t->room_more = own; /* "Kitchen Light" of a device that is called after its board */
    const char *rest = lt__after_words(own, owner);
    t->suffix = !*owner ? "" : rest ? rest : own;
    /* zwave-js-ui: "Laundry-Plug_switch" of the device "Laundry-Plug" is that device */
    if (rest && *owner && lt__same(rest, t->pub.domain)) {
        own = owner;
        rest = t->suffix = "";
    }
    if (!*own || !*owner || rest)
        t->found_name = *own ? own : owner;
    else
        t->found_name = lt__keepf(t, "%s %s", owner, own);
    if (!strchr(t->found_name, ' ') && strpbrk(t->found_name, "_-")) {
        lt__words(t->found_name, plain, sizeof plain);
        t->found_name = lt__keep(t, plain);
    }
    /* people drop the device's name, but "temperature" alone is nobody's name */
    if (*own && *owner && !rest &&
        (strchr(own, ' ') ||
         (strcmp(t->pub.domain, "sensor") != 0 && strcmp(t->pub.domain, "binary_sensor") != 0)))
        t->short_name = own;
    if (!err && strlen(t->found_name) > LT_DISCOVERY_MAX_NAME_BYTES)
        err = lt_fail(diag, LT_ERR_LIMIT, "name: is longer than %d bytes with the device's",
                      LT_DISCOVERY_MAX_NAME_BYTES);
    const char *dot = strchr(wanted, '.');
    t->object = dot ? dot + 1 : wanted;
    return err;
}

static enum lt_err read_common(struct lt__thing *t, const json_t *c, const json_t *device,
                               const char *object, struct lt_diag *diag)
{
    const json_t *qos = json_object_get(c, "qos");
    const char *level = json_string_value(qos);
    json_int_t n_qos = json_is_integer(qos)          ? json_integer_value(qos)
                       : level && strlen(level) == 1 ? *level - '0'
                       : qos && !json_is_null(qos)   ? -1
                                                     : 0;
    enum lt_err err = text(c, "", "unique_id", &t->pub.unique_id, diag);
    if (!err) err = text(c, "", "device_class", &t->pub.device_class, diag);
    if (!err) err = text(c, "", "unit_of_measurement", &t->pub.unit, diag);
    if (!err && strlen(t->pub.device_class) > 64)
        err = lt_fail(diag, LT_ERR_INVALID, "device_class: is longer than 64 bytes");
    if (!err && (n_qos < 0 || n_qos > 2))
        err = lt_fail(diag, LT_ERR_INVALID, "qos: is none of 0, 1, 2");
    if (err) return err;
    t->pub.qos = (int)n_qos;
    t->pub.is_retained = lt__flag(json_object_get(c, "retain")) == 1;
    t->pub.is_optimistic = lt__flag(json_object_get(c, "optimistic")) == 1;
    t->pub.identifier = identifier_of(device);
    err = read_names(t, c, device, object, diag);
    return err ? err : read_availability(t, c, diag);
}

/* Does the entity want to be left out? */
static int is_left_out(const char *component, const json_t *c)
{
    const char *category = json_string_value(json_object_get(c, "entity_category"));
    return !lt__ha_is_wanted(component) ||
           (category && (!strcmp(category, "config") || !strcmp(category, "diagnostic"))) ||
           lt__flag(json_object_get(c, "enabled_by_default")) == 0;
}

/* The member of the announcement that holds this very text; NULL: the template is our own. */
static const char *key_of(const json_t *config, const char *text)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)config, key, v)
    {
        if (json_string_value(v) == text) return key;
    }
    return NULL;
}

/* "on" -> the text of command_on_template. */
static const char *key_text(const json_t *config, const char *meaning)
{
    char key[64];
    snprintf(key, sizeof key, "command_%.20s_template", meaning);
    return json_string_value(json_object_get(config, key));
}

/* Is it one that we cannot evaluate? Then it is told, with topic and key. */
static int is_beyond_us(const struct reading *r, const char *component, const struct lt__thing *t,
                        const char *text)
{
    struct lt_diag why = {0};
    char reason[LT_DIAG_TEXT];
    if (!text || !lt_template_check(text, &why)) return 0;
    const char *key = key_of(t->pub.config, text);
    snprintf(reason, sizeof reason, "%s%.64s%s%.64s: %.200s; it is left out",
             *component ? "components/" : "", component, *component ? "/" : "",
             key ? key : "template", why.text);
    lt__discovery_fault(r->d, r->topic, reason);
    return 1;
}

/* What cannot be evaluated is known to be so from the start: a feature whose command cannot be made is
 * read only, one whose reports cannot be read says nothing. The rest of the device works. */
static void check_templates(const struct reading *r, const char *component, struct lt__thing *t)
{
    for (size_t i = 0; i < t->pub.n_features; i++) {
        struct lt_feature *f = t->features + i;
        if (is_beyond_us(r, component, t, f->command_template)) f->command_topic = NULL;
        if (is_beyond_us(r, component, t, f->state_template)) f->state_topic = f->full_topic = NULL;
        const char *meaning;
        json_t *word;
        int n_bad = 0;
        if (t->pub.kind != LT_THING_HA_TEMPLATE || strcmp(f->name, "state") != 0) continue;
        json_object_foreach((json_t *)(uintptr_t)f->words, meaning, word)
        {
            n_bad += is_beyond_us(r, component, t, key_text(t->pub.config, meaning));
        }
        if (n_bad) f->command_topic = NULL;
    }
    for (size_t i = 0; i < t->pub.n_availability; i++)
        if (is_beyond_us(r, component, t, t->availability[i].template_text))
            t->availability[i].template_text = NULL;
}

/* One entity from its expanded config, which the thing keeps. *out stays NULL for one left out. */
static enum lt_err make_thing(const struct reading *r, const char *component, const char *key,
                              const json_t *c, const json_t *device, struct lt__thing **out,
                              struct lt_diag *diag)
{
    if (is_left_out(component, c)) return LT_OK;
    if (device && !json_is_object(device))
        return lt_fail(diag, LT_ERR_INVALID, "device: expected object, got %s",
                       lt_json_type_name(device));
    struct lt__thing *t = lt__thing_new();
    if (!t) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for an entity");
    t->pub.config = lt__keep_json(t, c);
    if (device) (void)lt__keep_json(t, device);
    t->pub.topic = lt__keep(t, r->topic);
    t->pub.domain = lt__keep(t, component);
    t->component = lt__keep(t, key);
    enum lt_err err = read_common(t, c, device, *key ? key : r->parts->object, diag);
    if (!err) err = lt__ha_lower(t, c, diag);
    if (!err && t->is_broken) err = lt_fail(diag, LT_ERR_NOMEM, "out of memory for an entity");
    if (err) {
        lt__thing_free(t);
        return err;
    }
    check_templates(r, key, t);
    *out = t;
    return err;
}

/* ---- one entity ---- */

/* A media player with sources is two things: what plays, and the selector of what is played. */
static enum lt_err read_single(const struct reading *r, const json_t *c, struct lt__thing ***v,
                               size_t *n, struct lt_diag *diag)
{
    const json_t *device = json_object_get(c, "device");
    json_t *sources = NULL;
    enum lt_err err = LT_OK;
    *v = calloc(2, sizeof **v);
    if (!*v) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for an entity");
    err = make_thing(r, r->parts->component, "", c, device, &(*v)[0], diag);
    if (!err && (*v)[0]) *n = 1;
    if (!err && *n && !strcmp(r->parts->component, "media_player"))
        err = lt__media_sources(c, &sources, diag);
    if (sources) {
        err = make_thing(r, "select", "sources", sources, device, &(*v)[1], diag);
        if (!err && (*v)[1]) *n = 2;
        json_decref(sources);
    }
    return err; /* who asked frees what is there */
}

/* ---- a device ---- */

/* Options of the root that components without them take over. */
static const char *const shared_keys[] = {"availability",
                                          "availability_mode",
                                          "availability_topic",
                                          "availability_template",
                                          "payload_available",
                                          "payload_not_available",
                                          "state_topic",
                                          "command_topic",
                                          "qos",
                                          "encoding",
                                          "message_expiry_interval"};

static enum lt_err check_device(const json_t *root, struct lt_diag *diag)
{
    const json_t *device = json_object_get(root, "device");
    const json_t *components = json_object_get(root, "components");
    const char *origin =
        json_string_value(json_object_get(json_object_get(root, "origin"), "name"));
    if (!json_is_object(device))
        return lt_fail(diag, LT_ERR_INVALID, "device: is missing or no object");
    if (!*identifier_of(device) && !json_array_size(json_object_get(device, "connections")))
        return lt_fail(diag, LT_ERR_INVALID, "device: needs identifiers or connections");
    if (!origin || !*origin) return lt_fail(diag, LT_ERR_INVALID, "origin/name: is missing");
    if (!json_is_object(components))
        return lt_fail(diag, LT_ERR_INVALID, "components: is missing or no object");
    if (json_object_size(components) > LT_DISCOVERY_MAX_ENTITIES)
        return lt_fail(diag, LT_ERR_LIMIT, "components: more than %d", LT_DISCOVERY_MAX_ENTITIES);
    return LT_OK;
}

/* A component with long keys and the root's shared options; a new reference. */
static json_t *component_config(const json_t *root, const json_t *raw)
{
    json_t *c = lt__ha_expand(raw);
    int has_own = json_object_get(c, "availability") || json_object_get(c, "availability_topic");
    for (size_t i = 0; c && i < sizeof shared_keys / sizeof shared_keys[0]; i++) {
        json_t *v = json_object_get(root, shared_keys[i]);
        if (!v || json_object_get(c, shared_keys[i]) ||
            (has_own && strstr(shared_keys[i], "availab")))
            continue;
        if (json_object_set(c, shared_keys[i], v)) {
            json_decref(c);
            return NULL;
        }
    }
    return c;
}

static enum lt_err read_component(const struct reading *r, const json_t *root, const char *key,
                                  const json_t *raw, struct lt__thing **out, struct lt_diag *diag)
{
    if (!json_is_object(raw))
        return lt_fail(diag, LT_ERR_INVALID, "expected object, got %s", lt_json_type_name(raw));
    json_t *c = component_config(root, raw);
    if (!c) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a component");
    const char *platform = json_string_value(json_object_get(c, "platform"));
    enum lt_err err = LT_OK;
    if (!platform || !is_id(platform, strlen(platform)))
        err = lt_fail(diag, LT_ERR_INVALID, "platform: is missing");
    else if (json_object_size(raw) > 1) { /* platform alone: taken back */
        if (lt__ha_is_wanted(platform) && !json_is_string(json_object_get(c, "unique_id")))
            err = lt_fail(diag, LT_ERR_INVALID, "unique_id: is missing");
        if (!err) err = make_thing(r, platform, key, c, json_object_get(root, "device"), out, diag);
    }
    json_decref(c);
    return err;
}

/* The thing that a component made before; it leaves `old`. */
static struct lt__thing *take_old(struct lt__source *old, const char *key)
{
    for (size_t i = 0; old && i < old->n; i++) {
        struct lt__thing *t = old->v[i];
        if (strcmp(t->component, key) != 0) continue;
        old->v[i] = old->v[--old->n];
        return t;
    }
    return NULL;
}

static enum lt_err read_device(const struct reading *r, const json_t *root, struct lt__thing ***v,
                               size_t *n, struct lt_diag *diag)
{
    enum lt_err err = check_device(root, diag);
    if (err) return err;
    const json_t *components = json_object_get(root, "components");
    struct lt__source *old = lt__source_find(r->d, r->topic);
    *v = malloc((json_object_size(components) + 1) * sizeof **v);
    if (!*v) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a device");
    void *at = json_object_iter((json_t *)(uintptr_t)components); /* only reads */
    for (; at; at = json_object_iter_next((json_t *)(uintptr_t)components, at)) {
        const char *key = json_object_iter_key(at);
        struct lt__thing *t = NULL;
        struct lt_diag inner = {0};
        err = read_component(r, root, key, json_object_iter_value(at), &t, &inner);
        if (err) {
            char reason[LT_DIAG_TEXT];
            snprintf(reason, sizeof reason, "components/%.64s/%.400s", key, inner.text);
            lt__discovery_fault(r->d, r->topic, reason);
            size_t had = old ? old->n : 0;
            t = take_old(old, key); /* what was known stays */
            r->d->n_made -= had - (old ? old->n : 0);
        }
        if (t) (*v)[(*n)++] = t;
    }
    return LT_OK;
}

/* ---- messages ---- */

static enum lt_err read_config(const struct reading *r, const void *payload, size_t n_payload,
                               struct lt__thing ***v, size_t *n, struct lt_diag *diag)
{
    json_t *raw = NULL;
    enum lt_err err = lt_json_parse(payload, n_payload, LT_DISCOVERY_MAX_CONFIG_BYTES, &raw, diag);
    if (err) return err;
    if (!json_is_object(raw)) {
        err = lt_fail(diag, LT_ERR_INVALID, "expected object, got %s", lt_json_type_name(raw));
        json_decref(raw);
        return err;
    }
    json_t *c = lt__ha_expand(raw);
    json_decref(raw);
    if (!c) return lt_fail(diag, LT_ERR_NOMEM, "out of memory for a config");
    if (json_is_true(json_object_get(c, "migrate_discovery")))
        err = LT_OK; /* gone for now: the same comes back in another form */
    else if (!strcmp(r->parts->component, "device"))
        err = read_device(r, c, v, n, diag);
    else
        err = read_single(r, c, v, n, diag);
    json_decref(c);
    return err;
}

static int take_config(const struct reading *r, const void *payload, size_t n_payload)
{
    char digest[LT_SHA256_HEX_CAP];
    struct lt_diag diag = {0};
    struct lt__thing **v = NULL;
    size_t n = 0;
    struct lt__source *s = lt__source_find(r->d, r->topic);
    lt__digest(payload, n_payload, digest);
    if (s && !strcmp(s->digest, digest)) {
        lt__discovery_fault_over(r->d, r->topic); /* a bad one in between is made good */
        return 0;
    }
    uint64_t n_bad = r->d->n_bad;
    enum lt_err err = read_config(r, payload, n_payload, &v, &n, &diag);
    if (!err && !(s = lt__source_get(r->d, r->topic)))
        err = lt_fail(&diag, LT_ERR_NOMEM, "out of memory for an announcement");
    if (!err) err = lt__source_set(r->d, s, v, n, &diag);
    if (err) {
        lt__things_free(v, n);
        lt__discovery_fault(r->d, r->topic, lt_diag_text(&diag, err));
        if (s && !s->digest[0] && !s->n) lt__source_remove(r->d, r->topic);
        return 0;
    }
    /* one with a bad component is read again when it comes again, and reported again */
    if (r->d->n_bad == n_bad) {
        memcpy(s->digest, digest, sizeof digest);
        lt__discovery_fault_over(r->d, r->topic);
    } else {
        s->digest[0] = '\0';
    }
    return 1;
}

/* ---- devices that the user describes ---- */

#define BY_HAND "devices/"

/* Config as announced: long keys, and `area` as the device's. A new reference. */
static json_t *described(const json_t *raw)
{
    json_t *c = lt__ha_expand(raw), *area = json_object_get(c, "area");
    if (c && area && !json_object_get(c, "device") &&
        json_object_set_new(c, "device", json_pack("{s:O}", "suggested_area", area))) {
        json_decref(c);
        return NULL;
    }
    return c;
}

static void take_described(struct lt_discovery *d, const char *kind, size_t number,
                           const json_t *raw)
{
    char key[128];
    struct config_topic parts;
    struct reading r = {.d = d, .topic = key, .parts = &parts};
    struct lt_diag diag = {0};
    struct lt__thing **v = NULL;
    size_t n = 0;
    snprintf(key, sizeof key, BY_HAND "%.60s/%zu", kind, number);
    snprintf(parts.component, sizeof parts.component, "%.60s", kind);
    snprintf(parts.object, sizeof parts.object, "%.60s_%zu", kind, number);
    json_t *c = json_is_object(raw) ? described(raw) : NULL;
    struct lt__source *s = c ? lt__source_get(d, key) : NULL;
    enum lt_err err = s ? LT_OK : lt_fail(&diag, LT_ERR_NOMEM, "out of memory for a device");
    if (!err && !lt__ha_is_wanted(kind))
        err = lt_fail(&diag, LT_ERR_INVALID, "%.60s: is no kind of device that can be spoken to",
                      kind);
    if (!err && !json_object_get(c, "name"))
        err = lt_fail(&diag, LT_ERR_INVALID, "name: is missing");
    if (!err) err = read_single(&r, c, &v, &n, &diag);
    if (!err) err = lt__source_set(d, s, v, n, &diag);
    json_decref(c);
    if (!err) return;
    lt__things_free(v, n);
    lt__discovery_fault(d, key, lt_diag_text(&diag, err));
    lt__source_remove(d, key);
}

enum lt_err lt_discovery_set_devices(struct lt_discovery *d, const json_t *devices)
{
    const char *kind;
    json_t *list, *one;
    size_t i;
    for (i = d->n_sources; i-- > 0;)
        if (!strncmp(d->sources[i]->key, BY_HAND, strlen(BY_HAND)))
            lt__source_remove(d, d->sources[i]->key);
    for (i = d->n_faults; i-- > 0;)
        if (!strncmp(d->faults[i].topic, BY_HAND, strlen(BY_HAND))) {
            char topic[sizeof d->faults[i].topic];
            memcpy(topic, d->faults[i].topic, sizeof topic);
            lt__discovery_fault_over(d, topic);
        }
    json_object_foreach((json_t *)(uintptr_t)devices, kind, list)
    {
        json_array_foreach(list, i, one)
        {
            take_described(d, kind, i + 1, one);
        }
    }
    d->is_indexed = 0;
    return LT_OK;
}

int lt__ha_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n,
                int *changed)
{
    struct config_topic parts;
    struct reading r = {.d = d, .topic = topic, .parts = &parts};
    if (!d->ha_prefix || !split_topic(d->ha_prefix, topic, &parts)) return 0;
    if (strcmp(parts.component, "device") != 0 && !lt__ha_is_wanted(parts.component)) return 1;
    if (n) {
        *changed = take_config(&r, payload, n);
    } else {
        *changed = lt__source_find(d, topic) != NULL;
        lt__source_remove(d, topic);
        lt__discovery_fault_over(d, topic);
    }
    return 1;
}
