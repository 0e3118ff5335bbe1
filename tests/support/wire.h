/* wire.h - a client that hears every topic of a broker, for tests that look at what is published.
 *
 * One connection in the caller's thread: messages are read while something waits for one, and kept in the
 * order in which they came. Functions fail the running test when the broker goes. */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

struct wire;

/* Connect to 127.0.0.1:port and subscribe to "#". */
struct wire *wire_open(int port);
void wire_close(struct wire *w);
void wire_publish(struct wire *w, const char *topic, const char *payload, int is_retained);
/* The oldest message kept that came on this very topic and was not retained there before; those before it
 * are dropped. Malloc'ed; NULL after a minute. What the client itself published is not kept. */
char *wire_take(struct wire *w, const char *topic);
/* Drop what came so far. */
void wire_forget(struct wire *w);

#endif
