/* SPDX-License-Identifier: ISC
 *
 * estimate - what to reserve before a request runs, and what to charge for output whose usage frame
 * never came. Pure.
 */
#ifndef RELAYOS_POLICY_ESTIMATE_H
#define RELAYOS_POLICY_ESTIMATE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/codec/dialect.h"
#include "relayos/model/catalog.h"

struct estimate {
    int64_t input_tokens;  /* bound: a token is at least one byte of the body */
    int64_t output_tokens; /* n x min(max_tokens said, model's maximum, default, learned) */
    int64_t most_tokens;   /* of one choice: the same without what was learned */
    int64_t nusd;          /* dearest bucket prices */
    int64_t tokens;        /* input + output: for token quotas and tokens a minute */
};

struct estimate_terms {
    int64_t fallback_output_tokens; /* where neither the request nor the model says a maximum */
    int64_t learned_output_tokens;  /* of one choice, that few answers pass (shm/learned.h): half as
                                       much again is reserved; 0 = not known, or not to be used */
    int64_t recalled_bytes;         /* that will be put into the prompt, beside the body */
};

/* Bounded estimate. Embeddings and counting have no output. */
void estimate_request(const struct request_facts *facts, const struct model_record *model,
                      const struct estimate_terms *terms, struct estimate *out);
/*
 * Is the estimate without learned output a bound for certain, if output is capped at most_tokens?
 * Not where the prompt brings in what is not in the body, or the provider runs tools, or says
 * itself how much it produces.
 */
bool estimate_has_bound(const struct request_facts *facts);

/* Tokens of that many content bytes streamed: bytes / 4, rounded up. */
int64_t estimate_output_tokens(int64_t content_bytes);
/* Of a prompt of that many bytes that nobody counted: the same, and never more than the bound that
 * was reserved for it (input_tokens above; 0 = there is none). */
int64_t estimate_input_tokens(int64_t body_bytes, int64_t bound);

#endif
