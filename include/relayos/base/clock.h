/* SPDX-License-Identifier: ISC
 *
 * clock - time in microseconds. Durations by the monotonic clock, dates by the real one.
 *
 * Tests may replace both (clock_fake_*); production code never does.
 */
#ifndef RELAYOS_BASE_CLOCK_H
#define RELAYOS_BASE_CLOCK_H

#include <stdint.h>

/* CLOCK_MONOTONIC: the same for all processes of one boot, so stamps in shared memory compare. */
int64_t clock_mono_us(void);
/* CLOCK_REALTIME since the epoch: for periods, expiry and what people read. */
int64_t clock_real_us(void);
/* CLOCK_THREAD_CPUTIME_ID: what this thread has worked. */
int64_t clock_thread_us(void);

/* From now on both clocks stand still at these values; clock_fake_stop() ends it. Tests only. */
void clock_fake_set(int64_t mono_us, int64_t real_us);
void clock_fake_stop(void);

/* "2026-11-25T18:40:31.123456Z" (fraction left out when n_fraction is 0; else 3 or 6 digits). */
void clock_format_utc(int64_t real_us, int n_fraction, char out[32]);
/* Reads RFC 3339 ("2026-12-01", "2026-12-01T00:00:00Z"); 0 or -1. */
int clock_parse_utc(const char *s, int64_t *out_real_us);

/* A date of the calendar, and days since 1970-01-01: proleptic Gregorian, whatever the zone. */
struct clock_date {
    int64_t year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
};
struct clock_date clock_date_of_days(int64_t days);
int64_t clock_date_to_days(struct clock_date date);

#endif
