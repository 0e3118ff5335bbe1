/* session.c - the memory of conversations, and what an utterance means after what went before. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct session {
    char key[LT_TALK_KEY_MAX + 1];
    lt_us used_us;
    struct lt_question question; /* kind LT_ASK_NOTHING: none is open */
    lt_us asked_us;
    int n_tries;
    json_t *deed;    /* calls carried out; NULL: none */
    json_t *restore; /* calls that undo it, or NULL */
    json_t *others;  /* choices that were not taken, or NULL */
    struct lt_changes changes;
    lt_us done_us;
    char lang[LT_LANG_CAP]; /* spoken last; "" not known */
    lt_us spoke_us;
};

struct lt_talk {
    struct lt_talk_options o;
    struct session *v;
    size_t n;
    struct lt_changes taken; /* of the turn that undoes */
};

struct lt_talk *lt_talk_new(const struct lt_talk_options *o)
{
    struct lt_talk *t = calloc(1, sizeof *t);
    if (!t) return NULL;
    t->v = calloc(LT_TALK_SESSIONS_MAX, sizeof *t->v);
    if (!t->v) {
        free(t);
        return NULL;
    }
    t->o = *o;
    return t;
}

void lt_talk_set(struct lt_talk *t, const struct lt_talk_options *o)
{
    t->o = *o;
}

static void drop_deed(struct session *s)
{
    json_decref(s->deed);
    json_decref(s->restore);
    json_decref(s->others);
    s->deed = s->restore = s->others = NULL;
    lt_changes_free(&s->changes);
}

static void clear(struct session *s)
{
    lt_question_free(&s->question);
    drop_deed(s);
}

void lt_talk_free(struct lt_talk *t)
{
    if (!t) return;
    for (size_t i = 0; i < t->n; i++) clear(t->v + i);
    lt_changes_free(&t->taken);
    free(t->v);
    free(t);
}

void lt_turn_free(struct lt_turn *t)
{
    json_decref(t->calls);
    json_decref(t->choices);
    memset(t, 0, sizeof *t);
}

void lt_talk_key(const char *site, const char *session, const char *here, const char *source,
                 char out[LT_TALK_KEY_MAX + 1])
{
    int has_session = session && *session, has_here = here && *here;
    snprintf(out, LT_TALK_KEY_MAX + 1, "%s\n%s%.200s", site,
             has_session ? "s:"
             : has_here  ? "h:"
                         : "d:",
             has_session ? session
             : has_here  ? here
                         : source);
}

static struct session *find(const struct lt_talk *t, const char *key)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->v[i].key, key)) return t->v + i;
    return NULL;
}

/* The session of this key, made when there is none. */
static struct session *get(struct lt_talk *t, const char *key, lt_us now_us)
{
    struct session *s = find(t, key);
    if (!s && t->n < LT_TALK_SESSIONS_MAX) s = t->v + t->n++;
    if (!s) {
        s = t->v;
        for (size_t i = 1; i < t->n; i++)
            if (t->v[i].used_us < s->used_us) s = t->v + i;
        clear(s);
        memset(s, 0, sizeof *s);
    }
    if (s->key != key) snprintf(s->key, sizeof s->key, "%s", key); /* a caller may pass ours */
    s->used_us = now_us;
    return s;
}

static int is_asking(const struct lt_talk *t, const struct session *s, lt_us now_us)
{
    return s && s->question.kind != LT_ASK_NOTHING && now_us - s->asked_us <= t->o.question_us;
}

static int has_deed(const struct lt_talk *t, const struct session *s, lt_us now_us)
{
    return s && s->deed && now_us - s->done_us <= t->o.undo_us;
}

int lt_talk_wants_pin(const struct lt_talk *t, const char *key, lt_us now_us)
{
    const struct session *s = find(t, key);
    return is_asking(t, s, now_us) && s->question.kind == LT_ASK_PIN;
}

void lt_talk_speaks(struct lt_talk *t, const char *key, const char *lang, lt_us now_us)
{
    struct session *s = *key ? get(t, key, now_us) : NULL;
    if (!s) return;
    snprintf(s->lang, sizeof s->lang, "%s", lang);
    s->spoke_us = now_us;
}

