/* test_integrations.c - announcements as the integrations make them (tests/data/integrations): the home
 * that comes of them, the messages of calls, and what reports mean. */
#include "discovery_home.h"

#include <math.h>

#include "act_command.h"
#include "act_target.h"
#include "integration_file.h"

#define FOLDER TEST_DATA_DIR "/integrations"

static char current[128]; /* the file that is looked at */

static void check_entities(struct lt_discovery *d, const json_t *f)
{
    const json_t *want = json_object_get(f, "entities"), *w;
    json_t *catalog = catalog_json(d);
    size_t i;
    json_array_foreach((json_t *)(uintptr_t)want, i, w)
    {
        const struct lt_thing *t = lt_discovery_find(d, integration_text(w, "id"));
        if (!t) fail_msg("%s: no %s", current, integration_text(w, "id"));
        if (strcmp(t->name, integration_text(w, "name")) != 0 ||
            strcmp(t->area, integration_text(w, "area")) != 0)
            fail_msg("%s: %s is \"%s\" in \"%s\"", current, t->id, t->name, t->area);
        if (json_object_get(w, "device_class"))
            assert_string_equal(t->device_class, integration_text(w, "device_class"));
        assert_non_null(entity(catalog, t->id));
    }
    json_decref(catalog);
    for (i = 0; i < lt_discovery_n_things(d); i++)
        if (lt_discovery_n_things(d) != json_array_size(want))
            print_message("    has %s \"%s\" in \"%s\" %s\n", lt_discovery_thing(d, i)->id,
                          lt_discovery_thing(d, i)->name, lt_discovery_thing(d, i)->area,
                          lt_discovery_thing(d, i)->device_class);
    if (lt_discovery_n_things(d) != json_array_size(want))
        fail_msg("%s: %zu entities", current, lt_discovery_n_things(d));
}

static void check_sends(const struct lt_act_plan *p, const json_t *call)
{
    const json_t *want = json_object_get(call, "sends");
    int same = (size_t)p->n_sends == json_array_size(want);
    for (int i = 0; same && i < p->n_sends; i++) {
        const json_t *m = json_array_get(want, (size_t)i);
        same = !strcmp(p->sends[i].topic, json_string_value(json_array_get(m, 0))) &&
               integration_is(p->sends[i].payload, json_array_get(m, 1));
    }
    if (same) return;
    for (int i = 0; i < p->n_sends; i++)
        print_message("    %s %s\n", p->sends[i].topic, p->sends[i].payload);
    char *text = json_dumps(call, 0);
    print_message("%s: that is not %s\n", current, text);
    free(text);
    fail();
}

/* After the device's reports everything that was expected is there, and not before the first. */
static void check_reports(const struct lt_act_plan *p, const json_t *call)
{
    const json_t *then = json_object_get(call, "then"), *m;
    int is_met[LT_ACT_SENDS_MAX] = {0}, n_met = 0;
    size_t k;
    int is_sent = !strcmp(integration_text(call, "outcome"), "sent");
    if (is_sent != !p->n_expects)
        fail_msg("%s: %s expects %d reports", current, integration_text(call, "name"),
                 p->n_expects);
    json_array_foreach((json_t *)(uintptr_t)then, k, m)
    {
        char *payload = integration_payload(m);
        for (int i = 0; i < p->n_expects; i++)
            if (!strcmp(p->expects[i].feature->state_topic,
                        json_string_value(json_array_get(m, 0))) ||
                (p->expects[i].feature->full_topic &&
                 !strcmp(p->expects[i].feature->full_topic,
                         json_string_value(json_array_get(m, 0)))))
                is_met[i] |= lt_act_is_met(&p->expects[i], payload);
        free(payload);
    }
    for (int i = 0; i < p->n_expects; i++) n_met += is_met[i];
    if (n_met == p->n_expects || json_is_true(json_object_get(call, "way"))) return;
    char *text = json_dumps(call, 0);
    print_message("%s: %d of %d reports came for %s\n", current, n_met, p->n_expects, text);
    free(text);
    fail();
}

