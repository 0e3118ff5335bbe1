/* generate.c - options in, groups of cases out. generate_internal.h is the map of the parts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "generate_internal.h"

/* Other texts for the home tools; a tool of the same line order is found by name. */
static const char *const reworded[][2] = {
    {"HassTurnOn", "Turns something on, or opens, locks, starts or runs it."},
    {"HassTurnOff", "Turns something off, or closes or unlocks it."},
    {"HassGetState", "Answers questions about how things in the home are right now."},
    {"HassLightSet", "Changes how bright lights are, or their colour or warmth."},
    {"HassSetPosition", "Sets how far a cover or valve is open."},
    {"HassStopMoving", "Halts covers and valves on their way."},
    {"HassFanSetSpeed", "Sets how fast a fan turns."},
    {"HassClimateSetTemperature", "Sets the wanted temperature of heating or cooling."},
    {"HassClimateGetTemperature", "Says how warm it is inside."},
    {"HassMediaPause", "Pauses playback."},
    {"HassMediaUnpause", "Continues playback."},
    {"HassMediaNext", "Goes on to the next track, episode or channel."},
    {"HassMediaPrevious", "Goes back one track, episode or channel."},
    {"HassSetVolume", "Sets loudness to a value."},
    {"HassSetVolumeRelative", "Makes it louder or quieter."},
    {"HassMediaPlayerMute", "Silences a player."},
    {"HassMediaPlayerUnmute", "Gives a silenced player its sound back."},
    {"HassMediaSearchAndPlay", "Plays what is asked for by name."},
    {"HassVacuumStart", "Lets the cleaning robot begin."},
    {"HassVacuumReturnToBase", "Sends the cleaning robot home."},
    {"HassVacuumCleanArea", "Lets the cleaning robot do one room."},
    {"HassLawnMowerStartMowing", "Lets the mowing robot begin."},
    {"HassLawnMowerDock", "Sends the mowing robot home."},
    {"HassListAddItem", "Writes something on one of the lists."},
    {"HassListCompleteItem", "Marks something on one of the lists as done."},
    {"HassListRemoveItem", "Takes something off one of the lists."},
    {"HassShoppingListAddItem", "Notes something to buy."},
    {"HassShoppingListCompleteItem", "Marks something as bought."},
    {"HassStartTimer", "Begins a countdown, or does something after a while."},
    {"HassCancelTimer", "Ends a countdown early."},
    {"HassCancelAllTimers", "Ends all countdowns."},
    {"HassIncreaseTimer", "Makes a countdown longer."},
    {"HassDecreaseTimer", "Makes a countdown shorter."},
    {"HassPauseTimer", "Holds a countdown."},
    {"HassUnpauseTimer", "Lets a held countdown go on."},
    {"HassTimerStatus", "Says how long a countdown still takes."},
    {"HassGetCurrentTime", "Says what time it is."},
    {"HassGetCurrentDate", "Says which day it is."},
    {"HassGetWeather", "Says what the weather is like."},
    {"HassBroadcast", "Speaks a message through the speakers of the house."},
    {"HassNevermind", "Does nothing, because the speaker took the request back."}};

/* ---- drafts ---------------------------------------------------------------------------------- */

void gen_draft_clear(struct gen_draft *d)
{
    for (int i = 0; i < d->n_calls; i++) json_decref(d->calls[i].args);
    json_decref(d->home);
    d->n_calls = d->n_cat = d->is_unsaid = d->is_unclear = 0;
    d->home = NULL;
    d->source = d->kind = NULL;
    gen_text_clear(&d->text);
}

static const char *shown_name(const struct gen_variant *v)
{
    return json_string_value(json_object_get(v->tool, "name"));
}

int gen_draft_shows(const struct gen_draft *d, const struct gen_variant *v)
{
    for (int i = 0; i < d->n_cat; i++)
        if (d->cat[i] == v) return 1;
    return 0;
}

int gen_draft_show(struct gen_draft *d, const struct gen_variant *v)
{
    if (!v || d->n_cat == SAN_GEN_TOOLS_MAX) return 0;
    for (int i = 0; i < d->n_cat; i++)
        if (d->cat[i] == v || !strcmp(shown_name(d->cat[i]), shown_name(v))) return d->cat[i] == v;
    d->cat[d->n_cat++] = v;
    return 1;
}

