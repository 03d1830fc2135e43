/* SPDX-License-Identifier: ISC
 *
 * rate - GCRA in whole nanoseconds, rounded so that the promise holds to the last request.
 *
 * A unit costs c = ceil(60e9 / limit) ns and the allowance is limit x c, not 60e9: so exactly
 * `limit` fit at once, and they come back no faster than limit a minute.
 */
#include "relayos/shm/rate.h"

#include "layout.h"

#define MINUTE_NS      INT64_C(60000000000)
#define ARRIVAL_MAX_NS (INT64_MAX / 4) /* 73 years: where a sum stops growing */

static _Atomic int64_t *arrival_at(struct segment *segment, uint32_t key_row, enum rate_kind kind);
static int64_t wait_of(int64_t ahead_ns, int64_t per_minute, int64_t cost_ns);
static int64_t unit_cost_ns(int64_t per_minute);
static int64_t times(int64_t amount, int64_t cost_ns);

int
rate_take(struct segment *segment, uint32_t key_row, enum rate_kind kind, int64_t per_minute,
          int64_t amount, int64_t now_us, int64_t *out_retry_us)
{
    assert(per_minute >= 0 && amount >= 0 && now_us >= 0);
    if (per_minute == 0)
        return 0;

    _Atomic int64_t *cell = arrival_at(segment, key_row, kind);
    int64_t now_ns = times(now_us, 1000);
    int64_t cost_ns = times(amount, unit_cost_ns(per_minute));
    int64_t arrival_ns = atomic_load_explicit(cell, memory_order_relaxed);

    for (;;) {
        int64_t from_ns = arrival_ns > now_ns ? arrival_ns : now_ns;
        int64_t wait_us = wait_of(from_ns - now_ns, per_minute, cost_ns);

        if (wait_us > 0) {
            *out_retry_us = wait_us;
            return ERR_RATE_LIMITED;
        }
        if (atomic_compare_exchange_weak_explicit(cell, &arrival_ns, from_ns + cost_ns,
                                                  memory_order_relaxed, memory_order_relaxed))
            return 0;
    }
}

int64_t
rate_wait_us(struct segment *segment, uint32_t key_row, enum rate_kind kind, int64_t per_minute,
             int64_t amount, int64_t now_us)
{
    assert(per_minute >= 0 && amount >= 0 && now_us >= 0);
    if (per_minute == 0)
        return 0;

    int64_t now_ns = times(now_us, 1000);
    int64_t arrival_ns =
        atomic_load_explicit(arrival_at(segment, key_row, kind), memory_order_relaxed);

    return wait_of(arrival_ns > now_ns ? arrival_ns - now_ns : 0, per_minute,
                   times(amount, unit_cost_ns(per_minute)));
}

/* Until what was taken already leaves room for that cost. More than the whole allowance is granted
 * when nothing of it is in use. */
static int64_t
wait_of(int64_t ahead_ns, int64_t per_minute, int64_t cost_ns)
{
    int64_t allowance_ns = times(per_minute, unit_cost_ns(per_minute));
    int64_t ahead_max_ns = cost_ns > allowance_ns ? 0 : allowance_ns - cost_ns;

    return ahead_ns > ahead_max_ns ? (ahead_ns - ahead_max_ns + 999) / 1000 : 0;
}

void
rate_correct(struct segment *segment, uint32_t key_row, enum rate_kind kind, int64_t per_minute,
             int64_t delta, int64_t now_us)
{
    assert(per_minute >= 0 && now_us >= 0);
    if (per_minute == 0 || delta == 0)
        return;

    _Atomic int64_t *cell = arrival_at(segment, key_row, kind);
    int64_t now_ns = times(now_us, 1000);
    int64_t cost_ns = times(delta, unit_cost_ns(per_minute));
    int64_t arrival_ns = atomic_load_explicit(cell, memory_order_relaxed);
    int64_t next_ns;

    /* What has drained already is not given back a second time: never below now. */
    do {
        next_ns = (arrival_ns > now_ns ? arrival_ns : now_ns) + cost_ns;
        if (next_ns < now_ns)
            next_ns = now_ns;
        if (next_ns > ARRIVAL_MAX_NS)
            next_ns = ARRIVAL_MAX_NS;
    } while (!atomic_compare_exchange_weak_explicit(cell, &arrival_ns, next_ns,
                                                    memory_order_relaxed, memory_order_relaxed));
}

static _Atomic int64_t *
arrival_at(struct segment *segment, uint32_t key_row, enum rate_kind kind)
{
    assert(key_row < segment->capacity.keys);
    assert(kind == RATE_REQUESTS || kind == RATE_TOKENS);
    return &segment->rate_cells[key_row].arrival_ns[kind];
}

static int64_t
unit_cost_ns(int64_t per_minute)
{
    return per_minute >= MINUTE_NS ? 1 : (MINUTE_NS + per_minute - 1) / per_minute;
}

/* amount x cost, kept within what two of them can be added up to. */
static int64_t
times(int64_t amount, int64_t cost_ns)
{
    int64_t product;

    if (__builtin_mul_overflow(amount, cost_ns, &product))
        return amount < 0 ? -ARRIVAL_MAX_NS : ARRIVAL_MAX_NS;
    return product > ARRIVAL_MAX_NS    ? ARRIVAL_MAX_NS
           : product < -ARRIVAL_MAX_NS ? -ARRIVAL_MAX_NS
                                       : product;
}
