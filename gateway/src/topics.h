/* topics.h - every topic the gateway reads or writes, built and taken apart here and nowhere else.
 *
 *     <prefix>/<site>/request          in   an utterance
 *     <prefix>/<site>/feedback         in   was that right?
 *     <prefix>/<site>/catalog          in   tools and home, retained
 *     <prefix>/<site>/response         out  answer, when the request names no response topic
 *     <prefix>/<site>/reply/...        out  the only place where a request may have its answer sent
 *     <prefix>/<site>/call/<tool>      out  one accepted call; read back to survive a crash
 *     <prefix>/<site>/status           out  retained, online or offline, also the will
 *     <prefix>/<site>/stats            out  counters, once a minute
 *     <prefix>/<site>/timer            out  a timer started, changed, rang
 *     <prefix>/<site>/announce         out  words to be said on the speakers
 *     <prefix>/<site>/house            out  retained, timers and lists that the gateway keeps
 *     <prefix>/<site>/self             out  retained, Lintel as a device: counters, last answer
 *     <prefix>/<site>/speech           out  sentences of an answer that is still coming
 *     <prefix>/<site>/cloud            in   ON or OFF: may the cloud be asked?
 *     <prefix>/<site>/trace            out  a redacted, labelled trace for a collector (fleet.h)
 *     <prefix>/<site>/drift            out  retained, does the network still fit? (drift_watch.h)
 *     <prefix>/<site>/audio[/<room>]   in   a WAV: what was said into a microphone
 *     <prefix>/<site>/voice[/<room>]   out  a WAV: the answer to it, spoken
 *
 * Builders write to the caller's storage. Threads: pure functions. */
#ifndef LT_TOPICS_H
#define LT_TOPICS_H

#include <stddef.h>

#include "lt/err.h"

#define LT_TOPIC_MAX_BYTES 512 /* longest topic built or honoured, without the NUL */
#define LT_SITE_MAX_BYTES  64  /* longest site name */

enum lt_topic_kind {
    LT_TOPIC_OTHER, /* nothing of ours */
    LT_TOPIC_REQUEST,
    LT_TOPIC_FEEDBACK,
    LT_TOPIC_CATALOG,
    LT_TOPIC_RESPONSE,
    LT_TOPIC_REPLY, /* rest: what follows reply/ */
    LT_TOPIC_CALL,  /* rest: the tool */
    LT_TOPIC_STATUS,
    LT_TOPIC_STATS,
    LT_TOPIC_TIMER,
    LT_TOPIC_ANNOUNCE,
    LT_TOPIC_HOUSE,
    LT_TOPIC_SELF,
    LT_TOPIC_SPEECH,
    LT_TOPIC_CLOUD,
    LT_TOPIC_TRACE,
    LT_TOPIC_DRIFT,
    LT_TOPIC_AUDIO, /* rest: the room, perhaps */
    LT_TOPIC_VOICE  /* rest: the room, perhaps */
};

struct lt_topic {
    enum lt_topic_kind kind;
    char site[LT_SITE_MAX_BYTES + 1];
    const char *rest; /* in the parsed text, or "" */
};

/* Take `topic` apart. LT_TOPIC_OTHER for another prefix, what can be no site (lt_topic_is_site), a
 * channel that is none of ours. `out->rest` borrows from `topic`. */
void lt_topic_parse(const char *prefix, const char *topic, struct lt_topic *out);

/* <prefix>/<site>/<channel>[/<rest>] for a kind; rest NULL for none. `site` "+" gives a filter.
 * LT_ERR_LIMIT when it does not fit out[LT_TOPIC_MAX_BYTES + 1]; LT_ERR_INVALID for a rest with
 * '+', '#' or control characters (but "+" alone, or "#" alone, is a filter and allowed). */
LT_NODISCARD enum lt_err lt_topic_build(const char *prefix, const char *site,
                                        enum lt_topic_kind kind, const char *rest, char *out);
/* "$share/<group>/<filter>" when group is not empty, else a copy of filter. LT_ERR_LIMIT. */
LT_NODISCARD enum lt_err lt_topic_share(const char *group, const char *filter, char *out);

/* May an answer for `site` be sent to `topic`? Only <prefix>/<site>/reply/<something>, without
 * wildcards, control characters or empty levels, of at most LT_TOPIC_MAX_BYTES: whoever asks must
 * not make us publish elsewhere with our rights. */
int lt_topic_may_reply(const char *prefix, const char *site, const char *topic);

/* Is `site` a possible site name: one level, 1..LT_SITE_MAX_BYTES bytes, no '/', '+', '#', control
 * characters, no leading '$'? */
int lt_topic_is_site(const char *site);

/* Does an MQTT filter ('+', '#') stand for the topic? */
int lt_topic_matches(const char *filter, const char *topic);

#endif