const struct gen_variant *gen_home_tool(struct gen_group *gg, const char *name)
{
    const struct san_gen *g = gg->g;
    for (int i = 0; i < g->n_home_tools; i++) {
        if (strcmp(json_string_value(json_object_get(g->home_tool[i], "name")), name)) continue;
        struct gen_variant *v = &gg->home_tool[i];
        if (v->tool) return v;
        const char *other = NULL;
        for (size_t k = 0; k < sizeof reworded / sizeof *reworded; k++)
            if (!strcmp(reworded[k][0], name)) other = reworded[k][1];
        return gen_variant_make(&gg->r, gg->home_style, g->home_tool[i], &other, other != NULL,
                                NULL, 1, v)
                   ? v
                   : NULL;
    }
    return NULL;
}

/* The draft as a case under the names of its variants; NULL if something does not fit. */
static json_t *finish(struct gen_group *gg, struct gen_draft *d, uint64_t index, int number)
{
    json_t *tools = json_array(), *answers = json_array();
    int order[SAN_GEN_TOOLS_MAX];
    for (int i = 0; i < d->n_calls; i++)
        if (!gen_draft_shows(d, d->calls[i].v)) goto fail;
    for (int i = 0; i < d->n_cat; i++) order[i] = i;
    gen_shuffle_ints(&gg->r, order, d->n_cat);
    for (int i = 0; i < d->n_cat; i++) json_array_append(tools, d->cat[order[i]]->tool);
    for (int i = 0; i < d->n_calls; i++) {
        const struct gen_variant *v = d->calls[i].v;
        json_t *args = json_object(), *value;
        const char *key;
        json_object_foreach(d->calls[i].args, key, value)
        {
            const char *shown = json_string_value(json_object_get(v->params, key));
            if (!shown) {
                json_decref(args);
                goto fail;
            }
            json_object_set(args, shown, value);
        }
        json_array_append_new(answers,
                              json_pack("{s:s,s:o}", "name", shown_name(v), "arguments", args));
    }
    char id[80];
    snprintf(id, sizeof id, "g%llu-%llu-%d", (unsigned long long)gg->g->seed,
             (unsigned long long)index, number);
    json_t *c = json_pack("{s:s,s:s,s:s*,s:s,s:o,s:o}", "id", id, "source", d->source, "kind",
                          d->kind, "query", d->text.s, "tools", tools, "answers", answers);
    if (!c) goto fail;
    if (d->home) json_object_set(c, "home", d->home);
    int is_abroad = d->home && !gg->filed_is_english && strncmp(d->source, "teacher-", 8) != 0;
    if (!gg->g->plain && gen_chance(&gg->r, gg->g->mix.noise)) gen_noise(&gg->r, c, !is_abroad);
    gen_respell(c);
    if (d->is_unsaid) json_object_set_new(c, "unsaid", json_true());
    if (d->is_unclear) {
        json_object_set(c, "meant", json_object_get(c, "answers"));
        json_object_set_new(c, "answers", json_array());
    }
    char reason[SAN_DATA_REASON_BYTES];
    if (!san_case_check(c, reason)) {
        json_decref(c);
        return NULL;
    }
    return c;
fail:
    json_decref(tools);
    json_decref(answers);
    return NULL;
}

/* ---- groups ---------------------------------------------------------------------------------- */

/* Choose the home of the files' lines: first the family of homes by weight, then one that has
 * lines. Without files, or where their weights say so, any home of the homes file. */
static int pick_home(struct gen_group *gg)
{
    const struct san_gen *g = gg->g;
    double w[GEN_FILES_MAX];
    for (int i = 0; i < g->n_files; i++)
        w[i] = g->file[i].mix->is_home ? g->file[i].mix->weight : 0;
    int f = gen_weighted(&gg->r, w, g->n_files);
    const char *prefix = f >= 0 ? g->file[f].mix->prefix : "home-";
    gg->filed_home = -1;
    for (int tries = 0; tries < 400 && g->n_homes; tries++) {
        int at = (int)gen_below(&gg->r, (size_t)g->n_homes);
        if (strncmp(g->home_id[at], prefix, strlen(prefix))) continue;
        if (f >= 0 && g->file[f].by_home_off[at] == g->file[f].by_home_off[at + 1]) continue;
        gg->filed_home = at;
        gg->filed_is_english = gen_home_is_english(g->home_id[at]);
        json_t *home = json_object_get(san_lookup_homes(g->lookup), g->home_id[at]);
        return gen_home_init(&gg->filed, home);
    }
    return 1;
}

