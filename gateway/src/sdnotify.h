/* sdnotify.h - what systemd wants to know of a service, without libsystemd.
 *
 * A message is a datagram to the socket that $NOTIFY_SOCKET names ('@' stands for an abstract one).
 * Without that variable nothing happens. Threads: any. */
#ifndef LT_SDNOTIFY_H
#define LT_SDNOTIFY_H

#include <stdint.h>

/* Send "READY=1", "WATCHDOG=1", "STATUS=...", several lines allowed. 1 when it was sent. */
int lt_sd_notify(const char *text);
/* How often WATCHDOG=1 should be sent, ms (half of what systemd allows); 0 for never. */
int64_t lt_sd_watchdog_ms(void);

#endif