void lt_talk_language(const struct lt_talk *t, const char *key, lt_us now_us, char out[LT_LANG_CAP])
{
    const struct session *s = find(t, key);
    int is_lately = s && s->lang[0] && now_us - s->spoke_us <= t->o.question_us;
    snprintf(out, LT_LANG_CAP, "%s", is_lately ? s->lang : "");
}

void lt_talk_forget(struct lt_talk *t, const char *key)
{
    struct session *s = find(t, key);
    if (s) clear(s);
}

void lt_talk_ask(struct lt_talk *t, const char *key, struct lt_question *q, lt_us now_us)
{
    struct session *s = get(t, key, now_us);
    lt_question_free(&s->question);
    s->question = *q;
    memset(q, 0, sizeof *q);
    s->asked_us = now_us;
    s->n_tries = 0;
}

static json_t *labels_of(const json_t *choices)
{
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(choices); i++)
        json_array_append(list, json_object_get(json_array_get(choices, i), "label"));
    return list;
}

/* ---- opposites ---- */

static const struct {
    const char *tool, *opposite;
} opposites[] = {
    {"HassTurnOn", "HassTurnOff"},
    {"HassTurnOff", "HassTurnOn"},
    {"HassLock", "HassUnlock"},
    {"HassUnlock", "HassLock"},
    {"HassOpen", "HassClose"},
    {"HassClose", "HassOpen"},
    {"HassMediaPause", "HassMediaUnpause"},
    {"HassMediaUnpause", "HassMediaPause"},
    {"HassMediaPlayerMute", "HassMediaPlayerUnmute"},
    {"HassMediaPlayerUnmute", "HassMediaPlayerMute"},
    {"HassMediaNext", "HassMediaPrevious"},
    {"HassMediaPrevious", "HassMediaNext"},
    {"HassVacuumStart", "HassVacuumReturnToBase"},
    {"HassLawnMowerStartMowing", "HassLawnMowerDock"},
};

json_t *lt_talk_opposite(const json_t *call)
{
    const char *tool = json_string_value(json_object_get(call, "name"));
    const json_t *arguments = json_object_get(call, "arguments");
    for (size_t i = 0; tool && i < sizeof opposites / sizeof opposites[0]; i++)
        if (!strcmp(opposites[i].tool, tool))
            return json_pack("{s:s,s:o}", "name", opposites[i].opposite, "arguments",
                             json_deep_copy(arguments));
    const json_t *step = json_object_get(arguments, "volume_step");
    if (!tool || strcmp(tool, "HassSetVolumeRelative") != 0 || !step) return NULL;
    json_t *back = json_pack("{s:s,s:o}", "name", tool, "arguments", json_deep_copy(arguments));
    json_t *other = NULL;
    if (json_is_integer(step))
        other = json_integer(-json_integer_value(step));
    else if (json_is_string(step))
        other = json_string(!strcasecmp(json_string_value(step), "up") ? "down" : "up");
    json_object_set_new(json_object_get(back, "arguments"), "volume_step", other);
    return back;
}

/* The calls that undo the deed: the former states if they are known, else opposites, last first. NULL
 * when one has none; what the house itself changed needs none. */
static json_t *undoing(const struct session *s)
{
    if (s->restore) return json_deep_copy(s->restore);
    json_t *list = json_array();
    for (size_t i = json_array_size(s->deed); i-- > 0;) {
        const json_t *call = json_array_get(s->deed, i);
        if (lt_house_is_ours(json_string_value(json_object_get(call, "name")))) continue;
        json_t *back = lt_talk_opposite(call);
        if (back && !json_array_append_new(list, back)) continue;
        json_decref(list);
        return NULL;
    }
    return list;
}

void lt_talk_executed(struct lt_talk *t, const char *key, const json_t *calls,
                      const json_t *restore, struct lt_changes *changes, lt_us now_us)
{
    struct session *s = get(t, key, now_us);
    /* what was asked about stays as the others of this deed */
    json_t *others = s->question.kind == LT_ASK_CHOICE && !s->question.is_joining
                         ? json_incref(s->question.choices)
                         : NULL;
    lt_question_free(&s->question);
    drop_deed(s);
    s->deed = json_deep_copy(calls);
    s->restore = restore ? json_deep_copy(restore) : NULL;
    s->others = others;
    s->done_us = now_us;
    if (!changes) return;
    s->changes = *changes;
    memset(changes, 0, sizeof *changes);
}

