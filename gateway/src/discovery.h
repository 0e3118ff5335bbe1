/* discovery.h - the home as its devices describe themselves on the broker.
 *
 * Devices and bridges announce what they are on retained topics: Home Assistant's MQTT discovery
 * (ESPHome, OpenMQTTGateway, zwave-js-ui and many firmwares), Zigbee2MQTT's bridge/devices and
 * bridge/groups, and Tasmota's own discovery. A discovery is fed those messages in any order and keeps a model of the home; asked
 * for a catalogue, it composes names, areas and ids, adds what the user says about them, and puts
 * the home tools and the user's own tools beside. Of every entity it also keeps what is needed to
 * work it (struct lt_thing): topics, payloads, templates as text, ranges.
 *
 * The module knows no broker, no clock and no loop. The model is a function of the last good message
 * of each topic: the same messages in another order give the same catalogue, byte for byte. A bad
 * message is reported with its topic and reason, and what was known before stays.
 *
 * What is left out: entities of category config or diagnostic, entities disabled by default,
 * components that cannot be spoken to (cameras, updates, alarm panels and the like), Zigbee2MQTT's
 * coordinator and its disabled, unsupported or half-interviewed devices. Where Zigbee2MQTT itself is
 * read, its devices in Home Assistant's form are not taken a second time.
 *
 * Threads: one owner. Memory: what getters give is borrowed until the next _feed or
 * _set_overrides. */
#ifndef LT_DISCOVERY_H
#define LT_DISCOVERY_H

#include <jansson.h>
#include <stdint.h>

#include "lt/err.h"

#define LT_DISCOVERY_MAX_ENTITIES     20000         /* as LT_CATALOG_MAX_ENTITIES */
#define LT_DISCOVERY_MAX_AREAS        2000          /* as the catalogue's schema; told or found */
#define LT_DISCOVERY_MAX_CONFIG_BYTES (1024 * 1024) /* longest config message */
#define LT_DISCOVERY_MAX_BRIDGE_BYTES (16 * 1024 * 1024) /* longest bridge/devices or groups */
#define LT_DISCOVERY_MAX_NAME_BYTES   200                /* longest name of an entity or area */
#define LT_DISCOVERY_MAX_TOPIC_BYTES  512                /* longest topic taken from a message */
#define LT_DISCOVERY_MAX_OVERRIDES    5000               /* most overrides */
#define LT_DISCOVERY_MAX_ALIASES      100                /* most aliases of one thing or area */
#define LT_DISCOVERY_MAX_ERRORS       64                 /* most topics whose error is remembered */
#define LT_DISCOVERY_MAX_FEATURES     32                 /* most features of one thing */
#define LT_DISCOVERY_MAX_AVAILABILITY 16                 /* most availability topics of one thing */

struct lt_discovery; /* opaque */

/* ---- what is known of an entity ---- */

/* Whose rules the payloads follow. */
enum lt_thing_kind {
    LT_THING_HA,          /* Home Assistant's discovery; light: the default schema */
    LT_THING_HA_JSON,     /* light with schema json: one command topic, JSON object */
    LT_THING_HA_TEMPLATE, /* light with schema template: words "on" and "off" are templates */
    LT_THING_Z2M,         /* Zigbee2MQTT: JSON object with the feature's key */
};

enum lt_feature_type {
    LT_FEATURE_WORD,   /* one of `words` */
    LT_FEATURE_NUMBER, /* min to max */
    LT_FEATURE_CHOICE, /* one of `choices` */
    LT_FEATURE_TEXT,
    LT_FEATURE_XY,    /* colours: two numbers 0..1 */
    LT_FEATURE_HS,    /* hue 0..360, saturation 0..100 */
    LT_FEATURE_RGB,   /* three numbers 0..255 */
    LT_FEATURE_RGBW,  /* four */
    LT_FEATURE_RGBWW, /* five: r, g, b, cold white, warm white */
};

/* One thing that can be read or set. NULL where something is absent. Names are the same whatever the
 * source: "state", "brightness", "color_temp", "xy", "hs", "rgb", "rgbw", "rgbww", "white", "effect",
 * "color_mode", "position", "tilt", "percentage", "preset_mode", "oscillation", "direction", "mode",
 * "temperature", "temperature_low", "temperature_high", "fan_mode", "swing_mode",
 * "swing_horizontal_mode", "humidity", "power", "current_temperature", "current_humidity", "action",
 * "fan_speed", "send_command", "start_mowing", "pause", "dock", "lock_state"; of media players "play",
 * "pause", "stop", "next", "previous", "on", "off", "volume_up", "volume_down", "volume", "mute",
 * "search". */
struct lt_feature {
    const char *name;
    enum lt_feature_type type;
    const char *command_topic;    /* NULL: read only */
    const char *command_template; /* Jinja2 text; NULL: the plain value */
    const char *state_topic;      /* NULL: never reported */
    const char *full_topic;       /* reports the same members too, with all others; NULL: none */
    const char *state_template;   /* Jinja2 text; NULL: the whole payload, or `key` of it */
    const char *key;              /* member of the JSON object sent and reported */
    int has_range;                /* min, max and step mean something (step 0: any) */
    double min, max, step;        /* in the units of the payload */
    const char *unit;             /* "K" or "mired" for color_temp, "C"/"F", "%", … */
    const json_t *choices;        /* array of strings */
    const json_t *words;          /* object: meaning ("on", "open", "start") -> payload */
    const json_t *states;         /* object: meaning ("on", "closed") -> payload as reported */
};

