/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "count.h"
#include "leg.h"
#include "request.h"

struct situation {
    enum operation operation;
    enum request_step step;
    bool was_asked, was_translated;
    enum err_category category;
    bool is_estimated;
};

static bool
may_estimate(const struct situation *situation)
{
    static struct request r;
    static struct flight_attempt attempt;

    memset(&r, 0, sizeof(r));
    r.leg = &r.own_leg;
    r.step = situation->step;
    r.facts.operation = situation->operation;
    r.own_leg.attempt = situation->was_asked ? &attempt : NULL;
    r.own_leg.translation =
        situation->was_translated ? (struct translation *)&attempt : NULL; /* not looked into */
    bool is_estimated = count_may_estimate(&r, situation->category);

    r.facts.n_state_ids = 1;
    cr_expect_not(count_may_estimate(&r, situation->category), "what it counts lies upstream");
    r.facts.n_state_ids = 0;
    r.is_estimated = true;
    cr_expect_not(count_may_estimate(&r, situation->category), "it was tried");
    return is_estimated;
}

Test(count, what_fails_is_estimated_unless_it_is_the_callers_fault)
{
    static const struct situation situations[] = {
        {OPERATION_COUNT_TOKENS, REQUEST_ROUTE, false, false, ERR_CATEGORY_NOT_FOUND, true},
        {OPERATION_COUNT_TOKENS, REQUEST_ROUTE, false, false, ERR_CATEGORY_NO_HEALTHY_ROUTE, true},
        {OPERATION_INPUT_TOKENS, REQUEST_ROUTE, false, false, ERR_CATEGORY_OVERLOADED, true},
        {OPERATION_INPUT_TOKENS, REQUEST_RELAY, true, false, ERR_CATEGORY_UPSTREAM_ERROR, true},
        {OPERATION_COUNT_TOKENS, REQUEST_RELAY, true, false, ERR_CATEGORY_TOTAL_TIMEOUT, true},
        /* In its own words it was refused; in ours it may be well said. */
        {OPERATION_COUNT_TOKENS, REQUEST_RELAY, true, false, ERR_CATEGORY_INVALID_REQUEST, false},
        {OPERATION_COUNT_TOKENS, REQUEST_RELAY, true, true, ERR_CATEGORY_INVALID_REQUEST, true},
        {OPERATION_INPUT_TOKENS, REQUEST_RELAY, true, true, ERR_CATEGORY_UNSUPPORTED_PARAMETER,
         true},
        {OPERATION_COUNT_TOKENS, REQUEST_RELAY, true, false, ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED,
         false},
        /* Not admitted. */
        {OPERATION_COUNT_TOKENS, REQUEST_RATE, false, false, ERR_CATEGORY_RATE_LIMITED, false},
        {OPERATION_COUNT_TOKENS, REQUEST_ADMIT, false, false, ERR_CATEGORY_LEDGER_UNAVAILABLE,
         false},
        {OPERATION_COUNT_TOKENS, REQUEST_SCOPE, false, false, ERR_CATEGORY_NOT_FOUND, false},
        /* No count. */
        {OPERATION_MESSAGE, REQUEST_ROUTE, false, false, ERR_CATEGORY_NO_HEALTHY_ROUTE, false},
        {OPERATION_COMPACTION, REQUEST_ROUTE, false, false, ERR_CATEGORY_NOT_FOUND, false},
    };

    for (size_t i = 0; i < sizeof(situations) / sizeof(situations[0]); i++)
        cr_expect_eq(may_estimate(&situations[i]), situations[i].is_estimated, "row %zu", i);
}
