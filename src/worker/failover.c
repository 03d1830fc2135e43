/* SPDX-License-Identifier: ISC
 *
 * failover - each try takes from the request's attempts and time, and from the model's retry budget
 * (pick.c), which all workers share.
 */
#include "failover.h"

#include "fault.h"
#include "leg.h"
#include "pick.h"
#include "relay.h"
#include "reply_error.h"
#include "request.h"

static bool find_next(struct request *r, enum err_category category);
static void note_retry(struct request *r, enum err_category category);

bool
failover_start(struct request *r, enum err_category category, enum attempt_outcome outcome)
{
    bool may_repeat =
        outcome != ATTEMPT_UNCERTAIN || worker_settings(r->worker)->fails_uncertain != 0;

    if (may_repeat && failover_may_try(r)) {
        request_step(r, REQUEST_ROUTE);
        if (find_next(r, category)) {
            relay_start(r);
            return true;
        }
    }
    note_retry(r, category);
    return false;
}

bool
failover_may_try(const struct request *r)
{
    return r->record->n_attempts < worker_settings(r->worker)->max_attempts &&
           r->record->n_attempts < LIMIT_ATTEMPTS && loop_now_us(r->worker->loop) < r->deadline_us;
}

static bool
find_next(struct request *r, enum err_category category)
{
    struct worker_scratch *scratch = &r->worker->scratch;

    if ((fault_may_fail_over(category) || r->leg->may_be_resaid) &&
        pick_route(r, ATTEMPT_FAILOVER, &scratch->pick, &scratch->why) == 0)
        return true;
    return fault_may_fall_back(category) &&
           pick_stand_in(r, category, &scratch->pick, &scratch->why) == 0;
}

/* The upstream's own word is the better one; a retry of what has failed everywhere helps nobody. */
static void
note_retry(struct request *r, enum err_category category)
{
    if (r->leg->retry_after_s > 0)
        r->retry_after_s = r->leg->retry_after_s;
    if (err_info(category)->retry == RETRY_YES && r->record->n_attempts > 1 && pick_is_exhausted(r))
        r->retry_after_s = REPLY_ERROR_FUTILE;
}
