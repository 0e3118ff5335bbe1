/* test_house.c - timers and lists: what a call changes, says and asks; taking it back; the store. */
#include <time.h>

#include "house.h"
#include "store_place.h"

#define SITE "home"

static struct lt_house *house;
static struct lt_ulid_gen ids;
static struct lt_house_answer reply;
static struct lt_tongue tongue; /* English, unless a test sets another */

static int each_setup(void **state)
{
    house = lt_house_new();
    lt_ulid_init(&ids);
    memset(&tongue, 0, sizeof tongue);
    return setup(state);
}

static int each_teardown(void **state)
{
    lt_house_answer_free(&reply);
    lt_house_free(house);
    return teardown(state);
}

/* A call at T0 + s seconds from a room. */
static enum lt_house_end call_in(const char *area, int64_t s, const char *tool,
                                 const char *arguments)
{
    struct lt_house_ask ask = {
        .site = SITE, .area = area, .tongue = &tongue, .now_unix_ms = T0 + s * 1000, .ids = &ids};
    json_t *a = json_loads(arguments, 0, NULL);
    assert_non_null(a);
    lt_house_answer_free(&reply);
    enum lt_house_end end = lt_house_call(house, &ask, tool, a, &reply);
    json_decref(a);
    return end;
}

static void expect(int64_t s, const char *tool, const char *arguments, enum lt_house_end end,
                   const char *speech)
{
    enum lt_house_end got = call_in(NULL, s, tool, arguments);
    if (got != end || strcmp(reply.speech, speech) != 0)
        fail_msg("%s %s: %d \"%s\"", tool, arguments, (int)got, reply.speech);
}

static void test_timer__start_pause_resume_change_cancel__words_and_due(void **state)
{
    struct lt_timer_row t;
    (void)state;
    expect(0, "HassStartTimer", "{\"minutes\":10,\"name\":\"pasta\"}", LT_HOUSE_DONE,
           "Pasta timer set for 10 minutes.");
    assert_int_equal(lt_house_next_due(house), T0 + 600000);
    expect(60, "HassPauseTimer", "{}", LT_HOUSE_DONE,
           "The pasta timer is paused with 9 minutes left.");
    assert_int_equal(lt_house_next_due(house), 0);
    expect(61, "HassPauseTimer", "{}", LT_HOUSE_FAILED, "There is no such timer.");
    expect(120, "HassUnpauseTimer", "{}", LT_HOUSE_DONE, "The pasta timer has 9 minutes left.");
    expect(120, "HassIncreaseTimer", "{\"minutes\":1}", LT_HOUSE_DONE,
           "The pasta timer has 10 minutes left.");
    expect(120, "HassDecreaseTimer", "{\"seconds\":90}", LT_HOUSE_DONE,
           "The pasta timer has 8 minutes 30 seconds left.");
    expect(120, "HassTimerStatus", "{}", LT_HOUSE_DONE,
           "8 minutes 30 seconds left on the pasta timer.");
    assert_int_equal(lt_house_next_due(house), T0 + 120000 + 510000);
    assert_false(lt_house_take_due(house, T0 + 629999, &t));
    expect(120, "HassCancelTimer", "{\"name\":\"PASTA\"}", LT_HOUSE_DONE,
           "The pasta timer is cancelled.");
    expect(120, "HassCancelTimer", "{\"name\":\"pasta\"}", LT_HOUSE_FAILED,
           "There is no pasta timer.");
    expect(0, "HassCancelAllTimers", "{}", LT_HOUSE_DONE, "There is no timer.");
}

