/* cmd.h - the sub-commands of `lintel`.
 *
 * Each takes the arguments from its own name on (argv[0] is "call") and returns the exit status:
 * 0 done, 1 failed, 2 wrong usage, 3 (`call` only) nothing was called. main.c lists them; to add
 * one, write cmd_<name>.c, declare it here and add its row there. */
#ifndef LT_CMD_H
#define LT_CMD_H

int lt_cmd_serve(int argc, char **argv);
int lt_cmd_call(int argc, char **argv);
int lt_cmd_eval(int argc, char **argv);
int lt_cmd_bench(int argc, char **argv);
int lt_cmd_train(int argc, char **argv);
int lt_cmd_finetune(int argc, char **argv);
int lt_cmd_calibrate(int argc, char **argv);
int lt_cmd_quantize(int argc, char **argv);
int lt_cmd_average(int argc, char **argv);
int lt_cmd_tokenize(int argc, char **argv);
int lt_cmd_generate(int argc, char **argv);
int lt_cmd_traces(int argc, char **argv);
int lt_cmd_models(int argc, char **argv);
int lt_cmd_catalog(int argc, char **argv);
int lt_cmd_share(int argc, char **argv);
int lt_cmd_collect(int argc, char **argv);
int lt_cmd_doctor(int argc, char **argv);

#endif
