/* SPDX-License-Identifier: ISC
 *
 * route - an order of candidates: tiers, weights, and what failed just now at the end.
 */
#include "relayos/policy/route.h"

#include <assert.h>
#include <stdbool.h>

#define ROUTE_FAILURES_BAD     3        /* in a row ... */
#define ROUTE_FAILURE_FRESH_US 10000000 /* ... the last of them within this: tried last */

static uint32_t drop_other_protocols(struct route_candidate *candidates, uint32_t n,
                                     enum protocol protocol);
static bool is_failing(const struct route_candidate *candidate, int64_t now_us);
static bool is_better_group(const struct route_candidate *a, const struct route_candidate *b,
                            int64_t now_us);
static uint32_t draw_next(const struct route_candidate *candidates, uint32_t first, uint32_t n,
                          int64_t now_us, uint64_t random);
static uint64_t next_random(uint64_t *state);

uint32_t
route_rank(struct route_candidate *candidates, uint32_t n, enum protocol protocol, int64_t now_us,
           uint64_t random)
{
    assert(n <= LIMIT_MODEL_ROUTES);

    n = drop_other_protocols(candidates, n, protocol);
    for (uint32_t i = 0; i + 1 < n; i++) {
        uint32_t drawn = draw_next(candidates, i, n, now_us, next_random(&random));
        struct route_candidate best = candidates[drawn];
        candidates[drawn] = candidates[i];
        candidates[i] = best;
    }
    return n;
}

static uint32_t
drop_other_protocols(struct route_candidate *candidates, uint32_t n, enum protocol protocol)
{
    uint32_t n_kept = 0;

    for (uint32_t i = 0; i < n; i++)
        if ((candidates[i].protocols & PROTOCOL_BIT(protocol)) != 0)
            candidates[n_kept++] = candidates[i];
    return n_kept;
}

/* One of the best group of candidates[first .. n), by weight. */
static uint32_t
draw_next(const struct route_candidate *candidates, uint32_t first, uint32_t n, int64_t now_us,
          uint64_t random)
{
    uint32_t best = first;
    uint64_t total = 0;

    for (uint32_t i = first + 1; i < n; i++)
        if (is_better_group(&candidates[i], &candidates[best], now_us))
            best = i;
    for (uint32_t i = first; i < n; i++)
        if (!is_better_group(&candidates[best], &candidates[i], now_us))
            total += candidates[i].weight;
    if (total == 0)
        return best;

    uint64_t left = random % total;
    for (uint32_t i = first; i < n; i++) {
        if (is_better_group(&candidates[best], &candidates[i], now_us))
            continue;
        if (left < candidates[i].weight)
            return i;
        left -= candidates[i].weight;
    }
    return best;
}

static bool
is_better_group(const struct route_candidate *a, const struct route_candidate *b, int64_t now_us)
{
    bool a_fails = is_failing(a, now_us);
    bool b_fails = is_failing(b, now_us);

    if (a_fails != b_fails)
        return !a_fails;
    return a->tier < b->tier;
}

static bool
is_failing(const struct route_candidate *candidate, int64_t now_us)
{
    const struct health_view *health = &candidate->health;

    return health->consecutive_failures >= ROUTE_FAILURES_BAD && health->last_failure_us != 0 &&
           now_us - health->last_failure_us < ROUTE_FAILURE_FRESH_US;
}

/* splitmix64 */
static uint64_t
next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
