/* sim_home.h - a home of simulated devices on a real broker, which speak as their protocols say.
 *
 * One file (tests/data/homes/NAME.json) describes a home: Zigbee2MQTT with its bridge, devices and
 * groups, Tasmota devices, and things that announce themselves through Home Assistant's discovery, as
 * ESPHome does. The simulation publishes their announcements, takes their commands, changes their state
 * and reports it, so that after a spoken request the state of the whole home can be looked at:
 *
 *     {"Kitchen Ceiling": {"state": "ON", "brightness": 120}, "Hall Blind": {"position": 100}, …}
 *
 * What it knows of the protocols is written here a second time, from their documentation, and shares
 * nothing with the gateway. One client, one thread: what a device reported is on its way before what
 * sim_say says next. Functions fail the running program when what they wait for does not come. */
#ifndef TEST_SIM_HOME_H
#define TEST_SIM_HOME_H

#include <jansson.h>

struct sim;

/* Read the file, connect to 127.0.0.1:port, announce everything, report what devices report by
 * themselves. */
struct sim *sim_start(int port, const char *path);
void sim_stop(struct sim *s);
const json_t *sim_file(const struct sim *s); /* as read; borrowed */

/* All states; borrowed until the next call. */
const json_t *sim_states(const struct sim *s);
/* Back to the state of the file, with `changes` ({device: {key: value}}, or NULL) on top. What that
 * changes is reported. */
void sim_reset(struct sim *s, const json_t *changes);
/* Does the state differ from the file's, with `changes` on top, as `then` says and nowhere else? A number
 * may be [from, to], "*" is anything. 0 and the first difference in why (at least 200 bytes). */
int sim_is(const struct sim *s, const json_t *changes, const json_t *then, char *why);

/* Publish a request; session and here may be NULL. Then wait for its answer, while devices work. */
json_t *sim_ask(struct sim *s, const char *text, const char *here, const char *session);
/* Let devices work until nothing came for `quiet_ms`. */
void sim_settle(struct sim *s, int quiet_ms);
/* Let devices work until the gateway's catalogue has n entities; the number it has after a minute. */
int sim_wait_catalog(struct sim *s, int n);
/* Sensors on batteries report, as each does every now and then; nobody can ask them. */
void sim_sensors_report(struct sim *s);

/* Zigbee2MQTT's bridge goes (as by its will), or comes back and announces all again. */
void sim_bridge_down(struct sim *s);
void sim_bridge_up(struct sim *s);
/* Devices go silent (they take commands and report nothing), or answer again. */
void sim_silence(struct sim *s, const char *device, int is_silent);
/* Covers take this long from one end to the other (0: at once). */
void sim_set_travel_ms(struct sim *s, int ms);

#endif
