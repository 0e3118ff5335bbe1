/* cmd_quantize.c - `lintel quantize`: the same network in a smaller (or a larger) file. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "san/requantize.h"

enum { OPT_MODEL, OPT_TYPE, OPT_OUT, OPT_JSON, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_MODEL] = {"model", 'm', "FILE", "network to read"},
    [OPT_TYPE] = {"type", 't', "TYPE", "of the matrices written: f32, f16, q8_0 or q4_0"},
    [OPT_OUT] = {"out", 'o', "FILE", "network to write (may be the same)"},
    [OPT_JSON] = {"json", 0, NULL, "print JSON also on a terminal"},
};
static const struct lt_cli_spec spec = {
    "lintel quantize --model FILE --type TYPE --out FILE",
    "Write a network again with its matrices in another number format; vocabulary, names and the\n"
    "confidence head are kept. Prints sizes and the largest error, relative to the largest number\n"
    "of its tensor. Start from the most exact file there is, and calibrate afterwards.",
    options, N_OPTIONS};

static json_t *json_of(const struct san_requantize_report *r)
{
    json_t *groups = json_object();
    for (int i = 0; i < SAN_N_GROUP; i++) {
        const struct san_requantize_group *g = &r->group[i];
        if (!g->n_tensors) continue;
        json_object_set_new(groups, san_tensor_group_name((enum san_tensor_group)i),
                            json_pack("{s:i, s:I, s:I, s:I, s:f, s:f}", "tensors", g->n_tensors,
                                      "numbers", (json_int_t)g->n_items, "bytes_in",
                                      (json_int_t)g->bytes_in, "bytes_out",
                                      (json_int_t)g->bytes_out, "error_max", g->error_max,
                                      "error_rms", g->error_rms));
    }
    return json_pack("{s:I, s:I, s:i, s:b, s:o}", "file_bytes_in", (json_int_t)r->file_in,
                     "file_bytes_out", (json_int_t)r->file_out, "unknown_tensors", r->n_unknown,
                     "has_confidence", r->has_confidence, "groups", groups);
}

static int print_table(const struct san_requantize_report *r)
{
    static const char *const heads[] = {"tensors",    ">numbers",       ">KiB before",
                                        ">KiB after", ">largest error", ">rms error"};
    struct lt_table t = {0};
    lt_table_columns(&t, heads, sizeof heads / sizeof heads[0]);
    for (int i = 0; i < SAN_N_GROUP; i++) {
        const struct san_requantize_group *g = &r->group[i];
        char cell[5][32];
        if (!g->n_tensors) continue;
        snprintf(cell[0], sizeof cell[0], "%zu", g->n_items);
        snprintf(cell[1], sizeof cell[1], "%.1f", (double)g->bytes_in / 1024);
        snprintf(cell[2], sizeof cell[2], "%.1f", (double)g->bytes_out / 1024);
        snprintf(cell[3], sizeof cell[3], "%.3f %%", 100 * g->error_max);
        snprintf(cell[4], sizeof cell[4], "%.3f %%", 100 * g->error_rms);
        const char *row[] = {san_tensor_group_name((enum san_tensor_group)i),
                             cell[0],
                             cell[1],
                             cell[2],
                             cell[3],
                             cell[4]};
        lt_table_row(&t, row);
    }
    int ok = lt_table_print(&t);
    return printf("file: %.2f MiB -> %.2f MiB\n", (double)r->file_in / 1048576,
                  (double)r->file_out / 1048576) >= 0 &&
           ok;
}

int lt_cmd_quantize(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first < argc) return lt_cli_usage(&spec, "unexpected argument \"%s\"", argv[first]);
    if (!value[OPT_MODEL] || !value[OPT_TYPE] || !value[OPT_OUT])
        return lt_cli_usage(&spec, "--model, --type and --out are needed");
    int type = san_type_from_name(value[OPT_TYPE]);
    if (type < 0 || type == SAN_TYPE_BF16)
        return lt_cli_usage(&spec, "--type: \"%s\" is none of f32, f16, q8_0, q4_0",
                            value[OPT_TYPE]);
    struct san_requantize_report report;
    struct lt_diag diag = {0};
    enum lt_err err =
        san_model_requantize(value[OPT_MODEL], value[OPT_OUT], (enum san_type)type, &report, &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    json_t *json = lt_cli_wants_json(value[OPT_JSON]) ? json_of(&report) : NULL;
    int ok = json ? lt_cli_print_json(json) : print_table(&report);
    json_decref(json);
    if (report.n_unknown)
        fprintf(stderr, "lintel quantize: %d tensors are not known here and were copied\n",
                report.n_unknown);
    if (report.has_confidence)
        fprintf(stderr, "lintel quantize: the confidence head was fitted on the old file; fit it "
                        "again with lintel calibrate\n");
    return ok ? LT_EXIT_DONE : LT_EXIT_FAILED;
}
