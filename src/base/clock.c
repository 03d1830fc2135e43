/* SPDX-License-Identifier: ISC
 *
 * clock - see the header. Calendar arithmetic is our own: timegm() and friends read TZ and locks.
 */
#include "relayos/base/clock.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#define SECOND_US INT64_C(1000000)
#define DAY_US    (86400 * SECOND_US)

#define SECOND_TEXT 19 /* "2026-11-25T18:40:31" */

static int64_t clock_read_us(clockid_t id);
static void write_second(int64_t second, char out[SECOND_TEXT + 1]);
static char *write_digits(char *at, int value, int n, char separator);
static int64_t floor_div(int64_t a, int64_t b);
static int month_length(int64_t year, int month);
static bool read_digits(const char **s, int n, int *out);
static int read_date(const char **s, struct clock_date *out);
static int read_time(const char **s, int64_t *out_us);
static int read_fraction(const char **s, int64_t *out_us);
static int read_offset(const char **s, int64_t *out_us);

static struct {
    bool is_on;
    int64_t mono_us, real_us;
} fake;

int64_t
clock_mono_us(void)
{
    return fake.is_on ? fake.mono_us : clock_read_us(CLOCK_MONOTONIC);
}

int64_t
clock_real_us(void)
{
    return fake.is_on ? fake.real_us : clock_read_us(CLOCK_REALTIME);
}

int64_t
clock_thread_us(void)
{
    return clock_read_us(CLOCK_THREAD_CPUTIME_ID);
}

static int64_t
clock_read_us(clockid_t id)
{
    struct timespec now;
    int failed = clock_gettime(id, &now);

    assert(!failed);
    return now.tv_sec * SECOND_US + now.tv_nsec / 1000;
}

void
clock_fake_set(int64_t mono_us, int64_t real_us)
{
    fake.is_on = true;
    fake.mono_us = mono_us;
    fake.real_us = real_us;
}

void
clock_fake_stop(void)
{
    fake.is_on = false;
}

/* Each line of the access log begins with one, and most are of the second of the line before. */
void
clock_format_utc(int64_t real_us, int n_fraction, char out[32])
{
    static _Thread_local struct {
        int64_t second;
        char text[SECOND_TEXT + 1];
    } last = {.second = INT64_MIN};
    int64_t second = floor_div(real_us, SECOND_US);
    int micros = (int)(real_us - second * SECOND_US);
    char *at = out + SECOND_TEXT + 1;

    assert(n_fraction == 0 || n_fraction == 3 || n_fraction == 6);
    if (second != last.second) {
        write_second(second, last.text);
        last.second = second;
    }
    memcpy(out, last.text, SECOND_TEXT);
    out[SECOND_TEXT] = n_fraction == 0 ? 'Z' : '.';
    if (n_fraction > 0)
        at = write_digits(at, n_fraction == 3 ? micros / 1000 : micros, n_fraction, 'Z');
    *at = '\0';
}

static void
write_second(int64_t second, char out[SECOND_TEXT + 1])
{
    int64_t days = floor_div(second, DAY_US / SECOND_US);
    int of_day = (int)(second - days * (DAY_US / SECOND_US));
    struct clock_date date = clock_date_of_days(days);

    out = write_digits(out, (int)(date.year % 10000), 4, '-');
    out = write_digits(out, date.month, 2, '-');
    out = write_digits(out, date.day, 2, 'T');
    out = write_digits(out, of_day / 3600, 2, ':');
    out = write_digits(out, of_day / 60 % 60, 2, ':');
    write_digits(out, of_day % 60, 2, '\0');
}

