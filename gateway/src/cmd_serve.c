/* cmd_serve.c - `lintel serve`: the gateway. */
#include "cli.h"
#include "cmd.h"
#include "gateway.h"

int lt_cmd_serve(int argc, char **argv)
{
    static const struct lt_cli_option options[] = {
        {"config", 'c', "FILE", "configuration (default /etc/lintel/lintel.yaml, may be missing)"},
    };
    static const struct lt_cli_spec spec = {
        "lintel serve [-c lintel.yaml]",
        "Run the gateway until SIGTERM. It starts without a broker and goes on looking for one; "
        "SIGHUP reloads.",
        options, 1};
    const char *value[1];
    struct lt_diag diag = {0};
    int first, status = lt_cli_parse(&spec, argc, argv, value, &first);
    if (status >= 0) return status;
    if (first < argc) return lt_cli_usage(&spec, "unexpected '%s'", argv[first]);
    enum lt_err err = lt_gateway_run(value[0], &diag);
    return err ? lt_cli_fail(&spec, err, &diag) : LT_EXIT_DONE;
}
