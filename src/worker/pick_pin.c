/* SPDX-License-Identifier: ISC
 *
 * pick_pin - the conversation is worked out once, when it is first asked for: it may be a hash of
 * much text.
 */
#include "pick_pin.h"

#include "relayos/shm/health.h"
#include "request.h"
#include "session.h"

#define LONG_OUT_US INT64_C(60000000)

static void bind_family(struct request *r, const struct route_option *options, uint32_t n,
                        struct route_gate *gate);
static bool is_long_out(const struct route_gate *gate, uint32_t row);

void
pick_pin_find(struct request *r, const struct route_option *options, uint32_t n,
              struct route_gate *gate)
{
    int64_t ttl_us;

    gate->is_pinned = false;
    if (n == 0 || (n == 1 && options[0].n_credentials <= 1))
        return;
    ttl_us = worker_settings(r->worker)->affinity_ttl_us;
    if (ttl_us == 0)
        return;
    if (r->conversation == 0)
        r->conversation = session_conversation(r);
    if (r->conversation == 0)
        return;
    gate->is_pinned =
        affinity_find(r->worker->segment, session_pin_key(r->conversation, r->served_model_id),
                      ttl_us, gate->now_us, &gate->pin);
    if (gate->is_pinned && !r->is_family_bound && dialect_has_signed_reasoning(&r->facts))
        bind_family(r, options, n, gate);
}

/* Who answered before has signed it; a fallback is bound by that as well. */
static void
bind_family(struct request *r, const struct route_option *options, uint32_t n,
            struct route_gate *gate)
{
    for (uint32_t i = 0; i < n; i++)
        if (options[i].health_row == gate->pin.health_row) {
            r->is_family_bound = gate->is_family_bound = true;
            r->family = gate->family = options[i].family;
        }
}

bool
pick_pin_stays(const struct route_gate *gate, const struct route_candidate *candidates, uint32_t n,
               uint32_t chosen)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!candidates[i].is_pinned)
            continue;
        switch ((enum route_exclusion)candidates[i].exclusion) {
        case ROUTE_OPEN:
        case ROUTE_HALF_OPEN:
        case ROUTE_ON_TRIAL:
        case ROUTE_COOLING:
            return i != chosen && !is_long_out(gate, candidates[i].option->health_row);
        case ROUTE_TRIED:
        case ROUTE_FULL:
            return true;
        case ROUTE_USABLE:
        case ROUTE_OTHER_PROTOCOL:
        case ROUTE_ELSEWHERE:
        case ROUTE_OTHER_FAMILY:
        case ROUTE_DISABLED:
        case ROUTE_DRAINED:
        case ROUTE_REFUSED:
        case ROUTE_N_EXCLUSIONS:
            return false;
        }
    }
    return false;
}

static bool
is_long_out(const struct route_gate *gate, uint32_t row)
{
    struct health_view view;

    health_view(gate->segment, row, gate->now_us, &view);
    return gate->now_us - view.last_success_us > LONG_OUT_US;
}