/* A device is available when the topics say so as lt_thing.availability_mode tells; a topic on which
 * nothing ever came says nothing. */
struct lt_thing_availability {
    const char *topic, *template_text; /* template_text NULL: the whole payload */
    const char *payload_available, *payload_not_available;
};

struct lt_thing {
    const char *id;           /* "light.kitchen_ceiling" */
    const char *name, *area;  /* as in the catalogue; area "" for none */
    const char *domain;       /* "light" */
    const char *device_class; /* "" for none */
    const char *unit;         /* of a sensor or number; "" for none */
    const char *topic;        /* where it was announced */
    const char *unique_id;    /* "" for none */
    const char *device_name;  /* "" for none; Zigbee2MQTT: the friendly name */
    const char *identifier;   /* first identifier of the device; "" for none */
    const char *query_topic;  /* a message here makes it report; "" for none */
    const char *query_payload;
    enum lt_thing_kind kind;
    int qos, is_retained;          /* how commands are to be published */
    int is_optimistic;             /* it reports no state */
    const char *availability_mode; /* "latest", "all" or "any" */
    const struct lt_thing_availability *availability;
    size_t n_availability;
    const struct lt_feature *features;
    size_t n_features;
    const json_t *config; /* the whole announcement of this entity, keys written out */
};

/* The feature of this name, or NULL. */
const struct lt_feature *lt_thing_feature(const struct lt_thing *t, const char *name);

/* ---- the model ---- */

struct lt_discovery_options {
    const char *ha_prefix;      /* "homeassistant"; NULL: not read */
    const char *z2m_base;       /* "zigbee2mqtt"; NULL: not read */
    const char *tasmota_prefix; /* "tasmota/discovery"; NULL: not read */
};

/* LT_ERR_INVALID for a prefix that is no topic; LT_ERR_NOMEM. Strings are copied. */
LT_NODISCARD enum lt_err lt_discovery_new(const struct lt_discovery_options *o,
                                          struct lt_discovery **out, struct lt_diag *diag);
void lt_discovery_free(struct lt_discovery *d); /* NULL is fine */

/* Topic filters to subscribe to, retained messages included; the list ends with NULL. */
const char *const *lt_discovery_subscriptions(const struct lt_discovery *d);

/* Take a message (payload borrowed for the call, n may be 0). Returns 1 when the catalogue may be
 * another one now; 0 when nothing changed: not for us, the same again, or bad (see _errors). */
int lt_discovery_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n);

/* Devices that the user describes: {"media_player": [{…}, …], "switch": […]}, each as Home Assistant's
 * discovery would announce it, `area` for short (devices_file.h). They take the place of those told
 * before; NULL for none. What is wrong with one is reported under devices/<kind>/<its number>, and the
 * others count. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_discovery_set_devices(struct lt_discovery *d, const json_t *devices);

/* What the user says about one entity. `match` is its id, its unique id, the topic of its
 * announcement, or of its device the friendly name, an identifier or the Zigbee address. NULL leaves as
 * found. */
struct lt_discovery_override {
    const char *match;
    const char *name;
    const char *area; /* "" for none */
    const char *const *aliases;
    size_t n_aliases;
    int is_hidden; /* leave it out */
};
/* What the user says about an area. Areas told here exist even when empty. */
struct lt_discovery_area {
    const char *name;
    const char *floor; /* NULL for none */
    const char *const *aliases;
    size_t n_aliases;
};
/* Replace all that the user says; everything is copied. LT_ERR_INVALID for a name that is empty, too
 * long or has control characters, LT_ERR_EXISTS for two entries for one thing, LT_ERR_LIMIT; then
 * what was said before stays. */
LT_NODISCARD enum lt_err lt_discovery_set_overrides(struct lt_discovery *d,
                                                    const struct lt_discovery_override *overrides,
                                                    size_t n_overrides,
                                                    const struct lt_discovery_area *areas,
                                                    size_t n_areas, struct lt_diag *diag);

/* The catalogue (schema/json/catalog.schema.json): the user's own tools (an array of tools, or NULL;
 * they win over a home tool of the same name), the home tools that this home has devices for, areas
 * and entities, sorted. A new reference; NULL when out of memory. */
json_t *lt_discovery_catalog(struct lt_discovery *d, const json_t *own_tools);

/* The entities, sorted by id; 0 when out of memory. */
size_t lt_discovery_n_things(struct lt_discovery *d);
const struct lt_thing *lt_discovery_thing(struct lt_discovery *d, size_t i);
const struct lt_thing *lt_discovery_find(struct lt_discovery *d, const char *id); /* or NULL */

/* ---- what went wrong ---- */

/* The last fault of a topic; it is forgotten when a good message comes. */
struct lt_discovery_error {
    const char *topic, *reason; /* one line each */
    uint64_t n;                 /* times, since the last good message */
};
/* Faults that stand, oldest first; at most LT_DISCOVERY_MAX_ERRORS. */
size_t lt_discovery_errors(const struct lt_discovery *d, const struct lt_discovery_error **out);
/* All faults since _new. */
uint64_t lt_discovery_n_bad(const struct lt_discovery *d);

#endif
