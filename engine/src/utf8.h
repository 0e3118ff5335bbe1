/* utf8.h - one UTF-8 character at a time, for tokenizer and vocabulary training. */
#ifndef SAN_UTF8_H
#define SAN_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define SPACE_MARK     "\xe2\x96\x81" /* U+2581, how pieces spell a space */
#define SPACE_MARK_LEN 3

/* Length of the character at s (n > 0 bytes left), with its code point in *cp (may be NULL); 0
 * when the bytes are not UTF-8 (overlong forms, surrogates and beyond U+10FFFF are not). */
static inline int utf8_char(const char *s, size_t n, uint32_t *cp)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)s[0];
    int len = c < 0x80                ? 1
              : c >= 0xc2 && c < 0xe0 ? 2
              : c >= 0xe0 && c < 0xf0 ? 3
              : c >= 0xf0 && c < 0xf5 ? 4
                                      : 0;
    if (len == 0 || (size_t)len > n) return 0;
    uint32_t v = len == 1 ? c : c & (0x7fu >> len);
    for (int i = 1; i < len; i++) {
        unsigned char d = (unsigned char)s[i];
        if ((d & 0xc0) != 0x80) return 0;
        v = v << 6 | (d & 0x3f);
    }
    if (v < least[len] || v > 0x10ffff || (v >= 0xd800 && v < 0xe000)) return 0;
    if (cp) *cp = v;
    return len;
}

#endif
