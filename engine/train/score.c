/* score.c - comparing answers, and adding up. */
#include "san/score.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lt/buf.h"
#include "san/lex.h"

#define MAX_CALLS 16   /* calls of an answer that are compared; more make it wrong */
#define MAX_TEXT  4096 /* longest canonical form of a call */

/* A tool that works on one domain only: naming that domain says nothing. */
static const char *const implied_domain[][2] = {
    {"HassLightSet", "light"},
    {"HassFanSetSpeed", "fan"},
    {"HassMediaPause", "media_player"},
    {"HassMediaUnpause", "media_player"},
    {"HassMediaNext", "media_player"},
    {"HassMediaPrevious", "media_player"},
    {"HassSetVolume", "media_player"},
    {"HassSetVolumeRelative", "media_player"},
    {"HassMediaPlayerMute", "media_player"},
    {"HassMediaPlayerUnmute", "media_player"},
    {"HassMediaSearchAndPlay", "media_player"},
    {"HassVacuumStart", "vacuum"},
    {"HassVacuumReturnToBase", "vacuum"},
};
static const char *const cover_classes[] = {"awning", "blind", "curtain", "damper",  "door",
                                            "garage", "gate",  "shade",   "shutter", "window"};

/* Folded text with runs of blanks as one and none at the ends. */
static void canonical_text(const char *s, char *out, size_t cap)
{
    char folded[MAX_TEXT];
    size_t n = strlen(s), k = 0;
    if (n >= sizeof folded) n = sizeof folded - 1;
    san_fold(s, n, folded);
    for (size_t i = 0; i < n && k + 1 < cap; i++) {
        if (isspace((unsigned char)folded[i])) {
            if (k && out[k - 1] != ' ') out[k++] = ' ';
        } else {
            out[k++] = folded[i];
        }
    }
    while (k && out[k - 1] == ' ') k--;
    out[k] = '\0';
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Canonical form of a value: equal values have equal forms. NULL when out of memory. */
static char *canonical(const json_t *v)
{
    char text[MAX_TEXT], *end = NULL;
    struct lt_buf out;
    lt_buf_init(&out, 1 << 20);
    enum lt_err err = LT_OK;
    if (json_is_boolean(v)) {
        err = lt_buf_adds(&out, json_is_true(v) ? "b:true" : "b:false");
    } else if (json_is_number(v)) {
        err = lt_buf_addf(&out, "n:%.6f", json_number_value(v));
    } else if (json_is_string(v)) {
        canonical_text(json_string_value(v), text, sizeof text);
        double x = strtod(text, &end);
        int is_number = end != text && !*end && isfinite(x) && !strpbrk(text, "xXpP");
        err = is_number ? lt_buf_addf(&out, "n:%.6f", x) : lt_buf_addf(&out, "s:%s", text);
    } else if (json_is_array(v)) {
        size_t n = json_array_size(v);
        if (n == 1) return canonical(json_array_get(v, 0));
        char **items = calloc(n + 1, sizeof *items);
        for (size_t i = 0; items && i < n; i++) {
            items[i] = canonical(json_array_get(v, i));
            if (!items[i]) err = LT_ERR_NOMEM;
        }
        if (!items) err = LT_ERR_NOMEM;
        if (!err) qsort(items, n, sizeof *items, by_text);
        if (!err) err = lt_buf_adds(&out, "l:");
        for (size_t i = 0; items && i < n; i++) {
            if (!err) err = lt_buf_addf(&out, "[%s]", items[i]);
            free(items[i]);
        }
        free(items);
    } else if (json_is_object(v)) {
        char *s = json_dumps(v, JSON_SORT_KEYS | JSON_COMPACT);
        err = s ? lt_buf_addf(&out, "d:%s", s) : LT_ERR_NOMEM;
        free(s);
    } else {
        err = lt_buf_adds(&out, "z:");
    }
    if (err) {
        lt_buf_free(&out);
        return NULL;
    }
    return lt_buf_take(&out);
}

static int same_value(const json_t *a, const json_t *b)
{
    char *x = canonical(a), *y = canonical(b);
    int same = x && y && !strcmp(x, y);
    free(x);
    free(y);
    return same;
}

static int text_is(const json_t *v, const char *text)
{
    char have[MAX_TEXT], want[MAX_TEXT];
    if (json_array_size(v) == 1) v = json_array_get(v, 0); /* a list of one is its item */
    if (!json_is_string(v) || !text) return 0;
    canonical_text(json_string_value(v), have, sizeof have);
    canonical_text(text, want, sizeof want);
    return !strcmp(have, want);
}

static int same_arguments(const json_t *a, const json_t *b)
{
    const char *key;
    json_t *v;
    size_t n_a = 0, n_b = 0;
    void *it = json_object_iter((json_t *)(uintptr_t)a);
    for (; it; it = json_object_iter_next((json_t *)(uintptr_t)a, it)) {
        key = json_object_iter_key(it);
        v = json_object_iter_value(it);
        if (json_is_null(v)) continue;
        n_a++;
        const json_t *w = json_object_get(b, key);
        if (!w || !same_value(v, w)) return 0;
    }
    for (it = json_object_iter((json_t *)(uintptr_t)b); it;
         it = json_object_iter_next((json_t *)(uintptr_t)b, it))
        n_b += !json_is_null(json_object_iter_value(it));
    return n_a == n_b;
}

static const char *floor_of_area(const json_t *home, const char *area)
{
    size_t i;
    json_t *a;
    json_array_foreach(json_object_get(home, "areas"), i, a)
    {
        const char *name = json_string_value(json_object_get(a, "name"));
        if (name && area && !strcmp(name, area))
            return json_string_value(json_object_get(a, "floor"));
    }
    return NULL;
}

static int entity_is_named(const json_t *e, const json_t *name)
{
    size_t i;
    json_t *alias;
    if (text_is(name, json_string_value(json_object_get(e, "name"))) ||
        text_is(name, json_string_value(json_object_get(e, "id"))))
        return 1;
    json_array_foreach(json_object_get(e, "aliases"), i,
                       alias) if (text_is(name, json_string_value(alias))) return 1;
    return 0;
}

static int filter_fits(const json_t *args, const char *key, const char *have)
{
    const json_t *want = json_object_get(args, key);
    return !want || json_is_null(want) || text_is(want, have ? have : "");
}

/* The entity that the call's arguments leave, when it is exactly one. */
static const json_t *entity_of(const json_t *home, const json_t *args)
{
    const json_t *found = NULL, *name = json_object_get(args, "name");
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(home, "entities"), i, e)
    {
        const char *area = json_string_value(json_object_get(e, "area"));
        if (!entity_is_named(e, name) || !filter_fits(args, "area", area) ||
            !filter_fits(args, "domain", json_string_value(json_object_get(e, "domain"))) ||
            !filter_fits(args, "device_class",
                         json_string_value(json_object_get(e, "device_class"))) ||
            !filter_fits(args, "floor", floor_of_area(home, area)))
            continue;
        if (found) return NULL;
        found = e;
    }
    return found;
}