static void check_call(struct lt_discovery *d, const json_t *call)
{
    static struct lt_act_plan plan;
    struct lt_diag diag = {0};
    size_t targets[4];
    const char *tool = integration_text(call, "name");
    const json_t *args = json_object_get(call, "arguments");
    size_t n = lt_act_targets(d, NULL, tool, args, targets, 4);
    if (n != 1)
        fail_msg("%s: %s %s means %zu things", current, tool, integration_text(args, "name"), n);
    const struct lt_thing *t = lt_discovery_thing(d, targets[0]);
    enum lt_err err = lt_act_plan_call(t, tool, args, &plan, &diag);
    if (json_object_get(call, "fails")) {
        if (!err || !strstr(diag.text, integration_text(call, "fails")))
            fail_msg("%s: not refused: %s", current, diag.text);
        return;
    }
    if (err) fail_msg("%s: %s: %s", current, tool, diag.text);
    assert_int_equal(t->is_retained, json_is_true(json_object_get(call, "retained")));
    check_sends(&plan, call);
    check_reports(&plan, call);
}

static void check_read(struct lt_discovery *d, const json_t *read)
{
    char meaning[128] = "";
    double number;
    const struct lt_thing *t = lt_discovery_find(d, integration_text(read, "id"));
    const struct lt_feature *f = t ? lt_thing_feature(t, integration_text(read, "feature")) : NULL;
    json_t *message = json_pack("[s,O]", "", json_object_get(read, "from"));
    char *payload = integration_payload(message);
    if (!f) fail_msg("%s: no %s", current, integration_text(read, "id"));
    enum lt_err err = lt_act_read(f, payload, meaning, sizeof meaning, &number);
    const json_t *want = json_object_get(read, "number");
    if (json_is_true(json_object_get(read, "silent")))
        assert_int_not_equal(err, LT_OK);
    else if (want && !(fabs(number - json_number_value(want)) < 0.5))
        fail_msg("%s: %s is %s", current, payload, meaning);
    else if (!want && strcmp(meaning, integration_text(read, "means")) != 0)
        fail_msg("%s: %s means \"%s\"", current, payload, meaning);
    free(payload);
    json_decref(message);
}

static void check_one(const char *name)
{
    char path[1024];
    struct lt_diag diag = {0};
    struct lt_discovery *d = NULL;
    struct lt_discovery_options o = {.ha_prefix = "homeassistant",
                                     .z2m_base = "zigbee2mqtt",
                                     .tasmota_prefix = "tasmota/discovery"};
    json_t *f = NULL, *m;
    size_t i;
    snprintf(current, sizeof current, "%.100s", name);
    snprintf(path, sizeof path, FOLDER "/%.100s", name);
    if (lt_json_read_file(path, 1 << 20, &f, &diag)) fail_msg("%s", diag.text);
    assert_int_equal(lt_discovery_new(&o, &d, &diag), LT_OK);
    json_array_foreach(json_object_get(f, "announce"), i, m)
    {
        char *payload = integration_payload(m);
        (void)feed(d, json_string_value(json_array_get(m, 0)), payload);
        free(payload);
    }
    const struct lt_discovery_error *e;
    for (size_t n = lt_discovery_errors(d, &e); n; n--)
        fail_msg("%s: %s: %s", current, e[n - 1].topic, e[n - 1].reason);
    check_entities(d, f);
    json_array_foreach(json_object_get(f, "calls"), i, m)
    {
        check_call(d, m);
    }
    json_array_foreach(json_object_get(f, "reads"), i, m)
    {
        check_read(d, m);
    }
    json_decref(f);
    lt_discovery_free(d);
}

static void test_integrations__as_they_announce__found_worked_and_read(void **state)
{
    char names[INTEGRATION_FILES_MAX][128];
    const char *only = getenv("LT_TEST_INTEGRATION");
    int n = integration_files(FOLDER, names);
    (void)state;
    assert_true(n >= 9);
    for (int i = 0; i < n; i++)
        if (!only || strstr(names[i], only)) check_one(names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integrations__as_they_announce__found_worked_and_read),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
