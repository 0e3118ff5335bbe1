/* cli.c - options and errors of the sub-commands. */
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "call" of "lintel call [options]". */
static int command_of(const struct lt_cli_spec *spec, const char **name)
{
    const char *s = strchr(spec->usage, ' ');
    *name = s ? s + 1 : spec->usage;
    return (int)strcspn(*name, " ");
}

static void help(const struct lt_cli_spec *spec)
{
    printf("usage: %s\n\n%s\n\n", spec->usage, spec->help);
    size_t width = strlen("--help");
    char left[64];
    for (size_t i = 0; i < spec->n_options; i++) {
        const struct lt_cli_option *o = &spec->options[i];
        size_t n = strlen(o->name) + 2 + (o->arg ? strlen(o->arg) + 1 : 0);
        if (n > width) width = n;
    }
    for (size_t i = 0; i < spec->n_options; i++) {
        const struct lt_cli_option *o = &spec->options[i];
        char letter[8] = "    ";
        if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("  %s%-*s  %s\n", letter, (int)width, left, o->help);
    }
    printf("      %-*s  %s\n", (int)width, "--help", "this text");
}

int lt_cli_usage(const struct lt_cli_spec *spec, const char *fmt, ...)
{
    const char *name;
    int n = command_of(spec, &name);
    va_list ap;
    fprintf(stderr, "lintel %.*s: ", n, name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "; see lintel %.*s --help\n", n, name);
    return LT_EXIT_USAGE;
}

int lt_cli_fail(const struct lt_cli_spec *spec, enum lt_err err, const struct lt_diag *diag)
{
    const char *name;
    int n = command_of(spec, &name);
    fprintf(stderr, "lintel %.*s: %s\n", n, name, lt_diag_text(diag, err));
    return LT_EXIT_FAILED;
}

/* Index of the option that `word` names ("--data", "--data=x", "-d"); -1 for none. *inline_value
 * is what follows '='. */
static int find_option(const struct lt_cli_spec *spec, const char *word, const char **inline_value)
{
    *inline_value = NULL;
    if (word[1] != '-') {
        for (size_t i = 0; i < spec->n_options; i++)
            if (spec->options[i].letter == word[1] && !word[2]) return (int)i;
        return -1;
    }
    size_t n = strcspn(word + 2, "=");
    for (size_t i = 0; i < spec->n_options; i++) {
        const char *name = spec->options[i].name;
        if (strlen(name) != n || strncmp(name, word + 2, n) != 0) continue;
        if (word[2 + n] == '=') *inline_value = word + 3 + n;
        return (int)i;
    }
    return -1;
}

int lt_cli_parse(const struct lt_cli_spec *spec, int argc, char **argv, const char **value,
                 int *first)
{
    int n_words = 0, only_words = 0;
    for (size_t i = 0; i < spec->n_options; i++) value[i] = NULL;
    for (int i = 1; i < argc; i++) {
        char *word = argv[i];
        const char *inline_value;
        if (only_words || word[0] != '-' || !word[1]) {
            argv[1 + n_words++] = word; /* never ahead of i */
            continue;
        }
        if (!strcmp(word, "--")) {
            only_words = 1;
            continue;
        }
        if (!strcmp(word, "--help") || !strcmp(word, "-h")) {
            help(spec);
            return LT_EXIT_DONE;
        }
        int k = find_option(spec, word, &inline_value);
        if (k < 0) return lt_cli_usage(spec, "unknown option %s", word);
        if (!spec->options[k].arg) {
            if (inline_value)
                return lt_cli_usage(spec, "--%s takes no value", spec->options[k].name);
            value[k] = "1";
        } else if (inline_value) {
            value[k] = inline_value;
        } else if (i + 1 < argc) {
            value[k] = argv[++i];
        } else {
            return lt_cli_usage(spec, "%s needs %s", word, spec->options[k].arg);
        }
    }
    /* the words stand at argv[1..]; move them to the end, where the caller looks for them */
    for (int i = n_words; i > 0; i--) argv[argc - n_words + i - 1] = argv[i];
    *first = argc - n_words;
    return -1;
}

int lt_cli_num(const struct lt_cli_spec *spec, const char *name, const char *text, double min,
               double max, double *out)
{
    char *end = NULL;
    if (!text) return 1;
    errno = 0;
    double d = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(d) || d < min || d > max) {
        lt_cli_usage(spec, "--%s: '%s' is not a number from %.15g to %.15g", name, text, min, max);
        return 0;
    }
    *out = d;
    return 1;
}

int lt_cli_int(const struct lt_cli_spec *spec, const char *name, const char *text, int64_t min,
               int64_t max, int64_t *out)
{
    char *end = NULL;
    if (!text) return 1;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (end == text || *end || errno || v < min || v > max) {
        lt_cli_usage(spec, "--%s: '%s' is not a whole number from %lld to %lld", name, text,
                     (long long)min, (long long)max);
        return 0;
    }
    *out = v;
    return 1;
}