/* One of each outcome, in order; what must be named in the answer. */
static void test_house__every_outcome__said_in_every_language(void **state)
{
    static const struct {
        const char *tool, *arguments, *names[2];
        enum lt_house_end end;
    } rows[] = {
        {"StartTimer", "{}", {""}, LT_HOUSE_ASKS},
        {"StartTimer", "{'hours':101}", {"100"}, LT_HOUSE_FAILED},
        {"StartTimer", "{'minutes':10,'name':'pasta'}", {"asta", "10"}, LT_HOUSE_DONE},
        {"StartTimer", "{'minutes':25}", {"25"}, LT_HOUSE_DONE},
        {"StartTimer",
         "{'minutes':7,'conversation_command':'stop it'}",
         {"7", "stop it"},
         LT_HOUSE_DONE},
        {"CancelTimer", "{}", {"pasta", "25"}, LT_HOUSE_ASKS},
        {"PauseTimer", "{'name':'pasta'}", {"pasta", "10"}, LT_HOUSE_DONE},
        {"TimerStatus", "{}", {"pasta", "25"}, LT_HOUSE_DONE},
        {"UnpauseTimer", "{'name':'pasta'}", {"pasta", "10"}, LT_HOUSE_DONE},
        {"IncreaseTimer", "{'name':'pasta'}", {""}, LT_HOUSE_ASKS},
        {"IncreaseTimer", "{'name':'pasta','minutes':4}", {"pasta", "14"}, LT_HOUSE_DONE},
        {"DecreaseTimer", "{'name':'pasta','minutes':2}", {"pasta", "12"}, LT_HOUSE_DONE},
        {"CancelTimer", "{'name':'egg'}", {"egg"}, LT_HOUSE_FAILED},
        {"CancelTimer", "{'name':'pasta'}", {"pasta"}, LT_HOUSE_DONE},
        {"UnpauseTimer", "{}", {""}, LT_HOUSE_FAILED},
        {"CancelAllTimers", "{}", {"2"}, LT_HOUSE_DONE},
        {"CancelAllTimers", "{}", {""}, LT_HOUSE_DONE},
        {"ListAddItem", "{'item':'x'}", {""}, LT_HOUSE_ASKS},
        {"ListAddItem", "{'name':'To-do'}", {""}, LT_HOUSE_ASKS},
        {"ListAddItem", "{'item':'tea','name':'To-do'}", {"ea", "To-do"}, LT_HOUSE_DONE},
        {"ListAddItem", "{'item':'tea','name':'To-do'}", {"ea", "To-do"}, LT_HOUSE_DONE},
        {"ListCompleteItem", "{'item':'tea','name':'To-do'}", {"ea", "To-do"}, LT_HOUSE_DONE},
        {"ListRemoveItem", "{'item':'tea','name':'To-do'}", {"ea", "To-do"}, LT_HOUSE_DONE},
        {"ListRemoveItem", "{'item':'tea','name':'To-do'}", {"ea", "To-do"}, LT_HOUSE_FAILED},
        {"ListAddItem", "{'item':'jam','name':'Shopping List'}", {"am"}, LT_HOUSE_DONE},
        {"ShoppingListAddItem", "{'item':'tea'}", {"ea"}, LT_HOUSE_DONE},
        {"ShoppingListCompleteItem", "{'item':'tea'}", {"ea"}, LT_HOUSE_DONE},
        {"ShoppingListRemoveItem", "{'item':'tea'}", {"ea"}, LT_HOUSE_DONE},
        {"ShoppingListRemoveItem", "{'item':'tea'}", {"ea"}, LT_HOUSE_FAILED},
        {"ShoppingListRemoveItem", "{'item':'jam'}", {"am"}, LT_HOUSE_DONE},
        {"GetCurrentTime", "{}", {":"}, LT_HOUSE_DONE},
        {"GetCurrentDate", "{}", {"20"}, LT_HOUSE_DONE},
        {"Broadcast", "{}", {""}, LT_HOUSE_ASKS},
        {"Broadcast", "{'message':'dinner'}", {""}, LT_HOUSE_DONE},
        {"Nevermind", "{}", {""}, LT_HOUSE_DONE},
    };
    static const char *const langs[] = {"en", "de", "fr", "es", "nl", "it", "pl"};
    enum { N_ROWS = sizeof rows / sizeof rows[0] };
    static char english[N_ROWS][LT_HOUSE_SPEECH];
    (void)state;
    for (size_t l = 0; l < sizeof langs / sizeof langs[0]; l++) {
        memcpy(tongue.lang, langs[l], LT_LANG_CAP);
        for (size_t i = 0; i < N_ROWS; i++) {
            char tool[40], arguments[120];
            snprintf(tool, sizeof tool, "Hass%s", rows[i].tool);
            snprintf(arguments, sizeof arguments, "%s", rows[i].arguments);
            for (char *p = arguments; *p; p++)
                if (*p == '\'') *p = '"';
            int is_right = call_in(NULL, 0, tool, arguments) == rows[i].end && *reply.speech &&
                           !strpbrk(reply.speech, "{}");
            for (int k = 0; k < 2 && rows[i].names[k]; k++)
                is_right &= strstr(reply.speech, rows[i].names[k]) != NULL;
            if (l) is_right &= strcmp(reply.speech, english[i]) != 0;
            if (!is_right) fail_msg("%s: row %zu: \"%s\"", langs[l], i, reply.speech);
            if (!l) memcpy(english[i], reply.speech, sizeof english[i]);
        }
    }
}

