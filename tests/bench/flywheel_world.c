/* flywheel_world.c - tables of wordings, and how they are drawn. */
#include "flywheel_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the tools of their own ---- */

/* {name} stands for a value of that parameter; `fixed` are arguments that the wording implies. */
struct wording {
    const char *text, *fixed;
};
struct own_tool {
    const char *json;
    const char
        *values[2][12]; /* of the parameters in `params`; NULL ends; a single "#a-b" is a range */
    const char *params[2];
    struct wording wordings[WORLD_TEMPLATES];
};

static const struct own_tool own_tools[WORLD_TOOLS] = {
    {"{\"name\":\"kiln_fire\",\"description\":\"Start a firing of the pottery "
     "kiln\",\"parameters\":"
     "{\"type\":\"object\",\"properties\":{\"cone\":{\"type\":\"integer\",\"description\":\"Orton "
     "cone "
     "number\",\"minimum\":1,\"maximum\":12},\"glaze\":{\"type\":\"string\",\"description\":"
     "\"glaze of "
     "the ware\"}},\"required\":[\"cone\"]}}",
     {{"#1-12"}, {"celadon", "shino", "copper red", "tenmoku", "ash", "chun", "oribe"}},
     {"cone", "glaze"},
     {{"fire the kiln to cone {cone}", NULL},
      {"start a firing at cone {cone}", NULL},
      {"kiln to cone {cone}", NULL},
      {"heat up the kiln for cone {cone}", NULL},
      {"begin a cone {cone} firing", NULL},
      {"run the kiln at cone {cone}", NULL},
      {"fire the {glaze} pots to cone {cone}", NULL},
      {"start the kiln with {glaze} at cone {cone}", NULL},
      {"cone {cone} with {glaze}", NULL},
      {"let the kiln go up to cone {cone}", NULL},
      {"get the kiln going for {glaze} cone {cone}", NULL},
      {"we are firing {glaze} today cone {cone}", NULL}}},
    {"{\"name\":\"telescope_slew\",\"description\":\"Point the observatory telescope at an object "
     "in the "
     "sky\",\"parameters\":{\"type\":\"object\",\"properties\":{\"object\":{\"type\":\"string\","
     "\"description\":\"name of the object\"}},\"required\":[\"object\"]}}",
     {{"venus", "jupiter", "saturn", "the orion nebula", "betelgeuse", "andromeda",
       "the ring nebula", "vega", "the pleiades", "mars"}},
     {"object"},
     {{"point the telescope at {object}", NULL},
      {"slew to {object}", NULL},
      {"telescope to {object}", NULL},
      {"find {object} with the telescope", NULL},
      {"let us look at {object}", NULL},
      {"swing the telescope over to {object}", NULL},
      {"center {object}", NULL},
      {"turn the telescope to {object}", NULL},
      {"aim at {object}", NULL},
      {"can we see {object} now", NULL},
      {"show me {object} in the eyepiece", NULL},
      {"i want to observe {object}", NULL}}},
    {"{\"name\":\"hive_log\",\"description\":\"Write down an inspection of a "
     "beehive\",\"parameters\":"
     "{\"type\":\"object\",\"properties\":{\"hive\":{\"type\":\"integer\",\"description\":\"number "
     "of the "
     "hive\",\"minimum\":1,\"maximum\":40},\"finding\":{\"type\":\"string\",\"description\":\"what "
     "was "
     "seen\",\"enum\":[\"queen seen\",\"no queen\",\"swarm "
     "cells\",\"mites\"]}},\"required\":[\"hive\","
     "\"finding\"]}}",
     {{"#1-40"}},
     {"hive"},
     {{"hive {hive} has mites", "{\"finding\":\"mites\"}"},
      {"note mites in hive {hive}", "{\"finding\":\"mites\"}"},
      {"i found mites in hive {hive}", "{\"finding\":\"mites\"}"},
      {"queen seen in hive {hive}", "{\"finding\":\"queen seen\"}"},
      {"i saw the queen in hive {hive}", "{\"finding\":\"queen seen\"}"},
      {"hive {hive} the queen is there", "{\"finding\":\"queen seen\"}"},
      {"no queen in hive {hive}", "{\"finding\":\"no queen\"}"},
      {"hive {hive} is without a queen", "{\"finding\":\"no queen\"}"},
      {"log that hive {hive} has no queen", "{\"finding\":\"no queen\"}"},
      {"swarm cells in hive {hive}", "{\"finding\":\"swarm cells\"}"},
      {"hive {hive} is building swarm cells", "{\"finding\":\"swarm cells\"}"},
      {"hive {hive} wants to swarm", "{\"finding\":\"swarm cells\"}"}}},
    {"{\"name\":\"terrarium_mist\",\"description\":\"Spray water in a terrarium\",\"parameters\":"
     "{\"type\":\"object\",\"properties\":{\"tenant\":{\"type\":\"string\",\"description\":"
     "\"animal that "
     "lives in it\"},\"seconds\":{\"type\":\"integer\",\"description\":\"how long\",\"minimum\":1,"
     "\"maximum\":120}},\"required\":[\"tenant\"]}}",
     {{"dart frog", "newt", "corn snake", "chameleon", "tree frog", "gecko", "millipede",
       "tarantula"},
      {"#5-90"}},
     {"tenant", "seconds"},
     {{"mist the {tenant}", NULL},
      {"spray the {tenant}", NULL},
      {"the {tenant} needs water", NULL},
      {"moisten the {tenant} tank", NULL},
      {"give the {tenant} some mist", NULL},
      {"mist the {tenant} for {seconds} seconds", NULL},
      {"spray the {tenant} for {seconds} seconds", NULL},
      {"{seconds} seconds of mist for the {tenant}", NULL},
      {"give the {tenant} a spray of {seconds} seconds", NULL},
      {"the {tenant} looks dry spray it", NULL},
      {"water the {tenant} for {seconds} seconds", NULL},
      {"{tenant} misting {seconds} seconds", NULL}}},
    {"{\"name\":\"darkroom_bath\",\"description\":\"Note that a developing bath was mixed in the "
     "darkroom\",\"parameters\":{\"type\":\"object\",\"properties\":{\"chemical\":{\"type\":"
     "\"string\","
     "\"description\":\"what was mixed\",\"enum\":[\"developer\",\"stop "
     "bath\",\"fixer\",\"bleach\"]},"
     "\"millilitres\":{\"type\":\"integer\",\"description\":\"how "
     "much\",\"minimum\":50,\"maximum\":5000}},"
     "\"required\":[\"chemical\"]}}",
     {{"developer", "stop bath", "fixer", "bleach"}, {"#100-2000"}},
     {"chemical", "millilitres"},
     {{"i mixed {millilitres} millilitres of {chemical}", NULL},
      {"fresh {chemical} {millilitres} millilitres", NULL},
      {"note {chemical} mixed", NULL},
      {"new {chemical} is ready", NULL},
      {"i made {chemical}", NULL},
      {"put down {millilitres} millilitres of {chemical}", NULL},
      {"log {millilitres} millilitres {chemical}", NULL},
      {"there is fresh {chemical} in the darkroom", NULL},
      {"mixed the {chemical}", NULL},
      {"i have prepared {millilitres} millilitres of {chemical}", NULL},
      {"{chemical} mixed {millilitres} millilitres", NULL},
      {"write down a new {chemical} bath", NULL}}},
    {"{\"name\":\"winch_haul\",\"description\":\"Run the boat "
     "winch\",\"parameters\":{\"type\":\"object\","
     "\"properties\":{\"direction\":{\"type\":\"string\",\"description\":\"which "
     "way\",\"enum\":[\"in\","
     "\"out\"]},\"metres\":{\"type\":\"integer\",\"description\":\"length of rope\",\"minimum\":1,"
     "\"maximum\":200}},\"required\":[\"direction\"]}}",
     {{"#2-150"}},
     {"metres"},
     {{"haul in {metres} metres", "{\"direction\":\"in\"}"},
      {"winch in {metres} metres", "{\"direction\":\"in\"}"},
      {"pull in the rope {metres} metres", "{\"direction\":\"in\"}"},
      {"reel in {metres} metres", "{\"direction\":\"in\"}"},
      {"bring the boat in", "{\"direction\":\"in\"}"},
      {"pull the boat in", "{\"direction\":\"in\"}"},
      {"let out {metres} metres", "{\"direction\":\"out\"}"},
      {"winch out {metres} metres", "{\"direction\":\"out\"}"},
      {"pay out {metres} metres of rope", "{\"direction\":\"out\"}"},
      {"give {metres} metres of rope", "{\"direction\":\"out\"}"},
      {"let the boat out", "{\"direction\":\"out\"}"},
      {"run the winch out {metres} metres", "{\"direction\":\"out\"}"}}},
    {"{\"name\":\"bell_ring\",\"description\":\"Ring a bell of the "
     "tower\",\"parameters\":{\"type\":"
     "\"object\",\"properties\":{\"bell\":{\"type\":\"string\",\"description\":\"name of the "
     "bell\"},"
     "\"strokes\":{\"type\":\"integer\",\"description\":\"how many "
     "strokes\",\"minimum\":1,\"maximum\":24}},"
     "\"required\":[\"bell\"]}}",
     {{"maria", "gabriel", "tenor", "big tom", "the angelus", "little peter"}, {"#2-12"}},
     {"bell", "strokes"},
     {{"ring {bell}", NULL},
      {"sound {bell}", NULL},
      {"chime {bell}", NULL},
      {"let {bell} ring", NULL},
      {"i want to hear {bell}", NULL},
      {"ring {bell} {strokes} times", NULL},
      {"strike {bell} {strokes} times", NULL},
      {"{strokes} strokes of {bell}", NULL},
      {"give {bell} {strokes} strokes", NULL},
      {"make {bell} ring {strokes} times", NULL},
      {"toll {bell} {strokes} times", NULL},
      {"swing {bell}", NULL}}},
};

