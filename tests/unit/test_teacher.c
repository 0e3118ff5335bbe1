/* The teacher's files as they lie in the tree: no two functions of a category may be taken for each
 * other, or a case made of them would have two right answers; and no phrase is written in vain. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define FOLDER SOURCE_DIR "/engine/data/teacher"

typedef void (*file_fn)(const char *name, const json_t *functions);

/* Calls fn for every file of the teacher's that has functions; returns how many those are. */
static int each_file(file_fn fn)
{
    struct dirent **names;
    int seen = 0, n = scandir(FOLDER, &names, NULL, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(names[i]->d_name, '.');
        if (dot && !strcmp(dot, ".json")) {
            char path[sizeof FOLDER + 257];
            json_error_t error;
            snprintf(path, sizeof path, FOLDER "/%s", names[i]->d_name);
            json_t *file = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
            if (!file) fail_msg("%s:%d: %s", path, error.line, error.text);
            const json_t *functions = json_object_get(file, "functions");
            if (functions) {
                fn(names[i]->d_name, functions);
                seen++;
            }
            json_decref(file);
        }
        free(names[i]);
    }
    free(names);
    return seen;
}

/* Fails when `text` has been claimed by another function than `id`; owners: text to id. */
static void claim(const char *file, const char *what, json_t *owners, const json_t *text,
                  const json_t *id)
{
    const char *key = json_string_value(text);
    const json_t *owner = json_object_get(owners, key);
    if (owner && !json_equal(owner, id))
        fail_msg("%s: %s \"%s\" is of both %s and %s", file, what, key, json_string_value(owner),
                 json_string_value(id));
    assert_false(json_object_set_new(owners, key, json_string(json_string_value(id))));
}

static void check_schemas(const char *file, const json_t *functions)
{
    json_t *names = json_object(), *descriptions = json_object();
    size_t i, k;
    const json_t *f, *schema;
    json_array_foreach(functions, i, f)
    {
        const json_t *id = json_object_get(f, "id");
        assert_true(json_is_string(id));
        json_array_foreach(json_object_get(f, "schemas"), k, schema)
        {
            const json_t *name = json_object_get(schema, "name");
            const json_t *description = json_object_get(schema, "description");
            assert_true(json_is_string(name));
            claim(file, "the name", names, name, id);
            if (json_is_string(description))
                claim(file, "the description", descriptions, description, id);
        }
        assert_true(k > 0);
    }
    assert_true(i > 0);
    json_decref(names);
    json_decref(descriptions);
}

static void test_schemas__names_and_descriptions__of_one_function_only(void **state)
{
    (void)state;
    assert_true(each_file(check_schemas) > 100);
}

static void check_phrases(const char *file, const json_t *functions)
{
    json_t *owners = json_object();
    size_t i, k;
    const json_t *f, *phrase;
    json_array_foreach(functions, i, f)
    {
        const json_t *id = json_object_get(f, "id");
        json_array_foreach(json_object_get(f, "utterances"), k, phrase)
        {
            const json_t *text = json_is_object(phrase) ? json_object_get(phrase, "u") : phrase;
            assert_true(json_is_string(text));
            claim(file, "the phrase", owners, text, id);
        }
        assert_true(k > 0);
    }
    json_decref(owners);
}

static void test_phrases__as_written__of_one_function_only(void **state)
{
    (void)state;
    assert_true(each_file(check_phrases) > 100);
}

/* Adds the canonical arguments that a phrase sets by its slots: "{slot}" sets the one of its name,
 * "{slot:other}" the other, "{slot:}" none. */
static void add_slots(json_t *set, const char *text)
{
    for (const char *p = strchr(text, '{'); p; p = strchr(p, '{')) {
        size_t n = strcspn(++p, "}");
        const char *colon = memchr(p, ':', n);
        const char *from = colon ? colon + 1 : p;
        char name[64];
        int len = (int)(n - (size_t)(from - p));
        assert_true((size_t)len < sizeof name);
        snprintf(name, sizeof name, "%.*s", len, from);
        if (len) assert_false(json_object_set_new(set, name, json_true()));
        p += n;
    }
}

/* Whether a schema has a parameter for every argument of the set and its required ones are all there. */
static int takes(const json_t *schema, json_t *set)
{
    const json_t *map = json_object_get(schema, "map"), *parameter;
    const json_t *required = json_object_get(json_object_get(schema, "parameters"), "required");
    json_t *filled = json_object(), *unused;
    const char *canonical;
    size_t i;
    int fits = 1;
    json_object_foreach(set, canonical, unused)
    {
        const char *name = json_string_value(json_object_get(map, canonical));
        if (!name)
            fits = 0;
        else
            assert_false(json_object_set_new(filled, name, json_true()));
    }
    json_array_foreach(required, i, parameter)
    {
        if (!json_object_get(filled, json_string_value(parameter))) fits = 0;
    }
    json_decref(filled);
    return fits;
}

static void check_fits(const char *file, const json_t *functions)
{
    size_t i, k, m;
    const json_t *f, *phrase, *schema;
    json_array_foreach(functions, i, f)
    {
        json_array_foreach(json_object_get(f, "utterances"), k, phrase)
        {
            const json_t *text = json_is_object(phrase) ? json_object_get(phrase, "u") : phrase;
            json_t *set = json_object();
            int fits = 0;
            if (json_is_object(phrase) && json_object_get(phrase, "args"))
                assert_false(json_object_update(set, json_object_get(phrase, "args")));
            add_slots(set, json_string_value(text));
            json_array_foreach(json_object_get(f, "schemas"), m, schema) fits |= takes(schema, set);
            if (!fits)
                fail_msg("%s: %s: no schema takes what \"%s\" says", file,
                         json_string_value(json_object_get(f, "id")), json_string_value(text));
            json_decref(set);
        }
    }
}

static void test_phrases__arguments__taken_by_a_schema_of_their_function(void **state)
{
    (void)state;
    assert_true(each_file(check_fits) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schemas__names_and_descriptions__of_one_function_only),
        cmocka_unit_test(test_phrases__as_written__of_one_function_only),
        cmocka_unit_test(test_phrases__arguments__taken_by_a_schema_of_their_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
