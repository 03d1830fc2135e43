/* SPDX-License-Identifier: ISC
 *
 * state_ids - ids of state kept upstream that a request names: opened for this key's owner, or 404.
 */
#ifndef RELAYOS_WORKER_STATE_IDS_H
#define RELAYOS_WORKER_STATE_IDS_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/codec/dialect.h"

struct request;

#define STATE_IDS_MAX (sizeof(((struct request_facts *)0)->state_ids) / sizeof(struct slice))

/*
 * Upstream ids as raw JSON strings in the order of facts.state_ids, kept in request->ids until the
 * next call, and the one route where all of that state lies. ERR_NOT_FOUND with the detail: not
 * ours, not theirs, or of more than one route.
 */
int state_ids_open(struct request *request, struct slice out[STATE_IDS_MAX], uint32_t *out_place,
                   struct refusal_reason *why) MUST_CHECK;

#endif
