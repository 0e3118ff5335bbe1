/* lt/err.h - how every function of Lintel reports that something went wrong.
 *
 * Functions that can fail return enum lt_err (0 is success) and take a `struct lt_diag *` that
 * the caller owns and may pass as NULL. The code says what a program can do about it; the text
 * says to a person what went wrong, where, and what to do. The first writer wins, so inner detail
 * survives the way out. Nothing here allocates; a diag has one owner and no thread rules. */
#ifndef LT_ERR_H
#define LT_ERR_H

#include <stdarg.h>
#include <stddef.h>

#define LT_NODISCARD __attribute__((warn_unused_result))
#define LT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* code, may a retry help?, text */
#define LT_ERR_MAP(XX)                                                                             \
    XX(NOMEM, 0, "out of memory")                                                                  \
    XX(INVALID, 0, "invalid input")                                                                \
    XX(PARSE, 0, "malformed input")                                                                \
    XX(NOTFOUND, 0, "not found")                                                                   \
    XX(EXISTS, 0, "exists already")                                                                \
    XX(IO, 1, "input or output failed")                                                            \
    XX(TIMEOUT, 1, "deadline passed")                                                              \
    XX(BUSY, 1, "queue full")                                                                      \
    XX(AUTH, 0, "credentials refused")                                                             \
    XX(LIMIT, 0, "over a limit")                                                                   \
    XX(NETWORK, 1, "network failed")                                                               \
    XX(UNSUPPORTED, 0, "feature not supported")                                                    \
    XX(CANCELLED, 0, "cancelled")                                                                  \
    XX(INTERNAL, 0, "internal error")

enum lt_err {
    LT_OK = 0,
#define LT_ERR_ENUM(name, retry, text) LT_ERR_##name,
    LT_ERR_MAP(LT_ERR_ENUM)
#undef LT_ERR_ENUM
};

#define LT_DIAG_TEXT 512

/* Detail of one failure. Zero-initialise before use. */
struct lt_diag {
    enum lt_err code;        /* LT_OK while nothing was reported */
    int os_errno;            /* errno of the failing call, or 0 */
    size_t offset_bytes;     /* where in the input, when that has a meaning */
    char text[LT_DIAG_TEXT]; /* one line: what, where, what to do; NUL-terminated */
};

/* Name of the code ("NOMEM"), never NULL. */
const char *lt_err_name(enum lt_err err);
/* Short English text of the code, never NULL. */
const char *lt_strerror(enum lt_err err);
/* Non-zero when the same call may succeed later. */
int lt_err_is_retryable(enum lt_err err);

/* Record `err` with a printf-style text in `diag` (NULL is fine) unless one is recorded already.
 * Returns `err`, so that a failing function can end with `return lt_fail(diag, ...)`. */
enum lt_err lt_fail(struct lt_diag *diag, enum lt_err err, const char *fmt, ...) LT_PRINTF(3, 4);
/* As lt_fail, and adds ": <strerror(errno)>" and stores errno. Code is LT_ERR_IO
 * (LT_ERR_NOTFOUND for ENOENT). */
enum lt_err lt_fail_errno(struct lt_diag *diag, const char *fmt, ...) LT_PRINTF(2, 3);
/* The recorded text, or the text of `err` when none was recorded. */
const char *lt_diag_text(const struct lt_diag *diag, enum lt_err err);

#endif
