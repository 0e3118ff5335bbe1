/* discovery_int.h - what the files of discovery share.
 *
 * A source is one announcement (a config topic, a Zigbee2MQTT device or group) with the things it
 * made; sources are kept sorted by key, so that everything derived from them has one order. Strings
 * of a thing live in JSON values that the thing holds (`keep`), so they need no freeing one by one
 * and a thing that runs out of memory says so once, in is_broken. */
#ifndef LT_DISCOVERY_INT_H
#define LT_DISCOVERY_INT_H

#include "discovery.h"
#include "lt/sha256.h"

struct lt__thing {
    struct lt_thing pub;
    json_t *keep;          /* array; owns every string and value below and in pub */
    const char *component; /* key in a device announcement; Zigbee2MQTT: kind of ability; "" else */
    const char *found_name;  /* name as found, before overrides */
    const char *found_area;  /* area as announced; "" for none */
    const char *found_floor; /* of found_area; "" for none */
    const char *room_text;   /* text whose first words may be a room; "" for none */
    const char *room_more;   /* looked at when room_text names none; "" for none */
    const char *suffix;      /* what found_name has after the device's name; "" for nothing */
    const char *short_name;  /* what people may say for short; "" for none */
    const char *object;      /* wanted object part of the id */
    const char *endpoint;    /* Zigbee2MQTT endpoint; "" for none */
    const json_t *aliases;   /* the user's; this and has_area are set while indexing */
    int has_area;            /* told or announced, even if none */
    struct lt_feature *features;
    struct lt_thing_availability *availability;
    int is_broken; /* memory ran out while it was made */
};

struct lt__source {
    char *key;
    char digest[LT_SHA256_HEX_CAP]; /* of the payload; "" when it must be read again */
    struct lt__thing **v;
    size_t n;
    unsigned generation; /* Zigbee2MQTT: the message that named it last */
};

struct lt__fault {
    char topic[256], reason[LT_DIAG_TEXT];
    uint64_t n;
};

struct lt_discovery {
    char *ha_prefix, *z2m_base, *tasmota_prefix; /* NULL: not read */
    char *filters[8];
    struct lt__source **sources;
    size_t n_sources, cap_sources, n_made; /* n_made: things in all sources */
    json_t *home_tools;                    /* as engine/data/home-tools.json */
    json_t *overrides, *override_index;    /* array; match -> index */
    json_t *areas;                         /* array of {name,floor,aliases} */
    json_t *tasmota;                       /* MAC -> {"config", "sensors"}, last good */
    json_t *z2m_groups;                    /* last good bridge/groups, or NULL */
    char z2m_devices_digest[LT_SHA256_HEX_CAP], z2m_groups_digest[LT_SHA256_HEX_CAP];
    int has_z2m; /* bridge/devices was read */
    unsigned generation;

    /* made by lt__discovery_index from the above */
    int is_indexed;
    struct lt__thing **things; /* sorted by id */
    size_t n_things;
    json_t *index_keep;   /* ids and names of the index */
    json_t *index_areas;  /* areas of the catalogue */
    json_t *index_lookup; /* id -> position */

    struct lt__fault *faults; /* LT_DISCOVERY_MAX_ERRORS */
    struct lt_discovery_error errors[LT_DISCOVERY_MAX_ERRORS];
    size_t n_faults;
    uint64_t n_bad;
};

/* ---- discovery.c ---- */
/* The source of this key, or NULL. */
struct lt__source *lt__source_find(const struct lt_discovery *d, const char *key);
/* The source of this key, made when there is none; NULL when out of memory. */
struct lt__source *lt__source_get(struct lt_discovery *d, const char *key);
/* Give it other things (taken over, the old freed). LT_ERR_LIMIT: too many entities; then the source
 * is as before and the new things stay the caller's. */
LT_NODISCARD enum lt_err lt__source_set(struct lt_discovery *d, struct lt__source *s,
                                        struct lt__thing **v, size_t n, struct lt_diag *diag);
void lt__source_remove(struct lt_discovery *d, const char *key);
/* Report a bad message; a good one makes it forgotten. */
void lt__discovery_fault(struct lt_discovery *d, const char *topic, const char *reason);
void lt__discovery_fault_over(struct lt_discovery *d, const char *topic);
void lt__digest(const void *payload, size_t n, char out[LT_SHA256_HEX_CAP]);

/* ---- discovery_thing.c ---- */
struct lt__thing *lt__thing_new(void);
void lt__thing_free(struct lt__thing *t); /* NULL is fine */
void lt__things_free(struct lt__thing **v, size_t n);
/* A copy that lives as long as the thing; "" and is_broken when out of memory. */
const char *lt__keep(struct lt__thing *t, const char *s);
const char *lt__keepf(struct lt__thing *t, const char *fmt, ...) LT_PRINTF(2, 3);
/* Hold a reference to `v` as long as the thing lives; returns v. */
const json_t *lt__keep_json(struct lt__thing *t, const json_t *v);
/* Take over a new reference (NULL counts as out of memory); returns v. */
json_t *lt__keep_new(struct lt__thing *t, json_t *v);
/* Append a feature; valid until the next is added. NULL when the thing has too many, or memory ran
 * out (then is_broken). */
