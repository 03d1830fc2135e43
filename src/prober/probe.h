/* SPDX-License-Identifier: ISC
 *
 * probe - one question to one upstream with one of its credentials, and what the answer tells the
 * health table. Costs nothing at any provider: a list of models, or just a connection.
 */
#ifndef RELAYOS_PROBER_PROBE_H
#define RELAYOS_PROBER_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/codec/retry_hint.h"
#include "relayos/model/catalog.h"
#include "relayos/net/upstream.h"

#define PROBE_TIMEOUT_US                                                                           \
    INT64_C(10000000)              /* at most, whatever the upstream's requests may take           \
                                    */
#define PROBE_BODY_MAX (64 * 1024) /* of an answer; what comes after is not read */

struct prober;

struct probe {
    struct prober *prober;
    struct upstream_call *call; /* NULL: none is under way */
    struct upstream_record upstream;
    struct credential_record credential;
    struct buf head; /* holds the credential: wiped at the end */
    int status;
    size_t n_body;
    struct retry_hint hint;
};

/* The n-th credential of an upstream of that snapshot. ERR_CONFLICT: the snapshot is gone. The end
 * is told to round_on_probe_end(). */
int probe_start(struct probe *probe, struct prober *prober, uint64_t epoch,
                const struct upstream_record *upstream, uint32_t n_credential) MUST_CHECK;
void probe_cancel(struct probe *probe);

/* The request; pure. */
void probe_write_head(const struct upstream_record *upstream, struct slice credential,
                      struct buf *out);

#endif