/* value in n digits, then the separator; returns what follows. */
static char *
write_digits(char *at, int value, int n, char separator)
{
    for (int i = n - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[n] = separator;
    return at + n + 1;
}

int
clock_parse_utc(const char *s, int64_t *out_real_us)
{
    struct clock_date date;
    int64_t time_us = 0, fraction_us = 0, offset_us = 0;

    if (read_date(&s, &date) != 0)
        return -1;
    if (*s != '\0') {
        if (*s != 'T' && *s != 't' && *s != ' ')
            return -1;
        s++;
        if (read_time(&s, &time_us) != 0 || read_fraction(&s, &fraction_us) != 0 ||
            read_offset(&s, &offset_us) != 0 || *s != '\0')
            return -1;
    }
    *out_real_us = clock_date_to_days(date) * DAY_US + time_us + fraction_us - offset_us;
    return 0;
}

static int
read_date(const char **s, struct clock_date *out)
{
    int year, month, day;

    if (!read_digits(s, 4, &year) || *(*s)++ != '-' || !read_digits(s, 2, &month) ||
        *(*s)++ != '-' || !read_digits(s, 2, &day))
        return -1;
    if (month < 1 || month > 12 || day < 1 || day > month_length(year, month))
        return -1;
    *out = (struct clock_date){.year = year, .month = month, .day = day};
    return 0;
}

static int
read_time(const char **s, int64_t *out_us)
{
    int hour, minute, second;

    if (!read_digits(s, 2, &hour) || *(*s)++ != ':' || !read_digits(s, 2, &minute) ||
        *(*s)++ != ':' || !read_digits(s, 2, &second))
        return -1;
    if (hour > 23 || minute > 59 || second > 59)
        return -1;
    *out_us = (hour * 3600 + minute * 60 + second) * SECOND_US;
    return 0;
}

static int
read_fraction(const char **s, int64_t *out_us)
{
    int64_t unit_us = SECOND_US / 10;

    *out_us = 0;
    if (**s != '.')
        return 0;
    (*s)++;
    if (**s < '0' || **s > '9')
        return -1;
    for (; **s >= '0' && **s <= '9'; (*s)++) {
        *out_us += (**s - '0') * unit_us;
        unit_us /= 10; /* digits past the microsecond are dropped */
    }
    return 0;
}

static int
read_offset(const char **s, int64_t *out_us)
{
    char sign = *(*s)++;
    int hour, minute;

    *out_us = 0;
    if (sign == 'Z' || sign == 'z')
        return 0;
    if ((sign != '+' && sign != '-') || !read_digits(s, 2, &hour) || *(*s)++ != ':' ||
        !read_digits(s, 2, &minute) || hour > 23 || minute > 59)
        return -1;
    *out_us = (hour * 3600 + minute * 60) * SECOND_US * (sign == '-' ? -1 : 1);
    return 0;
}

/* Exactly n digits; stops at the first other byte, so never runs past the NUL. */
static bool
read_digits(const char **s, int n, int *out)
{
    int value = 0;

    for (; n > 0; n--, (*s)++) {
        if (**s < '0' || **s > '9')
            return false;
        value = value * 10 + (**s - '0');
    }
    *out = value;
    return true;
}

/*
 * Days since 1970-01-01 to civil date and back, proleptic Gregorian. Years are counted from March,
 * so that the leap day is the last of its year, and in eras of 400 years (146,097 days).
 */
struct clock_date
clock_date_of_days(int64_t days)
{
    int64_t shifted = days + 719468; /* since 0000-03-01 */
    int64_t era = floor_div(shifted, 146097);
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int from_march = (int)((5 * of_year + 2) / 153);
    int month = from_march < 10 ? from_march + 3 : from_march - 9;

    return (struct clock_date){.year = year + era * 400 + (month <= 2),
                               .month = month,
                               .day = (int)(of_year - (153 * from_march + 2) / 5 + 1)};
}

int64_t
clock_date_to_days(struct clock_date date)
{
    int64_t year = date.year - (date.month <= 2);
    int64_t era = floor_div(year, 400);
    int64_t of_era = year - era * 400;
    int from_march = date.month > 2 ? date.month - 3 : date.month + 9;
    int64_t of_year = (153 * from_march + 2) / 5 + date.day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int
month_length(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}
