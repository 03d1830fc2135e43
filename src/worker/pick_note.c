/* SPDX-License-Identifier: ISC
 *
 * pick_note - one pass: most of many options are usable, and were not looked at.
 */
#include "pick_note.h"

#define KEPT_PER_ATTEMPT 3 /* choices that each attempt to come may still note */

static void add(struct flight_record *record, const struct route_candidate *candidate,
                enum route_exclusion exclusion, uint32_t room);

uint32_t
pick_note(struct flight_record *record, const struct route_candidate *candidates, uint32_t n,
          uint32_t chosen)
{
    uint32_t n_to_come =
        record->n_attempts + 1 < LIMIT_ATTEMPTS ? LIMIT_ATTEMPTS - 1 - record->n_attempts : 0;
    uint32_t room = LIMIT_CHOICES - KEPT_PER_ATTEMPT * n_to_come;
    uint32_t scored[LIMIT_CHOICES], n_scored = 0, n_passed = 0, n_excluded = 0;

    if (chosen < n)
        add(record, &candidates[chosen], (enum route_exclusion)candidates[chosen].exclusion, room);
    for (uint32_t i = 0; i < n; i++) {
        bool is_usable = candidates[i].exclusion == ROUTE_USABLE;

        n_excluded += !is_usable;
        if (i == chosen)
            continue;
        if (!is_usable)
            add(record, &candidates[i], (enum route_exclusion)candidates[i].exclusion, room);
        else if (candidates[i].wants_trial) /* as good as shut to this request */
            add(record, &candidates[i], ROUTE_HALF_OPEN, room);
        else if (candidates[i].score != 0 && n_scored < LIMIT_CHOICES)
            scored[n_scored++] = i;
        else
            n_passed++;
    }
    for (uint32_t i = 0; i < n_scored; i++)
        add(record, &candidates[scored[i]], ROUTE_USABLE, room);
    record->n_unlisted += n_passed;
    return n_excluded;
}

static void
add(struct flight_record *record, const struct route_candidate *candidate,
    enum route_exclusion exclusion, uint32_t room)
{
    if (record->n_choices >= room) {
        record->n_unlisted++;
        return;
    }
    record->choices[record->n_choices++] =
        (struct flight_choice){.route_id = candidate->option->id,
                               .score = candidate->score,
                               .attempt = (uint8_t)record->n_attempts,
                               .exclusion = (uint8_t)exclusion,
                               .is_pinned = candidate->is_pinned};
}