/* ---- the home ---- */

struct home_wording {
    const char *text, *call, *domain; /* {e}: an entity of the domain; {n}: a number low..high */
    int low, high;
};
static const struct home_wording home_wordings[] = {
    {"turn on the {e}", "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"{e}\"}}", "light", 0,
     0},
    {"turn off the {e}", "{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"{e}\"}}", "light", 0,
     0},
    {"{e} on", "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"{e}\"}}", "light", 0, 0},
    {"switch the {e} off", "{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"{e}\"}}", "light",
     0, 0},
    {"set the {e} to {n} percent",
     "{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"{e}\",\"brightness\":{n}}}", "light", 5,
     95},
    {"dim the {e} to {n}",
     "{\"name\":\"HassLightSet\",\"arguments\":{\"name\":\"{e}\",\"brightness\":{n}}}", "light", 5,
     95},
    {"turn on the {e}", "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"{e}\"}}", "fan", 0, 0},
    {"switch off the {e}", "{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"{e}\"}}", "fan", 0,
     0},
    {"turn on the {e}", "{\"name\":\"HassTurnOn\",\"arguments\":{\"name\":\"{e}\"}}", "switch", 0,
     0},
    {"turn the {e} off", "{\"name\":\"HassTurnOff\",\"arguments\":{\"name\":\"{e}\"}}", "switch", 0,
     0},
    {"set the {e} to {n} percent",
     "{\"name\":\"HassSetPosition\",\"arguments\":{\"name\":\"{e}\",\"position\":{n}}}", "cover", 5,
     95},
    {"start the {e}", "{\"name\":\"HassVacuumStart\",\"arguments\":{\"name\":\"{e}\"}}", "vacuum",
     0, 0},
    {"send the {e} back to its base",
     "{\"name\":\"HassVacuumReturnToBase\",\"arguments\":{\"name\":\"{e}\"}}", "vacuum", 0, 0},
    {"set a timer for {n} minutes", "{\"name\":\"HassStartTimer\",\"arguments\":{\"minutes\":{n}}}",
     NULL, 2, 55},
    {"start a {n} minute timer", "{\"name\":\"HassStartTimer\",\"arguments\":{\"minutes\":{n}}}",
     NULL, 2, 55},
    {"what time is it", "{\"name\":\"HassGetCurrentTime\",\"arguments\":{}}", NULL, 0, 0},
    {"what is the date today", "{\"name\":\"HassGetCurrentDate\",\"arguments\":{}}", NULL, 0, 0},
    {"cancel all timers", "{\"name\":\"HassCancelAllTimers\",\"arguments\":{}}", NULL, 0, 0},
};
#define N_HOME ((int)(sizeof home_wordings / sizeof home_wordings[0]))

