/*
 * Decimal arithmetic on digits: "1.1Gi" and "0.0001" have no exact binary fraction, and a limit
 * that is wrong by one byte would be visible in `show`. The fraction is doubled digit by digit for
 * the binary suffixes, so no wide integer type is needed either (FreeBSD's arm has none).
 */
#include "appc/quantity.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "appc/name.h"

#define DIGITS_MAX   64  /* significant digits of a quantity; more are refused */
#define EXPONENT_MAX 200 /* beyond, nothing but zero fits anyway */
#define WHOLE_MAX    ((uint64_t)INT64_MAX)

struct number {
    unsigned char digits[DIGITS_MAX]; /* 0 to 9, without leading zeros */
    int count;
    int point;  /* digits before the decimal point; may be negative or beyond count */
    int binary; /* to be multiplied by 2^binary */
};

static const struct {
    const char *suffix;
    int decimal;
    int binary;
} suffixes[] = {
    {"", 0, 0},    {"n", -9, 0},  {"u", -6, 0},  {"m", -3, 0},  {"k", 3, 0},   {"K", 3, 0},
    {"M", 6, 0},   {"G", 9, 0},   {"T", 12, 0},  {"P", 15, 0},  {"E", 18, 0},  {"Ki", 0, 10},
    {"Mi", 0, 20}, {"Gi", 0, 30}, {"Ti", 0, 40}, {"Pi", 0, 50}, {"Ei", 0, 60},
};

static int refuse(const char *text, struct jp_error *err)
{
    return jp_fail(err, JP_EINVALID, 0,
                   "'%s' is not a quantity (such as 128974848, 125952Ki, 123Mi, 500m, 0.3)",
                   jp_show(text).text);
}

static int too_large(const char *text, struct jp_error *err)
{
    return jp_fail(err, JP_ELIMIT, 0, "'%s' is too large for a quantity", jp_show(text).text);
}

/* Digits with an optional point. Returns what follows, NULL when there is no number. */
static const char *read_digits(const char *p, struct number *n, bool *too_many)
{
    bool any = false;
    bool after_point = false;
    for (;; p++) {
        if (*p == '.' && !after_point) {
            after_point = true;
            continue;
        }
        if (*p < '0' || *p > '9')
            return any ? p : NULL;
        any = true;
        bool is_leading_zero = *p == '0' && n->count == 0;
        if (is_leading_zero) {
            n->point -= after_point;
            continue;
        }
        if (n->count == DIGITS_MAX) {
            *too_many = true;
            return p;
        }
        n->digits[n->count++] = (unsigned char)(*p - '0');
        n->point += !after_point;
    }
}

/* e3, E-3, e+3 */
static bool read_exponent(const char *p, int *ret)
{
    if (*p != 'e' && *p != 'E')
        return false;
    p++;
    bool is_negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (!*p)
        return false;
    int value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        if (value <= EXPONENT_MAX)
            value = value * 10 + (*p - '0');
    }
    if (*p)
        return false;
    if (value > EXPONENT_MAX)
        value = EXPONENT_MAX;
    *ret = is_negative ? -value : value;
    return true;
}

static bool read_suffix(const char *p, struct number *n)
{
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        if (strcmp(p, suffixes[i].suffix) == 0) {
            n->point += suffixes[i].decimal;
            n->binary = suffixes[i].binary;
            return true;
        }
    }
    int exponent;
    if (!read_exponent(p, &exponent))
        return false;
    n->point += exponent;
    return true;
}

/* The digit `i` places after the point (negative: before it), 0 outside what was written. */
static unsigned digit_at(const struct number *n, int i)
{
    int at = n->point + i;
    return at >= 0 && at < n->count ? n->digits[at] : 0;
}

static bool whole_part(const struct number *n, uint64_t *ret)
{
    uint64_t whole = 0;
    for (int i = -n->point; i < 0; i++) {
        if (whole > WHOLE_MAX / 10)
            return false;
        whole = whole * 10 + digit_at(n, i);
    }
    *ret = whole;
    return whole <= WHOLE_MAX;
}

/* whole.fraction *= 2, `binary` times; fraction[] are decimal digits. */
static bool scale_binary(uint64_t *whole, unsigned char *fraction, int count, int binary)
{
    for (int k = 0; k < binary; k++) {
        unsigned carry = 0;
        for (int i = count - 1; i >= 0; i--) {
            unsigned twice = fraction[i] * 2U + carry;
            fraction[i] = (unsigned char)(twice % 10);
            carry = twice / 10;
        }
        if (*whole > WHOLE_MAX / 2)
            return false;
        *whole = *whole * 2 + carry;
    }
    return *whole <= WHOLE_MAX;
}

