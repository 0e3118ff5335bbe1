/* integration_file.h - the files of tests/data/integrations: what one integration announces, and what
 * must come of it.
 *
 *     announce   [[topic, payload], …]                retained
 *     reports    [[topic, payload], …]                what the devices say of themselves at first
 *     entities   [{id, name, area, device_class}, …]  all of them
 *     calls      {name, arguments, sends, then, say?} a call, what is published for it, and what the device
 *                                                     then reports; `outcome` "sent": it reports nothing;
 *                                                     `fails`: words of the refusal; `say`: words that mean it
 *                                                     `way`: a cover that tells by its position alone
 *     reads      {id, feature, from, means | number | silent}
 *     answers    {say, holds}                         a question, and what its answer holds
 *
 * Payloads are texts, or JSON that is compared as JSON. Used by tests/unit/test_integrations.c (everything,
 * without a broker) and tests/integration/test_integrations_live.c (over one). */
#ifndef INTEGRATION_FILE_H
#define INTEGRATION_FILE_H

#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTEGRATION_FILES_MAX 64

static inline int by_file_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names of all files in `folder`, sorted; their number, 0 when it cannot be read. */
static inline int integration_files(const char *folder, char names[INTEGRATION_FILES_MAX][128])
{
    DIR *dir = opendir(folder);
    int n = 0;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        size_t len = strlen(e->d_name);
        if (n < INTEGRATION_FILES_MAX && len > 5 && len < 120 &&
            !strcmp(e->d_name + len - 5, ".json"))
            snprintf(names[n++], sizeof names[0], "%.120s", e->d_name);
    }
    if (dir) closedir(dir);
    qsort(names, (size_t)n, sizeof names[0], by_file_name);
    return n;
}

/* The payload of [topic, payload] as it is published; malloc'ed. */
static inline char *integration_payload(const json_t *message)
{
    const json_t *p = json_array_get(message, 1);
    return json_is_string(p) ? strdup(json_string_value(p)) : json_dumps(p, JSON_COMPACT);
}

/* Is the published text what is wanted? Numbers of JSON are compared as numbers. */
static inline int integration_json_is(const json_t *have, const json_t *want)
{
    const char *key;
    json_t *v;
    size_t i;
    if (json_is_number(have) && json_is_number(want)) {
        double d = json_number_value(have) - json_number_value(want);
        return d < 1e-3 && d > -1e-3;
    }
    if (json_is_object(have) && json_is_object(want)) {
        if (json_object_size(have) != json_object_size(want)) return 0;
        json_object_foreach((json_t *)(uintptr_t)want, key, v)
        {
            if (!integration_json_is(json_object_get(have, key), v)) return 0;
        }
        return 1;
    }
    if (json_is_array(have) && json_is_array(want)) {
        if (json_array_size(have) != json_array_size(want)) return 0;
        json_array_foreach(want, i, v)
        {
            if (!integration_json_is(json_array_get(have, i), v)) return 0;
        }
        return 1;
    }
    return json_equal(have, want);
}

static inline int integration_is(const char *have, const json_t *want)
{
    if (json_is_string(want)) return !strcmp(have, json_string_value(want));
    json_t *v = json_loads(have, JSON_DECODE_ANY, NULL);
    int is = v && integration_json_is(v, want);
    json_decref(v);
    return is;
}

static inline const char *integration_text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

#endif
