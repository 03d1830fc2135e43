/* SPDX-License-Identifier: ISC
 *
 * charge - what a request costs its caller, what an attempt costs the operator, and where the
 * figures come from. Pure.
 *
 * As callers read it (relayos-api(7)): no quota is charged when a request fails before usage is
 * produced.
 */
#ifndef RELAYOS_WORKER_CHARGE_H
#define RELAYOS_WORKER_CHARGE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/codec/dialect.h"
#include "relayos/model/usage.h"

struct charge_facts {
    enum operation operation;
    bool is_complete; /* the answer is whole: its dialect said so */
    bool has_content; /* some of the answer came, and goes or went to the caller */
    bool is_caller_gone;
    bool may_have_run;       /* sent upstream, outcome unknown */
    int64_t body_bytes;      /* of the request */
    int64_t input_bound;     /* of its tokens, as they were reserved; 0 = none */
    int64_t unmetered_bytes; /* of content since the last usage */
    int64_t reserved_nusd;
    const struct usage *usage; /* as reported so far */
};

struct charge {
    bool is_charged; /* false: everything reserved goes back */
    enum usage_provenance provenance;
    struct usage usage;
    int64_t nusd;
};

/* What the caller owes, for the attempt that reached it. */
void charge_decide(const struct charge_facts *facts, const struct price *price, struct charge *out);
/* What the operator owes for an attempt, whether or not it reached the caller. */
void charge_cost(const struct charge_facts *facts, const struct price *cost, struct charge *out);

#endif
