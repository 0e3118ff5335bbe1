/* cmd_average.c - `lintel average`: one network from several of one line of training. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"
#include "san/average.h"

enum { OPT_OUT, OPT_NAME, N_OPTIONS };
static const struct lt_cli_option options[] = {
    [OPT_OUT] = {"out", 'o', "FILE", "network to write, fp32"},
    [OPT_NAME] = {"name", 0, "NAME", "general.name of the network (default: the first one's)"},
};
static const struct lt_cli_spec spec = {
    "lintel average --out FILE [--name NAME] NETWORK=WEIGHT NETWORK=WEIGHT...",
    "Average networks of one line of training, number by number: the newer one's knowledge with\n"
    "less of what it forgot. Give fp32 files; then lintel calibrate, which quantises too.",
    options, N_OPTIONS};

/* "path=0.75": cuts the argument at its last "=". 0 if there is none, or no number behind it. */
static int parse_part(char *arg, struct san_average_part *out)
{
    char *mark = strrchr(arg, '='), *end;
    if (!mark || mark == arg || !mark[1]) return 0;
    out->weight = strtod(mark + 1, &end);
    if (*end) return 0;
    *mark = 0;
    out->path = arg;
    return 1;
}

int lt_cmd_average(int argc, char **argv)
{
    const char *value[N_OPTIONS];
    struct san_average_part part[SAN_AVERAGE_MAX];
    struct lt_diag diag = {0};
    int first, n = 0, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (!value[OPT_OUT]) return lt_cli_usage(&spec, "--out is needed");
    for (int i = first; i < argc; i++) {
        if (n == SAN_AVERAGE_MAX)
            return lt_cli_usage(&spec, "more than %d networks", SAN_AVERAGE_MAX);
        if (!parse_part(argv[i], &part[n++]))
            return lt_cli_usage(&spec, "\"%s\" is no NETWORK=WEIGHT, as old.gguf=0.25", argv[i]);
    }
    enum lt_err err = san_model_average(part, n, value[OPT_NAME], value[OPT_OUT], &diag);
    if (err) return lt_cli_fail(&spec, err, &diag);
    return printf("%s: average of %d networks\n", value[OPT_OUT], n) > 0 ? LT_EXIT_DONE
                                                                         : LT_EXIT_FAILED;
}
