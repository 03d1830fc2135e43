/* SPDX-License-Identifier: ISC
 *
 * health_credential - may a credential be used now? Two things speak against it: it was refused,
 * wherever it was used, or a route told us to wait with it. Providers count by model, so a 429 is
 * the matter of that route and credential alone.
 *
 * A row is a credential's (refused) or a route's (cooling). Process and times: as in health.h.
 */
#ifndef RELAYOS_SHM_HEALTH_CREDENTIAL_H
#define RELAYOS_SHM_HEALTH_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/model/catalog.h"
#include "relayos/shm/segment.h"

/* False: not now; out_until_us then says until when, out_status what the upstream said (401, 402,
 * 403: refused; 429: cooling). */
bool health_credential_passes(const struct segment *segment, uint32_t row, int64_t now_us,
                              int64_t *out_until_us, uint16_t *out_status);
/*
 * The upstream said 429 of all that it does (retry_s as it asks, 0 = nothing said), or refused the
 * credential. Each pause of a refused one is longer than the last, 1 minute to 1 hour; those that
 * the upstream asks for are capped at settings->open_max_us. True if it passed before (the caller
 * raises the alarm).
 */
bool health_credential_fail(struct segment *segment, uint32_t row, uint16_t status, int64_t retry_s,
                            const struct routing_settings *settings, int64_t now_us);
/* It was accepted. Costs one load where nothing was wrong. */
void health_credential_pass(struct segment *segment, uint32_t row);

/* A call to the route with its upstream's n-th credential was told to wait; pauses as above. True
 * if it was not waiting already. */
bool health_cool(struct segment *segment, uint32_t route_row, uint32_t n_credential,
                 int64_t retry_s, const struct routing_settings *settings, int64_t now_us);
/* Does it still wait? Then until when. */
bool health_cools(const struct segment *segment, uint32_t route_row, uint32_t n_credential,
                  int64_t now_us, int64_t *out_until_us);
/* It was answered: the next pause begins small. Costs one load where there was none. */
void health_cool_pass(struct segment *segment, uint32_t route_row, uint32_t n_credential);

#endif