static const char *const nothings[] = {
    "who won the world cup in nineteen ninety eight",
    "tell me a joke",
    "how far away is the moon from the earth",
    "what is the capital of australia",
    "why is the sky blue",
    "how do you say thank you in japanese",
    "what should i cook for dinner tonight",
    "who wrote war and peace",
    "is it going to rain tomorrow",
    "book me a flight to lisbon",
};
#define N_NOTHING ((int)(sizeof nothings / sizeof nothings[0]))

struct household {
    json_t *catalog;
    int own[WORLD_OWN];
    int favourite[WORLD_OWN][WORLD_TEMPLATES]; /* orders of the wordings */
    int home_favourite[64];
};
struct world {
    struct san_rand r;
    const json_t *demo;
    json_t *new_tools;
    int n_homes;
    struct household v[WORLD_HOMES_MAX];
};

/* ---- drawing ---- */

static int below(struct world *w, int n)
{
    return (int)(san_rand_u64(&w->r) % (uint64_t)n);
}

static int chance(struct world *w, int percent)
{
    return below(w, 100) < percent;
}

static int n_wordings(const struct own_tool *t)
{
    int n = 0;
    while (n < WORLD_TEMPLATES && t->wordings[n].text) n++;
    return n;
}

static void shuffle(struct world *w, int *v, int n)
{
    for (int i = 0; i < n; i++) v[i] = i;
    for (int i = n - 1; i > 0; i--) {
        int k = below(w, i + 1), x = v[i];
        v[i] = v[k];
        v[k] = x;
    }
}

