/* requantize.c - a network file with its matrices in another tensor type.
 *
 * The file is loaded once as fp32, which also proves it whole; keys are then copied byte by byte
 * and tensors in the file's order, those of the network's list converted. */
#include "san/requantize.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "san/model_file.h"

#define KEY_FILE_TYPE "general.file_type"
#define KEY_ALIGNMENT "general.alignment" /* of the old file's data section; ours is the default */

struct job {
    enum san_type type;
    struct san_gguf *in;
    struct san_params p;
    struct san_gguf_writer *out;
    void **made; /* converted tensors, kept until the file is written */
    size_t n_made;
    double sum_error[SAN_N_GROUP], sum_old[SAN_N_GROUP]; /* squares */
    struct san_requantize_report report;
};

const char *san_tensor_group_name(enum san_tensor_group g)
{
    static const char *const names[SAN_N_GROUP] = {
        [SAN_GROUP_M] = "attention", [SAN_GROUP_E] = "embeddings", [SAN_GROUP_N] = "norms, gates",
        [SAN_GROUP_P] = "pointers",  [SAN_GROUP_R] = "retrieval",
    };
    return names[g];
}

/* Is `name` the pattern's name of some layer? Then the layer's number, else -1. */
static int layer_of(const struct san_tensor_info *t, const char *name)
{
    const char *mark = strstr(t->name, "%d");
    if (!mark) return strcmp(t->name, name) == 0 ? 0 : -1;
    size_t n = (size_t)(mark - t->name);
    if (strncmp(t->name, name, n) != 0) return -1;
    char *end;
    if (name[n] < '0' || name[n] > '9') return -1;
    long layer = strtol(name + n, &end, 10);
    return layer < t->layers && strcmp(end, mark + 2) == 0 ? (int)layer : -1;
}

static void add_keys(struct job *j)
{
    int has_type = 0;
    for (size_t i = 0; i < san_gguf_n_keys(j->in); i++) {
        const char *key = san_gguf_key_at(j->in, i);
        if (strncmp(key, "san.confidence.", 15) == 0) j->report.has_confidence = 1;
        if (strcmp(key, KEY_ALIGNMENT) == 0) continue;
        if (strcmp(key, KEY_FILE_TYPE) != 0) {
            san_gguf_add_copy(j->out, j->in, key);
            continue;
        }
        san_gguf_add_u32(j->out, key, san_model_file_type(j->type));
        has_type = 1;
    }
    if (!has_type) san_gguf_add_u32(j->out, KEY_FILE_TYPE, san_model_file_type(j->type));
}

/* Compare n numbers with what they became (NULL: they stayed). */
static void measure(struct job *j, enum san_tensor_group group, const float *was, const float *is,
                    size_t n)
{
    double top = 0, worst = 0, sum_was = 0, sum_error = 0;
    for (size_t i = 0; i < n; i++) {
        double x = (double)was[i], e = is ? fabs((double)is[i] - x) : 0;
        top = fmax(top, fabs(x));
        worst = fmax(worst, e);
        sum_was += x * x;
        sum_error += e * e;
    }
    struct san_requantize_group *g = &j->report.group[group];
    if (top > 0) g->error_max = fmax(g->error_max, worst / top);
    j->sum_old[group] += sum_was;
    j->sum_error[group] += sum_error;
}

static enum lt_err add_known(struct job *j, const struct san_gguf_tensor *t,
                             const struct san_tensor_info *info, int layer)
{
    enum san_type type = san_model_stored_type(info, j->type);
    const float *was = j->p.mem + info->offset + (size_t)layer * t->n_items;
    const void *data = t->data;
    float *is = NULL;
    if (type != t->type) {
        void *made = malloc(san_type_bytes(type, t->n_items));
        is = malloc(t->n_items * sizeof *is);
        if (!made || !is) {
            free(made);
            free(is);
            return LT_ERR_NOMEM;
        }
        j->made[j->n_made++] = made;
        san_quantize(made, was, type, t->n_items);
        san_dequantize(is, made, type, t->n_items);
        data = made;
    }
    measure(j, info->group, was, is, t->n_items);
    free(is);
    struct san_requantize_group *g = &j->report.group[info->group];
    g->n_tensors++;
    g->n_items += t->n_items;
    g->bytes_in += t->n_bytes;
    g->bytes_out += san_type_bytes(type, t->n_items);
    san_gguf_add_tensor(j->out, t->name, type, t->n_dims, t->dims, data);
    return LT_OK;
}

static enum lt_err add_tensors(struct job *j)
{
    enum lt_err err = LT_OK;
    for (size_t i = 0; i < san_gguf_n_tensors(j->in) && !err; i++) {
        const struct san_gguf_tensor *t = san_gguf_tensor_at(j->in, i);
        const struct san_tensor_info *info = NULL;
        int layer = -1;
        for (int k = 0; k < SAN_T_COUNT && layer < 0; k++) {
            info = &j->p.info[k];
            if (info->layers) layer = layer_of(info, t->name);
        }
        if (layer >= 0) {
            err = add_known(j, t, info, layer);
            continue;
        }
        j->report.n_unknown++;
        san_gguf_add_tensor(j->out, t->name, t->type, t->n_dims, t->dims, t->data);
    }
    for (int g = 0; g < SAN_N_GROUP; g++)
        if (j->sum_old[g] > 0) j->report.group[g].error_rms = sqrt(j->sum_error[g] / j->sum_old[g]);
    return err;
}

static size_t file_bytes(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

enum lt_err san_model_requantize(const char *in, const char *out, enum san_type type,
                                 struct san_requantize_report *report, struct lt_diag *diag)
{
    struct job j = {.type = type};
    struct san_hparams h;
    if (!san_type_traits((uint32_t)type))
        return lt_fail(diag, LT_ERR_INVALID, "%s: unknown tensor type %d", out, (int)type);
    enum lt_err err = san_model_load(in, &h, &j.p, NULL, &j.in, diag);
    if (err) return err;
    j.report.file_in = file_bytes(in);
    j.out = san_gguf_writer_new();
    j.made = calloc(san_gguf_n_tensors(j.in) + 1, sizeof *j.made);
    err = j.out && j.made ? LT_OK : LT_ERR_NOMEM;
    if (!err) {
        add_keys(&j);
        err = add_tensors(&j);
    }
    if (!err) err = san_gguf_write(j.out, out, diag);
    if (!err) {
        j.report.file_out = file_bytes(out);
        if (report) *report = j.report;
    }
    san_gguf_writer_free(j.out);
    for (size_t i = 0; i < j.n_made; i++) free(j.made[i]);
    free(j.made);
    san_params_free(&j.p);
    san_gguf_close(j.in);
    return err ? lt_fail(diag, err, "%s: %s", out, lt_strerror(err)) : LT_OK;
}
