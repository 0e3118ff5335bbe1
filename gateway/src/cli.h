/* cli.h - what every sub-command needs: options from a table, one-line errors, progress, tables.
 *
 *     static const struct lt_cli_option options[] = {
 *         {"data", 'd', "FILE", "data lines, plain or gzip"},
 *         {"json", 0, NULL, "print JSON"},
 *     };
 *     static const struct lt_cli_spec spec = {"lintel eval --data FILE [--json]",
 *                                             "Run a data file and print a score table.", options,
 *                                             2};
 *     const char *value[2];
 *     int i, status = lt_cli_parse(&spec, argc, argv, value, &i);
 *     if (status >= 0) return status;       // --help (0) or wrong usage (2), said already
 *
 * Results go to stdout, everything else to stderr. Threads: the main thread only. */
#ifndef LT_CLI_H
#define LT_CLI_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "lt/clock.h"
#include "lt/err.h"

#define LT_EXIT_DONE    0
#define LT_EXIT_FAILED  1
#define LT_EXIT_USAGE   2
#define LT_EXIT_NO_CALL 3

struct lt_cli_option {
    const char *name; /* without the dashes */
    char letter;      /* short form, 0 for none */
    const char *arg;  /* what stands for the value in the help; NULL for a flag */
    const char *help; /* one line */
};

struct lt_cli_spec {
    const char
        *usage; /* "lintel call [options] TEXT"; its second word names the command in errors */
    const char *help; /* a sentence or two */
    const struct lt_cli_option *options;
    size_t n_options;
};

/* Read options (--name value, --name=value, -x value, flags; "--" ends them). value[k] is the text of
 * options[k], "1" for a flag, NULL when absent; the last one counts. Other words keep their order:
 * they are moved to argv[*first ..argc). --help prints the help. Returns -1 to go on, else the exit
 * status (0 after --help, 2 after printing what is wrong). */
int lt_cli_parse(const struct lt_cli_spec *spec, int argc, char **argv, const char **value,
                 int *first);
/* Print "lintel CMD: text; see lintel CMD --help" to stderr; returns LT_EXIT_USAGE. */
int lt_cli_usage(const struct lt_cli_spec *spec, const char *fmt, ...) LT_PRINTF(2, 3);
/* Print "lintel CMD: <text of diag or err>" to stderr; returns LT_EXIT_FAILED. */
int lt_cli_fail(const struct lt_cli_spec *spec, enum lt_err err, const struct lt_diag *diag);

/* A whole number or a number in [min, max] from an option; 0 when `text` is not one (and says so,
 * naming the option, after which the command returns LT_EXIT_USAGE). NULL text leaves *out alone. */
int lt_cli_int(const struct lt_cli_spec *spec, const char *name, const char *text, int64_t min,
               int64_t max, int64_t *out);
int lt_cli_num(const struct lt_cli_spec *spec, const char *name, const char *text, double min,
               double max, double *out);

/* Should a result be JSON: asked for, or stdout is not a terminal? */
int lt_cli_wants_json(const char *json_flag);
/* Print a JSON value and a newline to stdout; 0 when stdout cannot be written. */
int lt_cli_print_json(const json_t *v);

/* Progress of long work: one line that is rewritten on a terminal, a plain line every ten seconds
 * elsewhere, with rate and the time that is left. */
struct lt_progress {
    const char *label, *unit; /* "train", "examples" */
    int64_t total, done;      /* total 0: unknown */
    lt_us started_us, shown_us;
    int is_tty;
};
void lt_progress_start(struct lt_progress *p, const char *label, const char *unit, int64_t total);
/* `note` ("loss 0.31") is appended; NULL for none. Cheap to call often. */
void lt_progress_update(struct lt_progress *p, int64_t done, const char *note);
/* Show the last state and end the line. */
void lt_progress_end(struct lt_progress *p, const char *note);

/* A table on stdout with columns as wide as their widest cell (in characters). A column whose head
 * begins with '>' is set right. Zero-initialise; `columns` first, then rows of n cells, then print
 * (which releases all). NULL cells are empty. */
struct lt_table {
    char **cells;
    size_t n_cells, n_columns;
    int is_broken; /* out of memory: nothing is printed */
};
void lt_table_columns(struct lt_table *t, const char *const *heads, size_t n);
void lt_table_row(struct lt_table *t, const char *const *cells);
/* 0 when stdout cannot be written or memory ran out. */
int lt_table_print(struct lt_table *t);

#endif
