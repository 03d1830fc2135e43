/* SPDX-License-Identifier: ISC
 *
 * retry_hint - how long an upstream that is at its capacity asks to be left alone: each provider
 * says it in another place. The plainest that was said counts.
 *
 * Process: pure.
 */
#ifndef RELAYOS_CODEC_RETRY_HINT_H
#define RELAYOS_CODEC_RETRY_HINT_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"

#define RETRY_HINT_MAX_S 86400 /* what asks for more means "long" */

struct retry_hint {
    int64_t said_ms; /* retry-after, retry-after-ms; -1 = not said */
    int64_t body_ms; /* RetryInfo of the body, or its words; -1 = not said */
    /* Limits on requests and on tokens: when each begins anew, and whether it is used up. */
    int64_t reset_ms[2];
    bool is_used_up[2];
};

void retry_hint_init(struct retry_hint *hint);
/* A header of the answer, its name in lower case; now_real_us is for dates. */
void retry_hint_header(struct retry_hint *hint, struct slice name, struct slice value,
                       int64_t now_real_us);
void retry_hint_body(struct retry_hint *hint, struct slice body);
/* Whole seconds, 1 .. RETRY_HINT_MAX_S; 0 = nothing was said that can be read. */
int retry_hint_seconds(const struct retry_hint *hint);

#endif
