/* SPDX-License-Identifier: ISC
 *
 * meaning - what the end of a probe says of the route and of the credential. Pure.
 */
#ifndef RELAYOS_PROBER_MEANING_H
#define RELAYOS_PROBER_MEANING_H

#include <stdbool.h>

#include "relayos/net/upstream.h"

enum meaning_credential {
    MEANING_NOTHING,  /* it was not asked about, or nothing can be told */
    MEANING_ACCEPTED, /* 2xx */
    MEANING_REFUSED,  /* 401, 402 */
    /*
     * 403: an alarm, and a refusal only of one that was accepted before (accepted.h). A key that
     * may not list models is answered so, too, and serves: to eject it would be an outage of our
     * own making.
     */
    MEANING_FORBIDDEN,
    MEANING_LIMITED, /* 429 */
};

struct meaning {
    bool is_ok; /* the upstream answers as one that is well */
    enum meaning_credential credential;
};

/* status: of the answer's head, 0 = there was none (a probe that only connects has none). */
struct meaning meaning_of(enum upstream_result result, int status);

/* A list of models is no proof of money or of room: what the upstream said to a call (status; 0 =
 * nothing) about those stands. */
bool meaning_heals(int refused_status);

#endif
