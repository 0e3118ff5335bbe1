/* fuzz_talk.c - conversations: lines of text are the turns of one session over a small home. Nothing
 * may be carried out that does not fit the catalogue, and a code must never survive the scan. */
#include "fuzz.h"
#include "lt/json.h"
#include "safety.h"
#include "session.h"

#define KEY "home\ns:1"

static const char home[] =
    "{\"tools\":[{\"name\":\"HassTurnOn\",\"description\":\"on\",\"parameters\":{\"type\":"
    "\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"area\":{\"type\":\"string\"},"
    "\"domain\":{\"type\":\"string\"}}}},{\"name\":\"HassTurnOff\",\"description\":\"off\","
    "\"parameters\":{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},\"area\":{"
    "\"type\":\"string\"},\"domain\":{\"type\":\"string\"}}}},{\"name\":\"HassSetVolume\","
    "\"description\":\"volume\",\"parameters\":{\"type\":\"object\",\"properties\":{\"name\":{"
    "\"type\":\"string\"},\"volume_level\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":100}}}},"
    "{\"name\":\"HassStartTimer\",\"description\":\"timer\",\"parameters\":{\"type\":\"object\","
    "\"properties\":{\"hours\":{\"type\":\"integer\"},\"minutes\":{\"type\":\"integer\"},"
    "\"seconds\":{\"type\":\"integer\"}}}}],\"home\":{\"areas\":[{\"name\":\"Kitchen\"},{\"name\":"
    "\"Bedroom\"}],\"entities\":[{\"id\":\"light.a\",\"name\":\"Ceiling Light\",\"area\":"
    "\"Kitchen\",\"domain\":\"light\"},{\"id\":\"light.b\",\"name\":\"Ceiling Light\",\"area\":"
    "\"Bedroom\",\"domain\":\"light\"},{\"id\":\"light.c\",\"name\":\"Reading Lamp\",\"area\":"
    "\"Bedroom\",\"domain\":\"light\"}]}}";

static struct lt_catalog *catalog;
static struct lt_safety *safety;

static void open_once(void)
{
    struct lt_diag diag = {0};
    struct lt_docs *docs = NULL;
    struct lt_config c;
    static const char yaml[] = "safety:\n  pin: env:FUZZ_CODE\n";
    if (catalog) return;
    setenv("FUZZ_CODE", "4711", 1);
    fuzz_need(lt_docs_open(&docs, &diag), &diag);
    fuzz_need(lt_catalog_parse(docs, home, strlen(home), &catalog, &diag), &diag);
    fuzz_need(lt_config_parse(yaml, strlen(yaml), "fuzz", &c, &diag), &diag);
    fuzz_need(lt_safety_new(&c, &safety, &diag), &diag);
    lt_config_free(&c);
    lt_docs_close(docs);
}

static void check_words(const char *line, struct lt_words *w)
{
    double v;
    lt_words_split(line, w);
    FUZZ_MUST(w->n <= LT_WORDS_MAX);
    for (int i = 0; i < w->n; i++) {
        FUZZ_MUST(*w->v[i]);
        int n = lt_phrases_number(w, i, &v);
        FUZZ_MUST(n >= 0 && i + n <= w->n);
    }
    int64_t ms = lt_phrases_duration_ms(w);
    FUZZ_MUST(ms >= 0 && ms <= LT_HOUSE_TIMER_MS);
    int place = lt_phrases_ordinal(w);
    FUZZ_MUST(place >= -1 && place <= 99);
    (void)lt_phrases_has_amount(w);
}

static void check_code(const char *line, int is_asked, lt_us now)
{
    char *hidden = NULL;
    int is_right = lt_safety_scan(safety, "home", line, is_asked, now, &hidden);
    FUZZ_MUST(!is_right || hidden);
    FUZZ_MUST(!strstr(hidden ? hidden : line, "4711"));
    free(hidden);
}

static void turn(struct lt_talk *talk, const char *line, lt_us now)
{
    struct lt_turn t = {.kind = LT_TURN_NEW};
    struct lt_question q = {.kind = LT_ASK_NOTHING};
    struct lt_words w;
    struct lt_turn_in in = {.key = KEY, .text = line, .catalog = catalog, .now_us = now};
    check_words(line, &w);
    lt_talk_turn(talk, &in, 0, &t);
    if (t.kind == LT_TURN_CALLS) {
        struct lt_diag diag = {0};
        FUZZ_MUST(json_is_array(t.calls));
        FUZZ_MUST(!lt_catalog_check_calls(catalog, t.calls, &diag));
        lt_talk_executed(talk, KEY, t.calls, NULL, NULL, now);
    } else if (t.kind == LT_TURN_NEW) {
        lt_ask_which(NULL, catalog, &w, NULL, NULL, &q);
        if (q.kind == LT_ASK_NOTHING) lt_ask_opener(NULL, catalog, &w, &q);
        if (q.kind != LT_ASK_NOTHING) lt_talk_ask(talk, KEY, &q, now);
    } else {
        FUZZ_MUST(t.speech[0]);
    }
    lt_turn_free(&t);
    lt_question_free(&q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct lt_talk_options o = {.question_us = 30000000, .undo_us = 60000000};
    open_once();
    struct lt_talk *talk = lt_talk_new(&o);
    char *text = fuzz_text(data, n);
    lt_us now = 1;
    if (!talk) abort();
    for (char *line = text, *end; line; line = end ? end + 1 : NULL, now += 1000000) {
        end = strchr(line, '\n');
        if (end) *end = '\0';
        size_t offset = 0;
        check_code(line, (int)(now / 1000000 % 2), now);
        if (lt_utf8_is_valid(line, strlen(line), &offset)) turn(talk, line, now);
    }
    free(text);
    lt_talk_free(talk);
    return 0;
}
