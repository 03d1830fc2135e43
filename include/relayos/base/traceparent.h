/* SPDX-License-Identifier: ISC
 *
 * traceparent - the header by which a caller says which trace of its own a request belongs to (W3C
 * Trace Context, version 00): "00-" trace id "-" span id "-" flags, in lower-case hex.
 *
 * Process: pure.
 */
#ifndef RELAYOS_BASE_TRACEPARENT_H
#define RELAYOS_BASE_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"

#define TRACEPARENT_LEN 55

struct traceparent {
    char trace_id[32], span_id[16]; /* hex, no NUL */
    bool is_sampled;
};

/* ERR_SYNTAX: it is none that means anything (ids of zeros are none). */
int traceparent_parse(struct slice text, struct traceparent *out) MUST_CHECK;

#endif
