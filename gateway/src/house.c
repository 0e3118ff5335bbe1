/* house.c - rows in memory, changes, the tools without rows, and the dispatch. */
#include "house.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "house_int.h"

struct lt_house *lt_house_new(void)
{
    return calloc(1, sizeof(struct lt_house));
}

void lt_house_free(struct lt_house *h)
{
    if (!h) return;
    free(h->timers);
    free(h->items);
    free(h);
}

/* ---- rows ---- */

/* Room for one more of `bytes` each. */
static int grow(void **v, size_t n, size_t *cap, size_t bytes)
{
    if (n < *cap) return 1;
    size_t more = *cap ? *cap * 2 : 8;
    void *p = realloc(*v, more * bytes);
    if (!p) return 0;
    *v = p;
    *cap = more;
    return 1;
}

static struct lt_timer_row *timer_of(const struct lt_house *h, const char *id)
{
    for (size_t i = 0; i < h->n_timers; i++)
        if (!strcmp(h->timers[i].id, id)) return h->timers + i;
    return NULL;
}

static struct lt_item_row *item_of(const struct lt_house *h, const char *id)
{
    for (size_t i = 0; i < h->n_items; i++)
        if (!strcmp(h->items[i].id, id)) return h->items + i;
    return NULL;
}

int lt__house_put_timer(struct lt_house *h, const struct lt_timer_row *t)
{
    struct lt_timer_row *there = timer_of(h, t->id);
    if (!there) {
        if (!grow((void **)&h->timers, h->n_timers, &h->cap_timers, sizeof *h->timers)) return 0;
        there = h->timers + h->n_timers++;
    }
    *there = *t;
    return 1;
}

void lt__house_drop_timer(struct lt_house *h, const char *id)
{
    struct lt_timer_row *t = timer_of(h, id);
    if (!t) return;
    size_t after = (size_t)(h->timers + --h->n_timers - t);
    memmove(t, t + 1, after * sizeof *t);
}

int lt__house_put_item(struct lt_house *h, const struct lt_item_row *t)
{
    struct lt_item_row *there = item_of(h, t->id);
    if (!there) {
        if (!grow((void **)&h->items, h->n_items, &h->cap_items, sizeof *h->items)) return 0;
        there = h->items + h->n_items++;
    }
    *there = *t;
    return 1;
}

void lt__house_drop_item(struct lt_house *h, const char *id)
{
    struct lt_item_row *t = item_of(h, id);
    if (!t) return;
    size_t after = (size_t)(h->items + --h->n_items - t);
    memmove(t, t + 1, after * sizeof *t);
}

static int load_timer(const struct lt_timer_row *t, void *user)
{
    return !lt__house_put_timer(user, t);
}
static int load_item(const struct lt_item_row *t, void *user)
{
    return !lt__house_put_item(user, t);
}

enum lt_err lt_house_load(struct lt_house *h, struct lt_store *s, struct lt_diag *diag)
{
    enum lt_err err = lt_store_timer_list(s, load_timer, h, diag);
    return err ? err : lt_store_item_list(s, load_item, h, diag);
}

size_t lt_house_n_timers(const struct lt_house *h, const char *site)
{
    size_t n = 0;
    for (size_t i = 0; i < h->n_timers; i++) n += !strcmp(h->timers[i].site, site);
    return n;
}

/* ---- changes ---- */

void lt_changes_free(struct lt_changes *c)
{
    free(c->v);
    memset(c, 0, sizeof *c);
}

/* One more change, or NULL. */
static struct lt_change *add_change(struct lt_changes *c)
{
    struct lt_change *v = realloc(c->v, (c->n + 1) * sizeof *v);
    if (!v) return NULL;
    c->v = v;
    memset(v + c->n, 0, sizeof *v);
    return v + c->n++;
}

int lt__house_change_timer(struct lt_house *h, struct lt_house_answer *out,
                           const struct lt_timer_row *before, const struct lt_timer_row *after)
{
    struct lt_change *c = add_change(&out->changes);
    if (!c) return 0;
    c->kind = LT_CHANGE_TIMER;
    if ((c->has_before = before != NULL)) c->before.timer = *before;
    if ((c->has_after = after != NULL)) c->after.timer = *after;
    if (!after)
        lt__house_drop_timer(h, c->before.timer.id);
    else if (!lt__house_put_timer(h, &c->after.timer)) {
        out->changes.n--;
        return 0;
    }
    return 1;
}

int lt__house_change_item(struct lt_house *h, struct lt_house_answer *out,
                          const struct lt_item_row *before, const struct lt_item_row *after)
{
    struct lt_change *c = add_change(&out->changes);
    if (!c) return 0;
    c->kind = LT_CHANGE_ITEM;
    if ((c->has_before = before != NULL)) c->before.item = *before;
    if ((c->has_after = after != NULL)) c->after.item = *after;
    if (!after)
        lt__house_drop_item(h, c->before.item.id);
    else if (!lt__house_put_item(h, &c->after.item)) {
        out->changes.n--;
        return 0;
    }
    return 1;
}