struct lt_feature *lt__feature_add(struct lt__thing *t, const char *name,
                                   enum lt_feature_type type);
void lt__availability_add(struct lt__thing *t, struct lt_thing_availability a);

/* A yes or no as Home Assistant takes it, "true" and 1 too; -1 for what is none (or NULL). */
int lt__flag(const json_t *v);

/* Letters of ASCII in lower case, digits, '_' for the rest, as Home Assistant makes object ids;
 * accents of Latin letters are dropped. May give "". */
void lt__slug(const char *s, char *out, size_t out_bytes);
/* "living_room" -> "Living Room": '_' become blanks, all-lower-case words a capital. */
void lt__pretty(const char *s, char *out, size_t out_bytes);
/* "Laundry-Plug_switch" as words that are spoken: '_' and '-' become blanks. */
void lt__words(const char *s, char *out, size_t out_bytes);
/* Equal without regard to ASCII case and outer blanks? */
int lt__same(const char *a, const char *b);
/* Does `s` begin with the words of `head` (ASCII case apart)? Returns what follows, without blanks
 * in front, or NULL. */
const char *lt__after_words(const char *s, const char *head);
/* Key for comparisons: lower-case ASCII, outer blanks off. */
void lt__fold(const char *s, char *out, size_t out_bytes);
/* Is it a name: not blank, at most LT_DISCOVERY_MAX_NAME_BYTES, no control characters? The error
 * names `key`. */
LT_NODISCARD enum lt_err lt__name_check(const char *s, const char *key, struct lt_diag *diag);
/* Can it be published to: no wildcards, no control characters, 1..LT_DISCOVERY_MAX_TOPIC_BYTES? */
LT_NODISCARD enum lt_err lt__topic_check(const char *s, const char *key, struct lt_diag *diag);
/* Can it be subscribed to as one device's reports: the same, but '+' and '#' may stand for levels
 * (OpenMQTTGateway: any gateway may report a sensor)? */
LT_NODISCARD enum lt_err lt__filter_check(const char *s, const char *key, struct lt_diag *diag);

/* ---- discovery_abbr.c ---- */
/* A config object with keys written out (top level, availability, device, origin) and '~' replaced;
 * a new reference, NULL when out of memory. `components` are left as they are. */
json_t *lt__ha_expand(const json_t *config);
/* The long form of one key, or the key itself. For tests: the table must be sorted. */
const char *lt__ha_long_key(const char *key);
int lt__ha_abbreviations_are_sorted(void);

/* ---- discovery_ha.c ---- */
/* 1 when the topic is a config topic of ours (then *changed is set). */
int lt__ha_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n,
                int *changed);

/* ---- discovery_lower.c ---- */
/* Is this component one that people speak to? */
int lt__ha_is_wanted(const char *component);
/* Add to `t` the features of an expanded config of t->pub.domain. LT_ERR_INVALID names the key. */
LT_NODISCARD enum lt_err lt__ha_lower(struct lt__thing *t, const json_t *config,
                                      struct lt_diag *diag);

/* ---- discovery_media.c ---- */
/* As lt__ha_lower, for a media player. */
LT_NODISCARD enum lt_err lt__media_lower(struct lt__thing *t, const json_t *config,
                                         struct lt_diag *diag);
/* The selector of a player's sources as a config of its own, a new reference; *out NULL: it has none. */
LT_NODISCARD enum lt_err lt__media_sources(const json_t *config, json_t **out,
                                           struct lt_diag *diag);

/* ---- discovery_z2m.c ---- */
int lt__z2m_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n,
                 int *changed);

/* ---- discovery_z2m_lower.c ---- */
struct lt__things {
    struct lt__thing **v;
    size_t n, cap;
};
/* The things of one entry of bridge/devices, or of a group of known devices, appended to `out`. */
LT_NODISCARD enum lt_err lt__z2m_device_things(struct lt_discovery *d, const json_t *device,
                                               struct lt__things *out, struct lt_diag *diag);
LT_NODISCARD enum lt_err lt__z2m_group_things(struct lt_discovery *d, const json_t *group,
                                              struct lt__things *out, struct lt_diag *diag);
/* Key of a device's source. LT_ERR_INVALID when the address is none. */
LT_NODISCARD enum lt_err lt__z2m_key(const struct lt_discovery *d, const char *ieee, char *out,
                                     size_t out_bytes, struct lt_diag *diag);

/* ---- discovery_tasmota.c ---- */
int lt__tasmota_feed(struct lt_discovery *d, const char *topic, const void *payload, size_t n,
                     int *changed);

/* ---- discovery_index.c ---- */
/* Compose names, ids and areas unless that is done. LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt__discovery_index(struct lt_discovery *d);

#endif
