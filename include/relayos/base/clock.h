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

/* From now on both clocks stand still at these values; clock_fake_stop() ends it. Tests only. */
void clock_fake_set(int64_t mono_us, int64_t real_us);
void clock_fake_stop(void);

/* "2026-11-25T18:40:31.123456Z" (fraction left out when n_fraction is 0; else 3 or 6 digits). */
void clock_format_utc(int64_t real_us, int n_fraction, char out[32]);
/* Reads RFC 3339 ("2026-12-01", "2026-12-01T00:00:00Z"); 0 or -1. */
int clock_parse_utc(const char *s, int64_t *out_real_us);

/* First instant of the UTC month that holds real_us, and of the next one. */
void clock_month_us(int64_t real_us, int64_t *out_start_us, int64_t *out_next_us);
/* 202611 for November 2026: the id of a monthly period. */
uint32_t clock_month_id(int64_t real_us);

#endif