static bool evaluate(const struct number *n, struct jp_quantity *ret)
{
    uint64_t whole;
    if (!whole_part(n, &whole))
        return false;

    unsigned char fraction[EXPONENT_MAX * 2 + DIGITS_MAX] = {0};
    const int count = (int)sizeof(fraction);
    unsigned rest = 0; /* what lies beyond the array: only tells "not zero" */
    for (int i = 0; i < count; i++)
        fraction[i] = (unsigned char)digit_at(n, i);
    for (int at = n->point + count < 0 ? 0 : n->point + count; at < n->count; at++)
        rest |= n->digits[at];
    if (!scale_binary(&whole, fraction, count, n->binary))
        return false;

    uint32_t milli = fraction[0] * 100U + fraction[1] * 10U + fraction[2];
    for (int i = 3; i < count; i++)
        rest |= fraction[i];
    milli += rest != 0;
    whole += milli / 1000;
    if (whole > WHOLE_MAX)
        return false;
    *ret = (struct jp_quantity){.whole = whole, .milli = milli % 1000};
    return true;
}

int jp_quantity_parse(const char *text, struct jp_quantity *ret, struct jp_error *err)
{
    struct number n = {.count = 0};
    bool too_many = false;
    const char *p = read_digits(*text == '+' ? text + 1 : text, &n, &too_many);
    if (too_many)
        return too_large(text, err);
    if (!p || !read_suffix(p, &n))
        return refuse(text, err);
    if (n.count == 0) {
        *ret = (struct jp_quantity){.whole = 0};
        return 0;
    }
    struct jp_quantity value;
    if (!evaluate(&n, &value))
        return too_large(text, err);
    *ret = value;
    return 0;
}

uint64_t jp_quantity_ceil(struct jp_quantity q)
{
    return q.whole + (q.milli > 0);
}

uint64_t jp_quantity_milli(struct jp_quantity q)
{
    if (q.whole > (UINT64_MAX - 999) / 1000)
        return UINT64_MAX;
    return q.whole * 1000 + q.milli;
}

int jp_quantity_compare(struct jp_quantity a, struct jp_quantity b)
{
    if (a.whole != b.whole)
        return a.whole < b.whole ? -1 : 1;
    return (a.milli > b.milli) - (a.milli < b.milli);
}

/* "K" is left out: the specification has it, but the Go schema cannot read it back. */
void jp_quantity_format(struct jp_quantity q, char out[JP_QUANTITY_SIZE])
{
    static const struct {
        uint64_t unit;
        const char *suffix;
    } units[] = {
        {1ULL << 60, "Ei"}, {1000000000000000000ULL, "E"},
        {1ULL << 50, "Pi"}, {1000000000000000ULL, "P"},
        {1ULL << 40, "Ti"}, {1000000000000ULL, "T"},
        {1ULL << 30, "Gi"}, {1000000000ULL, "G"},
        {1ULL << 20, "Mi"}, {1000000ULL, "M"},
        {1ULL << 10, "Ki"},
    };
    if (q.milli > 0 && q.whole <= WHOLE_MAX / 1000) {
        (void)snprintf(out, JP_QUANTITY_SIZE, "%llum", (unsigned long long)jp_quantity_milli(q));
        return;
    }
    if (q.milli > 0) {
        (void)snprintf(out, JP_QUANTITY_SIZE, "%llu.%03u", (unsigned long long)q.whole,
                       (unsigned)(q.milli % 1000));
        return;
    }
    (void)snprintf(out, JP_QUANTITY_SIZE, "%llu", (unsigned long long)q.whole);
    for (size_t i = 0; q.whole > 0 && i < sizeof(units) / sizeof(units[0]); i++) {
        char candidate[JP_QUANTITY_SIZE];
        if (q.whole % units[i].unit != 0)
            continue;
        (void)snprintf(candidate, sizeof(candidate), "%llu%s",
                       (unsigned long long)(q.whole / units[i].unit), units[i].suffix);
        if (strlen(candidate) < strlen(out))
            memcpy(out, candidate, sizeof(candidate));
    }
}
