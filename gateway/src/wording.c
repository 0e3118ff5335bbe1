/* wording.c - what a request is answered with in words, and in which language. */
#include <stdio.h>
#include <string.h>

#include "gateway_int.h"
#include "result.h"

/* Is it in a language that the network was not trained for? */
int lt_req_is_foreign(const struct lt_req *r)
{
    const struct lt_strings *known = &r->gw->started.talk.languages;
    char lang[LT_LANG_CAP];
    lt_language_of(r->lang, r->text, lang);
    for (size_t i = 0; *lang && i < known->n; i++)
        if (!strncmp(known->v[i], lang, 2)) return 0;
    return *lang != '\0' && known->n;
}

/* "Floor Lamp, Ceiling Light" */
static void list_choices(const json_t *choices, char *out, size_t cap)
{
    size_t i, n = 0;
    json_t *label;
    *out = '\0';
    json_array_foreach((json_t *)(uintptr_t)choices, i, label)
    {
        int k = snprintf(out + n, cap - n, "%s%s", n ? ", " : "", json_string_value(label));
        if (k < 0 || (size_t)k >= cap - n) return;
        n += (size_t)k;
    }
}

/* The words to say, in the speaker's language where the table has it: for what came in by voice what
 * was done, for everybody questions and refusals. */
const char *lt_req_speech(const struct lt_req *r, enum lt_route route, char *out, size_t cap)
{
    const struct lt_answers *table = r->gw->answers;
    char lang[LT_LANG_CAP], said[300] = "";
    int is_acting = route == LT_ROUTE_LOCAL || route == LT_ROUTE_CLOUD || route == LT_ROUTE_CACHE;
    int has_words = r->speech && strcmp(r->speech, "Done.") != 0;
    lt_language_of(r->lang, r->text, lang);
    if (!*lang) strcpy(lang, "en");
    *out = '\0';
    if (is_acting && !has_words && strcmp(r->door, "mqtt") != 0)
        lt_answers_done(table, lang, r->calls, out, cap);
    if (*out) return out;
    if (strcmp(lang, "en") != 0) {
        if (route == LT_ROUTE_CLARIFY && r->choices) {
            list_choices(r->choices, said, sizeof said);
            lt_answers_say(table, lang, "which", said, out, cap);
        } else if (route == LT_ROUTE_CLARIFY && json_array_size(r->calls) && !r->speech) {
            lt_result_call_words(json_array_get(r->calls, 0), said, sizeof said);
            lt_answers_say(table, lang, "mean", said, out, cap);
        } else if (!r->speech) {
            lt_answers_say(table, lang,
                           route == LT_ROUTE_CLARIFY                           ? "what"
                           : route == LT_ROUTE_REFUSED && lt_req_is_foreign(r) ? "foreign"
                           : route == LT_ROUTE_REFUSED                         ? "refused"
                           : route == LT_ROUTE_NONE                            ? "nothing"
                                                                               : "",
                           NULL, out, cap);
        }
        if (*out) return out;
    }
    if (r->speech) return r->speech;
    lt_result_speech(route, r->calls, out, cap);
    return out;
}
