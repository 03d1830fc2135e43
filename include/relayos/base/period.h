/* SPDX-License-Identifier: ISC
 *
 * period - days, weeks and months of the calendar in the gateway's one time zone: what quotas are
 * measured by.
 *
 * A day has 23 or 25 hours where clocks change, and starts where its date does. Instants are real
 * time; days are written yyyymmdd, so that a period is first_day <= day <= last_day.
 *
 * Process: any. Pure, but for the zone, which is set once per process tree, before the first fork.
 */
#ifndef RELAYOS_BASE_PERIOD_H
#define RELAYOS_BASE_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

enum period_kind { PERIOD_MONTH, PERIOD_TOTAL, PERIOD_DAY, PERIOD_WEEK, PERIOD_N_KINDS };

#define PERIOD_DAY_MAX  99991231u
#define PERIOD_ZONE_MAX 64 /* bytes of a zone's name, NUL included */

struct period {
    enum period_kind kind;
    uint32_t id; /* unique over all kinds, see below */
    uint32_t first_day, last_day;
    int64_t start_us, end_us; /* [start, end): no instant is in two periods of a kind, or none */
};

/*
 * Ids: 20261130 is that day, 202611 the month, 120261130 the week that begins on that Monday, 0 all
 * time (start_us INT64_MIN, end_us INT64_MAX).
 */
struct period period_at(enum period_kind kind, int64_t real_us);
/* The one that holds a day. */
struct period period_of_day(enum period_kind kind, uint32_t day);
/* The one that begins where this ends (a day that the zone's people never saw is passed over). */
struct period period_next(const struct period *period);
enum period_kind period_kind_of(uint32_t id);
/* First day of the period with this id (of month 202611: 20261101). */
uint32_t period_first_day(uint32_t id);
/* Is this a day of the calendar? */
bool period_day_is_valid(int64_t day);

/*
 * "UTC", an IANA name ("Europe/Berlin": needs the system's zoneinfo), or a POSIX rule
 * ("CET-1CEST,M3.5.0,M10.5.0/3"). Check says what is wrong with it; set is for a checked one.
 */
int period_zone_check(const char *zone, struct errmsg *why) MUST_CHECK;
void period_zone_set(const char *zone);

#endif
