/* SPDX-License-Identifier: ISC
 *
 * estimate - what to reserve before a request runs, and what to charge for output whose usage frame
 * never came. Pure.
 */
#ifndef RELAYOS_POLICY_ESTIMATE_H
#define RELAYOS_POLICY_ESTIMATE_H

#include <stdint.h>

#include "relayos/codec/dialect.h"
#include "relayos/model/catalog.h"

struct estimate {
    int64_t input_tokens;  /* bound: a token is at least one byte of the body */
    int64_t output_tokens; /* n x min(max_tokens said, model's maximum, default) */
    int64_t nusd;          /* dearest bucket prices */
    int64_t tokens;        /* input + output: for token quotas and tokens a minute */
};

/*
 * Bounded estimate. fallback_output_tokens is used when neither the request nor the model says a
 * maximum. Embeddings and count_tokens have no output.
 */
void estimate_request(const struct request_facts *facts, const struct model_record *model,
                      int64_t fallback_output_tokens, struct estimate *out);

/* Tokens of that many content bytes streamed: bytes / 4, rounded up. */
int64_t estimate_output_tokens(int64_t content_bytes);

#endif
