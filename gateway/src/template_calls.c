/* template_calls.c - what templates do with values, where it needs more than a line. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "template_int.h"

#define FORMAT_BYTES 512 /* longest text that format makes */
#define FORMAT_WIDTH 64  /* widest field */

/* "%02x" at *at, behind the percent sign: flags, width and precision into spec; its letter, or 0. */
static char read_spec(const char **at, char spec[16], int *is_wide)
{
    size_t n = 0;
    spec[n++] = '%';
    while (**at && n < 8 && strchr("0123456789.+-", **at)) spec[n++] = *(*at)++;
    spec[n] = '\0';
    const char *dot = strchr(spec, '.');
    *is_wide = labs(strtol(spec + 1, NULL, 10)) > FORMAT_WIDTH ||
               (dot && strtol(dot + 1, NULL, 10) > FORMAT_WIDTH);
    return **at ? *(*at)++ : '\0';
}

/* Digits of a whole number, padded as the specification says: no format text goes to printf. */
static int put_whole(char *out, size_t cap, const char *spec, char letter, double x)
{
    int is_zero = spec[1] == '0', width = abs(atoi(spec + 1));
    long long v = (long long)x;
    if (letter == 'x')
        return is_zero ? snprintf(out, cap, "%0*llx", width, (unsigned long long)v)
                       : snprintf(out, cap, "%*llx", width, (unsigned long long)v);
    if (letter == 'X')
        return is_zero ? snprintf(out, cap, "%0*llX", width, (unsigned long long)v)
                       : snprintf(out, cap, "%*llX", width, (unsigned long long)v);
    return is_zero ? snprintf(out, cap, "%0*lld", width, v) : snprintf(out, cap, "%*lld", width, v);
}

static int put_real(char *out, size_t cap, const char *spec, double x)
{
    const char *dot = strchr(spec, '.');
    int width = abs(atoi(spec + 1)), digits = dot ? abs(atoi(dot + 1)) : 6;
    return spec[1] == '0' ? snprintf(out, cap, "%0*.*f", width, digits, x)
                          : snprintf(out, cap, "%*.*f", width, digits, x);
}

json_t *lt__template_format(const char *pattern, json_t *const *a, int n)
{
    char out[FORMAT_BYTES], text[FORMAT_BYTES], spec[16];
    size_t used = 0;
    int next = 0, is_wide;
    for (const char *p = pattern; *p;) {
        int k;
        double x = 0;
        if (*p != '%' || p[1] == '%') {
            k = 1;
            if (used + 1 < sizeof out) out[used] = *p;
            p += *p == '%' ? 2 : 1;
        } else {
            p++;
            char letter = read_spec(&p, spec, &is_wide);
            const json_t *v = next < n ? a[next++] : NULL;
            if (is_wide || !v) return NULL;
            if (letter == 's')
                k = lt__template_print(v, text, sizeof text)
                        ? snprintf(out + used, sizeof out - used, "%s", text)
                        : -1;
            else if (!letter || !strchr("dixXf", letter) || !lt__template_number(v, &x) ||
                     fabs(x) > 1e15 || (x < 0 && (letter == 'x' || letter == 'X')))
                return NULL;
            else
                k = letter == 'f' ? put_real(out + used, sizeof out - used, spec, x)
                                  : put_whole(out + used, sizeof out - used, spec, letter, x);
        }
        if (k < 0 || used + (size_t)k >= sizeof out) return NULL;
        used += (size_t)k;
    }
    return json_stringn(out, used);
}

/* A place of Python's slices within 0..n; NAN: `otherwise`. */
static size_t place(double x, size_t n, size_t otherwise)
{
    if (isnan(x)) return otherwise;
    if (x < 0) x += (double)n;
    return x <= 0 ? 0 : x >= (double)n ? n : (size_t)x;
}

json_t *lt__template_slice(const json_t *v, double from, double to)
{
    const char *s = json_string_value(v);
    size_t n = s ? strlen(s) : json_array_size(v);
    size_t a = place(from, n, 0), b = place(to, n, n);
    if (b < a) b = a;
    if (s) return json_stringn(s + a, b - a); /* NULL where it would cut a character */
    if (!json_is_array(v)) return NULL;
    json_t *out = json_array();
    for (size_t i = a; out && i < b; i++) json_array_append(out, json_array_get(v, i));
    return out;
}

json_t *lt__template_int(const json_t *v, int base, const json_t *otherwise)
{
    const char *s = json_string_value(v);
    double x;
    char *end;
    if (s && base != 10 && base >= 2 && base <= 36) {
        while (isspace((unsigned char)*s)) s++;
        long long i = strtoll(s, &end, base);
        if (end > s && !*end) return json_integer(i);
    } else if (lt__template_number(v, &x) && fabs(x) < 1e18) {
        return json_integer((json_int_t)x);
    }
    return otherwise ? json_deep_copy(otherwise) : json_integer(0);
}

json_t *lt__template_extreme(json_t *const *a, int n, int is_greatest)
{
    json_t *best = NULL;
    double least = 0, x;
    size_t many = n == 1 && json_is_array(a[0]) ? json_array_size(a[0]) : (size_t)n;
    for (size_t i = 0; i < many; i++) {
        json_t *v = n == 1 && json_is_array(a[0]) ? json_array_get(a[0], i) : a[i];
        if (!lt__template_number(v, &x)) return NULL;
        if (best && (is_greatest ? x <= least : x >= least)) continue;
        best = v;
        least = x;
    }
    return json_incref(best);
}
