/* lt/secret.h - an API key or password, kept out of logs, traces and core dumps.
 *
 * A secret is named by reference in the configuration and read once: "env:NAME", "file:/path"
 * (trailing newline dropped) or "credential:NAME" (a systemd credential, read from
 * $CREDENTIALS_DIRECTORY). The bytes live in their own allocation, excluded from core dumps with
 * madvise(MADV_DONTDUMP) where the system has it, and are overwritten when freed. Copies are made beyond
 * our reach (an HTTP library's buffers, a TLS record, the environment), so a process that reads a secret
 * dumps no core at all from then on. The logger has no field macro for this type. */
#ifndef LT_SECRET_H
#define LT_SECRET_H

#include "lt/err.h"

#define LT_SECRET_MAX_BYTES 4096 /* longest secret that is read */

struct lt_secret; /* opaque */

/* No core of this process from now on, neither to a file nor through a pipe; what is called before the first
 * secret is read. Children inherit it. */
void lt_secret_forbid_dumps(void);
/* Read the secret that `ref` names; forbids core dumps. LT_ERR_INVALID for another form of reference, LT_ERR_NOTFOUND
 * for an unset variable or missing file, LT_ERR_LIMIT when longer than LT_SECRET_MAX_BYTES; the
 * text names the reference, never the value. *out is the caller's to free. */
LT_NODISCARD enum lt_err lt_secret_read(const char *ref, struct lt_secret **out,
                                        struct lt_diag *diag);
/* The bytes as a C string; borrowed, and never to be logged or stored. */
const char *lt_secret_reveal(const struct lt_secret *s);
void lt_secret_free(struct lt_secret *s); /* NULL is fine */

#endif
