/* adapt.c - learn from a refusal which setting a server does not know.
 *
 * Servers that speak one vendor's language differ in what they take, and nothing but their 400 says
 * so. Its words are searched for the name of a setting that we sent and can do without. */
#include <string.h>
#include <strings.h>

#include "internal.h"

static bool names(const char *text, const char *const *words)
{
    for (; *words; words++)
        for (const char *s = text; *s; s++)
            if (strncasecmp(s, *words, strlen(*words)) == 0) return true;
    return false;
}

static bool adapt_chat(struct lt_cloud_endpoint *e, const char *text)
{
    static const struct {
        unsigned bit;
        bool is_swap; /* the setting has another name, not only an absence */
        const char *const words[4];
    } rows[] = {
        {LT_CHAT_PARALLEL, false, {"parallel_tool_calls", NULL}},
        {LT_CHAT_COMPLETION_TOKENS, true, {"max_completion_tokens", "max_tokens", NULL}},
        {LT_CHAT_EFFORT, true, {"reasoning_effort", "reasoning effort", NULL}},
        {LT_CHAT_DEVELOPER, true, {"developer", "role", NULL}},
        {LT_CHAT_STRICT, false, {"strict", "additionalProperties", NULL}},
    };
    unsigned caps = lt__chat_caps(e);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!names(text, rows[i].words) || e->adapted & rows[i].bit) continue;
        if (!(caps & rows[i].bit) && !rows[i].is_swap) continue;
        e->chat_caps = (caps ^ rows[i].bit) | LT_CHAT_EXPLICIT;
        e->adapted |= rows[i].bit;
        return true;
    }
    return false;
}

bool lt_cloud_endpoint_adapt(struct lt_cloud_endpoint *e, const char *text)
{
    static const char *const schema[] = {"strict", "schema", "tools.", "tools[", "grammar", NULL};
    static const char *const usage[] = {"stream_options", "include_usage", NULL};
    static const char *const stream[] = {"'stream'", "\"stream\"", "streaming", "with stream",
                                         NULL};
    bool is_chat = e->adapter && strcmp(e->adapter, lt__openai_chat.name) == 0;
    unsigned caps = is_chat ? lt__chat_caps(e) : 0;
    if (is_chat && names(text, usage) && !(caps & LT_CHAT_NO_STREAM_USAGE)) {
        e->chat_caps = caps | LT_CHAT_NO_STREAM_USAGE | LT_CHAT_EXPLICIT;
        return true;
    }
    if (names(text, stream) && !e->is_stream_off) {
        e->is_stream_off = true;
        return true;
    }
    if (is_chat && adapt_chat(e, text)) return true;
    if (e->is_strict_off || !names(text, schema)) return false;
    e->is_strict_off = true;
    return true;
}
