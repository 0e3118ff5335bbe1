/* plain_player.c - "next song", "louder", "pause the music": words for players that name none.
 *
 * With one player in the home the network knows who is meant. With several it cannot: what plays is not
 * among what it sees. So the words stand in a table here, and the reports tell:
 *
 *     players in the speaker's room, else all
 *       -> of these the one that plays   -> call       (pause and mute: all that play)
 *       -> none plays, or several do     -> "Which one?" */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lt/fold.h"
#include "plain_int.h"

/* clang-format off */
static const struct {
    const char *words; /* without the small ones */
    const char *tool, *step; /* step: of HassSetVolumeRelative */
    int for_all;             /* several that play are all meant */
    int is_resume;           /* those that do not play are meant */
} phrases[] = {
    {"next song", "HassMediaNext", NULL, 0, 0}, {"next track", "HassMediaNext", NULL, 0, 0},
    {"play next song", "HassMediaNext", NULL, 0, 0}, {"play next track", "HassMediaNext", NULL, 0, 0},
    {"skip song", "HassMediaNext", NULL, 0, 0}, {"skip track", "HassMediaNext", NULL, 0, 0},
    {"skip", "HassMediaNext", NULL, 0, 0}, {"skip one", "HassMediaNext", NULL, 0, 0},
    {"previous song", "HassMediaPrevious", NULL, 0, 0}, {"previous track", "HassMediaPrevious", NULL, 0, 0},
    {"play previous song", "HassMediaPrevious", NULL, 0, 0}, {"last song again", "HassMediaPrevious", NULL, 0, 0},
    {"go back song", "HassMediaPrevious", NULL, 0, 0}, {"go back one song", "HassMediaPrevious", NULL, 0, 0},
    {"pause", "HassMediaPause", NULL, 1, 0}, {"pause music", "HassMediaPause", NULL, 1, 0},
    {"pause song", "HassMediaPause", NULL, 1, 0}, {"pause playback", "HassMediaPause", NULL, 1, 0},
    {"stop music", "HassMediaPause", NULL, 1, 0}, {"music off", "HassMediaPause", NULL, 1, 0},
    {"turn off music", "HassMediaPause", NULL, 1, 0}, {"turn music off", "HassMediaPause", NULL, 1, 0},
    {"stop playing", "HassMediaPause", NULL, 1, 0}, {"stop playing music", "HassMediaPause", NULL, 1, 0},
    {"unpause", "HassMediaUnpause", NULL, 0, 1}, {"resume", "HassMediaUnpause", NULL, 0, 1},
    {"resume music", "HassMediaUnpause", NULL, 0, 1}, {"resume playback", "HassMediaUnpause", NULL, 0, 1},
    {"continue music", "HassMediaUnpause", NULL, 0, 1}, {"continue playing", "HassMediaUnpause", NULL, 0, 1},
    {"carry on playing", "HassMediaUnpause", NULL, 0, 1}, {"keep playing", "HassMediaUnpause", NULL, 0, 1},
    {"louder", "HassSetVolumeRelative", "up", 0, 0}, {"volume up", "HassSetVolumeRelative", "up", 0, 0},
    {"turn volume up", "HassSetVolumeRelative", "up", 0, 0}, {"turn up volume", "HassSetVolumeRelative", "up", 0, 0},
    {"turn music up", "HassSetVolumeRelative", "up", 0, 0}, {"turn up music", "HassSetVolumeRelative", "up", 0, 0},
    {"music louder", "HassSetVolumeRelative", "up", 0, 0}, {"make music louder", "HassSetVolumeRelative", "up", 0, 0},
    {"quieter", "HassSetVolumeRelative", "down", 0, 0}, {"volume down", "HassSetVolumeRelative", "down", 0, 0},
    {"turn volume down", "HassSetVolumeRelative", "down", 0, 0}, {"turn down volume", "HassSetVolumeRelative", "down", 0, 0},
    {"turn music down", "HassSetVolumeRelative", "down", 0, 0}, {"turn down music", "HassSetVolumeRelative", "down", 0, 0},
    {"music quieter", "HassSetVolumeRelative", "down", 0, 0}, {"make music quieter", "HassSetVolumeRelative", "down", 0, 0},
    {"not so loud", "HassSetVolumeRelative", "down", 0, 0}, {"too loud", "HassSetVolumeRelative", "down", 0, 0},
    {"mute", "HassMediaPlayerMute", NULL, 1, 0}, {"mute music", "HassMediaPlayerMute", NULL, 1, 0},
    {"mute sound", "HassMediaPlayerMute", NULL, 1, 0},
};
/* clang-format on */
static const char *const small[] = {"please", "can",  "could", "would", "you",    "the",
                                    "this",   "that", "my",    "a",     "bit",    "little",
                                    "now",    "it",   "its",   "is",    "thanks", "to"};