static int group_begin(struct gen_group *gg, struct san_gen *g, uint64_t index)
{
    memset(gg, 0, sizeof *gg);
    gg->g = g;
    gg->filed_home = -1;
    gen_seed(&gg->r, g->seed, index);
    gg->home_style =
        g->plain ? GEN_STYLE_ORIGINAL : (enum gen_style)gen_weighted(&gg->r, g->mix.home_style, 4);
    gg->file_tool = calloc((size_t)g->n_tool_at + 1, sizeof *gg->file_tool);
    if (!gg->file_tool) return 0;
    gen_file_pool(gg);
    if (g->teacher.n_fn && !gen_function_pool(gg)) return 0;
    if (!pick_home(gg)) return 0;
    if (g->teacher.n_entry && g->vocabulary.n_name) {
        json_t *home = gen_home_random(&gg->r, &g->vocabulary);
        int ok = home && gen_home_init(&gg->random, home);
        json_decref(home);
        if (!ok) return 0;
    }
    return 1;
}

static void group_end(struct gen_group *gg)
{
    for (int i = 0; i < GEN_HOME_TOOLS_MAX; i++) gen_variant_clear(&gg->home_tool[i]);
    for (int i = 0; i < gg->n_pool; i++) gen_variant_clear(&gg->pool[i]);
    for (int i = 0; gg->file_tool && i < gg->g->n_tool_at; i++)
        gen_variant_clear(&gg->file_tool[i]);
    free(gg->file_tool);
    gen_home_fini(&gg->random);
    gen_home_fini(&gg->filed);
}

/* Whether a file has anything for this group; home files only with lines of its home. */
static int file_serves(const struct gen_group *gg, int i)
{
    const struct gen_file *f = &gg->g->file[i];
    if (!f->mix->is_home) return f->n > 0;
    return gg->filed_home >= 0 &&
           f->by_home_off[gg->filed_home] < f->by_home_off[gg->filed_home + 1];
}

/* How many of n cases each source gives: weights in proportion, remainders by lot. One file
 * without homes is chosen for the group, so that their tools make one pool. */
static void share_out(struct gen_group *gg, int n, int *count)
{
    const struct san_gen *g = gg->g;
    double w[GEN_FILES_MAX + 2], pools = 0, homes = 0, served = 0, sum = 0;
    int n_sources = g->n_files + 2;
    for (int i = 0; i < g->n_files; i++) {
        const struct gen_mix_file *m = g->file[i].mix;
        w[i] = 0;
        if (m->is_home) homes += m->weight;
        if (m->is_home && file_serves(gg, i)) served += w[i] = m->weight;
        if (!m->is_home && file_serves(gg, i)) pools += m->weight;
    }
    /* Homes of one family at a time: its files carry the weight of all families. */
    for (int i = 0; i < g->n_files && served > 0; i++) w[i] *= homes / served;
    double each[GEN_FILES_MAX];
    for (int i = 0; i < g->n_files; i++)
        each[i] = !g->file[i].mix->is_home && file_serves(gg, i) ? g->file[i].mix->weight : 0;
    int chosen = pools > 0 ? gen_weighted(&gg->r, each, g->n_files) : -1;
    if (chosen >= 0) w[chosen] = pools;
    w[g->n_files] = gg->n_pool ? g->mix.teacher_functions : 0;
    w[g->n_files + 1] = gg->random.json ? g->mix.teacher_home : 0;
    for (int i = 0; i < n_sources; i++) sum += w[i];
    int given = 0;
    double rest[GEN_FILES_MAX + 2];
    for (int i = 0; i < n_sources; i++) {
        double exact = sum > 0 ? n * w[i] / sum : 0;
        count[i] = (int)exact;
        rest[i] = exact - count[i];
        given += count[i];
    }
    while (given < n) {
        int i = gen_weighted(&gg->r, rest, n_sources);
        if (i < 0) i = gen_weighted(&gg->r, w, n_sources);
        if (i < 0) return;
        count[i]++;
        rest[i] = 0;
        given++;
    }
}

