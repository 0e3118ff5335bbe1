/* doctor_home.h - what `lintel doctor` can tell about announced devices.
 *
 * It reads what the broker retains, as `lintel serve` would, with a client of its own, and tells for each
 * site how many things were found, and of every announcement that was refused or is only partly understood
 * its topic, the key in it, and why. It publishes nothing. */
#ifndef LT_DOCTOR_HOME_H
#define LT_DOCTOR_HOME_H

#include "config.h"
#include "doctor_cloud.h"

#define LT_DOCTOR_HOME_MS       10000 /* longest look */
#define LT_DOCTOR_HOME_QUIET_MS 1000  /* over when nothing came for so long */

/* Findings of the check "devices". Nothing where announcements are not read. */
void lt_doctor_home(const struct lt_config *c, lt_doctor_note_fn note, void *ctx);

#endif
