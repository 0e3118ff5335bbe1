/* log.c - one write(2) per event, key=value, quoted where needed. */
#include "lt/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 2048 /* a longer line is cut; the cut shows as "..." */

static atomic_int log_level = LT_LOG_INFO;
static const char *const level_names[] = {"error", "warn", "info", "debug", "trace"};
static const int journal_priority[] = {3, 4, 6, 7, 7}; /* syslog(3) levels */

static atomic_int terminal = -1; /* is stderr one? -1: not looked yet */

void lt_log_set_level(enum lt_log_level level)
{
    atomic_store(&log_level, (int)level);
    atomic_store(&terminal, isatty(STDERR_FILENO));
}

static int is_terminal(void)
{
    int is = atomic_load(&terminal);
    if (is < 0) atomic_store(&terminal, is = isatty(STDERR_FILENO));
    return is;
}

int lt_log_is_on(enum lt_log_level level)
{
    return (int)level <= atomic_load(&log_level);
}

int lt_log_level_parse(const char *name)
{
    for (int i = 0; i < 5; i++)
        if (!strcmp(name, level_names[i])) return i;
    return -1;
}

struct line {
    char p[LOG_LINE_MAX];
    size_t n;
};

static void put(struct line *l, char c)
{
    if (l->n < sizeof l->p - 1) l->p[l->n++] = c;
}

static void puts_raw(struct line *l, const char *s)
{
    while (*s) put(l, *s++);
}

static void put_value(struct line *l, const char *s)
{
    if (!s) s = "";
    int is_plain = *s != '\0';
    for (const char *c = s; *c && is_plain; c++)
        is_plain = (unsigned char)*c > ' ' && *c != '"' && *c != '\\' && *c != '=' && *c != 0x7f;
    if (is_plain) {
        puts_raw(l, s);
        return;
    }
    put(l, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            put(l, '\\');
            put(l, *s);
        } else if (c < ' ' || c == 0x7f) {
            char hex[8];
            snprintf(hex, sizeof hex, "\\x%02x", c);
            puts_raw(l, hex);
        } else {
            put(l, *s);
        }
    }
    put(l, '"');
}

void lt_log_write(enum lt_log_level level, const char *event, const struct lt_log_field *fields)
{
    struct line l = {.n = 0};
    char num[64];
    if (!is_terminal()) {
        snprintf(num, sizeof num, "<%d>", journal_priority[level]);
        puts_raw(&l, num);
    } else {
        struct timespec ts;
        struct tm tm;
        clock_gettime(CLOCK_REALTIME, &ts);
        localtime_r(&ts.tv_sec, &tm);
        snprintf(num, sizeof num, "%02d:%02d:%02d.%03ld ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                 ts.tv_nsec / 1000000);
        puts_raw(&l, num);
    }
    puts_raw(&l, level_names[level]);
    put(&l, ' ');
    puts_raw(&l, event);
    for (const struct lt_log_field *f = fields; f->key; f++) {
        put(&l, ' ');
        puts_raw(&l, f->key);
        put(&l, '=');
        if (f->kind == LT_LF_STR) {
            put_value(&l, f->s);
        } else {
            if (f->kind == LT_LF_INT)
                snprintf(num, sizeof num, "%lld", (long long)f->i);
            else
                snprintf(num, sizeof num, "%.6g", f->d);
            puts_raw(&l, num);
        }
    }
    if (l.n >= sizeof l.p - 1) memcpy(l.p + sizeof l.p - 5, "...", 3), l.n = sizeof l.p - 2;
    l.p[l.n++] = '\n';
    ssize_t done = write(STDERR_FILENO, l.p, l.n); /* a log line that cannot be written is lost */
    (void)done;
}
