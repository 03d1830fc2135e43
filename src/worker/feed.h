/* SPDX-License-Identifier: ISC
 *
 * feed - an upstream's event stream into its leg: rewritten events are held back until the first
 * content, so that "200, then an error" can still become a real status, or another attempt; from
 * then on they flow.
 */
#ifndef RELAYOS_WORKER_FEED_H
#define RELAYOS_WORKER_FEED_H

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"

struct leg;

/* 0, or ERR_UPSTREAM_ERROR: garbage, or an error event (facts->is_error with its category). Events
 * before the fault are in. */
int feed_bytes(struct leg *leg, struct slice bytes, struct reply_facts *facts) MUST_CHECK;
/* The upstream's end: an event that lacks only its blank line is fed too. */
int feed_end(struct leg *leg, struct reply_facts *facts) MUST_CHECK;

#endif
