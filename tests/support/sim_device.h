/* sim_device.h - one simulated device; see sim_home.h. The functions act for its files alone. */
#ifndef TEST_SIM_DEVICE_H
#define TEST_SIM_DEVICE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct mosquitto;
struct sim;

enum sim_proto { SIM_Z2M, SIM_Z2M_GROUP, SIM_TASMOTA, SIM_HA };

struct sim_device {
    enum sim_proto proto;
    const char *name, *kind;     /* of the home file */
    const json_t *config, *root; /* announcement; root: of a device announcement */
    json_t *state, *initial;     /* as it reports it; NULL: a group */
    int is_down, is_silent;
    int travel_ms; /* of covers */
    double from, to;
    int64_t moving_since_ms, moving_until_ms; /* 0: it stands */
};

void sim__publish(struct sim *s, const char *topic, const char *payload, int is_retained);

/* Take a message for device i, if it is one. */
void sim__command(struct sim *s, struct sim_device *v, size_t n, size_t i, const char *topic,
                  const char *payload);
void sim__tick(struct sim *s, struct sim_device *d, int64_t now_ms);
/* Report all of its state. */
void sim__report(struct sim *s, struct sim_device *d);
/* Report the groups that a member is in. */
void sim__report_groups(struct sim *s, struct sim_device *v, size_t n, const char *member);
/* What it says when it comes online. */
void sim__hello(struct sim *s, struct sim_device *d);
void sim__announce_bridge(struct sim *s, const json_t *z2m);
void sim__announce_tasmota(struct sim *s, const json_t *d);
void sim__set_will(struct mosquitto *m, const json_t *file);
/* Its state as the tests write it: colours by name. A new reference. */
json_t *sim__view(const json_t *state);

/* ---- sim_ha.c ---- */
void sim__ha_command(struct sim *s, struct sim_device *d, const char *topic, const char *payload);
void sim__ha_report(struct sim *s, struct sim_device *d);
/* Begin to move a cover to `position`. */
void sim__move(struct sim *s, struct sim_device *d, double position);
double sim__position(const struct sim_device *d);
void sim__set_position(struct sim_device *d, double position, int direction);

#endif
