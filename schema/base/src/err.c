/* err.c - error codes and the caller-owned detail record. */
#include "lt/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int retryable;
    const char *text;
} err_rows[] = {
    {"OK", 0, "success"},
#define ERR_ROW(name, retry, text) {#name, retry, text},
    LT_ERR_MAP(ERR_ROW)
#undef ERR_ROW
};

static size_t err_row(enum lt_err err)
{
    size_t i = (size_t)err;
    size_t n = sizeof err_rows / sizeof err_rows[0];
    return i < n ? i : n - 1; /* an unknown code is an internal error */
}

const char *lt_err_name(enum lt_err err) { return err_rows[err_row(err)].name; }
const char *lt_strerror(enum lt_err err) { return err_rows[err_row(err)].text; }
int lt_err_is_retryable(enum lt_err err) { return err_rows[err_row(err)].retryable; }

enum lt_err lt_fail(struct lt_diag *diag, enum lt_err err, const char *fmt, ...)
{
    if (diag && diag->code == LT_OK) {
        va_list ap;
        va_start(ap, fmt);
        diag->code = err;
        vsnprintf(diag->text, sizeof diag->text, fmt, ap);
        va_end(ap);
    }
    return err;
}

enum lt_err lt_fail_errno(struct lt_diag *diag, const char *fmt, ...)
{
    int saved = errno;
    enum lt_err err = saved == ENOENT ? LT_ERR_NOTFOUND : LT_ERR_IO;
    if (diag && diag->code == LT_OK) {
        va_list ap;
        va_start(ap, fmt);
        diag->code = err;
        diag->os_errno = saved;
        int n = vsnprintf(diag->text, sizeof diag->text, fmt, ap);
        va_end(ap);
        if (n >= 0 && (size_t)n < sizeof diag->text)
            snprintf(diag->text + n, sizeof diag->text - (size_t)n, ": %s", strerror(saved));
    }
    return err;
}

const char *lt_diag_text(const struct lt_diag *diag, enum lt_err err)
{
    return diag && diag->code != LT_OK && diag->text[0] ? diag->text : lt_strerror(err);
}