static void test_house__user_worded_it_anew__that_is_said(void **state)
{
    char path[] = "/tmp/lintel-answers-XXXXXX";
    const char text[] = "{\"en\": {\"HassStartTimer\": [\"{name} in {span}!\", \"{span}!\"], "
                        "\"timer\": [\"{name} clock\"], \"minutes\": [\"{n} min\"],"
                        "\"list.has\": [\"We have {item}.\"], \"HassNevermind\": [\"Fine.\"]}}";
    struct lt_answers *own = NULL;
    struct lt_diag diag = {0};
    int fd = mkstemp(path);
    (void)state;
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    close(fd);
    assert_int_equal(lt_answers_open(path, &own, &diag), LT_OK);
    remove(path);
    tongue.own = own;
    expect(0, "HassStartTimer", "{\"minutes\":5}", LT_HOUSE_DONE, "5 min!");
    expect(0, "HassCancelTimer", "{}", LT_HOUSE_DONE, "The 5 min timer is cancelled.");
    expect(0, "HassStartTimer", "{\"minutes\":5,\"name\":\"egg\"}", LT_HOUSE_DONE, "Egg in 5 min!");
    expect(0, "HassCancelTimer", "{}", LT_HOUSE_DONE, "The egg clock is cancelled.");
    expect(0, "HassShoppingListAddItem", "{\"item\":\"tea\"}", LT_HOUSE_DONE,
           "Added tea to the Shopping List.");
    expect(0, "HassShoppingListAddItem", "{\"item\":\"tea\"}", LT_HOUSE_DONE, "We have tea.");
    expect(0, "HassNevermind", "{}", LT_HOUSE_DONE, "Fine.");
    lt_answers_free(own);
}

static void test_timer__several__asked_which_or_the_rooms_own(void **state)
{
    (void)state;
    call_in("Kitchen", 0, "HassStartTimer", "{\"minutes\":5}");
    call_in("Bedroom", 0, "HassStartTimer", "{\"hours\":1,\"name\":\"nap\"}");
    assert_int_equal(call_in("Kitchen", 1, "HassCancelTimer", "{}"), LT_HOUSE_DONE);
    assert_string_equal(reply.speech, "The 5 minute timer is cancelled.");
    call_in("Kitchen", 0, "HassStartTimer", "{\"minutes\":5}");
    assert_int_equal(call_in(NULL, 1, "HassCancelTimer", "{}"), LT_HOUSE_ASKS);
    assert_string_equal(reply.speech, "Which timer: the nap timer or the 5 minute timer?");
    assert_int_equal(json_array_size(reply.choices), 2);
    assert_int_equal(reply.changes.n, 0);
    expect(1, "HassCancelTimer", "{\"start_minutes\":5}", LT_HOUSE_DONE,
           "The 5 minute timer is cancelled.");
}

