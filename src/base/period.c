/* SPDX-License-Identifier: ISC
 *
 * period - calendar arithmetic on days; the zone's part is one question: when does a day start?
 *
 * It is found by bisection over localtime_r(), between two instants that any zone's offset leaves
 * on either side. The same day always gives the same answer, and later days never an earlier one,
 * so days, and with them weeks and months, follow each other without gap or overlap, whatever the
 * clocks of the zone do around midnight.
 */
#include "relayos/base/period.h"

#include <assert.h>
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "relayos/base/clock.h"

#define SECOND_US   INT64_C(1000000)
#define DAY_S       INT64_C(86400)
#define OFFSET_S    (26 * INT64_C(3600)) /* no zone is further from UTC, by far */
#define WEEK_PREFIX 100000000u
#define MONDAY      4 /* 1970-01-01 was a Thursday: the first Monday is day 4 */

static bool zone_is_local; /* not UTC */

static struct period make(enum period_kind kind, int64_t days);
static int64_t first_of_next_month(struct clock_date date);
static int64_t days_at(int64_t real_us);
static int64_t start_us(int64_t days);
static int64_t local_days(int64_t unix_s);
static uint32_t day_of(int64_t days);
static int64_t days_of(uint32_t day);
static int64_t floor_div(int64_t a, int64_t b);
static bool is_zone_file(const char *name);
static bool is_zone_rule(const char *rule);
static bool read_name(const char **s);
static bool read_time(const char **s, int max_hours);
static bool read_number(const char **s, int min, int max);
static bool read_date(const char **s);

struct period
period_at(enum period_kind kind, int64_t real_us)
{
    return make(kind, kind == PERIOD_TOTAL ? 0 : days_at(real_us));
}

struct period
period_of_day(enum period_kind kind, uint32_t day)
{
    assert(period_day_is_valid(day));
    return make(kind, days_of(day));
}

struct period
period_next(const struct period *period)
{
    return period->kind == PERIOD_TOTAL ? *period : period_at(period->kind, period->end_us);
}

/* The period of a kind that holds a day, counted from 1970-01-01. */
static struct period
make(enum period_kind kind, int64_t days)
{
    struct period period = {
        .kind = kind, .last_day = PERIOD_DAY_MAX, .start_us = INT64_MIN, .end_us = INT64_MAX};
    struct clock_date date = clock_date_of_days(days);
    int64_t first = days, next = days + 1;

    switch (kind) {
    case PERIOD_TOTAL:
        return period;
    case PERIOD_DAY:
        period.id = day_of(days);
        break;
    case PERIOD_WEEK:
        first = days - (days - MONDAY - floor_div(days - MONDAY, 7) * 7);
        next = first + 7;
        period.id = WEEK_PREFIX + day_of(first);
        break;
    case PERIOD_MONTH:
        first = days - date.day + 1;
        next = first_of_next_month(date);
        period.id = (uint32_t)(date.year * 100 + date.month);
        break;
    case PERIOD_N_KINDS:
        assert(!"kind of a period");
    }
    period.first_day = day_of(first);
    period.last_day = day_of(next - 1);
    period.start_us = start_us(first);
    period.end_us = start_us(next);
    return period;
}

enum period_kind
period_kind_of(uint32_t id)
{
    if (id == 0)
        return PERIOD_TOTAL;
    if (id > WEEK_PREFIX)
        return PERIOD_WEEK;
    return id > 999999 ? PERIOD_DAY : PERIOD_MONTH;
}

uint32_t
period_first_day(uint32_t id)
{
    switch (period_kind_of(id)) {
    case PERIOD_WEEK:
        return id - WEEK_PREFIX;
    case PERIOD_MONTH:
        return id * 100 + 1;
    case PERIOD_DAY:
    case PERIOD_TOTAL:
    case PERIOD_N_KINDS:
        break;
    }
    return id;
}

static int64_t
first_of_next_month(struct clock_date date)
{
    date.day = 1;
    date.year += date.month / 12;
    date.month = date.month % 12 + 1;
    return clock_date_to_days(date);
}

bool
period_day_is_valid(int64_t day)
{
    if (day < 19700102 || day > PERIOD_DAY_MAX) /* one day's room for every zone */
        return false;
    return day_of(days_of((uint32_t)day)) == day;
}

/* The day that holds an instant: the zone's own answer, corrected to the days as start_us() has
 * them where clocks were turned around midnight. */
static int64_t
days_at(int64_t real_us)
{
    if (!zone_is_local)
        return floor_div(real_us, DAY_S * SECOND_US);

    int64_t days = local_days(floor_div(real_us, SECOND_US));

    while (real_us < start_us(days))
        days--;
    while (real_us >= start_us(days + 1))
        days++;
    return days;
}

static int64_t
start_us(int64_t days)
{
    if (!zone_is_local)
        return days * DAY_S * SECOND_US;

    int64_t before = days * DAY_S - OFFSET_S, from = days * DAY_S + OFFSET_S;

    while (from - before > 1) {
        int64_t middle = before + (from - before) / 2;

        if (local_days(middle) < days)
            before = middle;
        else
            from = middle;
    }
    return from * SECOND_US;
}