static json_t *one_case(struct gen_group *gg, int source, uint64_t index, int number)
{
    struct gen_draft d;
    memset(&d, 0, sizeof d);
    json_t *c = NULL;
    int n_files = gg->g->n_files;
    for (int tries = 0; tries < 4 * GEN_TRIES && !c; tries++) {
        /* A source that cannot give a case in this group leaves its place to the teacher's. */
        int from = tries < GEN_TRIES ? source : n_files + (tries & 1);
        gen_draft_clear(&d);
        int ok = from < n_files    ? gen_file_draft(gg, from, &d)
                 : from == n_files ? gen_function_draft(gg, &d)
                                   : gen_home_draft(gg, &d);
        if (ok && d.text.n && !d.text.over) c = finish(gg, &d, index, number);
    }
    gen_draft_clear(&d);
    return c;
}

enum lt_err san_gen_group_at(struct san_gen *g, uint64_t index, int n, json_t **out,
                             struct lt_diag *diag)
{
    if (n < 1 || n > SAN_GEN_GROUP_MAX)
        return lt_fail(diag, LT_ERR_INVALID, "a group has 1 to %d cases, not %d", SAN_GEN_GROUP_MAX,
                       n);
    struct gen_group *gg = malloc(sizeof *gg);
    if (!gg) return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    enum lt_err err = LT_OK;
    int count[GEN_FILES_MAX + 2] = {0}, order[SAN_GEN_GROUP_MAX], made = 0;
    if (!group_begin(gg, g, index))
        err = lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    if (!err) {
        share_out(gg, n, count);
        for (int i = 0; i < g->n_files + 2; i++)
            for (int k = 0; k < count[i] && made < n; k++) order[made++] = i;
        if (made < n)
            err =
                lt_fail(diag, LT_ERR_INVALID, "case generator: no source of the mix has anything");
        gen_shuffle_ints(&gg->r, order, made);
        made = 0;
    }
    for (int i = 0; i < n && !err; i++) {
        out[i] = one_case(gg, order[i], index, i);
        if (!out[i])
            err =
                lt_fail(diag, LT_ERR_INTERNAL, "case generator: group %llu, case %d cannot be made",
                        (unsigned long long)index, i);
        else
            made++;
    }
    if (err)
        while (made) json_decref(out[--made]);
    group_end(gg);
    free(gg);
    if (!err) g->next = index + 1;
    return err;
}

enum lt_err san_gen_group(struct san_gen *g, int n, json_t **out, struct lt_diag *diag)
{
    return san_gen_group_at(g, g->next, n, out, diag);
}

/* ---- opening --------------------------------------------------------------------------------- */

static enum lt_err load_home_tools(struct san_gen *g, const char *path, struct lt_diag *diag)
{
    json_error_t je;
    g->home_tools_root = json_load_file(path, 0, &je);
    json_t *tools = json_object_get(g->home_tools_root, "tools"), *t;
    if (!g->home_tools_root || !json_is_array(tools))
        return lt_fail(diag, LT_ERR_PARSE, "%s, line %d: %s", path, je.line,
                       g->home_tools_root ? "\"tools\" is missing" : je.text);
    g->home_needs = json_object_get(g->home_tools_root, "needs");
    size_t i;
    json_array_foreach(tools, i, t)
    {
        if (!json_is_string(json_object_get(t, "name")) || g->n_home_tools == GEN_HOME_TOOLS_MAX)
            return lt_fail(diag, LT_ERR_INVALID, "%s: tools[%zu] has no name, or is over %d", path,
                           i, GEN_HOME_TOOLS_MAX);
        g->home_tool[g->n_home_tools++] = t;
    }
    return LT_OK;
}

