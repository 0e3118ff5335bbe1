/* cli_io.c - what the sub-commands print: JSON, progress, tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "lt/json.h"

#define TTY_EVERY_US   100000   /* a terminal's line is rewritten this often */
#define PLAIN_EVERY_US 10000000 /* and a log gets a line this often */

int lt_cli_wants_json(const char *json_flag)
{
    return json_flag || !isatty(STDOUT_FILENO);
}

int lt_cli_print_json(const json_t *v)
{
    char *text = lt_json_dump(v);
    int ok = text && puts(text) >= 0 && !fflush(stdout);
    free(text);
    return ok;
}

/* ---- progress ---- */

void lt_progress_start(struct lt_progress *p, const char *label, const char *unit, int64_t total)
{
    *p = (struct lt_progress){.label = label,
                              .unit = unit,
                              .total = total,
                              .started_us = lt_now_us(),
                              .is_tty = isatty(STDERR_FILENO)};
}

/* "1h02m", "3m07s", "12s". */
static void duration(char *out, size_t cap, double s)
{
    long t = (long)(s + 0.5);
    if (t >= 3600)
        snprintf(out, cap, "%ldh%02ldm", t / 3600, t / 60 % 60);
    else if (t >= 60)
        snprintf(out, cap, "%ldm%02lds", t / 60, t % 60);
    else
        snprintf(out, cap, "%lds", t);
}

static void show(struct lt_progress *p, lt_us now, const char *note, const char *end)
{
    double s = (double)(now - p->started_us) / 1e6;
    double rate = s > 0 ? (double)p->done / s : 0;
    char eta[32] = "", spent[32];
    duration(spent, sizeof spent, s);
    fprintf(stderr, "%s%s: %lld", p->is_tty ? "\r\033[K" : "", p->label, (long long)p->done);
    if (p->total > 0) fprintf(stderr, "/%lld", (long long)p->total);
    fprintf(stderr, " %s, %.*f/s, %s", p->unit, rate < 10 ? 2 : 0, rate, spent);
    if (p->total > p->done && rate > 0) {
        duration(eta, sizeof eta, (double)(p->total - p->done) / rate);
        fprintf(stderr, ", %s left", eta);
    }
    fprintf(stderr, "%s%s%s", note ? ", " : "", note ? note : "", end);
    fflush(stderr);
    p->shown_us = now;
}

void lt_progress_update(struct lt_progress *p, int64_t done, const char *note)
{
    lt_us now = lt_now_us();
    p->done = done;
    lt_us since = p->shown_us ? p->shown_us : p->started_us;
    if (now - since >= (p->is_tty ? TTY_EVERY_US : PLAIN_EVERY_US))
        show(p, now, note, p->is_tty ? "" : "\n");
}

void lt_progress_end(struct lt_progress *p, const char *note)
{
    show(p, lt_now_us(), note, "\n");
}

/* ---- tables ---- */

static void add(struct lt_table *t, const char *cell)
{
    char **grown = realloc(t->cells, (t->n_cells + 1) * sizeof *grown);
    char *copy = strdup(cell ? cell : "");
    if (grown) t->cells = grown;
    if (!grown || !copy) {
        free(copy);
        t->is_broken = 1;
        return;
    }
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c < ' ') *c = ' ';
    t->cells[t->n_cells++] = copy;
}

void lt_table_columns(struct lt_table *t, const char *const *heads, size_t n)
{
    t->n_columns = n;
    for (size_t i = 0; i < n; i++) add(t, heads[i]);
}

void lt_table_row(struct lt_table *t, const char *const *cells)
{
    for (size_t i = 0; i < t->n_columns; i++) add(t, cells[i]);
}

static size_t width_of(const char *s)
{
    return lt_utf8_is_valid(s, strlen(s), NULL) ? lt_utf8_count(s, strlen(s)) : strlen(s);
}

int lt_table_print(struct lt_table *t)
{
    for (size_t i = 0; !t->is_broken && i < t->n_cells; i++) {
        size_t column = i % t->n_columns, width = 0;
        int is_right = t->cells[column][0] == '>';
        int is_last = column + 1 == t->n_columns;
        const char *cell = t->cells[i] + (i < t->n_columns && is_right);
        for (size_t k = column; k < t->n_cells; k += t->n_columns) {
            size_t w = width_of(t->cells[k] + (k < t->n_columns && is_right));
            if (w > width) width = w;
        }
        size_t pad = width - width_of(cell);
        if (is_right)
            printf("%*s%s", (int)pad, "", cell);
        else
            printf("%s%*s", cell, is_last ? 0 : (int)pad, "");
        fputs(is_last ? "\n" : "  ", stdout);
    }
    int ok = !t->is_broken && !fflush(stdout);
    for (size_t i = 0; i < t->n_cells; i++) free(t->cells[i]);
    free(t->cells);
    memset(t, 0, sizeof *t);
    return ok;
}
