/* main.c - `lintel`: one binary, a table of sub-commands. */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "cmd.h"

static const struct command {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"serve", "run the gateway", lt_cmd_serve},
    {"call", "answer one utterance here and print the result", lt_cmd_call},
#ifdef LT_HAVE_CMD_EVAL
    {"eval", "run a data file and print a score table", lt_cmd_eval},
#endif
#ifdef LT_HAVE_CMD_BENCH
    {"bench", "measure the engine beside this machine's own limits", lt_cmd_bench},
#endif
#ifdef LT_HAVE_CMD_TRAIN
    {"train", "train a network", lt_cmd_train},
#endif
#ifdef LT_HAVE_CMD_FINETUNE
    {"finetune", "go on training a network on new examples", lt_cmd_finetune},
#endif
#ifdef LT_HAVE_CMD_CALIBRATE
    {"calibrate", "fit a network's confidence to examples it has not seen", lt_cmd_calibrate},
#endif
#ifdef LT_HAVE_CMD_QUANTIZE
    {"quantize", "make a network file smaller", lt_cmd_quantize},
#endif
#ifdef LT_HAVE_CMD_AVERAGE
    {"average", "one network from several of one line of training", lt_cmd_average},
#endif
#ifdef LT_HAVE_CMD_TOKENIZE
    {"tokenize", "learn a vocabulary, or show how text is cut", lt_cmd_tokenize},
#endif
#ifdef LT_HAVE_CMD_GENERATE
    {"generate", "make training examples", lt_cmd_generate},
#endif
    {"traces", "look at, label, export and prune what was asked", lt_cmd_traces},
    {"models", "list networks, switch between them", lt_cmd_models},
#ifdef LT_HAVE_CMD_FINETUNE
    {"share", "fleet: send labelled traces to a collector, take its networks", lt_cmd_share},
    {"collect", "fleet: gather the traces of many sites, publish a network", lt_cmd_collect},
#endif
    {"catalog", "show or check a catalogue", lt_cmd_catalog},
    {"doctor", "check configuration, broker, keys, network, disk and clock", lt_cmd_doctor},
};
#define N_COMMANDS (sizeof commands / sizeof commands[0])

static void help(FILE *to)
{
    fprintf(to,
            "usage: lintel COMMAND [options]\n\n"
            "Answers spoken or typed requests with tool calls, here where it is sure and from a "
            "cloud\nmodel where it is not.\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
    fprintf(to, "\nlintel COMMAND --help tells more. Exit status: 0 done, 1 failed, 2 wrong usage, "
                "3 (call) nothing called.\n");
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return LT_EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        help(stdout);
        return LT_EXIT_DONE;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("lintel %s\n", LINTEL_VERSION);
        return LT_EXIT_DONE;
    }
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (!strcmp(argv[1], commands[i].name)) return commands[i].run(argc - 1, argv + 1);
    fprintf(stderr, "lintel: unknown command '%s'; lintel --help lists them\n", argv[1]);
    return LT_EXIT_USAGE;
}
