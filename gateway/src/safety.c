/* safety.c - buckets, lists, the code, the verdict. */
#include "safety.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lt/sha256.h"
#include "phrases.h"

#define MINUTE_US  60000000
#define LOCKS_MAX  64 /* sites, as config.sites allows */
#define DIGITS_MAX 64 /* of one run of spoken digits */

enum confirm { CONFIRM_GATE, CONFIRM_ASK, CONFIRM_PIN };

/* A bucket that fills with `per_minute` tokens a minute and holds as many. */
struct bucket {
    char key[352];
    double tokens;
    lt_us at_us;
};

struct lock {
    char site[65];
    int n_wrong;
    lt_us until_us;
};

struct rules {
    enum confirm confirm;
    struct lt_strings sources, areas;
    double max_heat;
    int64_t per_minute, sensitive_per_minute;
    lt_us lock_us;
    int has_pin, is_cloud_ok;
    size_t n_pin;
    uint8_t pin[32]; /* hash of its digits; the code itself is not kept */
};

struct lt_safety {
    struct rules r;
    struct bucket *buckets;
    size_t n_buckets;
    struct lock locks[LOCKS_MAX];
    size_t n_locks;
};

static void hash_of(const char *digits, uint8_t out[32])
{
    struct lt_sha256 sha;
    char hex[LT_SHA256_HEX_CAP];
    lt_sha256_init(&sha);
    lt_sha256_add(&sha, "lintel code ", 12);
    lt_sha256_add(&sha, digits, strlen(digits));
    lt_sha256_hex(&sha, hex);
    memcpy(out, hex, 32); /* half of the digest in hexadecimal: 128 bits */
}

/* The same time whatever differs. */
static int is_same_hash(const uint8_t a[32], const uint8_t b[32])
{
    unsigned differs = 0;
    for (int i = 0; i < 32; i++) differs |= (unsigned)(a[i] ^ b[i]);
    return !differs;
}

static int copy_list(struct lt_strings *out, const struct lt_strings *in)
{
    memset(out, 0, sizeof *out);
    if (!in->n) return 1;
    if (!(out->v = calloc(in->n, sizeof *out->v))) return 0;
    for (; out->n < in->n; out->n++)
        if (!(out->v[out->n] = strdup(in->v[out->n]))) return 0;
    return 1;
}

static void rules_free(struct rules *r)
{
    for (size_t i = 0; i < r->sources.n; i++) free(r->sources.v[i]);
    for (size_t i = 0; i < r->areas.n; i++) free(r->areas.v[i]);
    free(r->sources.v);
    free(r->areas.v);
    memset(r, 0, sizeof *r);
}

static enum lt_err read_pin(const struct lt_config *c, struct rules *r, struct lt_diag *diag)
{
    if (!*c->safety.pin)
        return r->confirm == CONFIRM_PIN
                   ? lt_fail(diag, LT_ERR_INVALID,
                             "safety.confirm is pin, but safety.pin names no code; set it to "
                             "env:NAME, file:/path or credential:NAME")
                   : LT_OK;
    struct lt_secret *secret = NULL;
    enum lt_err err = lt_secret_read(c->safety.pin, &secret, diag);
    if (err) return err;
    const char *pin = lt_secret_reveal(secret);
    r->n_pin = strlen(pin);
    if (r->n_pin < LT_SAFETY_PIN_MIN || r->n_pin > LT_SAFETY_PIN_MAX ||
        strspn(pin, "0123456789") != r->n_pin) {
        err = lt_fail(diag, LT_ERR_INVALID, "safety.pin: a code of %d to %d digits is needed",
                      LT_SAFETY_PIN_MIN, LT_SAFETY_PIN_MAX);
    } else {
        hash_of(pin, r->pin);
        r->has_pin = 1;
    }
    lt_secret_free(secret);
    return err;
}

static enum lt_err rules_from(const struct lt_config *c, struct rules *r, struct lt_diag *diag)
{
    memset(r, 0, sizeof *r);
    r->confirm = !strcmp(c->safety.confirm, "pin")   ? CONFIRM_PIN
                 : !strcmp(c->safety.confirm, "ask") ? CONFIRM_ASK
                                                     : CONFIRM_GATE;
    r->max_heat = c->safety.max_heat;
    r->per_minute = c->safety.per_minute;
    r->sensitive_per_minute = c->safety.sensitive_per_minute;
    r->lock_us = c->safety.lock_s * 1000000;
    r->is_cloud_ok = c->gate.sensitive_cloud;
    enum lt_err err = LT_OK;
    if (!copy_list(&r->sources, &c->safety.allow_sources) ||
        !copy_list(&r->areas, &c->safety.allow_areas))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    if (!err) err = read_pin(c, r, diag);
    if (err) rules_free(r);
    return err;
}

