/* SPDX-License-Identifier: ISC
 *
 * store_trace_head - a trace without its attempts, as lists have it.
 */
#ifndef STORE_STORE_TRACE_HEAD_H
#define STORE_STORE_TRACE_HEAD_H

#include "relayos/store/store_trace.h"

int store_trace_head(struct store *store, struct uuid request_id,
                     struct store_trace *out) MUST_CHECK;

#endif
