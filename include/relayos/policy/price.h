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
 * Sum over the buckets at the price of the prompt's length, service tier factor applied, one
 * rounding at the end, half up. Never negative, never overflows: counts out of 0..LIMIT_TOKENS are
 * taken as 0 and a sum past INT64_MAX is INT64_MAX (128-bit inside).
 */
int64_t price_charge_nusd(const struct usage *usage, const struct price *price);

/* Tokens that count against a token quota: all token buckets, cache reads included. */
int64_t price_quota_tokens(const struct usage *usage);

/* Its two parts. The prompt's, from cache or not, are what tiers go by. */
int64_t price_prompt_tokens(const struct usage *usage);
int64_t price_output_tokens(const struct usage *usage);
/* The price's own factor of a service tier, or the usual one: half for flex and batch, double for
 * priority. */
uint32_t price_factor_permille(const struct price *price, enum usage_service_tier tier);

/*
 * Dearest price per million of the prompt buckets / of the output buckets / of one bucket, over all
 * tiers that a prompt of that many tokens at most can reach: for reservations.
 */
int64_t price_dearest_input(const struct price *price, int64_t prompt_tokens);
int64_t price_dearest_output(const struct price *price, int64_t prompt_tokens);
int64_t price_dearest_of(const struct price *price, int64_t prompt_tokens,
                         enum usage_bucket bucket);

/* Which price holds at an instant (clock_real_us): first, or one of its changes. */
const struct price *price_at(const struct price *first,
                             const struct price_change changes[LIMIT_PRICE_CHANGES],
                             int64_t real_us);
/* Copy with the tiers that are there. */
void price_copy(struct price *to, const struct price *from);

#endif
