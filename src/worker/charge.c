/* SPDX-License-Identifier: ISC
 *
 * charge - the provider's figures where there are any, an estimate of what they miss, never a
 * credit.
 */
#include "charge.h"

#include "relayos/policy/estimate.h"
#include "relayos/policy/price.h"

static bool is_chargeable(const struct charge_facts *facts);
static void decide(const struct charge_facts *facts, bool is_owed, const struct price *price,
                   struct charge *out);
static void meter(const struct charge_facts *facts, struct charge *out);
static void add_output(struct usage *usage, int64_t tokens);

void
charge_decide(const struct charge_facts *facts, const struct price *price, struct charge *out)
{
    decide(facts, is_chargeable(facts), price, out);
    if (out->provenance == USAGE_INVALID && out->nusd > facts->reserved_nusd)
        out->nusd = facts->reserved_nusd;
}

/* A caller who hangs up after the provider has counted its prompt owes that prompt. */
static bool
is_chargeable(const struct charge_facts *facts)
{
    return facts->is_complete || facts->has_content ||
           (facts->is_caller_gone && facts->usage->is_reported);
}

/* The provider has what it has counted paid, whatever became of it. */
void
charge_cost(const struct charge_facts *facts, const struct price *cost, struct charge *out)
{
    bool is_owed = facts->is_complete || facts->has_content || facts->usage->is_reported;

    decide(facts, is_owed, cost, out);
}

static void
decide(const struct charge_facts *facts, bool is_owed, const struct price *price,
       struct charge *out)
{
    *out = (struct charge){.usage = {.tier_permille = 1000}};
    if (!is_owed) {
        bool is_free = dialect_operation_counts(facts->operation);

        out->provenance = facts->may_have_run && !is_free ? USAGE_INDETERMINATE : USAGE_NONE;
        return;
    }
    out->is_charged = true;
    /* Counting tokens is free, whatever it counted. */
    if (dialect_operation_counts(facts->operation)) {
        out->provenance = USAGE_REPORTED;
        return;
    }
    meter(facts, out);
    out->usage.count[USAGE_REQUEST] = 1;
    if (out->usage.service_tier != USAGE_TIER_STANDARD)
        out->usage.tier_permille = price_factor_permille(price, out->usage.service_tier);
    out->nusd = price_charge_nusd(&out->usage, price);
}

static void
meter(const struct charge_facts *facts, struct charge *out)
{
    out->usage = *facts->usage;
    if (facts->usage->is_invalid) {
        out->provenance = USAGE_INVALID;
        return;
    }
    if (facts->usage->is_reported && (facts->is_complete || facts->unmetered_bytes == 0)) {
        out->provenance = USAGE_REPORTED;
        return;
    }
    out->provenance = USAGE_ESTIMATED;
    if (!facts->usage->is_reported)
        out->usage.count[USAGE_INPUT] = estimate_output_tokens(facts->body_bytes);
    if (facts->operation != OPERATION_EMBEDDING)
        add_output(&out->usage, estimate_output_tokens(facts->unmetered_bytes));
}

static void
add_output(struct usage *usage, int64_t tokens)
{
    int64_t *output = &usage->count[USAGE_OUTPUT];

    if (__builtin_add_overflow(*output, tokens, output) || *output > LIMIT_TOKENS)
        *output = LIMIT_TOKENS;
}