/* The place of a favourite: the k-th 1/k as often as the first. */
static int zipf(struct world *w, int n)
{
    double sum = 0, x;
    for (int k = 1; k <= n; k++) sum += 1.0 / k;
    x = sum * (double)(san_rand_u64(&w->r) >> 11) / 9007199254740992.0;
    for (int k = 1; k < n; k++)
        if ((x -= 1.0 / k) < 0) return k - 1;
    return n - 1;
}

static void set_text(char *to, size_t cap, const char *from)
{
    size_t n = strlen(from) < cap ? strlen(from) : cap - 1;
    memcpy(to, from, n);
    to[n] = '\0';
}

/* Every {key} of `text` becomes `value`. */
static void fill(char *text, size_t cap, const char *key, const char *value)
{
    char mark[40], out[512];
    snprintf(mark, sizeof mark, "{%s}", key);
    for (char *at; (at = strstr(text, mark)) != NULL;) {
        snprintf(out, sizeof out, "%.*s%s%s", (int)(at - text), text, value, at + strlen(mark));
        set_text(text, cap, out);
    }
}

static void polish(struct world *w, char *text, size_t cap)
{
    static const char *const before[] = {"please ", "could you ", "hey ", "ok "};
    static const char *const after[] = {" please", " now", " thanks", " would you"};
    char out[512];
    if (chance(w, 15)) {
        snprintf(out, sizeof out, "%s%s", before[below(w, 4)], text);
        set_text(text, cap, out);
    } else if (chance(w, 15)) {
        snprintf(out, sizeof out, "%s%s", text, after[below(w, 4)]);
        set_text(text, cap, out);
    }
    if (chance(w, 3)) { /* two letters change places, never in a number */
        size_t at = 1 + (size_t)below(w, (int)strlen(text) - 2);
        char a = text[at], b = text[at + 1];
        if (a >= 'a' && a <= 'z' && b >= 'a' && b <= 'z') {
            text[at] = b;
            text[at + 1] = a;
        }
    }
}

static void wish_own(struct world *w, struct household *h, struct wish *out)
{
    int slot = below(w, WORLD_OWN);
    const struct own_tool *t = own_tools + h->own[slot];
    int k = h->favourite[slot][zipf(w, n_wordings(t))];
    const struct wording *said = t->wordings + k;
    json_t *tool = json_loads(t->json, 0, NULL);
    json_t *args = said->fixed ? json_loads(said->fixed, 0, NULL) : json_object();
    snprintf(out->text, sizeof out->text, "%s", said->text);
    for (int p = 0; p < 2 && t->params[p]; p++) {
        char mark[40], value[64];
        int low, high, n = 0;
        snprintf(mark, sizeof mark, "{%s}", t->params[p]);
        if (!strstr(out->text, mark)) continue;
        if (sscanf(t->values[p][0], "#%d-%d", &low, &high) == 2) {
            int v = low + below(w, high - low + 1);
            if (high > 1000) v = v / 50 * 50;
            snprintf(value, sizeof value, "%d", v);
            json_object_set_new(args, t->params[p], json_integer(v));
        } else {
            while (n < 12 && t->values[p][n]) n++;
            snprintf(value, sizeof value, "%s", t->values[p][zipf(w, n)]);
            json_object_set_new(args, t->params[p], json_string(value));
        }
        fill(out->text, sizeof out->text, t->params[p], value);
    }
    out->kind = "own";
    out->template_no = h->own[slot] * 100 + k;
    out->answers =
        json_pack("[{s:O,s:o}]", "name", json_object_get(tool, "name"), "arguments", args);
    json_decref(tool);
}

