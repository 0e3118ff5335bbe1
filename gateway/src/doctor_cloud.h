/* doctor_cloud.h - what `lintel doctor` can tell about cloud endpoints.
 *
 * Beyond what loading the configuration checks: the key can be read, the price list has the model, and
 * (unless offline) the vendor takes the key and knows the model, asked with a free request. Each
 * finding names the file's line and the key to change. */
#ifndef LT_DOCTOR_CLOUD_H
#define LT_DOCTOR_CLOUD_H

#include "config.h"

#define LT_DOCTOR_WAIT_MS 4000 /* longest wait for one vendor */

/* One finding; `check` is like "cloud 1 anthropic". */
typedef void (*lt_doctor_note_fn)(void *ctx, const char *check, int is_ok, const char *text);
void lt_doctor_cloud(const struct lt_config *c, const char *file, int is_offline,
                     lt_doctor_note_fn note, void *ctx);

#endif
