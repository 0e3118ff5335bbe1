/* recheck.c - one sentence after the other as a network of one way, over notes. */
#include "recheck.h"

#ifdef LT_HAVE_POCKETSPHINX
#include <dirent.h>
#include <pocketsphinx.h>
#include <sphinxbase/fsg_model.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_WORDS 64
#define BEAM      "1e-100" /* wide: there is one way only */
#define NAME      "one"

struct lt_recheck {
    ps_decoder_t *ps;
    cmd_ln_t *config;
    double weight;
};

enum lt_err lt_recheck_folder(char path[LT_RECHECK_FOLDER_BYTES])
{
    static const char *const places[] = {"/dev/shm", "/tmp"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, LT_RECHECK_FOLDER_BYTES, "%s/lintel-hears-XXXXXX", places[i]);
        if (mkdtemp(path) && !rmdir(path)) return LT_OK;
    }
    *path = '\0';
    return LT_ERR_IO;
}

enum lt_err lt_recheck_begin(const char *folder)
{
    return mkdir(folder, 0700) ? LT_ERR_IO : LT_OK; /* also when somebody else has made it */
}

FILE *lt_recheck_notes(const char *folder)
{
    char path[LT_RECHECK_FOLDER_BYTES + 260];
    FILE *notes = NULL;
    DIR *d = opendir(folder);
    for (struct dirent *e = NULL; d && (e = readdir(d));) {
        if (*e->d_name == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (!notes) notes = fopen(path, "rbe");
        unlink(path);
    }
    if (d) closedir(d);
    rmdir(folder);
    return notes;
}

enum lt_err lt_recheck_new(const char *hmm, const char *dict, double weight,
                           struct lt_recheck **out)
{
    struct lt_recheck *r = calloc(1, sizeof *r);
    if (!r) return LT_ERR_NOMEM;
    r->weight = weight;
    r->config = cmd_ln_init(NULL, ps_args(), TRUE, "-hmm", hmm, "-dict", dict, "-beam", BEAM,
                            "-pbeam", BEAM, "-wbeam", BEAM, "-compallsen", "yes", NULL);
    r->ps = r->config ? ps_init(r->config) : NULL;
    if (!r->ps) {
        lt_recheck_free(r);
        return LT_ERR_IO;
    }
    *out = r;
    return LT_OK;
}

void lt_recheck_free(struct lt_recheck *r)
{
    if (!r) return;
    if (r->ps) ps_free(r->ps);
    if (r->config) cmd_ln_free_r(r->config);
    free(r);
}

/* The words one after the other; NULL: a word is too long or there are too many. */
static fsg_model_t *one_way(const struct lt_recheck *r, const char *words)
{
    char word[256];
    int n_words = 1, state = 0;
    for (const char *p = words; *p; p++) n_words += *p == ' ';
    if (!*words || n_words > MAX_WORDS) return NULL;
    fsg_model_t *fsg = fsg_model_init(NAME, ps_get_logmath(r->ps), (float32)r->weight, n_words + 1);
    for (const char *p = words; fsg && *p;) {
        size_t n = strcspn(p, " ");
        if (!n || n >= sizeof word) {
            fsg_model_free(fsg);
            return NULL;
        }
        memcpy(word, p, n);
        word[n] = '\0';
        fsg_model_trans_add(fsg, state, state + 1, 0, fsg_model_word_add(fsg, word));
        state++;
        p += n + (p[n] == ' ');
    }
    if (!fsg) return NULL;
    fsg->start_state = 0;
    fsg->final_state = state;
    return fsg;
}

int32_t lt_recheck_score(struct lt_recheck *r, FILE *notes, const char *words)
{
    int32 score = 0;
    fsg_model_t *fsg = one_way(r, words);
    if (!fsg) return 0;
    rewind(notes);
    if (!ps_set_fsg(r->ps, NAME, fsg) && !ps_set_search(r->ps, NAME) &&
        ps_decode_senscr(r->ps, notes) > 0 && !ps_get_hyp(r->ps, &score))
        score = 0;
    fsg_model_free(fsg);
    return score;
}
#endif
