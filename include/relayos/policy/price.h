/* SPDX-License-Identifier: ISC
 *
 * price - usage x price -> nano-USD. Pure. Used by workers at the end of a request and by the
 * undertaker for requests whose worker died.
 */
#ifndef RELAYOS_POLICY_PRICE_H
#define RELAYOS_POLICY_PRICE_H

#include <stdint.h>

#include "relayos/model/usage.h"

/*
 * Sum over the buckets, service tier factor applied, one rounding at the end, half up. Never
 * negative, never overflows: counts out of 0..LIMIT_TOKENS are taken as 0 and a sum past INT64_MAX
 * is INT64_MAX (128-bit inside).
 */
int64_t price_charge_nusd(const struct usage *usage, const struct price *price);

/* Tokens that count against a token quota: all token buckets, cache reads included. */
int64_t price_quota_tokens(const struct usage *usage);

/* Dearest price per million of the prompt buckets / of the output buckets: for reservations. */
int64_t price_dearest_input(const struct price *price);
int64_t price_dearest_output(const struct price *price);

#endif
