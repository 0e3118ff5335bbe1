/* wyoming_frame.h - events of the Wyoming protocol, cut out of a byte stream and put into one.
 *
 * An event is one line of JSON (the header: "type", and how many bytes follow), then its data (a JSON
 * object of data_length bytes) and its payload (payload_length raw bytes); both parts may be missing.
 * Data may also stand in the header; the block's members win. The reader takes bytes as they come, in
 * any pieces, and never holds more than the limits below.
 *
 *              '\n', lengths fit        data complete          payload complete
 *     HEADER ----------------> DATA -----------------> PAYLOAD ----------------> event, HEADER
 *        |  too long, no JSON,  | no JSON object
 *        +--> BROKEN <----------+      (for good: where the next event begins cannot be known)
 *
 * Source: OHF-Voice/wyoming, README "Format" and event.py. Threads: one owner. */
#ifndef LT_WYOMING_FRAME_H
#define LT_WYOMING_FRAME_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lt/buf.h"
#include "lt/err.h"

#define LT_WYOMING_HEADER_MAX  65536   /* bytes of a header line */
#define LT_WYOMING_DATA_MAX    1048576 /* bytes of a data block */
#define LT_WYOMING_PAYLOAD_MAX 4194304 /* bytes of a payload */

struct lt_wyoming_event { /* borrowed for the call */
    const char *type;
    const json_t *data; /* an object, perhaps empty */
    const char *payload;
    size_t payload_len;
};
/* Return non-zero to stop reading: the rest of the bytes is dropped. */
typedef int (*lt_wyoming_fn)(void *ctx, const struct lt_wyoming_event *e);

struct lt_wyoming_reader; /* opaque */

LT_NODISCARD struct lt_wyoming_reader *lt_wyoming_reader_new(void); /* NULL: out of memory */
void lt_wyoming_reader_free(struct lt_wyoming_reader *r);           /* NULL is fine */
/* Take n bytes; `fn` is called for every event they complete. LT_ERR_PARSE (no JSON, no type,
 * lengths that are no whole numbers), LT_ERR_LIMIT (a part is too long), LT_ERR_NOMEM: the reader is
 * broken from then on and says the same again. */
LT_NODISCARD enum lt_err lt_wyoming_read(struct lt_wyoming_reader *r, const char *bytes, size_t n,
                                         lt_wyoming_fn fn, void *ctx, struct lt_diag *diag);

/* Append an event. `data` is an object or NULL and stays the caller's. LT_ERR_NOMEM, LT_ERR_LIMIT. */
LT_NODISCARD enum lt_err lt_wyoming_write(struct lt_buf *out, const char *type, const json_t *data,
                                          const void *payload, size_t payload_len);

#endif