/* ---- answers ---- */

/* `key`: of what is said (answers.h). */
static void drop(const struct lt_turn_in *in, struct lt_turn *out, const char *key)
{
    out->kind = LT_TURN_DROP;
    lt_say(in->tongue, key, NULL, out->speech, sizeof out->speech);
}

/* The same question once more, or enough of it. `hint`: key of what is said before it, or NULL. */
static void ask_again(struct session *s, const struct lt_turn_in *in, const char *hint,
                      struct lt_turn *out)
{
    const char *question = s->question.speech;
    if (s->n_tries >= LT_TALK_TRIES) {
        lt_question_free(&s->question);
        drop(in, out, "leave");
        return;
    }
    s->n_tries++;
    s->asked_us = in->now_us;
    out->kind = LT_TURN_ASK;
    out->calls = json_incref(s->question.calls);
    out->choices = s->question.choices ? labels_of(s->question.choices) : NULL;
    if (hint) lt_say(in->tongue, hint, NULL, out->speech, sizeof out->speech);
    lt_say_join(in->tongue, "sentences", question, out->speech, sizeof out->speech);
}

static void take_calls(struct session *s, json_t *calls, struct lt_turn *out)
{
    out->kind = LT_TURN_CALLS;
    out->calls = calls;
    out->is_confirmed = s->question.is_guarded;
}

/* The question's calls with the open one replaced by one call for each of the choices. */
static json_t *with_choices(const struct lt_question *q, const json_t *choices)
{
    json_t *calls = json_array();
    for (size_t i = 0; i < json_array_size(q->calls); i++) {
        json_t *call = json_array_get(q->calls, i);
        size_t n = i == q->index ? json_array_size(choices) : 1;
        for (size_t k = 0; k < n; k++) {
            json_t *copy = json_deep_copy(call);
            if (i == q->index) lt_ask_fill_choice(copy, json_array_get(choices, k), q->is_joining);
            json_array_append_new(calls, copy);
        }
    }
    return calls;
}

static void narrow(struct session *s, const struct lt_turn_in *in, json_t *found,
                   struct lt_turn *out)
{
    json_decref(s->question.choices);
    s->question.choices = json_incref(found);
    lt_ask_word_which(in->tongue, "", found, s->question.speech, sizeof s->question.speech);
    ask_again(s, in, NULL, out);
}

static void answer_choice(struct lt_talk *t, struct session *s, const struct lt_turn_in *in,
                          const struct lt_words *said, struct lt_turn *out)
{
    struct lt_question *q = &s->question;
    if (lt_phrases_is(&t->o.phrases, LT_PHRASE_ALL, said) &&
        json_array_size(q->choices) + json_array_size(q->calls) - 1 <= LT_TALK_CALLS_MAX) {
        take_calls(s, with_choices(q, q->choices), out);
        return;
    }
    json_t *found = lt_ask_match(q->choices, said);
    size_t n = json_array_size(found);
    if (n == 1)
        take_calls(s, with_choices(q, found), out);
    else if (n > 1)
        narrow(s, in, found, out);
    json_decref(found);
}

/* One number with words of measure ("fifty percent", "to 21 degrees"); 0 when it is something else. */
static int only_number(const struct lt_words *w, double *out)
{
    static const char *const measures[] = {"percent", "prozent", "procent", "por",     "ciento",
                                           "pour",    "cent",    "degrees", "degree",  "grad",
                                           "grados",  "degrés",  "stopni",  "celsius", "auf"};
    int found = 0;
    for (int i = 0; i < w->n; i++) {
        int n = found ? 0 : lt_phrases_number(w, i, out);
        int is_measure = lt_phrases_is_small(w->v[i]);
        for (size_t k = 0; k < sizeof measures / sizeof measures[0]; k++)
            is_measure |= !strcmp(measures[k], w->v[i]);
        if (n) {
            found = 1;
            i += n - 1;
        } else if (!is_measure) {
            return 0;
        }
    }
    return found && !w->is_cut;
}

/* Half, full, off: numbers of percent in one word. */
static int percent_word(const struct lt_words *w, double *out)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"half", 50},   {"full", 100}, {"maximum", 100}, {"max", 100},
                 {"minimum", 1}, {"min", 1},    {"low", 20},      {"medium", 50},
                 {"high", 80},   {"halb", 50},  {"quarter", 25}};
    for (size_t i = 0; w->n == 1 && i < sizeof words / sizeof words[0]; i++)
        if (!strcmp(words[i].word, w->v[0])) {
            *out = words[i].value;
            return 1;
        }
    return 0;
}

