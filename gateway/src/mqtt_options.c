/* mqtt_options.c - the broker as the configuration describes it, for the gateway, the fleet's programs and the
 * doctor alike. */
#include "config.h"
#include "mqtt.h"

#define RECONNECT_MIN_MS 200

struct lt_mqtt_options lt_mqtt_options_of(const struct lt_config *c,
                                          const struct lt_secret *password, const char *client_id)
{
    return (struct lt_mqtt_options){.host = c->mqtt.host,
                                    .port = (int)c->mqtt.port,
                                    .username = c->mqtt.username,
                                    .password = password,
                                    .client_id = client_id,
                                    .version = (int)c->mqtt.version,
                                    .is_tls = c->mqtt.tls,
                                    .is_tls_insecure = c->mqtt.tls_insecure,
                                    .ca_file = c->mqtt.ca_file,
                                    .cert_file = c->mqtt.cert_file,
                                    .key_file = c->mqtt.key_file,
                                    .keepalive_s = (int)c->mqtt.keepalive_s,
                                    .receive_maximum = (uint16_t)c->mqtt.receive_maximum,
                                    .reconnect_min_ms = RECONNECT_MIN_MS,
                                    .reconnect_max_ms = c->mqtt.reconnect_max_s * 1000};
}
