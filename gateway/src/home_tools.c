/* home_tools.c - read once from the set that is part of the program. */
#include "home_tools.h"

#include <jansson.h>
#include <pthread.h>

#include "embedded.h"

extern const struct lt__embedded lt__embedded_home_tools[];

static pthread_once_t once = PTHREAD_ONCE_INIT;
static json_t *names; /* {name: true}; kept until the program ends */

static void read_names(void)
{
    json_t *set =
        json_loadb(lt__embedded_home_tools[0].text, lt__embedded_home_tools[0].n, 0, NULL);
    json_t *tool;
    size_t i;
    names = json_object();
    json_array_foreach(json_object_get(set, "tools"), i, tool)
        json_object_set_new(names, json_string_value(json_object_get(tool, "name")), json_true());
    json_decref(set);
}

int lt_is_home_tool(const char *name)
{
    pthread_once(&once, read_names);
    return json_object_get(names, name) != NULL;
}