static void answer_slot(struct session *s, const struct lt_turn_in *in, const struct lt_words *said,
                        struct lt_turn *out)
{
    struct lt_question *q = &s->question;
    json_t *calls = json_deep_copy(q->calls);
    json_t *a = json_object_get(json_array_get(calls, q->index), "arguments");
    struct lt_diag diag = {0};
    double v;
    int is_answer = 0;
    if (q->kind == LT_ASK_SPAN) {
        int64_t left = lt_phrases_duration_ms(said) / 1000;
        static const char *const keys[] = {"hours", "minutes", "seconds"};
        int64_t part[] = {left / 3600, left / 60 % 60, left % 60};
        is_answer = left > 0;
        for (int i = 0; is_answer && i < 3; i++)
            if (part[i]) json_object_set_new(a, keys[i], json_integer(part[i]));
    } else if (q->kind == LT_ASK_NUMBER) {
        is_answer = only_number(said, &v) ||
                    (strcmp(q->slot, "temperature") != 0 && percent_word(said, &v));
        if (is_answer) json_object_set_new(a, q->slot, json_integer((json_int_t)(v + 0.5)));
        if (is_answer && v != (double)(int64_t)v) /* for schemas that take it */
            json_object_set_new(a, q->slot, json_real(v));
    } else if (!in->is_command && said->n) {
        is_answer = 1;
        json_object_set_new(a, q->slot, json_string(in->text));
    }
    if (is_answer && in->catalog && lt_catalog_check_calls(in->catalog, calls, &diag)) {
        ask_again(s, in, "unfit", out);
        json_decref(calls);
    } else if (is_answer) {
        take_calls(s, calls, out);
    } else {
        json_decref(calls);
    }
}

static void answer_guarded(struct lt_talk *t, struct session *s, const struct lt_turn_in *in,
                           const struct lt_words *said, int is_pin_right, struct lt_turn *out)
{
    struct lt_question *q = &s->question;
    if (q->kind == LT_ASK_PIN && is_pin_right) {
        take_calls(s, json_deep_copy(q->calls), out);
        out->is_pin = 1;
    } else if (q->kind == LT_ASK_CONFIRM && lt_phrases_is(&t->o.phrases, LT_PHRASE_YES, said)) {
        take_calls(s, json_deep_copy(q->calls), out);
    } else if (q->kind == LT_ASK_PIN) {
        /* a code that is wrong is not asked for again here: the guard counts them */
        lt_question_free(q);
        drop(in, out, "code.wrong");
    }
}

/* An answer to the open question; out stays LT_TURN_NEW when it is none. */
static void answer(struct lt_talk *t, struct session *s, const struct lt_turn_in *in,
                   const struct lt_words *said, int is_pin_right, struct lt_turn *out)
{
    const struct lt_phrases *p = &t->o.phrases;
    if (lt_phrases_is(p, LT_PHRASE_NEVER_MIND, said) || lt_phrases_is(p, LT_PHRASE_NO, said)) {
        lt_question_free(&s->question);
        drop(in, out, "ok");
        return;
    }
    switch (s->question.kind) {
    case LT_ASK_CHOICE:
        answer_choice(t, s, in, said, out);
        break;
    case LT_ASK_CONFIRM:
    case LT_ASK_PIN:
        answer_guarded(t, s, in, said, is_pin_right, out);
        break;
    default:
        answer_slot(s, in, said, out);
    }
    if (out->kind != LT_TURN_NEW) return;
    /* not an answer: a command of its own, or not understood */
    if (in->is_command || s->question.kind == LT_ASK_CONFIRM || said->n > 4)
        lt_question_free(&s->question);
    else
        ask_again(s, in, "sorry", out);
}

/* ---- undoing ---- */

