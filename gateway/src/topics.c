/* topics.c - one table of channels; everything else follows from it. */
#include "topics.h"

#include <stdio.h>
#include <string.h>

static const struct {
    enum lt_topic_kind kind;
    const char *channel;
    enum { ALONE, MUST_FOLLOW, MAY_FOLLOW } rest; /* something after the channel? */
} channels[] = {
    {LT_TOPIC_REQUEST, "request", ALONE},   {LT_TOPIC_FEEDBACK, "feedback", ALONE},
    {LT_TOPIC_CATALOG, "catalog", ALONE},   {LT_TOPIC_RESPONSE, "response", ALONE},
    {LT_TOPIC_REPLY, "reply", MUST_FOLLOW}, {LT_TOPIC_CALL, "call", MUST_FOLLOW},
    {LT_TOPIC_STATUS, "status", ALONE},     {LT_TOPIC_STATS, "stats", ALONE},
    {LT_TOPIC_TIMER, "timer", ALONE},       {LT_TOPIC_ANNOUNCE, "announce", ALONE},
    {LT_TOPIC_HOUSE, "house", ALONE},       {LT_TOPIC_SELF, "self", ALONE},
    {LT_TOPIC_CLOUD, "cloud", ALONE},       {LT_TOPIC_AUDIO, "audio", MAY_FOLLOW},
    {LT_TOPIC_TRACE, "trace", ALONE},       {LT_TOPIC_SPEECH, "speech", ALONE},
    {LT_TOPIC_VOICE, "voice", MAY_FOLLOW},  {LT_TOPIC_DRIFT, "drift", ALONE},
};
#define N_CHANNELS (sizeof channels / sizeof channels[0])

static int has_unfit_bytes(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f || *s == '+' || *s == '#') return 1;
    return 0;
}

int lt_topic_is_site(const char *site)
{
    size_t n = strlen(site);
    return n >= 1 && n <= LT_SITE_MAX_BYTES && *site != '$' && !strchr(site, '/') &&
           !has_unfit_bytes(site);
}

void lt_topic_parse(const char *prefix, const char *topic, struct lt_topic *out)
{
    size_t n = strlen(prefix);
    memset(out, 0, sizeof *out);
    out->rest = "";
    if (strncmp(topic, prefix, n) != 0 || topic[n] != '/') return;
    const char *site = topic + n + 1;
    size_t site_n = strcspn(site, "/");
    if (!site_n || site_n > LT_SITE_MAX_BYTES || site[site_n] != '/') return;
    const char *channel = site + site_n + 1;
    size_t channel_n = strcspn(channel, "/");
    const char *rest = channel[channel_n] ? channel + channel_n + 1 : "";
    for (size_t i = 0; i < N_CHANNELS; i++) {
        if (strlen(channels[i].channel) != channel_n ||
            memcmp(channels[i].channel, channel, channel_n) != 0)
            continue;
        int is_bare = channel[channel_n] == '\0';
        if (channels[i].rest == ALONE ? !is_bare
                                      : !*rest && (channels[i].rest == MUST_FOLLOW || !is_bare))
            return;
        memcpy(out->site, site, site_n);
        if (lt_topic_is_site(out->site)) {
            out->kind = channels[i].kind;
            out->rest = rest;
        } else {
            memset(out->site, 0, sizeof out->site);
        }
        return;
    }
}

enum lt_err lt_topic_build(const char *prefix, const char *site, enum lt_topic_kind kind,
                           const char *rest, char *out)
{
    const char *channel = NULL;
    for (size_t i = 0; i < N_CHANNELS; i++)
        if (channels[i].kind == kind) channel = channels[i].channel;
    if (!channel) return LT_ERR_INVALID;
    int is_filter = rest && (!strcmp(rest, "+") || !strcmp(rest, "#"));
    if (rest && !is_filter && (!*rest || has_unfit_bytes(rest))) return LT_ERR_INVALID;
    int n = snprintf(out, LT_TOPIC_MAX_BYTES + 1, "%s/%s/%s%s%s", prefix, site, channel,
                     rest ? "/" : "", rest ? rest : "");
    return n < 0 || n > LT_TOPIC_MAX_BYTES ? LT_ERR_LIMIT : LT_OK;
}

enum lt_err lt_topic_share(const char *group, const char *filter, char *out)
{
    int n = *group ? snprintf(out, LT_TOPIC_MAX_BYTES + 1, "$share/%s/%s", group, filter)
                   : snprintf(out, LT_TOPIC_MAX_BYTES + 1, "%s", filter);
    return n < 0 || n > LT_TOPIC_MAX_BYTES ? LT_ERR_LIMIT : LT_OK;
}

int lt_topic_may_reply(const char *prefix, const char *site, const char *topic)
{
    struct lt_topic t;
    size_t n = strlen(topic);
    lt_topic_parse(prefix, topic, &t);
    return n <= LT_TOPIC_MAX_BYTES && t.kind == LT_TOPIC_REPLY && !strcmp(t.site, site) &&
           !has_unfit_bytes(topic) && !strstr(topic, "//") && topic[n - 1] != '/';
}

int lt_topic_matches(const char *filter, const char *topic)
{
    for (; *filter; filter++) {
        if (*filter == '#') return 1;
        if (*filter == '+') {
            while (*topic && *topic != '/') topic++;
        } else if (*filter == *topic) {
            topic++;
        } else {
            return !*topic && !strcmp(filter, "/#"); /* "a/#" stands for "a" too */
        }
    }
    return !*topic;
}
