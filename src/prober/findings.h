/* SPDX-License-Identifier: ISC
 *
 * findings - what a probe has found, told to all who can use it: the health rows of the upstream's
 * routes and of the credential, the counters, and the operator.
 */
#ifndef RELAYOS_PROBER_FINDINGS_H
#define RELAYOS_PROBER_FINDINGS_H

#include <stdint.h>

#include "meaning.h"
#include "relayos/model/catalog.h"
#include "relayos/shm/health.h"

struct prober;

struct findings {
    const struct upstream_record *upstream; /* as it was when the probe started */
    const struct credential_record *credential;
    struct meaning meaning;
    enum upstream_result result;
    struct health_probe probe;
    int64_t retry_s; /* as the upstream asks; 0 = nothing said */
};

void findings_report(struct prober *prober, const struct findings *findings);

#endif
