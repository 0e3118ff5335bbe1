/* fold.c - letters to their bare small form. */
#include "lt/fold.h"

#include <stdint.h>
#include <string.h>

/* Two columns a character: what it becomes; blanks: it stays. Made from Unicode's decompositions. */
/* clang-format off */
static const char latin[] = /* U+00C0..U+024F */
    /* U+00C0 */ "a a a a a a aec e e e e i i i i "
    /* U+00D0 */ "d n o o o o o   o u u u u y thss"
    /* U+00E0 */ "a a a a a a aec e e e e i i i i "
    /* U+00F0 */ "d n o o o o o   o u u u u y thy "
    /* U+0100 */ "a a a a a a c c c c c c c c d d "
    /* U+0110 */ "d d e e e e e e e e e e g g g g "
    /* U+0120 */ "g g g g h h h h i i i i i i i i "
    /* U+0130 */ "i i ijijj j k k k l l l l l l l "
    /* U+0140 */ "l l l n n n n n n n n n o o o o "
    /* U+0150 */ "o o oeoer r r r r r s s s s s s "
    /* U+0160 */ "s s t t t t t t u u u u u u u u "
    /* U+0170 */ "u u u u w w y y y z z z z z z s "
    /* U+0180 */ "b                               "
    /* U+0190 */ "              i                 "
    /* U+01A0 */ "o o                           u "
    /* U+01B0 */ "u                               "
    /* U+01C0 */ "        dzdzdzljljljnjnjnja a i "
    /* U+01D0 */ "i o o u u u u u u u u u u   a a "
    /* U+01E0 */ "a a aeae    g g k k o o o o     "
    /* U+01F0 */ "j dzdzdzg g     n n a a aeaeo o "
    /* U+0200 */ "a a a a e e e e i i i i o o o o "
    /* U+0210 */ "r r r r u u u u s s t t     h h "
    /* U+0220 */ "            a a e e o o o o o o "
    /* U+0230 */ "o o y y                         "
    /* U+0240 */ "      b                         ";
static const char latin_more[] = /* U+1E00..U+1EFF */
    /* U+1E00 */ "a a b b b b b b c c d d d d d d "
    /* U+1E10 */ "d d d d e e e e e e e e e e f f "
    /* U+1E20 */ "g g h h h h h h h h h h i i i i "
    /* U+1E30 */ "k k k k k k l l l l l l l l m m "
    /* U+1E40 */ "m m m m n n n n n n n n o o o o "
    /* U+1E50 */ "o o o o p p p p r r r r r r r r "
    /* U+1E60 */ "s s s s s s s s s s t t t t t t "
    /* U+1E70 */ "t t u u u u u u u u u u v v v v "
    /* U+1E80 */ "w w w w w w w w w w x x x x y y "
    /* U+1E90 */ "z z z z z z h t w y   s     ss  "
    /* U+1EA0 */ "a a a a a a a a a a a a a a a a "
    /* U+1EB0 */ "a a a a a a a a e e e e e e e e "
    /* U+1EC0 */ "e e e e e e e e i i i i o o o o "
    /* U+1ED0 */ "o o o o o o o o o o o o o o o o "
    /* U+1EE0 */ "o o o o u u u u u u u u u u u u "
    /* U+1EF0 */ "u u y y y y y y y y             ";
/* clang-format on */

/* Length of the character at s (n bytes left) and its code point; 1 and the byte for no UTF-8. */
static size_t decode(const unsigned char *s, size_t n, uint32_t *cp)
{
    size_t len = s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : s[0] >= 0xe0 && s[0] < 0xf0 ? 3 : 1;
    *cp = s[0];
    if (len == 1 || n < len || (s[1] & 0xc0) != 0x80 || (len == 3 && (s[2] & 0xc0) != 0x80))
        return 1;
    *cp = len == 2 ? (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3fu)
                   : (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3fu);
    return len;
}

/* Greek and Cyrillic, two bytes before and after. */
static uint32_t small(uint32_t c)
{
    static const uint16_t greek[][2] = {
        {0x386, 0x3b1}, {0x388, 0x3b5}, {0x389, 0x3b7}, {0x38a, 0x3b9}, {0x38c, 0x3bf},
        {0x38e, 0x3c5}, {0x38f, 0x3c9}, {0x3ac, 0x3b1}, {0x3ad, 0x3b5}, {0x3ae, 0x3b7},
        {0x3af, 0x3b9}, {0x3cc, 0x3bf}, {0x3cd, 0x3c5}, {0x3ce, 0x3c9}, {0x3c2, 0x3c3}};
    for (size_t i = 0; i < sizeof greek / sizeof *greek; i++)
        if (greek[i][0] == c) return greek[i][1];
    if (c >= 0x391 && c <= 0x3ab && c != 0x3a2) return c + 0x20;
    if (c == 0x401 || c == 0x451) return 0x435; /* yo is written as ye as often as not */
    if (c >= 0x400 && c <= 0x40f) return c + 0x50;
    return c >= 0x410 && c <= 0x42f ? c + 0x20 : c;
}

/* The folded form of one character (len bytes at s) to to[3]; its length. */
static size_t fold_one(const unsigned char *s, size_t len, uint32_t c, char to[4])
{
    const char *cell = NULL;
    if (len == 1) {
        to[0] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        return 1;
    }
    if (c >= 0x300 && c <= 0x36f) return 0; /* accents of their own */
    if (c >= 0xc0 && c <= 0x24f) cell = latin + 2 * (c - 0xc0);
    if (c >= 0x1e00 && c <= 0x1eff) cell = latin_more + 2 * (c - 0x1e00);
    if (cell && cell[0] != ' ') {
        to[0] = cell[0];
        to[1] = cell[1];
        return cell[1] == ' ' ? 1 : 2;
    }
    uint32_t d = c >= 0x386 && c <= 0x451 ? small(c) : c;
    if (d != c) {
        to[0] = (char)(0xc0 | d >> 6);
        to[1] = (char)(0x80 | (d & 0x3f));
        return 2;
    }
    memcpy(to, s, len);
    return len;
}

size_t lt_fold(const char *text, size_t n, char *out, size_t cap)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t used = 0, len;
    uint32_t c;
    char to[4];
    for (size_t i = 0; i < n; i += len) {
        len = decode(s + i, n - i, &c);
        size_t k = fold_one(s + i, len, c, to);
        if (used + k + 1 > cap) break;
        memcpy(out + used, to, k);
        used += k;
    }
    if (cap) out[used] = '\0';
    return used;
}

int lt_fold_same(const char *a, const char *b)
{
    char x[8] = "", y[8] = ""; /* what of the folded texts is not compared yet */
    size_t nx = 0, ny = 0, len;
    uint32_t c;
    if (!a || !b) return 0;
    for (;;) {
        while (!nx && *a) {
            len = decode((const unsigned char *)a, strnlen(a, 4), &c);
            nx = fold_one((const unsigned char *)a, len, c, x);
            a += len;
        }
        while (!ny && *b) {
            len = decode((const unsigned char *)b, strnlen(b, 4), &c);
            ny = fold_one((const unsigned char *)b, len, c, y);
            b += len;
        }
        size_t k = nx < ny ? nx : ny;
        if (!k) return nx == ny;
        if (memcmp(x, y, k) != 0) return 0;
        memmove(x, x + k, nx -= k);
        memmove(y, y + k, ny -= k);
    }
}
