/* wording.c - what a request is answered with in words, and in which language. */
#include <string.h>

#include "gateway_int.h"
#include "result.h"

/* Is it in a language that the network was not trained for? */
int lt_req_is_foreign(const struct lt_req *r)
{
    const struct lt_strings *known = &r->gw->started.talk.languages;
    return known->n &&
           !lt_language_is_known(r->lang, r->text, (const char *const *)known->v, known->n);
}

struct lt_tongue lt_gw_tongue(const struct lt_gateway *gw, const char *lang)
{
    const struct lt_strings *known = &gw->started.talk.languages;
    char two[LT_LANG_CAP];
    lt_language_of(lang && *lang ? lang : known->n ? known->v[0] : "en", NULL, two);
    return lt_tongue_of(gw->answers, two);
}

const struct lt_tongue *lt_req_tongue(struct lt_req *r)
{
    char lang[LT_LANG_CAP];
    if (r->tongue.lang[0]) return &r->tongue;
    lt_language_of(r->lang, r->text, lang);
    if (*lang && !r->is_dry_run)
        lt_talk_speaks(r->gw->talk, r->talk_key, lang, lt_now_us());
    else if (!*lang) /* "yes": the conversation tells */
        lt_talk_language(r->gw->talk, r->talk_key, lt_now_us(), lang);
    r->tongue = lt_gw_tongue(r->gw, lang);
    return &r->tongue;
}

/* The words to say, in the speaker's language: for what came in by voice what was done, for everybody what
 * devices answered, questions and refusals. */
const char *lt_req_speech(struct lt_req *r, enum lt_route route, char *out, size_t cap)
{
    const struct lt_tongue *t = lt_req_tongue(r);
    const struct lt_catalog *c = r->catalog ? r->catalog->checked : NULL;
    int is_acting = route == LT_ROUTE_LOCAL || route == LT_ROUTE_CLOUD || route == LT_ROUTE_CACHE;
    int is_voice = strcmp(r->door, "mqtt") != 0;
    *out = '\0';
    if (r->speech) return r->speech;
    if (!is_acting && route == LT_ROUTE_REFUSED && lt_req_is_foreign(r))
        lt_say(t, "foreign", NULL, out, cap);
    else if (!is_acting)
        lt_result_speech(t, c, route, r->calls, out, cap);
    else if (is_voice)
        lt_ask_done(t, c, r->calls, out, cap);
    if (is_acting && !*out && json_array_size(r->calls) && (is_voice || r->outcome)) {
        int is_question = lt_act_is_question(json_array_get(r->calls, 0));
        lt_say(t, is_question ? "state.unknown" : "done", NULL, out, cap);
    }
    return out;
}

const char *lt_req_speech_language(struct lt_req *r, const char *speech, char out[LT_LANG_CAP])
{
    int is_models = r->upper.speech && r->speech && !strcmp(r->upper.speech, r->speech);
    if (!speech || !*speech) return NULL;
    if (!is_models) return lt_req_tongue(r)->lang;
    lt_language_of(NULL, speech, out); /* a model has its own mind about it */
    return *out ? out : NULL;
}
