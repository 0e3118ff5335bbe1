/* lexicon_british.c - pronunciations without the R that only Americans, Scots and Irish say, and with the
 * vowels of "off" and "hot" as one, or the other way about, as people of many places say them; weak vowels too. */
#include <stdlib.h>
#include <string.h>

#include "lt/lexicon.h"

#define MAX_VARIANTS 24
#define PHONE_BYTES  4

static int is_vowel(const char *phone)
{
    return *phone && strchr("AEIOU", *phone) != NULL;
}

static int is_one(const char *phone, const char *of)
{
    size_t n = strcspn(phone, " ");
    return n == strlen(of) && !strncmp(phone, of, n);
}

static const char *after(const char *phone)
{
    phone += strcspn(phone, " ");
    return phone + (*phone == ' ');
}

static void add(char *out, const char *phone)
{
    size_t n = strlen(out), len = strcspn(phone, " ");
    if (n + len + 2 >= LT_LEXICON_PHONES_BYTES) return;
    if (n) out[n++] = ' ';
    memcpy(out + n, phone, len);
    out[n + len] = '\0';
}

static void british(const char *phones, char out[LT_LEXICON_PHONES_BYTES])
{
    const char *before = "";
    *out = '\0';
    for (const char *p = phones; *p; before = p, p = after(p)) {
        int is_before_vowel = is_vowel(after(p));
        if (is_one(p, "R") && is_vowel(before) && !is_before_vowel) {
            if (is_one(before, "IH") || is_one(before, "EH") || is_one(before, "UH"))
                add(out, "AH");
        } else if (is_one(p, "ER")) {
            add(out, "AH");
            if (is_before_vowel) add(out, "R");
        } else {
            add(out, p);
        }
    }
}

/* One vowel for the other, where no R follows: "off" with that of "hot" (the cot-caught merger, common in
 * America), "hot" with that of "off" (nearer to the British one). */
static void merged(const char *phones, const char *from, const char *to,
                   char out[LT_LEXICON_PHONES_BYTES])
{
    *out = '\0';
    for (const char *p = phones; *p; p = after(p))
        add(out, is_one(p, from) && !is_one(after(p), "R") ? to : p);
}

/* The weak vowel of "television" and "minutes" as in "bit", as most people in Britain say it: after the
 * first vowel, before a consonant that is no N, M, L or R. */
static void weak(const char *phones, char out[LT_LEXICON_PHONES_BYTES])
{
    int n_vowels = 0;
    *out = '\0';
    for (const char *p = phones; *p; p = after(p)) {
        int is_weak = n_vowels && is_one(p, "AH") && *after(p) && !is_vowel(after(p)) &&
                      !strchr("NMLR", *after(p));
        add(out, is_weak ? "IH" : p);
        n_vowels += is_vowel(p);
    }
}

/* The variants of one word are written together: its lines follow one another. */
struct word {
    char name[LT_LEXICON_PHONES_BYTES];
    char phones[MAX_VARIANTS][LT_LEXICON_PHONES_BYTES];
    int n;
};

static void take(struct word *w, const char *phones)
{
    for (int i = 0; i < w->n; i++)
        if (!strcmp(w->phones[i], phones)) return;
    if (w->n < MAX_VARIANTS && *phones)
        snprintf(w->phones[w->n++], LT_LEXICON_PHONES_BYTES, "%s", phones);
}

static void finish(struct word *w, FILE *out)
{
    char other[LT_LEXICON_PHONES_BYTES];
    int n_given = w->n;
    for (int i = 0; i < n_given; i++) {
        british(w->phones[i], other);
        take(w, other);
    }
    for (int i = 0; i < n_given; i++) {
        merged(w->phones[i], "AO", "AA", other);
        take(w, other);
        merged(w->phones[i], "AA", "AO", other);
        take(w, other);
        weak(w->phones[i], other);
        take(w, other);
    }
    for (int i = 0; i < w->n; i++) {
        fputs(w->name, out);
        if (i) fprintf(out, "(%d)", i + 1);
        fprintf(out, " %s\n", w->phones[i]);
    }
    w->n = 0;
}

enum lt_err lt_lexicon_add_british(const char *dictionary, FILE *out)
{
    struct word *w = calloc(1, sizeof *w);
    char line[2 * LT_LEXICON_PHONES_BYTES];
    if (!w) return LT_ERR_NOMEM;
    for (const char *p = dictionary; *p;) {
        size_t len = strcspn(p, "\n");
        snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line - 1), p);
        p += len + (p[len] == '\n');
        char *phones = strpbrk(line, " \t");
        if (!phones) continue;
        *phones++ = '\0';
        phones += strspn(phones, " \t");
        line[strcspn(line, "(")] = '\0';
        if (strcmp(line, w->name) != 0) {
            finish(w, out);
            snprintf(w->name, sizeof w->name, "%.255s", line);
        }
        if (strlen(phones) < LT_LEXICON_PHONES_BYTES) take(w, phones);
    }
    finish(w, out);
    free(w);
    return fflush(out) || ferror(out) ? LT_ERR_IO : LT_OK;
}
