/* SPDX-License-Identifier: ISC
 *
 * fault - why an attempt gave no answer: what its caller is told, what its operator reads, and
 * whether another route may do better. Pure.
 */
#ifndef RELAYOS_WORKER_FAULT_H
#define RELAYOS_WORKER_FAULT_H

#include <stdbool.h>

#include "relayos/codec/dialect.h"
#include "relayos/model/flight.h"
#include "relayos/net/upstream.h"

#define FAULT_RETRY_S_MAX 60 /* clients take longer ones literally and sleep */

/* Slices may point into the upstream's answer: good as long as that is. */
struct fault {
    enum err_category category;
    enum attempt_outcome outcome;
    uint16_t refusal;   /* see reply_facts */
    bool is_askers_own; /* the request asks for too much: nothing against the route ... */
    bool is_final;      /* ... and no other can do better */
    const char *detail; /* for the category's sentence, copied; NULL: see fault_describe() */
    struct slice param; /* field of the caller's own request that the upstream blames */
    struct slice note;  /* the upstream's words, for the operator alone */
};

/* The call ended without a whole answer. */
struct fault fault_of_report(const struct upstream_report *report);
/* The answer is an error, or not an answer of this protocol (then with that outcome). */
struct fault fault_of_reply(const struct reply_facts *facts, enum attempt_outcome outcome);
/*
 * Detail for the caller: our words and their field, nothing of the upstream's. That field, too, is
 * what the upstream says: redacted, without the credential that it was asked with ("" = none was;
 * NULL: it is not known any more, and nothing that the upstream said is repeated).
 */
void fault_describe(const struct fault *fault, const struct slice *credential,
                    struct refusal_reason *out);
/* For the operator: the upstream's words, redacted likewise. */
void fault_note(const struct fault *fault, const struct slice *credential, unsigned status,
                char *out, size_t size);
/* No content in time: the call was dropped for it. */
struct fault fault_of_silence(const struct upstream_report *report);
/* May another route be tried? Not for what is the caller's own fault. */
bool fault_may_fail_over(enum err_category category);
/* May another model be? Also for what this one alone cannot do. */
bool fault_may_fall_back(enum err_category category);

#endif
