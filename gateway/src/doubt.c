/* doubt.c - the last deed of each conversation, and two comparisons. */
#include "doubt.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lt/json.h"
#include "session.h"

#define TEXT_BYTES 512 /* longer utterances are not compared */

struct deed {
    char key[LT_TALK_KEY_MAX + 1]; /* "": free */
    char trace[LT_ULID_CAP];
    char text[TEXT_BYTES];
    char calls[LT_DOUBT_CALLS_JSON];
    lt_us at_us;
};

struct lt_doubt {
    struct deed v[LT_DOUBT_DEEDS_MAX];
};

struct lt_doubt *lt_doubt_new(void)
{
    return calloc(1, sizeof(struct lt_doubt));
}

void lt_doubt_free(struct lt_doubt *d)
{
    free(d);
}

static struct deed *find(struct lt_doubt *d, const char *key)
{
    for (int i = 0; i < LT_DOUBT_DEEDS_MAX; i++)
        if (!strcmp(d->v[i].key, key)) return d->v + i;
    return NULL;
}

void lt_doubt_note(struct lt_doubt *d, const char *key, const char *trace, const char *text,
                   const json_t *calls, lt_us now_us)
{
    struct deed *to = find(d, key);
    char *json = lt_json_dump(calls);
    for (int i = 0; !to && i < LT_DOUBT_DEEDS_MAX; i++)
        if (!d->v[i].key[0]) to = d->v + i;
    if (!to) {
        to = d->v;
        for (int i = 1; i < LT_DOUBT_DEEDS_MAX; i++)
            if (d->v[i].at_us < to->at_us) to = d->v + i;
    }
    memset(to, 0, sizeof *to);
    if (json && text && strlen(json) < sizeof to->calls && strlen(text) < sizeof to->text) {
        snprintf(to->key, sizeof to->key, "%s", key);
        snprintf(to->trace, sizeof to->trace, "%s", trace);
        memcpy(to->text, text, strlen(text) + 1);
        memcpy(to->calls, json, strlen(json) + 1);
        to->at_us = now_us;
    }
    free(json);
}

/* ---- words ---- */

struct bag {
    char text[TEXT_BYTES];
    const char *word[LT_DOUBT_WORDS_MAX]; /* different ones */
    int n;
};

static int has(const struct bag *b, const char *word)
{
    for (int i = 0; i < b->n; i++)
        if (!strcmp(b->word[i], word)) return 1;
    return 0;
}

static void split(const char *text, struct bag *b)
{
    size_t n = 0;
    char *rest = NULL;
    b->n = 0;
    for (; *text && n + 1 < sizeof b->text; text++) {
        unsigned char c = (unsigned char)*text;
        b->text[n++] = isalnum(c) || c >= 0x80 ? (char)tolower(c) : ' ';
    }
    b->text[n] = '\0';
    for (char *w = strtok_r(b->text, " ", &rest); w && b->n < LT_DOUBT_WORDS_MAX;
         w = strtok_r(NULL, " ", &rest))
        if (!has(b, w)) b->word[b->n++] = w;
}

static int has_all(const struct bag *b, const struct bag *words)
{
    for (int i = 0; i < words->n; i++)
        if (!has(b, words->word[i])) return 0;
    return words->n > 0;
}

/* Does a value of `v` stand in the new words only? Then the speaker asked for something new. */
static int names_new(const json_t *v, const struct bag *before, const struct bag *now)
{
    const json_t *inner;
    const char *key;
    struct bag words;
    char number[32];
    size_t i;
    if (json_is_object(v)) {
        json_object_foreach((json_t *)(uintptr_t)v, key,
                            inner) if (names_new(inner, before, now)) return 1;
        return 0;
    }
    if (json_is_array(v)) {
        json_array_foreach(v, i, inner) if (names_new(inner, before, now)) return 1;
        return 0;
    }
    if (json_is_integer(v)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        split(number, &words);
    } else if (json_is_string(v)) {
        split(json_string_value(v), &words);
    } else {
        return 0;
    }
    return has_all(now, &words) && !has_all(before, &words);
}

static int is_rephrase(const struct deed *was, const char *text, const json_t *calls)
{
    struct bag before, now;
    char *json = lt_json_dump(calls);
    int is_same = !json || !strcmp(json, was->calls), n_both = 0;
    free(json);
    if (is_same || !json_array_size(calls) || !text || strlen(text) >= TEXT_BYTES) return 0;
    split(was->text, &before);
    split(text, &now);
    for (int i = 0; i < now.n; i++) n_both += has(&before, now.word[i]);
    if (2 * n_both < before.n + now.n - n_both) return 0;
    return !names_new(calls, &before, &now);
}

const char *lt_doubt_judge(struct lt_doubt *d, const char *key, const char *text,
                           const json_t *calls, int is_undo, lt_us undo_us, lt_us rephrase_us,
                           lt_us now_us, char trace[LT_ULID_CAP])
{
    const char *source = NULL;
    struct deed *was = *key ? find(d, key) : NULL;
    if (!was) return NULL;
    if (is_undo && now_us - was->at_us <= undo_us)
        source = "undo";
    else if (!is_undo && now_us - was->at_us <= rephrase_us && is_rephrase(was, text, calls))
        source = "rephrase";
    if (!source) return NULL;
    memcpy(trace, was->trace, sizeof was->trace);
    memset(was, 0, sizeof *was);
    return source;
}
