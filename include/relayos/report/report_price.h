/* SPDX-License-Identifier: ISC
 *
 * report_price - what each model costs its callers, and each of its routes the operator.
 */
#ifndef RELAYOS_REPORT_REPORT_PRICE_H
#define RELAYOS_REPORT_REPORT_PRICE_H

#include "relayos/control/frame.h"
#include "relayos/report/report.h"

/* The array `name` of {model, price PRICE, changes [{from_us, price PRICE}], routes [{route_id,
 * name, upstream, upstream_model, cost PRICE, changes}]}; PRICE = {state "known"|"free"|"unknown",
 * version, nano-USD of each bucket and of reasoning, tiers [{above, the same}], factors {tier:
 * permille}}. For operators. */
void report_price_list(const struct report *report, const char *name, struct frame_out *out);

#endif