/* New reference: the arguments without those that change nothing. */
static json_t *reduced(const json_t *home, const char *tool, const json_t *args)
{
    json_t *out = json_is_object(args) ? json_copy((json_t *)(uintptr_t)args) : json_object();
    if (strncmp(tool, "Hass", 4)) return out;
    const json_t *domain = json_object_get(out, "domain");
    int is_implied = 0;
    for (size_t i = 0; i < sizeof implied_domain / sizeof implied_domain[0]; i++)
        is_implied |= !strcmp(tool, implied_domain[i][0]) && text_is(domain, implied_domain[i][1]);
    if (text_is(domain, "cover")) {
        is_implied |= !strcmp(tool, "HassSetPosition");
        for (size_t i = 0; i < sizeof cover_classes / sizeof cover_classes[0]; i++)
            is_implied |= text_is(json_object_get(out, "device_class"), cover_classes[i]);
    }
    if (is_implied) json_object_del(out, "domain");
    if (!home || !json_object_get(out, "name") || strstr(tool, "List") || strstr(tool, "Timer"))
        return out;
    const json_t *e = entity_of(home, out);
    if (!e) return out;
    static const char *const drop[] = {"area", "domain", "device_class", "floor"};
    for (size_t i = 0; i < 4; i++) json_object_del(out, drop[i]);
    char text[MAX_TEXT];
    snprintf(text, sizeof text, "entity\x1f%s", json_string_value(json_object_get(e, "id")));
    json_object_set_new(out, "name", json_string(text));
    return out;
}

static const char *name_of(const json_t *call)
{
    const char *s = json_string_value(json_object_get(call, "name"));
    return s ? s : "?";
}

/* Arguments that are neither an object nor left out equal nothing. */
static int is_malformed(const json_t *args)
{
    return args && !json_is_object(args) && !json_is_null(args);
}

