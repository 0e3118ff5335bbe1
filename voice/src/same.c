/* same.c - do two sentences of a network mean the same, as far as their words tell?
 *
 * "turn on the lamp" and "turn the lamp on" have the same words in another order, "please" and "the" mean
 * nothing. So a sentence is the words it has, each as often as it has it. */
#include <string.h>

#include "lt/commands.h"

#define MAX_WORDS                                                                                  \
    16 /* words of the sentence that are told apart; further ones are another meaning */

struct sentence {
    const char *words[MAX_WORDS];
    size_t lengths[MAX_WORDS];
    int n_words;
};

static int is_empty_word(const char *w, size_t n)
{
    /* nobody means another thing by saying or leaving these out */
    static const char *const words[] = {"the", "a",     "an",   "my",     "please", "can", "you",
                                        "to",  "could", "turn", "switch", "of",     "in"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strlen(words[i]) == n && !strncmp(words[i], w, n)) return 1;
    return 0;
}

static void split(struct sentence *r, const char *sentence)
{
    for (const char *p = sentence; *p;) {
        size_t n = strcspn(p, " _");
        if (n && !is_empty_word(p, n) && r->n_words < MAX_WORDS) {
            r->words[r->n_words] = p;
            r->lengths[r->n_words++] = n;
        }
        p += n + (p[n] != '\0');
    }
}

/* The words had after another one; *is_out when it is none of the sentence's that are left. */
static unsigned with_word(const struct sentence *r, unsigned had, const char *word, int *is_out)
{
    *is_out = 0;
    for (const char *w = word; w && *w && !*is_out;) {
        size_t n = strcspn(w, "_");
        *is_out = !is_empty_word(w, n);
        for (int i = 0; i < r->n_words && *is_out; i++)
            if (!(had >> i & 1) && r->lengths[i] == n && !strncmp(r->words[i], w, n)) {
                had |= 1u << i;
                *is_out = 0;
            }
        w += n + (w[n] == '_');
    }
    return had;
}

int lt_commands_is_same(const char *a, const char *b)
{
    char word[LT_NETWORK_NAME_MAX];
    struct sentence r = {0};
    unsigned had = 0;
    int is_out = 0;
    split(&r, a);
    for (const char *p = b; *p && !is_out;) {
        size_t n = strcspn(p, " ");
        if (n >= sizeof word) return 0;
        memcpy(word, p, n);
        word[n] = '\0';
        had = with_word(&r, had, word, &is_out);
        p += n + (p[n] == ' ');
    }
    return !is_out && had == (1u << r.n_words) - 1;
}

int lt_commands_n_common(const char *a, const char *b, int *n_a, int *n_b)
{
    struct sentence x = {0}, y = {0};
    int n = 0;
    unsigned had = 0;
    split(&x, a);
    split(&y, b);
    for (int i = 0; i < y.n_words; i++) {
        int k = 0;
        while (k < x.n_words && (had >> k & 1 || x.lengths[k] != y.lengths[i] ||
                                 strncmp(x.words[k], y.words[i], y.lengths[i]) != 0))
            k++;
        if (k == x.n_words) continue;
        had |= 1u << k;
        n++;
    }
    *n_a = x.n_words;
    *n_b = y.n_words;
    return n;
}
