/* SPDX-License-Identifier: ISC
 *
 * route_gate - may this request go there now? Asked of each option of a model, in a fixed order:
 * the first gate that is shut is the reason that a trace and `relayosctl explain` show.
 *
 * Process: workers, and the ledger for `explain`.
 */
#ifndef RELAYOS_POLICY_ROUTE_GATE_H
#define RELAYOS_POLICY_ROUTE_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/model/catalog.h"
#include "relayos/model/flight.h"
#include "relayos/policy/route.h"
#include "relayos/shm/affinity.h"

/* What all options of one search are asked with. */
struct route_gate {
    const struct segment *segment;
    const struct credential_record *credentials; /* of the snapshot that the options are of */
    const struct flight_record *record;          /* its attempts so far; NULL = there were none */
    uint64_t key_id;
    int64_t now_us;
    uint32_t protocols;   /* PROTOCOL_BIT()s that will do; ~0 = any */
    uint32_t straight;    /* the caller's: elsewhere it is translated */
    uint32_t state_place; /* with has_state: where it lies */
    uint32_t family;      /* with is_family_bound */
    bool has_state;       /* the request names state that lies in one place */
    bool is_family_bound; /* straight routes of another family cannot read its reasoning */
    bool is_pinned;       /* the conversation has a place */
    struct affinity_pin pin;
};

/*
 * Everything of out[0 .. n) but scores and figures. Calls in flight are not looked at: whether a
 * route is full is asked of those alone that could be taken, below.
 * Options may be torn (catalog_options()): harmless, as long as the caller then throws the answer
 * away.
 */
void route_gate_options(const struct route_gate *gate, const struct route_option *options,
                        uint32_t n, struct route_candidate *out);

/*
 * Shortlist, figures, best: where an attempt goes, or n if nothing is usable. Once one of the list
 * is found full, all are asked, and those that are full are excluded.
 */
uint32_t route_gate_choose(const struct route_gate *gate, const struct route_question *question,
                           struct route_candidate *candidates, uint32_t n);
/* Exclude those that are full; for `explain`, which wants to know of each. */
void route_gate_exclude_full(const struct route_gate *gate, struct route_candidate *candidates,
                             uint32_t n);

/*
 * The place where state lies that was made on a route with a credential, which may be another
 * account's than its siblings: what seals name. With an only credential it is the route's id.
 */
uint32_t route_gate_place(uint32_t route_id, const struct credential_record *credential);

/*
 * Which of its upstream's credentials the request would use there: the conversation's, else the one
 * that the key's hash prefers. ROUTE_USABLE, or why there is none and until when.
 */
enum route_exclusion route_gate_credential(const struct route_gate *gate,
                                           const struct route_option *option, uint32_t *out_n,
                                           int64_t *out_until_us);

#endif