static int find_phrase(const struct lt_words *said)
{
    char text[LT_WORDS_BYTES] = "";
    size_t n = 0;
    for (int i = 0; i < said->n; i++) {
        int is_small = 0;
        for (size_t k = 0; k < sizeof small / sizeof *small && !is_small; k++)
            is_small = !strcmp(small[k], said->v[i]);
        size_t len = strlen(said->v[i]);
        if (is_small) continue;
        if (n + len + 2 > sizeof text) return -1;
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", said->v[i]);
    }
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (!strcmp(phrases[i].words, text)) return (int)i;
    return -1;
}

static json_t *call_of(const struct lt_catalog *c, int phrase, const struct lt_entity *e)
{
    json_t *choice = lt__ask_choice(c, e);
    json_t *arguments = json_deep_copy(json_object_get(choice, "arguments"));
    json_decref(choice);
    if (arguments && phrases[phrase].step)
        json_object_set_new(arguments, "volume_step", json_string(phrases[phrase].step));
    return json_pack("{s:s,s:o}", "name", phrases[phrase].tool, "arguments", arguments);
}

/* The players, those in the room of the speaker alone if it has any; more than fit are none. */
static size_t find_players(const struct lt_catalog *c, const char *here, const struct lt_entity **v,
                           size_t cap, size_t *n_all)
{
    size_t n = 0, n_here = 0;
    *n_all = 0;
    for (int pass = 0; pass < 2 && !n_here; pass++)
        for (size_t i = 0; i < lt_catalog_n_entities(c); i++) {
            const struct lt_entity *e = lt_catalog_entity(c, i);
            int is_here = here && lt_fold_same(e->area, here);
            if (strcmp(e->domain, "media_player") != 0) continue;
            if (!pass) (*n_all)++;
            if (!pass && !is_here) continue;
            if (n == cap) return 0;
            v[n++] = e;
            n_here += !pass;
        }
    return n;
}

/* Bring those to the front that play (or, to resume, do not), and count them. */
static size_t that_play(lt_plain_read_fn read, void *ctx, int wanted, const struct lt_entity **v,
                        size_t n)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        struct lt_plain_state s = {.is_on = -1, .level = NAN};
        if (!read || !read(ctx, v[i]->id, &s) || s.is_on != wanted) continue;
        const struct lt_entity *e = v[i];
        v[i] = v[k];
        v[k++] = e;
    }
    return k;
}

int lt__plain_player(const struct lt_tongue *t, const struct lt_catalog *c,
                     const struct lt_words *said, const char *here, lt_plain_read_fn read,
                     void *ctx, struct lt_plain *out)
{
    const struct lt_entity *v[LT_ASK_CHOICES_MAX];
    json_t *call[LT_ASK_CHOICES_MAX] = {0};
    size_t n_all, n;
    int at = find_phrase(said);
    if (at < 0 || lt_catalog_find_tool(c, phrases[at].tool) < 0) return 0;
    n = find_players(c, here, v, LT_ASK_CHOICES_MAX, &n_all);
    if (n_all < 2 || !n) return 0;
    size_t n_play = n > 1 ? that_play(read, ctx, !phrases[at].is_resume, v, n) : 1;
    if (n_play) n = n_play;
    if (n == 1 || (n_play && phrases[at].for_all)) {
        out->calls = json_array();
        for (size_t i = 0; i < n; i++) json_array_append_new(out->calls, call_of(c, at, v[i]));
        return 1;
    }
    for (size_t i = 0; i < n; i++) call[i] = call_of(c, at, v[i]);
    lt__plain_which(t, c, v, call, n, "player", &out->question);
    return 1;
}