static enum lt_err index_tools(struct san_gen *g, const char *path, struct lt_diag *diag)
{
    json_error_t je;
    json_t *root = json_load_file(path, 0, &je);
    g->tool_table = json_array();
    g->tool_at = calloc(json_object_size(root) + 1, sizeof *g->tool_at);
    if (!root || !g->tool_table || !g->tool_at) {
        json_decref(root);
        return lt_fail(diag, LT_ERR_PARSE, "%s cannot be read", path);
    }
    const char *key;
    json_t *t;
    json_object_foreach(root, key, t)
    {
        json_array_append_new(g->tool_table, json_string(key));
        g->tool_at[g->n_tool_at++] = san_lookup_tool(g->lookup, key);
    }
    json_decref(root);
    return LT_OK;
}

enum lt_err san_gen_new(const struct san_gen_options *o, struct san_gen **out, struct lt_diag *diag)
{
    *out = NULL;
    struct san_gen *g = calloc(1, sizeof *g);
    if (!g) return lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    char path[1024], tools[1024], homes[1024];
    g->seed = o->seed;
    g->plain = o->plain;
    g->allow_bad = o->allow_bad;
    g->interned = json_object();
    snprintf(tools, sizeof tools, "%s/tools.json", o->tree_dir);
    snprintf(homes, sizeof homes, "%s/homes.jsonl.gz", o->tree_dir);
    enum lt_err err =
        o->n_exclude > SAN_GEN_EXCLUDE_MAX
            ? lt_fail(diag, LT_ERR_LIMIT, "more than %d exclusions", SAN_GEN_EXCLUDE_MAX)
            : LT_OK;
    if (!err) err = gen_mix_load(&g->mix, o->mix_path, diag);
    snprintf(path, sizeof path, "%s/spans.json", o->tree_dir);
    if (!err && g->mix.swapped_spans > 0) err = gen_spans_load(&g->spans, path, diag);
    snprintf(path, sizeof path, "%s/abroad.json", o->tree_dir);
    if (!err && g->mix.own_abroad > 0) err = gen_abroad_load(&g->abroad, path, diag);
    snprintf(path, sizeof path, "%s/values.json", o->tree_dir);
    if (!err && g->mix.made_values > 0) err = gen_values_load(&g->values, path, diag);
    g->values.share = o->plain ? 0 : g->mix.made_values;
    snprintf(path, sizeof path, "%s/teacher", o->tree_dir);
    if (!err) err = gen_teacher_load(&g->teacher, path, o->exclude, o->n_exclude, diag);
    snprintf(path, sizeof path, "%s/lexicon.json", o->tree_dir);
    int has_lexicon = g->mix.composed > 0 && !access(path, R_OK);
    for (int i = 0; i < o->n_exclude; i++) has_lexicon &= strcmp(o->exclude[i], "lexicon") != 0;
    if (!err && has_lexicon) err = gen_lexicon_load(&g->teacher, path, o->seed, diag);
    char clashes[1024];
    snprintf(path, sizeof path, "%s/teacher", o->tree_dir);
    snprintf(clashes, sizeof clashes, "%s/clashes.json", o->tree_dir);
    if (!err) err = gen_clashes_load(&g->teacher, clashes, path, diag);
    if (!err) err = san_lookup_new(tools, homes, &g->lookup, diag);
    snprintf(path, sizeof path, "%s/home-tools.json", o->tree_dir);
    if (!err) err = load_home_tools(g, path, diag);
    if (!err) err = index_tools(g, tools, diag);
    if (!err && !gen_vocabulary_init(&g->vocabulary, san_lookup_homes(g->lookup)))
        err = lt_fail(diag, LT_ERR_NOMEM, "case generator: out of memory");
    if (!err) err = gen_files_load(g, o->data_dir, o->exclude, o->n_exclude, diag);
    if (err) {
        san_gen_free(g);
        return err;
    }
    *out = g;
    return LT_OK;
}

void san_gen_free(struct san_gen *g)
{
    if (!g) return;
    gen_files_free(g);
    gen_spans_free(&g->spans);
    json_decref(g->abroad);
    gen_values_free(&g->values);
    gen_vocabulary_fini(&g->vocabulary);
    gen_teacher_free(&g->teacher);
    san_lookup_free(g->lookup);
    json_decref(g->home_tools_root);
    json_decref(g->tool_table);
    json_decref(g->interned);
    free(g->tool_at);
    free(g->notes);
    free(g);
}

const char *san_gen_notes(const struct san_gen *g)
{
    return g->notes ? g->notes : "";
}
