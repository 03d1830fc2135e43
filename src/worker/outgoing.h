/* SPDX-License-Identifier: ISC
 *
 * outgoing - what a leg sends: the caller's bytes with our edits between them, under a head of
 * ours.
 */
#ifndef RELAYOS_WORKER_OUTGOING_H
#define RELAYOS_WORKER_OUTGOING_H

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"
#include "relayos/net/upstream.h"

struct leg;
struct pick;

/* Head and body into *out; what backs them is the leg's, and the exchange's. The credential in pick
 * is wiped: from here on only the head has it. Fails as translation_begin() does. */
int outgoing_build(struct leg *leg, struct pick *pick, struct upstream_request *out,
                   struct refusal_reason *why) MUST_CHECK;

#endif
