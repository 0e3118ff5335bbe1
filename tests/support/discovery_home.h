/* discovery_home.h - for tests of discovery: a discovery with both sources, fed with messages or with a
 * fixture of tests/data/discovery, and the catalogue that comes of it, checked as every catalogue is. */
#ifndef DISCOVERY_HOME_H
#define DISCOVERY_HOME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "discovery_int.h"
#include "lt/catalog.h"
#include "lt/json.h"

/* Announcements: a light of its own, and a device of two components. */
#define LAMP   "homeassistant/light/lamp/config"
#define DEVICE "homeassistant/device/dev/config"
#define DEVICE_TEXT(lamp, relay)                                                                   \
    "{\"dev\":{\"ids\":\"x\",\"name\":\"Dev\"},\"o\":{\"name\":\"o\"},\"cmps\":{\"l\":" lamp       \
    ",\"r\":" relay "}}"
#define LAMP_OK  "{\"p\":\"light\",\"cmd_t\":\"l\",\"uniq_id\":\"u1\",\"name\":\"Lamp\"}"
#define RELAY_OK "{\"p\":\"switch\",\"cmd_t\":\"r\",\"uniq_id\":\"u2\",\"name\":\"Relay\"}"

static struct lt_docs *docs;

static inline int group_setup(void **state)
{
    struct lt_diag diag = {0};
    (void)state;
    return lt_docs_open(&docs, &diag) != LT_OK;
}

static inline int group_teardown(void **state)
{
    (void)state;
    lt_docs_close(docs);
    return 0;
}

/* ---- help ---- */

static inline struct lt_discovery *open_both(void)
{
    struct lt_diag diag = {0};
    struct lt_discovery *d = NULL;
    struct lt_discovery_options o = {.ha_prefix = "homeassistant", .z2m_base = "zigbee2mqtt"};
    if (lt_discovery_new(&o, &d, &diag)) fail_msg("%s", diag.text);
    return d;
}

static inline int feed(struct lt_discovery *d, const char *topic, const char *payload)
{
    return lt_discovery_feed(d, topic, payload, strlen(payload));
}

static inline json_t *fixture(const char *name)
{
    char path[512];
    json_t *v = NULL;
    struct lt_diag diag = {0};
    snprintf(path, sizeof path, "%s/discovery/%s.json", TEST_DATA_DIR, name);
    if (lt_json_read_file(path, 1 << 20, &v, &diag)) fail_msg("%s", diag.text);
    return v;
}

static inline int feed_message(struct lt_discovery *d, const json_t *m)
{
    const char *raw = json_string_value(json_object_get(m, "raw"));
    char *text = raw ? strdup(raw) : lt_json_dump(json_object_get(m, "payload"));
    assert_non_null(text);
    int changed = feed(d, json_string_value(json_object_get(m, "topic")), text);
    free(text);
    return changed;
}

/* The catalogue, checked as every catalogue is; the caller frees the text. */
static inline char *catalog_text(struct lt_discovery *d, const json_t *own)
{
    struct lt_catalog *c = NULL;
    struct lt_diag diag = {0};
    json_t *json = lt_discovery_catalog(d, own);
    assert_non_null(json);
    if (lt_catalog_new(docs, json, &c, &diag)) fail_msg("%s", diag.text);
    char *text = strdup(lt_catalog_text(c));
    lt_catalog_unref(c);
    json_decref(json);
    assert_non_null(text);
    return text;
}

static inline json_t *catalog_json(struct lt_discovery *d)
{
    json_t *v = NULL;
    struct lt_diag diag = {0};
    char *text = catalog_text(d, NULL);
    if (lt_json_parse(text, strlen(text), LT_DOC_MAX_BYTES_CATALOG, &v, &diag))
        fail_msg("%s", diag.text);
    free(text);
    return v;
}

static inline const json_t *entity(const json_t *catalog, const char *id)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(json_object_get(catalog, "home"), "entities"), i, e)
    {
        if (!strcmp(json_string_value(json_object_get(e, "id")), id)) return e;
    }
    return NULL;
}

static inline const json_t *named(const json_t *list, const char *name)
{
    size_t i;
    json_t *v;
    json_array_foreach(list, i, v)
    {
        if (!strcmp(json_string_value(json_object_get(v, "name")), name)) return v;
    }
    return NULL;
}

#endif