static const char *an_entity(struct world *w, const char *domain)
{
    const json_t *all = json_object_get(json_object_get(w->demo, "home"), "entities");
    for (;;) {
        const json_t *e = json_array_get(all, (size_t)below(w, (int)json_array_size(all)));
        if (!strcmp(json_string_value(json_object_get(e, "domain")), domain))
            return json_string_value(json_object_get(e, "name"));
    }
}

static void wish_home(struct world *w, struct household *h, struct wish *out)
{
    int k = h->home_favourite[zipf(w, N_HOME)];
    const struct home_wording *said = home_wordings + k;
    char call[512], number[16], name[64] = "", low[64];
    snprintf(out->text, sizeof out->text, "%s", said->text);
    snprintf(call, sizeof call, "[%s]", said->call);
    if (said->domain) snprintf(name, sizeof name, "%s", an_entity(w, said->domain));
    snprintf(number, sizeof number, "%d", said->low + below(w, said->high - said->low + 1));
    for (size_t i = 0; i <= strlen(name); i++)
        low[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    fill(out->text, sizeof out->text, "e", low);
    fill(out->text, sizeof out->text, "n", number);
    fill(call, sizeof call, "e", name);
    fill(call, sizeof call, "n", number);
    out->kind = "home";
    out->template_no = 1000 + k;
    out->answers = json_loads(call, 0, NULL);
}

void world_wish(struct world *w, int home, struct wish *out)
{
    int what = below(w, 100);
    memset(out, 0, sizeof *out);
    if (what < 45) {
        wish_own(w, w->v + home, out);
    } else if (what < 95) {
        wish_home(w, w->v + home, out);
    } else {
        int k = below(w, N_NOTHING);
        snprintf(out->text, sizeof out->text, "%s", nothings[k]);
        out->kind = "nothing";
        out->template_no = 2000 + k;
        out->answers = json_array();
    }
    polish(w, out->text, sizeof out->text);
}

json_t *world_mistake(struct world *w, int home, const json_t *answers)
{
    struct wish other;
    json_t *wrong = NULL;
    while (!wrong) { /* another wish's answer is always one that fits the house */
        world_wish(w, home, &other);
        if (!json_equal(other.answers, answers)) wrong = json_incref(other.answers);
        json_decref(other.answers);
    }
    return wrong;
}

/* ---- making ---- */

struct world *world_new(uint64_t seed, int n_homes, const json_t *catalog)
{
    struct world *w = calloc(1, sizeof *w);
    if (!w || n_homes > WORLD_HOMES_MAX) {
        free(w);
        return NULL;
    }
    san_rand_seed(&w->r, seed);
    w->demo = catalog;
    w->n_homes = n_homes;
    w->new_tools = json_object();
    for (int i = 0; i < n_homes; i++) {
        struct household *h = w->v + i;
        int order[WORLD_TOOLS];
        json_t *tools;
        shuffle(w, order, WORLD_TOOLS);
        h->catalog = json_deep_copy(catalog);
        tools = json_object_get(h->catalog, "tools");
        for (int k = 0; k < WORLD_OWN; k++) {
            json_t *t = json_loads(own_tools[order[k]].json, 0, NULL);
            h->own[k] = order[k];
            json_array_append(tools, t);
            json_object_set_new(w->new_tools, json_string_value(json_object_get(t, "name")),
                                json_true());
            shuffle(w, h->favourite[k], n_wordings(own_tools + order[k]));
            json_decref(t);
        }
        shuffle(w, h->home_favourite, N_HOME);
    }
    return w;
}

void world_free(struct world *w)
{
    if (!w) return;
    for (int i = 0; i < w->n_homes; i++) json_decref(w->v[i].catalog);
    json_decref(w->new_tools);
    free(w);
}

const json_t *world_catalog(const struct world *w, int home)
{
    return w->v[home].catalog;
}

const json_t *world_new_tools(const struct world *w)
{
    return w->new_tools;
}
