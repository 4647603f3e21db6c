/*
 * RFC 3339 date-time by hand: strptime(3) knows neither fractions nor offsets with a colon, and
 * takes what the grammar does not allow.
 */
#include "appc/timestamp.h"

#include <stdbool.h>
#include <stddef.h>

#include "appc/name.h"

struct fields {
    int year, month, day, hour, minute, second;
    int64_t nanoseconds;
    int offset_minutes; /* east of UTC */
};

static bool take_number(const char **p, int digits, int min, int max, int *ret)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (**p < '0' || **p > '9')
            return false;
        value = value * 10 + (*(*p)++ - '0');
    }
    *ret = value;
    return value >= min && value <= max;
}

static bool take_char(const char **p, char c)
{
    return *(*p)++ == c;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

static bool take_date(const char **p, struct fields *f)
{
    return take_number(p, 4, 0, 9999, &f->year) && take_char(p, '-') &&
           take_number(p, 2, 1, 12, &f->month) && take_char(p, '-') &&
           take_number(p, 2, 1, days_in_month(f->year, f->month), &f->day);
}

static bool take_fraction(const char **p, int64_t *ret)
{
    if (**p != '.')
        return true;
    (*p)++;
    int64_t unit = 100000000;
    int64_t value = 0;
    const char *start = *p;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        value += (**p - '0') * unit;
        unit /= 10;
    }
    *ret = value;
    return *p > start;
}

static bool take_time(const char **p, struct fields *f)
{
    return take_number(p, 2, 0, 23, &f->hour) && take_char(p, ':') &&
           take_number(p, 2, 0, 59, &f->minute) && take_char(p, ':') &&
           take_number(p, 2, 0, 60, &f->second) && take_fraction(p, &f->nanoseconds);
}

static bool take_offset(const char **p, struct fields *f)
{
    char sign = *(*p)++;
    if (sign == 'Z')
        return true;
    int hours, minutes;
    if ((sign != '+' && sign != '-') || !take_number(p, 2, 0, 23, &hours) || !take_char(p, ':') ||
        !take_number(p, 2, 0, 59, &minutes))
        return false;
    f->offset_minutes = (hours * 60 + minutes) * (sign == '-' ? -1 : 1);
    return true;
}

/* Days since 1970-01-01 of the proleptic Gregorian calendar. */
static int64_t days_since_epoch(int year, int month, int day)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    int64_t y = year - 1;
    /* Year 0 is a leap year: shift by one cycle of 400 years so that the divisions stay positive.
     */
    int64_t days = (y + 400) * 365 + (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400;
    days += before[month - 1] + (month > 2 && is_leap(year)) + day - 1;
    return days - 719162 - 146097;
}

int jp_timestamp_parse(const char *text, int64_t *ret_ns, struct jp_error *err)
{
    struct fields f = {.year = 0};
    const char *p = text;
    if (!take_date(&p, &f) || !take_char(&p, 'T') || !take_time(&p, &f) || !take_offset(&p, &f) ||
        *p)
        goto refuse;

    int64_t days = days_since_epoch(f.year, f.month, f.day);
    int64_t minutes = days * 1440 + f.hour * 60 + f.minute - f.offset_minutes;
    if (f.second == 60) {
        /* RFC 3339 section 5.7: leap seconds are the last of a UTC day. */
        if ((minutes % 1440 + 1440) % 1440 != 1439)
            goto refuse;
        f.second = 59;
        f.nanoseconds = 999999999;
    }
    int64_t ns;
    if (__builtin_mul_overflow(minutes * 60 + f.second, (int64_t)1000000000, &ns) ||
        __builtin_add_overflow(ns, f.nanoseconds, &ns))
        ns = minutes < 0 ? INT64_MIN : INT64_MAX;
    *ret_ns = ns;
    return 0;

refuse:
    return jp_fail(err, JP_EINVALID, 0, "'%s' is not a timestamp (RFC 3339: 2015-05-18T13:49:28Z)",
                   jp_show(text).text);
}