static void test_timer__odd_arguments__refused_or_asked(void **state)
{
    (void)state;
    expect(0, "HassStartTimer", "{}", LT_HOUSE_ASKS, "For how long?");
    expect(0, "HassStartTimer", "{\"minutes\":0}", LT_HOUSE_ASKS, "For how long?");
    expect(0, "HassStartTimer", "{\"minutes\":-5}", LT_HOUSE_ASKS, "For how long?");
    expect(0, "HassStartTimer", "{\"minutes\":\"x\"}", LT_HOUSE_ASKS, "For how long?");
    expect(0, "HassStartTimer", "{\"hours\":101}", LT_HOUSE_FAILED,
           "A timer can run for 100 hours at most.");
    expect(0, "HassStartTimer", "{\"hours\":1e300}", LT_HOUSE_ASKS, "For how long?");
    assert_int_equal(call_in(NULL, 0, "HassOpenRoof", "{}"), LT_HOUSE_NOT_OURS);
    assert_int_equal(call_in(NULL, 0, "", "{}"), LT_HOUSE_NOT_OURS);
    for (int i = 0; i < LT_HOUSE_TIMERS_MAX; i++)
        assert_int_equal(call_in(NULL, 0, "HassStartTimer", "{\"minutes\":5}"), LT_HOUSE_DONE);
    assert_int_equal(call_in(NULL, 0, "HassStartTimer", "{\"minutes\":5}"), LT_HOUSE_FAILED);
}

static void test_list__add_tick_remove__rows_and_words(void **state)
{
    (void)state;
    expect(0, "HassShoppingListAddItem", "{\"item\":\" milk \"}", LT_HOUSE_DONE,
           "Added milk to the Shopping List.");
    expect(0, "HassShoppingListAddItem", "{\"item\":\"Milk\"}", LT_HOUSE_DONE,
           "Milk is on the Shopping List already.");
    expect(0, "HassListAddItem", "{\"item\":\"call mum\",\"name\":\"To-do\"}", LT_HOUSE_DONE,
           "Added call mum to the To-do.");
    expect(0, "HassShoppingListCompleteItem", "{\"item\":\"MILK\"}", LT_HOUSE_DONE,
           "Ticked off milk on the Shopping List.");
    expect(0, "HassShoppingListCompleteItem", "{\"item\":\"milk\"}", LT_HOUSE_FAILED,
           "Milk is not on the Shopping List.");
    expect(0, "HassShoppingListRemoveItem", "{\"item\":\"milk\"}", LT_HOUSE_DONE,
           "Removed milk from the Shopping List.");
    expect(0, "HassShoppingListAddItem", "{}", LT_HOUSE_ASKS, "What shall I write down?");
    expect(0, "HassListAddItem", "{\"item\":\"x\"}", LT_HOUSE_ASKS, "On which list?");
    json_t *o = lt_house_json(house, SITE, T0);
    assert_int_equal(json_object_size(json_object_get(o, "lists")), 1);
    json_decref(o);
}

static void test_changes__reverted__rows_as_before(void **state)
{
    struct lt_changes done = {NULL, 0};
    (void)state;
    call_in(NULL, 0, "HassStartTimer", "{\"minutes\":5}");
    assert_int_equal(reply.changes.n, 1);
    call_in(NULL, 10, "HassIncreaseTimer", "{\"minutes\":5}");
    assert_int_equal(lt_house_next_due(house), T0 + 600000);
    assert_int_equal(lt_changes_revert(house, &reply.changes, T0 + 20000, &done), 1);
    assert_int_equal(lt_house_next_due(house), T0 + 300000);
    assert_int_equal(done.n, 1);
    /* the same once more: the row is not as that change left it */
    assert_int_equal(lt_changes_revert(house, &reply.changes, T0 + 20000, NULL), 0);
    lt_changes_free(&done);
    /* a cancelled timer that would have rung meanwhile does not come back */
    call_in(NULL, 20, "HassCancelTimer", "{}");
    assert_int_equal(lt_changes_revert(house, &reply.changes, T0 + 400000, NULL), 0);
    assert_int_equal(lt_changes_revert(house, &reply.changes, T0 + 30000, NULL), 1);
    assert_int_equal(lt_house_n_timers(house, SITE), 1);
}

