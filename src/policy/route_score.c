/* SPDX-License-Identifier: ISC
 *
 * route_score - integers that saturate. Figures and options come from shared memory: whatever they
 * say, nothing divides by zero.
 */
#include "route_score.h"

#define UNKNOWN_WAIT_US  1000000    /* where no route has been measured */
#define LONGEST_WAIT_US  UINT32_MAX /* past this all are as bad */
#define UNKNOWN_LIMIT    32 /* calls at a time that double the wait, where no limit is known; */
#define UNMEASURED_LIMIT 2  /* where nobody has measured of late: a call or two will */
#define MOST_IN_FLIGHT   (1 << 20)
#define LEAST_PERMILLE   10   /* of success: one that always fails is not infinitely bad */
#define ALLOWED_LEAST    1500 /* permille of the best score that a pinned one may have */
#define ALLOWED_BY_CACHE 3000 /* and so many more if the cache is all of the cost */

static int64_t median_of(int64_t *values, uint32_t n);

/*
 * Expected wait: first_token x (1 + in_flight / limit) / success^2. A route at its limit counts as
 * twice as slow; one that fails half the time as four times, for a failure costs a second attempt
 * and what was lost with the first.
 */
uint64_t
route_score_wait(const struct health_figures *figures, uint32_t max_concurrent, int64_t unknown_us)
{
    int64_t measured_us = figures->first_token_us > 0 ? figures->first_token_us : unknown_us;
    uint64_t limit = (uint64_t)(figures->limit > 0 ? figures->limit : 1);
    uint64_t in_flight = (uint64_t)(figures->in_flight > 0 ? figures->in_flight : 0);
    uint64_t permille =
        (uint64_t)route_score_clamp(figures->success_permille, LEAST_PERMILLE, 1000);
    uint64_t wait = (uint64_t)route_score_clamp(measured_us, 1, LONGEST_WAIT_US);

    if (max_concurrent > 0 && max_concurrent < limit)
        limit = max_concurrent;
    if (limit > MOST_IN_FLIGHT)
        limit = UNKNOWN_LIMIT;
    if (figures->first_token_us <= 0 && limit > UNMEASURED_LIMIT)
        limit = UNMEASURED_LIMIT;
    if (in_flight > 0) /* divisions are dear, and mostly not needed */
        wait += wait * (in_flight < MOST_IN_FLIGHT ? in_flight : MOST_IN_FLIGHT) / limit;
    if (wait > LONGEST_WAIT_US)
        wait = LONGEST_WAIT_US;
    return permille == 1000 ? wait : wait * (1000 * 1000) / (permille * permille);
}

/*
 * How long a route is taken to let wait that nobody has measured: as long as the median of those
 * measured; where all are compared a little less than the least, or its turn to be measured never
 * came.
 */
int64_t
route_score_unknown_wait(enum route_policy policy, const struct route_candidate *candidates,
                         const uint16_t *at, uint32_t n)
{
    int64_t known[LIMIT_MODEL_ROUTES], least = INT64_MAX;
    uint32_t n_known = 0;

    if (policy == ROUTE_ORDERED || policy == ROUTE_WEIGHTED)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t wait_us = candidates[at[i]].figures.first_token_us;

        if (wait_us <= 0)
            continue;
        known[n_known++] = wait_us;
        if (wait_us < least)
            least = wait_us;
    }
    if (n_known == 0)
        return UNKNOWN_WAIT_US;
    if (policy != ROUTE_BALANCED)
        return least - least / 16;
    return n_known < n ? median_of(known, n_known) : 0; /* nobody asks */
}

/* The lower one of an even number. They are few: of a tier, two are drawn. */
static int64_t
median_of(int64_t *values, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        int64_t value = values[i];
        uint32_t place = i;

        for (; place > 0 && values[place - 1] > value; place--)
            values[place] = values[place - 1];
        values[place] = value;
    }
    return values[(n - 1) / 2];
}

/*
 * How bad a pinned one may be and still be taken. To leave it is to pay for the prompt once more,
 * and to wait while it is read: the larger a part of the request's cost that is, the slower it may
 * be, from 1.5 times as slow as the best to 4 times (all of the cost). "cheapest" has the cache in
 * its scores; where no figures are asked, nothing speaks against staying.
 */
uint64_t
route_score_allowed(const struct route_question *question, const struct route_option *pinned,
                    uint64_t best)
{
    uint64_t allowed = 1000;

    if (question->policy == ROUTE_CHEAPEST)
        return best;
    if (question->policy != ROUTE_BALANCED && question->policy != ROUTE_FASTEST)
        return UINT64_MAX;

    uint64_t whole = route_score_cost(question, pinned, false);
    if (whole > 0)
        allowed +=
            (whole - route_score_cost(question, pinned, true)) / (whole / ALLOWED_BY_CACHE + 1);
    return best * (allowed < ALLOWED_LEAST ? ALLOWED_LEAST : allowed) / 1000;
}