static int64_t
local_days(int64_t unix_s)
{
    time_t t = (time_t)unix_s;
    struct tm tm;

    if (localtime_r(&t, &tm) == NULL)
        return floor_div(unix_s, DAY_S); /* the year has no int: not a time of ours */
    return clock_date_to_days((struct clock_date){
        .year = tm.tm_year + INT64_C(1900), .month = tm.tm_mon + 1, .day = tm.tm_mday});
}

static uint32_t
day_of(int64_t days)
{
    struct clock_date date = clock_date_of_days(days);

    return (uint32_t)(date.year * 10000 + date.month * 100 + date.day);
}

static int64_t
days_of(uint32_t day)
{
    struct clock_date date = {
        .year = day / 10000, .month = (int)(day / 100 % 100), .day = (int)(day % 100)};

    return clock_date_to_days(date);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* ---- the zone ---- */

void
period_zone_set(const char *name)
{
    assert(period_zone_check(name, NULL) == 0);
    zone_is_local = strcmp(name, "UTC") != 0;

    int failed = setenv("TZ", zone_is_local ? name : "UTC0", 1);

    assert(!failed);
    tzset();
}

int
period_zone_check(const char *name, struct errmsg *why)
{
    if (strlen(name) >= PERIOD_ZONE_MAX) {
        errmsg_set(why, "a time zone has at most %d bytes", PERIOD_ZONE_MAX - 1);
        return ERR_CONFIG;
    }
    if (strcmp(name, "UTC") == 0 || is_zone_file(name) || is_zone_rule(name))
        return 0;
    errmsg_set(why,
               "no time zone '%s' on this system: write UTC, a name such as Europe/Berlin (of the "
               "package tzdata), or a POSIX rule such as CET-1CEST,M3.5.0,M10.5.0/3",
               name);
    return ERR_CONFIG;
}

/* As glibc looks for it, which would take what it cannot find for UTC. */
static bool
is_zone_file(const char *name)
{
    const char *dir = getenv("TZDIR");
    char path[256], magic[4] = "";

    if (name[0] == '\0' || name[0] == '/' || name[0] == ':' || strstr(name, "..") != NULL)
        return false;
    int len =
        snprintf(path, sizeof(path), "%s/%s", dir == NULL ? "/usr/share/zoneinfo" : dir, name);
    if (len < 0 || (size_t)len >= sizeof(path))
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, magic, sizeof(magic));
    (void)close(fd);
    return n == (ssize_t)sizeof(magic) && memcmp(magic, "TZif", sizeof(magic)) == 0;
}

/* POSIX 8.3: std offset [dst [offset] , date [/time] , date [/time]]. glibc would take nonsense for
 * UTC, and a summer time without rules for an American one. */
static bool
is_zone_rule(const char *rule)
{
    const char *s = rule;

    if (!read_name(&s) || !read_time(&s, 24))
        return false;
    if (*s == '\0')
        return true;
    if (!read_name(&s) || (*s != ',' && !read_time(&s, 24)))
        return false;
    return read_date(&s) && read_date(&s) && *s == '\0';
}

/* Three letters or more, or <...> with digits and signs too. */
static bool
read_name(const char **s)
{
    const char *start = *s;
    bool is_quoted = *start == '<';

    *s += is_quoted;
    while (isalpha((unsigned char)**s) ||
           (is_quoted && (isdigit((unsigned char)**s) || **s == '+' || **s == '-')))
        (*s)++;
    if (*s - start - is_quoted < 3)
        return false;
    return !is_quoted || *(*s)++ == '>';
}

/* [+-]hh[:mm[:ss]] */
static bool
read_time(const char **s, int max_hours)
{
    if (**s == '+' || **s == '-')
        (*s)++;
    if (!read_number(s, 0, max_hours))
        return false;
    for (int n = 0; n < 2 && **s == ':'; n++) {
        (*s)++;
        if (!read_number(s, 0, 59))
            return false;
    }
    return true;
}

static bool
read_number(const char **s, int min, int max)
{
    int n = 0;

    if (!isdigit((unsigned char)**s))
        return false;
    for (; isdigit((unsigned char)**s) && n <= max; (*s)++)
        n = n * 10 + (**s - '0');
    return n >= min && n <= max;
}

/* ,Mm.w.d  ,Jn  or  ,n  with an optional /time */
static bool
read_date(const char **s)
{
    bool ok;

    if (*(*s)++ != ',')
        return false;
    if (**s == 'M') {
        (*s)++;
        ok = read_number(s, 1, 12) && *(*s)++ == '.' && read_number(s, 1, 5) && *(*s)++ == '.' &&
             read_number(s, 0, 6);
    } else if (**s == 'J') {
        (*s)++;
        ok = read_number(s, 1, 365);
    } else {
        ok = read_number(s, 0, 365);
    }
    if (!ok || **s != '/')
        return ok;
    (*s)++;
    return read_time(s, 167);
}
