/* sentence.c - see sentence.h. */
#include "sentence.h"

#include <ctype.h>
#include <string.h>

static int starts(const char *s, const char *end, const char *what)
{
    size_t n = strlen(what);
    return (size_t)(end - s) >= n && !memcmp(s, what, n);
}

/* Quotes and brackets that close behind a full stop. */
static const char *skip_closers(const char *s, const char *end)
{
    static const char *const closers[] = {
        "\"",           "'", ")", "]", "\xe2\x80\x9d", "\xe2\x80\x99", "\xe2\x80\x9c", "\xc2\xbb",
        "\xe3\x80\x8d", NULL};
    for (int i = 0; closers[i]; i++)
        if (starts(s, end, closers[i])) {
            s += strlen(closers[i]);
            i = -1;
        }
    return s;
}

/* Does the full stop at `dot` belong to the word before it? */
static int is_abbreviation(const char *text, const char *dot)
{
    static const char *const titles[] = {"Dr", "Mr",   "Ms", "Mrs", "St",
                                         "Nr", "Prof", "ca", "bzw", NULL};
    const char *word = dot;
    int is_number = 1;
    while (word > text && !isspace((unsigned char)word[-1]) && !strchr("(\"'[.", word[-1])) word--;
    size_t n = (size_t)(dot - word);
    for (const char *s = word; s < dot; s++) is_number &= isdigit((unsigned char)*s) != 0;
    if (n == 0) return 0;                                      /* "..." */
    if (is_number && word > text && word[-1] == '.') return 0; /* "at 5.30." */
    if ((is_number && n < 3) || (n == 1 && isalpha((unsigned char)*word))) return 1;
    for (int i = 0; titles[i]; i++)
        if (strlen(titles[i]) == n && !memcmp(titles[i], word, n)) return 1;
    return 0;
}

/* Where the sentence that the mark at `s` may end would end: behind the blanks; NULL: it does not, or that
 * cannot be told yet. `s` is moved behind the mark. */
static const char *end_at(const char *text, const char **s, const char *end)
{
    static const char *const wide[] = {"\xe3\x80\x82", "\xef\xbc\x81", "\xef\xbc\x9f", NULL};
    const char *mark = *s;
    for (int i = 0; wide[i]; i++)
        if (starts(mark, end, wide[i])) return skip_closers(*s = mark + 3, end);
    *s = mark + 1;
    if (*mark != '\n' && *mark != '.' && *mark != '!' && *mark != '?') return NULL;
    const char *after = skip_closers(*s, end);
    if (*mark != '\n' && (after == end || !isspace((unsigned char)*after))) return NULL;
    while (after < end && isspace((unsigned char)*after)) after++;
    if (after == end) return NULL; /* what follows decides */
    if (*mark == '.' && (islower((unsigned char)*after) || is_abbreviation(text, mark)))
        return NULL;
    return after;
}

size_t lt_sentence_end(const char *text, size_t n)
{
    const char *end = text + n, *s = text;
    while (s < end && isspace((unsigned char)*s)) s++;
    if (s == end) return 0;
    for (const char *found; s < end && s - text < LT_SENTENCE_MAX_BYTES;)
        if ((found = end_at(text, &s, end))) return (size_t)(found - text);
    if (n <= LT_SENTENCE_MAX_BYTES) return 0;
    for (s = text + LT_SENTENCE_MAX_BYTES; s > text;
         s--) /* between words, or at least characters */
        if (isspace((unsigned char)s[-1])) return (size_t)(s - text);
    for (s = text + LT_SENTENCE_MAX_BYTES; ((unsigned char)*s & 0xc0) == 0x80 && s > text;) s--;
    return (size_t)(s - text);
}
