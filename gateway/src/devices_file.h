/* devices_file.h - devices that announce nothing, described by hand.
 *
 * Much that can be worked over MQTT says nothing of itself: music players behind small bridges, an old
 * relay, a script. discovery.devices names a YAML file that describes them in the words of Home
 * Assistant's MQTT integration (its documentation: "MQTT Switch" and so on), and media_player beside,
 * for which Home Assistant has no words (discovery_media.c):
 *
 *     media_player:
 *       - name: Living Room Speaker
 *         area: Living Room
 *         command_topic: snapcast/living/set
 *     switch:
 *       - name: Pond Pump
 *         command_topic: pond/set
 *         state_topic: pond/state
 *
 * `area` is short for device: {suggested_area: …}. A plain true or false is a boolean, a plain number a
 * number, everything else a text: ON and off need no quotes. */
#ifndef LT_DEVICES_FILE_H
#define LT_DEVICES_FILE_H

#include <jansson.h>

#include "lt/err.h"

#define LT_DEVICES_FILE_MAX_BYTES (1024 * 1024)
#define LT_DEVICES_FILE_MAX_NODES 50000 /* scalars, lists and maps, those of anchors each time */
#define LT_DEVICES_FILE_MAX_DEPTH 12

/* Read the file as JSON: {"media_player": [{…}, …], …}. *out is a new reference. LT_ERR_NOTFOUND, LT_ERR_IO,
 * LT_ERR_PARSE with file and line, LT_ERR_LIMIT, LT_ERR_NOMEM. */
LT_NODISCARD enum lt_err lt_devices_file_read(const char *path, json_t **out, struct lt_diag *diag);
/* The same of a text; `name` stands in errors. */
LT_NODISCARD enum lt_err lt_devices_file_parse(const char *yaml, size_t n, const char *name,
                                               json_t **out, struct lt_diag *diag);

#endif
