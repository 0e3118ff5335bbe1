/* exports.c - see exports.h. */
#include "exports.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- one file ---- */

static int is_wanted_line(const json_t *ids, const char *line, size_t n)
{
    json_t *o = json_loadb(line, n, 0, NULL);
    const char *id = json_string_value(json_object_get(o, "id"));
    int found = id && json_object_get(ids, id);
    json_decref(o);
    return found;
}

/* All lines but those of `ids` from `from` to `to`; how many were left out in *n. */
static enum lt_err copy_others(FILE *from, FILE *to, const json_t *ids, int64_t *n,
                               const char *path, struct lt_diag *diag)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    enum lt_err err = LT_OK;
    *n = 0;
    while (!err && (len = getline(&line, &cap, from)) >= 0) {
        if (is_wanted_line(ids, line, (size_t)len))
            ++*n;
        else if (fwrite(line, 1, (size_t)len, to) != (size_t)len)
            err = lt_fail_errno(diag, "cannot write beside %s", path);
    }
    if (!err && ferror(from)) err = lt_fail_errno(diag, "cannot read %s", path);
    if (!err && (fflush(to) || fsync(fileno(to))))
        err = lt_fail_errno(diag, "cannot write beside %s", path);
    free(line);
    return err;
}

/* The bytes of a file that no name leads to any more. Another hard link is somebody's copy: it stays. */
static void overwrite(FILE *f)
{
    static const char zeros[65536];
    struct stat st;
    int fd = fileno(f);
    if (fstat(fd, &st) || st.st_nlink) return;
    for (off_t at = 0; at < st.st_size;) {
        size_t n = st.st_size - at < (off_t)sizeof zeros ? (size_t)(st.st_size - at) : sizeof zeros;
        ssize_t done = pwrite(fd, zeros, n, at);
        if (done <= 0) break;
        at += done;
    }
    (void)fsync(fd);
}

/* The new file belongs to whom the old one belongs to; where that is not allowed, to us. */
static int open_beside(const char *path, const struct stat *st, char *temp, size_t cap)
{
    if (snprintf(temp, cap, "%s.XXXXXX", path) >= (int)cap) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(temp);
    if (fd < 0) return -1;
    if (fchown(fd, st->st_uid, st->st_gid)) errno = 0;
    if (fchmod(fd, st->st_mode & 07777)) errno = 0;
    return fd;
}

static enum lt_err rewrite(const char *path, FILE *from, const struct stat *st, const json_t *ids,
                           int64_t *n, struct lt_diag *diag)
{
    char temp[4200];
    int fd = open_beside(path, st, temp, sizeof temp);
    FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
    if (!to) {
        enum lt_err err = lt_fail_errno(diag, "cannot write beside %s", path);
        if (fd >= 0) close(fd), unlink(temp);
        return err;
    }
    enum lt_err err = copy_others(from, to, ids, n, path, diag);
    if (fclose(to) && !err) err = lt_fail_errno(diag, "cannot write beside %s", path);
    if (!err && *n && rename(temp, path)) err = lt_fail_errno(diag, "cannot replace %s", path);
    if (err || !*n)
        unlink(temp);
    else
        overwrite(from);
    return err;
}

/* LT_ERR_NOTFOUND: no file is there. */
static enum lt_err purge_file(const char *path, const json_t *ids, int64_t *n, struct lt_diag *diag)
{
    struct stat st;
    int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return lt_fail(diag, LT_ERR_NOTFOUND, "%s is no longer there", path);
    if (fd < 0) return lt_fail_errno(diag, "cannot open %s", path);
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return lt_fail(diag, LT_ERR_INVALID, "%s is no plain file any more", path);
    }
    FILE *from = fdopen(fd, "r+");
    if (!from) {
        close(fd);
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    enum lt_err err = rewrite(path, from, &st, ids, n, diag);
    fclose(from);
    return err;
}

/* And what a killed run left under its first name. */
static enum lt_err purge_both(const char *path, const json_t *ids, int64_t *n, struct lt_diag *diag)
{
    char part[4200];
    int64_t n_part = 0;
    struct lt_diag other = {0};
    snprintf(part, sizeof part, "%s" LT_EXPORTS_PART, path);
    enum lt_err part_err = purge_file(part, ids, &n_part, &other);
    enum lt_err err = purge_file(path, ids, n, diag);
    if (part_err == LT_ERR_NOTFOUND) return err;
    if (part_err) {
        *diag = other;
        return part_err;
    }
    if (err == LT_ERR_NOTFOUND) { /* only the part is there */
        *n = n_part;
        return LT_OK;
    }
    if (!err) *n += n_part;
    return err;
}

/* ---- all of them ---- */

struct known {
    int64_t id, at_unix_ms, n;
    char *path;
};
struct files {
    struct known *v;
    size_t n;
    enum lt_err err;
};

static int keep_file(const struct lt_export_row *row, void *user)
{
    struct files *f = user;
    struct known *more = realloc(f->v, (f->n + 1) * sizeof *more);
    char *path = row->path ? strdup(row->path) : NULL;
    if (more) f->v = more;
    if (!more || (row->path && !path)) {
        free(path);
        f->err = LT_ERR_NOMEM;
        return 1;
    }
    f->v[f->n++] = (struct known){row->id, row->at_unix_ms, row->n_traces, path};
    return 0;
}

static int keep_id(const char *trace, void *user)
{
    return json_object_set_new(user, trace, json_true()) != 0;
}

enum lt_err lt_exports_purge(struct lt_store *s, enum lt_export_of of, const char *site,
                             lt_exports_fn said, int *n_failed, struct lt_diag *diag)
{
    struct files f = {0};
    *n_failed = 0;
    enum lt_err err = lt_store_export_list(s, of, site, keep_file, &f, diag);
    if (!err && f.err) err = lt_fail(diag, f.err, "out of memory");
    for (size_t i = 0; i < f.n && !err; i++) {
        struct lt_diag why = {0};
        struct lt_exports_said x = {"pipe", f.v[i].path, f.v[i].n, f.v[i].at_unix_ms, NULL};
        json_t *ids = json_object();
        if (x.path) {
            err = lt_store_export_traces(s, f.v[i].id, of, site, keep_id, ids, diag);
            enum lt_err done = err ? err : purge_both(x.path, ids, &x.n, &why);
            x.what = !done ? "rewritten" : done == LT_ERR_NOTFOUND ? "gone" : "failed";
            if (done && done != LT_ERR_NOTFOUND) {
                x.why = why.text;
                x.n = f.v[i].n;
                ++*n_failed;
            }
        }
        if (!err && !x.why) err = lt_store_export_forget(s, f.v[i].id, of, site, diag);
        if (!err && said) said(&x);
        json_decref(ids);
    }
    for (size_t i = 0; i < f.n; i++) free(f.v[i].path);
    free(f.v);
    return err;
}

int lt_exports_place_of(FILE *f, char **path, int *is_appended)
{
    char link[64], name[4200];
    struct stat st;
    int fd = fileno(f), flags = fcntl(fd, F_GETFL);
    *path = NULL;
    *is_appended = flags >= 0 && (flags & O_APPEND);
    if (fstat(fd, &st)) return 0;
    if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)) return 1;
    if (!S_ISREG(st.st_mode)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name - 1);
    if (n > 0) {
        name[n] = '\0';
        *path = strdup(name);
    }
    return 1;
}
