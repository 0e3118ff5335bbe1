/* lt/log.h - one line per event, with named fields.
 *
 *     LT_LOG(INFO, "route.decided", LF_STR("trace", id), LF_INT("total_us", us));
 *
 * Events are stable noun.verb names with at least one field; fields are snake_case with units. The level is tested before
 * the arguments are evaluated. ERROR: a person should act; WARN: degraded and handled; INFO: one
 * line per request; DEBUG: developer; what people said is logged at DEBUG only. Lines go to stderr
 * with journald's <n> priority prefix when it is not a terminal (looked at when the level is set, or with the
 * first line). Any thread may log; a line is one
 * write(2). Secrets have a type of their own (lt/secret.h) for which there is no field macro. */
#ifndef LT_LOG_H
#define LT_LOG_H

#include <stdint.h>

enum lt_log_level { LT_LOG_ERROR, LT_LOG_WARN, LT_LOG_INFO, LT_LOG_DEBUG, LT_LOG_TRACE };

enum lt_log_kind { LT_LF_STR, LT_LF_INT, LT_LF_NUM };
struct lt_log_field {
    const char *key;
    enum lt_log_kind kind;
    const char *s;
    int64_t i;
    double d;
};
#define LF_STR(k, v) ((struct lt_log_field){.key = (k), .kind = LT_LF_STR, .s = (v)})
#define LF_INT(k, v) ((struct lt_log_field){.key = (k), .kind = LT_LF_INT, .i = (int64_t)(v)})
#define LF_NUM(k, v) ((struct lt_log_field){.key = (k), .kind = LT_LF_NUM, .d = (double)(v)})

/* What is written from now on, of all threads: this level and those before it. INFO at start. */
void lt_log_set_level(enum lt_log_level level);
int lt_log_is_on(enum lt_log_level level);
/* Level by name ("error", "warn", "info", "debug", "trace"); -1 for another word. */
int lt_log_level_parse(const char *name);
/* Use the macro. `fields` ends with an entry whose key is NULL. */
void lt_log_write(enum lt_log_level level, const char *event, const struct lt_log_field *fields);

#define LT_LOG(level, event, ...)                                                                  \
    do {                                                                                           \
        if (lt_log_is_on(LT_LOG_##level))                                                          \
            lt_log_write(LT_LOG_##level, event,                                                    \
                         (const struct lt_log_field[]){__VA_ARGS__, {0}});            \
    } while (0)

#endif
