/* gateway.h - the serving process: `lintel serve`.
 *
 * One loop thread owns MQTT, the cloud's HTTP and all timers; an inference worker and a store writer
 * do what would hold it up. ARCHITECTURE.md follows one request through the functions. */
#ifndef LT_GATEWAY_H
#define LT_GATEWAY_H

#include "lt/err.h"

/* Serve until SIGTERM or SIGINT; SIGHUP reloads what can be reloaded. `config_path` NULL is the
 * default file. Starts without a broker and goes on looking for one. Returns LT_OK after a clean
 * end; an error (text in diag) when it could not start: configuration, network file or database. */
LT_NODISCARD enum lt_err lt_gateway_run(const char *config_path, struct lt_diag *diag);

#endif
