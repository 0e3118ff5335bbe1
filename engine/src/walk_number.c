/* walk_number.c - numbers spelled digit by digit without ever entering a dead end.
 *
 * Spelled numbers have at most three decimals, so everything is counted in thousandths. A prefix
 * such as "1" stands for the numbers 1, 1.0..1.9, 10..19, 10.0.., and so on: for each count of
 * further digits before and behind the point an interval and a grid. The prefix may stay when one
 * of these holds a multiple of grid and step within the parameter's range. */
#include "walk_number.h"

#include <math.h>
#include <string.h>

#include "san/walk.h"

#define DECIMALS 3
#define FAR      INT64_C(1000000000000000000) /* thousandths beyond what can be spelled */

int san__number_fits(const struct san_param *p, double x)
{
    if (!isfinite(x) || x < p->min || x > p->max) return 0;
    if (p->kind == SAN_PARAM_INTEGER && x != floor(x)) return 0;
    if (p->step > 0 && x == floor(x) && p->step == floor(p->step)) return fmod(x, p->step) == 0;
    double q = p->step > 0 ? x / p->step : 0; /* 0.3 is a multiple of 0.1 */
    return fabs(q - round(q)) <= 1e-9 * fmax(1, fabs(q));
}

/* The least number of thousandths that is not below x. */
static int64_t thousandths_from(double x)
{
    if (x <= -1e15) return -FAR;
    if (x >= 1e15) return FAR;
    int64_t j = (int64_t)ceil(x * 1000);
    while ((double)(j - 1) / 1000 >= x) j--;
    while ((double)j / 1000 < x) j++;
    return j;
}

static int64_t common_multiple(int64_t a, int64_t b)
{
    int64_t x = a, y = b;
    while (y) {
        int64_t rest = x % y;
        x = y;
        y = rest;
    }
    return a / x * b;
}

struct range { /* in thousandths, 0 <= low */
    int64_t low, high, step;
};

/* Is there a multiple of grid and step in [from, to] and in the range? */
static int meets(const struct range *r, int64_t from, int64_t to, int64_t grid)
{
    if (from < r->low) from = r->low;
    if (to > r->high) to = r->high;
    if (from > to) return 0;
    int64_t m = common_multiple(grid, r->step);
    return (from + m - 1) / m * m <= to;
}

int san__number_can_become(const struct san_param *p, const char *text)
{
    static const int64_t ten[] = {1, 10, 100, 1000};
    int is_negative = text[0] == '-', is_integer = p->kind == SAN_PARAM_INTEGER;
    const char *digits = text + is_negative, *dot = strchr(digits, '.');
    int n = (int)strlen(text), room = SAN_SPELL_MAX - 1 - n;
    int64_t low = thousandths_from(p->min), high = -thousandths_from(-p->max), whole = 0;
    struct range r = {low, high, p->step > 0 ? llround(p->step * 1000) : 1};
    if (is_negative) r = (struct range){-high > 1 ? -high : 1, -low, r.step};
    if (r.low < 0) r.low = 0;
    if (room < 0 || dot == digits || (dot && is_integer)) return 0;
    if (digits[0] == '0' && digits[1] && digits[1] != '.') return 0;
    for (const char *c = digits; *c && *c != '.'; c++) whole = whole * 10 + (*c - '0');
    if (dot) {
        int have = (int)strlen(dot + 1);
        int64_t at = whole * 1000;
        if (have > DECIMALS) return 0;
        for (int i = 0; i < have; i++) at += (dot[1 + i] - '0') * ten[DECIMALS - 1 - i];
        for (int d = have ? have : 1; d <= DECIMALS && d - have <= room; d++)
            if (meets(&r, at, at + ten[DECIMALS - have] - ten[DECIMALS - d], ten[DECIMALS - d]))
                return 1;
        return 0;
    }
    if (!*text && san__number_can_become(p, "-")) return 1;
    int64_t width = 1; /* 10^k, k digits being appended before the point */
    int least = *digits ? 0 : 1, most = *digits == '0' ? 0 : room;
    for (int k = 0; k <= most; k++, width *= 10) {
        if (k < least) continue;
        int64_t from = whole * width * 1000, to = from + (width - 1) * 1000;
        if (meets(&r, from, to, 1000)) return 1;
        for (int d = 1; d <= DECIMALS && !is_integer && k + 1 + d <= room; d++)
            if (meets(&r, from, to + 1000 - ten[DECIMALS - d], ten[DECIMALS - d])) return 1;
    }
    return 0;
}
