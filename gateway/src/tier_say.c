/* tier_say.c - what a model says, given out sentence by sentence while the rest is still coming.
 *
 *   words of a leg --> the leg has the voice? --> collected --> whole sentences, unveiled --> owner's `say`
 *
 * The first leg that says something has the voice of its ask; another one asked beside it is silent. When
 * the attempt fails, or the leg does, what was said does not stand: the voice stays silent from then on, and
 * the owner learns it with the answer (lt_tier_answer.rest). */
#include <stdlib.h>
#include <string.h>

#include "sentence.h"
#include "tier_int.h"

#define VOICE_MAX_BYTES (64u * 1024) /* of one turn; what comes behind is said at the end */

/* Without blanks around it; NULL when nothing is left. `text` is ours to change. */
static char *trimmed(char *text)
{
    size_t n = text ? strlen(text) : 0;
    while (n && strchr(" \t\r\n", text[n - 1])) text[--n] = '\0';
    if (!n) return NULL;
    return text + strspn(text, " \t\r\n");
}

static void give_out(struct lt_tier_ask *ask, size_t n)
{
    struct voice *v = &ask->voice;
    char *raw = strndup(v->heard.p + v->n_said, n);
    char *shown = raw ? lt_veil_show(ask->veil, raw) : NULL;
    char *text = trimmed(shown);
    v->n_said += n;
    if (text) {
        v->n_sentences++;
        ask->say(ask->ctx, text);
    }
    free(raw);
    free(shown);
}

void lt__leg_say(void *ctx, const char *text)
{
    struct leg *l = ctx;
    struct voice *v = &l->ask->voice;
    size_t n;
    if (!v->leg && text) v->leg = l;
    if (v->leg != l || v->is_void) return;
    if (!text) {
        v->is_void = v->n_said > 0;
        lt__voice_reset(v);
        return;
    }
    v->heard.cap_bytes = VOICE_MAX_BYTES;
    if (lt_buf_adds(&v->heard, text)) return;
    while ((n = lt_sentence_end(v->heard.p + v->n_said, v->heard.n - v->n_said)))
        give_out(l->ask, n);
}

void lt__voice_reset(struct voice *v)
{
    lt_buf_reset(&v->heard);
    v->n_said = 0;
}

void lt__voice_turn(struct leg *l)
{
    if (l->ask->voice.leg == l) lt__voice_reset(&l->ask->voice);
}

char *lt__voice_rest(const struct leg *l, const char *text)
{
    const struct voice *v = &l->ask->voice;
    if (v->leg != l || v->is_void || !v->n_sentences || !text) return NULL;
    if (v->n_said && strncmp(v->heard.p, text, v->n_said) != 0) return NULL;
    char *rest = lt_veil_show(l->ask->veil, text + v->n_said), *from = trimmed(rest);
    if (rest && !from) *rest = '\0';
    if (from) memmove(rest, from, strlen(from) + 1);
    return rest;
}

void lt__voice_void(struct leg *l)
{
    struct voice *v = &l->ask->voice;
    if (v->leg == l) v->is_void |= v->n_sentences > 0;
}

void lt__voice_leave(struct leg *l)
{
    struct voice *v = &l->ask->voice;
    if (v->leg != l) return;
    v->is_void |= v->n_said > 0;
    v->leg = NULL;
    lt__voice_reset(v);
}