enum lt_err lt_safety_new(const struct lt_config *c, struct lt_safety **out, struct lt_diag *diag)
{
    struct lt_safety *s = calloc(1, sizeof *s);
    if (s) s->buckets = calloc(LT_SAFETY_SOURCES, sizeof *s->buckets);
    if (!s || !s->buckets) {
        free(s);
        return lt_fail(diag, LT_ERR_NOMEM, "out of memory");
    }
    enum lt_err err = rules_from(c, &s->r, diag);
    if (err) {
        lt_safety_free(s);
        return err;
    }
    *out = s;
    return LT_OK;
}

enum lt_err lt_safety_reload(struct lt_safety *s, const struct lt_config *c, struct lt_diag *diag)
{
    struct rules fresh;
    enum lt_err err = rules_from(c, &fresh, diag);
    if (err) return err;
    rules_free(&s->r);
    s->r = fresh;
    return LT_OK;
}

void lt_safety_free(struct lt_safety *s)
{
    if (!s) return;
    rules_free(&s->r);
    free(s->buckets);
    free(s);
}

/* ---- rates ---- */

static int take_token(struct lt_safety *s, const char *kind, const char *source, const char *key,
                      int64_t per_minute, lt_us now_us)
{
    char name[sizeof s->buckets->key];
    struct bucket *b = NULL;
    if (per_minute <= 0) return 1;
    snprintf(name, sizeof name, "%s%.20s\n%.320s", kind, source, key);
    for (size_t i = 0; i < s->n_buckets && !b; i++)
        if (!strcmp(s->buckets[i].key, name)) b = s->buckets + i;
    if (!b) {
        if (s->n_buckets < LT_SAFETY_SOURCES) {
            b = s->buckets + s->n_buckets++;
        } else {
            b = s->buckets;
            for (size_t i = 1; i < s->n_buckets; i++)
                if (s->buckets[i].at_us < b->at_us) b = s->buckets + i;
        }
        memcpy(b->key, name, sizeof name);
        b->tokens = (double)per_minute;
        b->at_us = now_us;
    }
    b->tokens += (double)(now_us - b->at_us) * (double)per_minute / MINUTE_US;
    if (b->tokens > (double)per_minute) b->tokens = (double)per_minute;
    b->at_us = now_us;
    if (b->tokens < 1) return 0;
    b->tokens -= 1;
    return 1;
}

int lt_safety_may_ask(struct lt_safety *s, const char *source, const char *key, lt_us now_us)
{
    return take_token(s, "r ", source, key, s->r.per_minute, now_us);
}

/* ---- the code ---- */

static struct lock *lock_of(struct lt_safety *s, const char *site)
{
    for (size_t i = 0; i < s->n_locks; i++)
        if (!strcmp(s->locks[i].site, site)) return s->locks + i;
    if (s->n_locks == LOCKS_MAX) return NULL;
    struct lock *l = s->locks + s->n_locks++;
    snprintf(l->site, sizeof l->site, "%s", site);
    return l;
}

int lt_safety_is_locked(const struct lt_safety *s, const char *site, lt_us now_us)
{
    for (size_t i = 0; i < s->n_locks; i++)
        if (!strcmp(s->locks[i].site, site)) return s->locks[i].until_us > now_us;
    return 0;
}

/* The digits that begin at word i ("one", "12", "thirty four", "1.2", "pin12"), appended; words taken. */
static int digits_at(const struct lt_words *w, int i, char *out, size_t cap)
{
    size_t n = strlen(out);
    double v;
    if (strpbrk(w->v[i], "0123456789")) {
        for (const char *p = w->v[i]; *p && n + 1 < cap; p++)
            if (*p >= '0' && *p <= '9') out[n++] = *p;
        out[n] = '\0';
        return 1;
    }
    int k = lt_phrases_number(w, i, &v);
    if (k && v == (double)(int)v && v < 1000) snprintf(out + n, cap - n, "%d", (int)v);
    return k;
}

/* Is the code somewhere in these digits? Every place is tried, so that time tells nothing. */
static int holds_pin(const struct lt_safety *s, const char *digits, int is_whole)
{
    size_t n = strlen(digits);
    int found = 0;
    if (!s->r.has_pin || n < s->r.n_pin || (is_whole && n != s->r.n_pin)) return 0;
    for (size_t i = 0; i + s->r.n_pin <= n; i++) {
        char part[LT_SAFETY_PIN_MAX + 1];
        uint8_t hash[32];
        snprintf(part, sizeof part, "%.*s", (int)s->r.n_pin, digits + i);
        hash_of(part, hash);
        found |= is_same_hash(hash, s->r.pin);
    }
    return found;
}

static void count_wrong(struct lt_safety *s, const char *site, lt_us now_us)
{
    struct lock *l = lock_of(s, site);
    if (!l || ++l->n_wrong < LT_SAFETY_TRIES) return;
    l->n_wrong = 0;
    l->until_us = now_us + s->r.lock_us;
}

