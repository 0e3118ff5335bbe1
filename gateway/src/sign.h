/* sign.h - networks that come from elsewhere are taken only when signed: Ed25519 (RFC 8032) over the file.
 *
 * Keys are PEM files as `openssl genpkey -algorithm ed25519` writes them; a signature is FILE.sig, 128
 * hexadecimal digits and a line break. Needs libcrypto (OpenSSL); a build without it refuses with
 * LT_ERR_UNSUPPORTED. Any thread; nothing is kept. */
#ifndef LT_SIGN_H
#define LT_SIGN_H

#include "lt/err.h"

#define LT_SIGN_MAX_BYTES (512 << 20) /* longer files are not signed */

/* Write a new key to `path` (mode 0600, must not exist) and its public half to `path`.pub. LT_ERR_IO. */
LT_NODISCARD enum lt_err lt_sign_keygen(const char *path, struct lt_diag *diag);
/* Write `file`.sig with the key in `key_path`. LT_ERR_IO, LT_ERR_INVALID (no Ed25519 key). */
LT_NODISCARD enum lt_err lt_sign_file(const char *file, const char *key_path, struct lt_diag *diag);
/* Was `file` signed with the key whose public half is in `public_path`? LT_ERR_NOTFOUND (no `file`.sig),
 * LT_ERR_INVALID (another key, or the file was changed), LT_ERR_IO. */
LT_NODISCARD enum lt_err lt_sign_check(const char *file, const char *public_path,
                                       struct lt_diag *diag);

#endif
