/* store_answer.c - confirmed answers, by what was said and where.
 *
 * A label of a person on an answered trace makes or removes the entry: "correct" keeps the answer's
 * calls, "wrong" with the right calls keeps those, "wrong" alone forgets. Traces of a conversation
 * (session, or an answer to a question of ours) are left out, since "turn it off" or "the second one"
 * means another thing next time. Where texts may not be
 * stored as they came, there is nothing to compare, so nothing is kept. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "store_impl.h"

char *lt_text_normal(const char *text)
{
    char *out = malloc(strlen(text) + 1), *to = out;
    for (const char *s = text; out && *s; s++) {
        if (isalnum((unsigned char)*s) || (unsigned char)*s >= 0x80)
            *to++ = (char)tolower((unsigned char)*s);
        else if (*s == '.' && isdigit((unsigned char)s[1]) && to > out)
            *to++ = '.'; /* 21.5 is not 21 5 */
        else if (to > out && to[-1] != ' ' && *s != '\'')
            *to++ = ' ';
    }
    if (out) {
        if (to > out && to[-1] == ' ') to--;
        *to = '\0';
    }
    return out;
}

/* The key of a text at a place; 0 when there is no word in it. */
static int key_of(const char *text, const char *here, char key[LT_SHA256_HEX_CAP])
{
    struct lt_sha256 sha;
    char *said = text ? lt_text_normal(text) : NULL;
    char *place = lt_text_normal(here ? here : "");
    int ok = said && place && *said;
    if (ok) {
        lt_sha256_init(&sha);
        lt_sha256_add(&sha, said, strlen(said) + 1);
        lt_sha256_add(&sha, place, strlen(place));
        lt_sha256_hex(&sha, key);
    }
    free(said);
    free(place);
    return ok;
}

/* What the label makes of the trace's row: keep `calls` under `key`, or forget them. */
static enum lt_err apply(struct lt_store *s, const char *trace, const char *site,
                         const char *catalog, const char *key, const char *calls, int64_t now,
                         struct lt_diag *diag)
{
    if (!calls)
        return lt__db_run(
            s->db, diag,
            "DELETE FROM confirmed_answer WHERE site = ?1 AND catalog = ?2 AND said = ?3", "ttt",
            site, catalog, key);
    return lt__db_run(s->db, diag,
                      "INSERT OR REPLACE INTO confirmed_answer (site, catalog, said, calls, trace, "
                      "added_unix_ms) VALUES (?1,?2,?3,?4,?5,?6)",
                      "ttttti", site, catalog, key, calls, trace, now);
}

enum lt_err lt__store_answer_learn(struct lt_store *s, const char *trace, const struct lt_label *l,
                                   struct lt_diag *diag)
{
    struct lt__rows *rows = NULL;
    int has_row = 0;
    if (s->text_mode != LT_TEXT_KEEP || (strcmp(l->source, "user") && strcmp(l->source, "console")))
        return LT_OK;
    enum lt_err err = lt__db_query(
        s->db, diag, &rows,
        "SELECT site, catalog, text, here, calls FROM trace WHERE id = ?1 AND session IS NULL AND "
        "catalog IS NOT NULL AND state IN ('answered', 'executed') AND is_dry_run = 0 AND "
        "coalesce(why, '') NOT LIKE 'talk.%' AND coalesce(why, '') NOT LIKE 'safety.%'",
        "t", trace);
    if (!err) err = lt__db_next(rows, &has_row, diag);
    char *copy[5] = {NULL}, key[LT_SHA256_HEX_CAP];
    for (int i = 0; !err && has_row && i < 5; i++) {
        const char *text = lt__col_text(rows, i);
        copy[i] = text ? strdup(text) : NULL;
    }
    lt__db_done(rows);
    if (!err && has_row && copy[0] && copy[1] && key_of(copy[2], copy[3], key)) {
        const char *calls = l->is_correct && !l->calls_json ? copy[4] : l->calls_json;
        /* an empty answer teaches the gate, not the memory */
        if (calls && !strcmp(calls, "[]")) calls = NULL;
        err = apply(s, trace, copy[0], copy[1], key, calls, l->now_unix_ms, diag);
    }
    for (int i = 0; i < 5; i++) free(copy[i]);
    return err;
}

enum lt_err lt_store_answer_find(struct lt_store *s, const char *site, const char *catalog_hash,
                                 const char *text, const char *here, char **calls_json,
                                 struct lt_diag *diag)
{
    struct lt__rows *rows = NULL;
    char key[LT_SHA256_HEX_CAP];
    int has_row = 0;
    *calls_json = NULL;
    if (s->text_mode != LT_TEXT_KEEP || !key_of(text, here, key)) return LT_OK;
    enum lt_err err = lt__db_query(s->db, diag, &rows,
                                   "SELECT calls FROM confirmed_answer WHERE site = ?1 AND "
                                   "catalog = ?2 AND said = ?3",
                                   "ttt", site, catalog_hash, key);
    if (!err) err = lt__db_next(rows, &has_row, diag);
    if (!err && has_row && !(*calls_json = strdup(lt__col_text(rows, 0))))
        err = lt_fail(diag, LT_ERR_NOMEM, "out of memory reading a confirmed answer");
    lt__db_done(rows);
    return err;
}