enum lt_err lt_changes_write(const struct lt_changes *c, struct lt_store *s, struct lt_diag *diag)
{
    enum lt_err err = LT_OK;
    for (size_t i = 0; !err && i < c->n; i++) {
        const struct lt_change *x = c->v + i;
        if (x->kind == LT_CHANGE_TIMER)
            err = x->has_after    ? lt_store_timer_put(s, &x->after.timer, diag)
                  : x->has_before ? lt_store_timer_delete(s, x->before.timer.id, diag)
                                  : LT_OK;
        else
            err = x->has_after    ? lt_store_item_put(s, &x->after.item, diag)
                  : x->has_before ? lt_store_item_delete(s, x->before.item.id, diag)
                                  : LT_OK;
    }
    return err;
}

static int is_same_timer(const struct lt_timer_row *a, const struct lt_timer_row *b)
{
    return a->due_unix_ms == b->due_unix_ms && a->left_ms == b->left_ms &&
           a->total_ms == b->total_ms && !strcmp(a->name, b->name) &&
           !strcmp(a->command, b->command);
}

static int is_same_item(const struct lt_item_row *a, const struct lt_item_row *b)
{
    return a->is_done == b->is_done && !strcmp(a->item, b->item) && !strcmp(a->list, b->list);
}

/* Is the row in memory as the change left it? */
static int is_as_left(const struct lt_house *h, const struct lt_change *c)
{
    if (c->kind == LT_CHANGE_TIMER) {
        const struct lt_timer_row *t =
            timer_of(h, c->has_after ? c->after.timer.id : c->before.timer.id);
        return c->has_after ? t && is_same_timer(t, &c->after.timer) : !t;
    }
    const struct lt_item_row *t = item_of(h, c->has_after ? c->after.item.id : c->before.item.id);
    return c->has_after ? t && is_same_item(t, &c->after.item) : !t;
}

size_t lt_changes_revert(struct lt_house *h, const struct lt_changes *c, int64_t now_unix_ms,
                         struct lt_changes *done)
{
    size_t n = 0;
    for (size_t i = c->n; i-- > 0;) {
        const struct lt_change *x = c->v + i;
        struct lt_house_answer a = {.speech = ""};
        int ok = is_as_left(h, x);
        /* a timer that would have rung meanwhile does not come back to ring at once */
        if (ok && x->kind == LT_CHANGE_TIMER && x->has_before && x->before.timer.due_unix_ms &&
            x->before.timer.due_unix_ms <= now_unix_ms)
            ok = 0;
        if (ok && x->kind == LT_CHANGE_TIMER)
            ok = lt__house_change_timer(h, &a, x->has_after ? &x->after.timer : NULL,
                                        x->has_before ? &x->before.timer : NULL);
        else if (ok)
            ok = lt__house_change_item(h, &a, x->has_after ? &x->after.item : NULL,
                                       x->has_before ? &x->before.item : NULL);
        struct lt_change *copy = ok && done ? add_change(done) : NULL;
        if (copy) *copy = a.changes.v[0];
        n += (size_t)ok;
        lt_changes_free(&a.changes);
    }
    return n;
}

/* ---- time goes by ---- */

int64_t lt_house_next_due(const struct lt_house *h)
{
    int64_t due = 0;
    for (size_t i = 0; i < h->n_timers; i++) {
        int64_t d = h->timers[i].due_unix_ms;
        if (d && (!due || d < due)) due = d;
    }
    return due;
}

int lt_house_take_due(struct lt_house *h, int64_t now_unix_ms, struct lt_timer_row *out)
{
    int64_t due = lt_house_next_due(h);
    if (!due || due > now_unix_ms) return 0;
    for (size_t i = 0; i < h->n_timers; i++) {
        if (h->timers[i].due_unix_ms != due) continue;
        *out = h->timers[i];
        lt__house_drop_timer(h, out->id);
        return 1;
    }
    return 0;
}

void lt_house_put_back(struct lt_house *h, const struct lt_timer_row *t)
{
    (void)!lt__house_put_timer(h, t); /* there was room for it a moment ago */
}