static void test_changes__written_and_loaded__same_house(void **state)
{
    struct place *p = *state;
    struct lt_store *s = NULL;
    struct lt_timer_row t;
    MUST(lt_store_open(&(struct lt_store_options){.path = p->db}, &s, &diag));
    memcpy(tongue.lang, "pl", LT_LANG_CAP);
    call_in("Kitchen", 0, "HassStartTimer",
            "{\"minutes\":5,\"name\":\"tea\",\"conversation_command\":\"turn off the kettle\"}");
    MUST(lt_changes_write(&reply.changes, s, &diag));
    MUST(lt_changes_write(&reply.changes, s, &diag)); /* harmless twice */
    call_in(NULL, 0, "HassShoppingListAddItem", "{\"item\":\"caf\xc3\xa9\"}");
    MUST(lt_changes_write(&reply.changes, s, &diag));
    call_in(NULL, 0, "HassShoppingListAddItem", "{\"item\":\"tea\"}");
    MUST(lt_changes_write(&reply.changes, s, &diag));
    call_in(NULL, 0, "HassShoppingListRemoveItem", "{\"item\":\"tea\"}");
    MUST(lt_changes_write(&reply.changes, s, &diag));
    MUST(lt_store_setting_put(s, SITE, "cloud", "off", &diag));
    lt_store_close(s);
    lt_house_free(house);
    house = lt_house_new();
    MUST(lt_store_open(&(struct lt_store_options){.path = p->db}, &s, &diag));
    MUST(lt_house_load(house, s, &diag));
    json_t *o = lt_house_json(house, SITE, T0 + 60000);
    char *text = json_dumps(o, JSON_COMPACT);
    assert_non_null(strstr(text, "\"left_s\":240"));
    assert_non_null(strstr(text, "caf\xc3\xa9"));
    assert_null(strstr(text, "\"item\":\"tea\""));
    free(text);
    json_decref(o);
    assert_true(lt_house_take_due(house, T0 + 300000, &t));
    assert_string_equal(t.command, "turn off the kettle");
    assert_string_equal(t.area, "Kitchen");
    assert_string_equal(t.lang, "pl");
    MUST(lt_store_timer_delete(s, t.id, &diag));
    MUST(lt_store_timer_delete(s, t.id, &diag));
    char value[8], tiny[2];
    MUST(lt_store_setting_get(s, SITE, "cloud", value, sizeof value, &diag));
    assert_string_equal(value, "off");
    MUST(lt_store_setting_get(s, "boat", "cloud", value, sizeof value, &diag));
    assert_string_equal(value, "");
    assert_int_equal(lt_store_setting_get(s, SITE, "cloud", tiny, sizeof tiny, NULL), LT_ERR_LIMIT);
    MUST(lt_store_site_erase(s, SITE, &diag));
    lt_house_free(house);
    house = lt_house_new();
    MUST(lt_house_load(house, s, &diag));
    o = lt_house_json(house, SITE, T0);
    assert_int_equal(json_object_size(json_object_get(o, "lists")), 0);
    json_decref(o);
    lt_store_close(s);
}

static void test_say__time_date_broadcast__words(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    expect(0, "HassGetCurrentTime", "{}", LT_HOUSE_DONE, "It is 12:00.");
    expect(0, "HassGetCurrentDate", "{}", LT_HOUSE_DONE, "It is Thursday, 29 January 2026.");
    expect(0, "HassBroadcast", "{\"message\":\"dinner\"}", LT_HOUSE_DONE, "Announced.");
    assert_string_equal(reply.announce, "dinner");
    expect(0, "HassBroadcast", "{}", LT_HOUSE_ASKS, "What shall I announce?");
    expect(0, "HassNevermind", "{}", LT_HOUSE_DONE, "OK.");
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, each_setup, each_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_timer__start_pause_resume_change_cancel__words_and_due),
        TEST(test_house__every_outcome__said_in_every_language),
        TEST(test_house__user_worded_it_anew__that_is_said),
        TEST(test_timer__several__asked_which_or_the_rooms_own),
        TEST(test_timer__odd_arguments__refused_or_asked),
        TEST(test_list__add_tick_remove__rows_and_words),
        TEST(test_changes__reverted__rows_as_before),
        TEST(test_changes__written_and_loaded__same_house),
        TEST(test_say__time_date_broadcast__words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