static void undo(struct lt_talk *t, struct session *s, const struct lt_turn_in *in,
                 struct lt_turn *out)
{
    json_t *calls = undoing(s);
    if (!calls) {
        drop(in, out, "undo.unknown");
        return;
    }
    if (!json_array_size(calls) && !s->changes.n) {
        json_decref(calls);
        drop(in, out, "undo.nothing");
        return;
    }
    lt_changes_free(&t->taken);
    t->taken = s->changes;
    memset(&s->changes, 0, sizeof s->changes);
    out->kind = LT_TURN_CALLS;
    out->calls = calls;
    out->undo = &t->taken;
    out->is_undo = 1;
    lt_say(in->tongue, "undo.done", NULL, out->speech, sizeof out->speech);
}

/* The deed's own choice is no other. */
static json_t *without_done(const struct session *s)
{
    json_t *list = json_array();
    const json_t *done = json_object_get(json_array_get(s->deed, 0), "arguments");
    for (size_t i = 0; i < json_array_size(s->others); i++) {
        json_t *choice = json_array_get(s->others, i);
        const json_t *name = json_object_get(json_object_get(choice, "arguments"), "name");
        const json_t *area = json_object_get(json_object_get(choice, "arguments"), "area");
        if (json_equal(name, json_object_get(done, "name")) &&
            (!area || json_equal(area, json_object_get(done, "area"))))
            continue;
        json_array_append(list, choice);
    }
    return list;
}

/* The same deed on another device. `said`: words that pick one, NULL for "the other one". Leaves out
 * LT_TURN_NEW when nothing fits. */
static void other(struct lt_talk *t, struct session *s, const struct lt_turn_in *in,
                  const struct lt_words *said, struct lt_turn *out)
{
    if (json_array_size(s->deed) != 1) return;
    const json_t *deed = json_array_get(s->deed, 0);
    json_t *others = s->others && json_array_size(s->others) ? without_done(s)
                     : in->catalog                           ? lt_ask_others(in->catalog, deed)
                                                             : json_array();
    if (said) {
        json_t *found = lt_ask_match(others, said);
        json_decref(others);
        others = found;
    }
    size_t n = json_array_size(others);
    json_t *back = n ? undoing(s) : NULL;
    json_t *call = n ? json_deep_copy(deed) : NULL;
    if (n == 1) {
        lt_ask_fill_choice(call, json_array_get(others, 0), 0);
        if (!back) back = json_array(); /* nobody knows how it was: at least do the right one */
        json_array_append(back, call);
        out->kind = LT_TURN_CALLS;
        out->calls = json_incref(back);
        out->is_undo = 1;
    } else if (n > 1) {
        struct lt_question q = {.kind = LT_ASK_CHOICE, .choices = json_incref(others)};
        if (!back) back = json_array();
        q.index = json_array_size(back);
        json_array_append(back, call);
        q.calls = json_incref(back);
        lt_ask_word_which(in->tongue, "", others, q.speech, sizeof q.speech);
        out->kind = LT_TURN_ASK;
        out->calls = json_incref(back);
        out->choices = labels_of(others);
        snprintf(out->speech, sizeof out->speech, "%s", q.speech);
        lt_talk_ask(t, s->key, &q, in->now_us);
    } else if (!said) {
        drop(in, out, "other.none");
    }
    json_decref(call);
    json_decref(back);
    json_decref(others);
}

void lt_talk_turn(struct lt_talk *t, const struct lt_turn_in *in, int is_pin_right,
                  struct lt_turn *out)
{
    struct lt_words said;
    struct session *s = find(t, in->key);
    const struct lt_phrases *p = &t->o.phrases;
    lt_words_split(in->text, &said);
    if (s) s->used_us = in->now_us;
    if (s && s->question.kind != LT_ASK_NOTHING && !is_asking(t, s, in->now_us))
        lt_question_free(&s->question); /* it was asked too long ago */
    if (is_asking(t, s, in->now_us)) {
        answer(t, s, in, &said, is_pin_right, out);
        if (out->kind != LT_TURN_NEW) return;
    }
    if (lt_phrases_is(p, LT_PHRASE_UNDO, &said)) {
        if (has_deed(t, s, in->now_us))
            undo(t, s, in, out);
        else
            drop(in, out, "undo.nothing");
        return;
    }
    if (!has_deed(t, s, in->now_us)) return;
    if (lt_phrases_is(p, LT_PHRASE_OTHER, &said))
        other(t, s, in, NULL, out);
    else if (lt_phrases_begins_with_no(&said))
        other(t, s, in, &said, out);
}