json_t *lt_house_json(const struct lt_house *h, const char *site, int64_t now_unix_ms)
{
    json_t *timers = json_array(), *lists = json_object();
    for (size_t i = 0; i < h->n_timers; i++) {
        const struct lt_timer_row *t = h->timers + i;
        if (strcmp(t->site, site) != 0) continue;
        int64_t left = t->due_unix_ms ? t->due_unix_ms - now_unix_ms : t->left_ms;
        json_array_append_new(timers,
                              json_pack("{s:s,s:s,s:s,s:b,s:I,s:I,s:I}", "id", t->id, "name",
                                        t->name, "area", t->area, "paused", !t->due_unix_ms,
                                        "total_s", (json_int_t)(t->total_ms / 1000), "left_s",
                                        (json_int_t)(left > 0 ? (left + 500) / 1000 : 0),
                                        "due_unix_ms", (json_int_t)t->due_unix_ms));
    }
    for (size_t i = 0; i < h->n_items; i++) {
        const struct lt_item_row *t = h->items + i;
        if (strcmp(t->site, site) != 0) continue;
        json_t *list = json_object_get(lists, t->list);
        if (!list) {
            list = json_array();
            json_object_set_new(lists, t->list, list);
        }
        json_array_append_new(list, json_pack("{s:s,s:b}", "item", t->item, "done", t->is_done));
    }
    return json_pack("{s:o,s:o}", "timers", timers, "lists", lists);
}

/* ---- calls ---- */

void lt_house_answer_free(struct lt_house_answer *a)
{
    lt_changes_free(&a->changes);
    json_decref(a->choices);
    memset(a, 0, sizeof *a);
}

void lt__house_text(const json_t *arguments, const char *key, char *out, size_t cap)
{
    const char *s = json_string_value(json_object_get(arguments, key));
    *out = '\0';
    if (!s) return;
    s += strspn(s, " \t\r\n");
    size_t n = strlen(s);
    while (n && strchr(" \t\r\n", s[n - 1])) n--;
    if (n >= cap) /* not inside a letter of several bytes */
        for (n = cap - 1; n && ((unsigned char)s[n] & 0xc0) == 0x80;) n--;
    snprintf(out, cap, "%.*s", (int)n, s);
}

int lt__house_same(const char *a, const char *b)
{
    return !strcasecmp(a, b);
}

enum lt_house_end lt__house_say(const struct lt_house_ask *ask, enum lt_house_end end,
                                const char *key, const struct lt_hole *holes,
                                struct lt_house_answer *out)
{
    lt_say(ask->tongue, key, holes, out->speech, sizeof out->speech);
    return end;
}

/* The words for days and months are in the table, under their English names. */
static enum lt_house_end say_time(const struct lt_house_ask *ask, const char *tool,
                                  struct lt_house_answer *out)
{
    static const char *const days[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};
    static const char *const months[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
    time_t t = (time_t)(ask->now_unix_ms / 1000);
    struct tm tm;
    char time_of_day[8], day[8], year[16];
    localtime_r(&t, &tm);
    strftime(time_of_day, sizeof time_of_day, "%H:%M", &tm);
    strftime(day, sizeof day, "%-d", &tm);
    strftime(year, sizeof year, "%Y", &tm);
    return lt__house_say(ask, LT_HOUSE_DONE, tool,
                         LT_HOLES({"time", time_of_day}, {"weekday", days[tm.tm_wday]},
                                  {"day", day}, {"month", months[tm.tm_mon]}, {"year", year}),
                         out);
}

static enum lt_house_end broadcast(const struct lt_house_ask *ask, const json_t *arguments,
                                   struct lt_house_answer *out)
{
    lt__house_text(arguments, "message", out->announce, sizeof out->announce);
    if (!*out->announce) return lt__house_say(ask, LT_HOUSE_ASKS, "need.HassBroadcast", NULL, out);
    return lt__house_say(ask, LT_HOUSE_DONE, "HassBroadcast", NULL, out);
}

static const char *verb_of(const char *tool)
{
    return tool && !strncmp(tool, "Hass", 4) ? tool + 4 : "";
}

int lt_house_is_ours(const char *tool)
{
    const char *verb = verb_of(tool);
    return lt__timers_is_ours(verb) || lt__lists_is_ours(verb) || !strcmp(verb, "Broadcast") ||
           !strcmp(verb, "GetCurrentTime") || !strcmp(verb, "GetCurrentDate") ||
           !strcmp(verb, "Nevermind");
}

enum lt_house_end lt_house_call(struct lt_house *h, const struct lt_house_ask *ask,
                                const char *tool, const json_t *arguments,
                                struct lt_house_answer *out)
{
    const char *verb = verb_of(tool);
    if (!strcmp(verb, "Broadcast")) return broadcast(ask, arguments, out);
    if (!strcmp(verb, "GetCurrentTime") || !strcmp(verb, "GetCurrentDate"))
        return say_time(ask, tool, out);
    if (!strcmp(verb, "Nevermind")) return lt__house_say(ask, LT_HOUSE_DONE, tool, NULL, out);
    enum lt_house_end end = lt__timers_call(h, ask, verb, arguments, out);
    return end == LT_HOUSE_NOT_OURS ? lt__lists_call(h, ask, verb, arguments, out) : end;
}