/* All digits of a text that is too long to be cut into words. */
static int scan_long(const struct lt_safety *s, const char *text, char **hidden)
{
    size_t n = strlen(text), k = 0;
    char *digits = calloc(1, n + 1);
    if (!digits) return 0;
    for (size_t i = 0; i < n; i++)
        if (isdigit((unsigned char)text[i])) digits[k++] = text[i];
    int found = holds_pin(s, digits, 0);
    free(digits);
    if (found && (*hidden = strdup(text)))
        for (char *p = *hidden; *p; p++)
            if (isdigit((unsigned char)*p)) *p = '#';
    return found;
}

int lt_safety_scan(struct lt_safety *s, const char *site, const char *text, int is_asked,
                   lt_us now_us, char **hidden)
{
    struct lt_words w;
    char digits[DIGITS_MAX] = "", out[LT_WORDS_BYTES + 64] = "";
    int is_right = 0, has_code = 0;
    *hidden = NULL;
    lt_words_split(text, &w);
    if (is_asked) { /* whatever comes may be nearly the code: none of it is kept */
        for (int i = 0; i < w.n;) {
            int k = digits_at(&w, i, digits, sizeof digits);
            i += k ? k : 1;
        }
        is_right = holds_pin(s, digits, 1);
        if (!*digits) return 0; /* words only: "never mind" */
        *hidden = strdup(LT_SAFETY_HIDDEN);
    } else if (!s->r.has_pin) {
        return 0;
    } else if (w.is_cut) {
        scan_long(s, text, hidden); /* too long for a spoken code: hidden, but it opens nothing */
        return 0;
    } else {
        for (int i = 0; i < w.n;) {
            char run[DIGITS_MAX] = "";
            int first = i, k;
            while (i < w.n && (k = digits_at(&w, i, run, sizeof run)) > 0) i += k;
            int is_code = holds_pin(s, run, 0);
            is_right |= is_code && holds_pin(s, run, 1);
            size_t used = strlen(out);
            if (is_code)
                snprintf(out + used, sizeof out - used, "%s%s", used ? " " : "", LT_SAFETY_HIDDEN);
            has_code |= is_code;
            for (int m = first; !is_code && m < (i > first ? i : first + 1); m++) {
                used = strlen(out);
                snprintf(out + used, sizeof out - used, "%s%s", used ? " " : "", w.v[m]);
            }
            if (i == first) i++;
        }
        if (has_code) *hidden = strdup(out);
    }
    if (is_asked && !is_right) count_wrong(s, site, now_us);
    if (lt_safety_is_locked(s, site, now_us)) return 0;
    struct lock *l = is_right ? lock_of(s, site) : NULL;
    if (l) l->n_wrong = 0;
    return is_right;
}

/* ---- the verdict ---- */

int lt_safety_is_hot(const struct lt_safety *s, const json_t *calls)
{
    if (s->r.max_heat <= 0) return 0;
    for (size_t i = 0; i < json_array_size(calls); i++) {
        const json_t *call = json_array_get(calls, i);
        const char *tool = json_string_value(json_object_get(call, "name"));
        const json_t *t = json_object_get(json_object_get(call, "arguments"), "temperature");
        if (tool && strstr(tool, "Climate") && json_is_number(t) &&
            json_number_value(t) > s->r.max_heat)
            return 1;
    }
    return 0;
}

static int is_listed(const struct lt_strings *list, const char *word)
{
    for (size_t i = 0; word && i < list->n; i++)
        if (!strcasecmp(list->v[i], word)) return 1;
    return 0;
}

enum lt_verdict lt_safety_judge(struct lt_safety *s, const struct lt_safety_question *q,
                                const char **why)
{
    int is_hot = lt_safety_is_hot(s, q->calls);
    *why = "";
    if (!q->is_sensitive && !is_hot) return LT_VERDICT_GO;
    if (s->r.sources.n && !is_listed(&s->r.sources, q->source)) {
        *why = "safety.door";
        return LT_VERDICT_REFUSE;
    }
    if (s->r.areas.n && !is_listed(&s->r.areas, q->here)) {
        *why = "safety.room";
        return LT_VERDICT_REFUSE;
    }
    int needs_pin = q->is_sensitive && s->r.confirm == CONFIRM_PIN;
    int needs_yes =
        !needs_pin && (is_hot || s->r.confirm == CONFIRM_ASK || (q->is_cloud && !s->r.is_cloud_ok));
    if (needs_pin && !q->is_pin) {
        if (!lt_safety_is_locked(s, q->site, q->now_us)) return LT_VERDICT_PIN;
        *why = "safety.locked";
        return LT_VERDICT_REFUSE;
    }
    if (needs_yes && !q->is_confirmed && !q->is_pin) return LT_VERDICT_ASK;
    if (!q->is_look &&
        !take_token(s, "s ", q->source, q->key, s->r.sensitive_per_minute, q->now_us)) {
        *why = "safety.often";
        return LT_VERDICT_REFUSE;
    }
    return LT_VERDICT_GO;
}