/* Can every expected call be paired with another answered one? */
static int match(const json_t *home, const json_t *want, const json_t *have, int level)
{
    size_t n = json_array_size(want);
    uint8_t used[MAX_CALLS] = {0};
    if (n != json_array_size(have) || n > MAX_CALLS) return 0;
    for (size_t i = 0; i < n; i++) {
        const json_t *w = json_array_get(want, i);
        size_t k = 0;
        for (; k < n; k++) {
            const json_t *x = json_array_get(have, k);
            if (used[k] || strcmp(name_of(w), name_of(x))) continue;
            if (level == 0) break;
            const json_t *wa = json_object_get(w, "arguments"),
                         *xa = json_object_get(x, "arguments");
            if (is_malformed(wa) || is_malformed(xa)) continue;
            if (level == 1 && same_arguments(wa, xa)) break;
            if (level == 2) {
                json_t *a = reduced(home, name_of(w), wa), *b = reduced(home, name_of(x), xa);
                int same = same_arguments(a, b);
                json_decref(a);
                json_decref(b);
                if (same) break;
            }
        }
        if (k == n) return 0;
        used[k] = 1;
    }
    return 1;
}

struct san_judgement san_judge(const json_t *c, const json_t *calls)
{
    const json_t *want = json_object_get(c, "answers"), *home = json_object_get(c, "home");
    if (!json_is_object(home)) home = NULL;
    return (struct san_judgement){
        .name = (uint8_t)match(home, want, calls, 0),
        .exact = (uint8_t)match(home, want, calls, 1),
        .equiv = (uint8_t)match(home, want, calls, 2),
        .is_nothing_expected = json_array_size(want) == 0,
        .is_nothing_answered = json_array_size(calls) == 0,
    };
}

/* ---- adding up ---- */

void san_tally_free(struct san_tally *t)
{
    free(t->confidence);
    free(t->right);
    *t = (struct san_tally){0};
}

enum lt_err san_tally_add(struct san_tally *t, const struct san_judgement *j, double confidence,
                          int is_local)
{
    if (t->n == t->cap) {
        int cap = t->cap ? t->cap * 2 : 256;
        double *c = realloc(t->confidence, (size_t)cap * sizeof *c);
        if (c) t->confidence = c;
        uint8_t *r = realloc(t->right, (size_t)cap);
        if (r) t->right = r;
        if (!c || !r) return LT_ERR_NOMEM;
        t->cap = cap;
    }
    t->confidence[t->n] = confidence;
    t->right[t->n++] = j->equiv;
    t->name += j->name;
    t->exact += j->exact;
    t->equiv += j->equiv;
    t->n_call += !j->is_nothing_expected;
    t->call_equiv += !j->is_nothing_expected && j->equiv;
    t->n_nothing += j->is_nothing_expected;
    t->nothing_hit += j->is_nothing_expected && j->is_nothing_answered;
    t->nothing_made += j->is_nothing_answered;
    t->n_local += is_local;
    t->local_right += is_local && j->equiv;
    return LT_OK;
}

struct row {
    double confidence;
    uint8_t right;
};

static int by_confidence(const void *a, const void *b)
{
    double x = ((const struct row *)a)->confidence, y = ((const struct row *)b)->confidence;
    return (x < y) - (x > y);
}

double san_tally_coverage(const struct san_tally *t, double precision)
{
    struct row *rows = malloc(((size_t)t->n + 1) * sizeof *rows);
    double best = 0;
    int good = 0;
    if (!rows || !t->n) {
        free(rows);
        return 0;
    }
    for (int i = 0; i < t->n; i++) rows[i] = (struct row){t->confidence[i], t->right[i]};
    qsort(rows, (size_t)t->n, sizeof *rows, by_confidence);
    for (int i = 0; i < t->n;) {
        int k = i;
        while (k < t->n && rows[k].confidence == rows[i].confidence) good += rows[k++].right;
        if ((double)good / k >= precision) best = (double)k / t->n;
        i = k;
    }
    free(rows);
    return best;
}

double san_tally_ece(const struct san_tally *t)
{
    enum { BINS = 15 };
    double sum[BINS] = {0}, right[BINS] = {0};
    double ece = 0;
    for (int i = 0; i < t->n; i++) {
        int b = (int)(t->confidence[i] * BINS);
        b = b < 0 ? 0 : b >= BINS ? BINS - 1 : b;
        sum[b] += t->confidence[i];
        right[b] += t->right[i];
    }
    for (int b = 0; b < BINS; b++) ece += fabs(sum[b] - right[b]);
    return t->n ? ece / t->n : 0;
}

double san_tally_brier(const struct san_tally *t)
{
    double sum = 0;
    for (int i = 0; i < t->n; i++) {
        double d = t->confidence[i] - t->right[i];
        sum += d * d;
    }
    return t->n ? sum / t->n : 0;
}
