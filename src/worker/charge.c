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
static bool has_input(const struct charge_facts *facts);
static int64_t fresh_input(const struct charge_facts *facts);
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
    bool is_input_said = has_input(facts);
    bool has_output = facts->operation == OPERATION_EMBEDDING || facts->unmetered_bytes == 0 ||
                      (facts->is_complete && (facts->usage->totals & USAGE_SAID_OUTPUT) != 0);

    out->provenance = is_input_said && has_output ? USAGE_REPORTED : USAGE_ESTIMATED;
    if (!is_input_said)
        out->usage.count[USAGE_INPUT] = fresh_input(facts);
    if (!has_output)
        add_output(&out->usage, estimate_output_tokens(facts->unmetered_bytes));
}

/* That there was no prompt is believed of an answer which was not corrected to its end. */
static bool
has_input(const struct charge_facts *facts)
{
    uint8_t totals = facts->usage->totals;

    return (totals & USAGE_SAID_INPUT) != 0 ||
           (facts->is_complete && (totals & USAGE_SAID_EMPTY) != 0);
}

/* Of the whole prompt by estimate, what is not known to be in another bucket. */
static int64_t
fresh_input(const struct charge_facts *facts)
{
    const int64_t *count = facts->usage->count;
    int64_t known = count[USAGE_CACHE_READ] + count[USAGE_CACHE_WRITE_5M] +
                    count[USAGE_CACHE_WRITE_1H] + count[USAGE_INPUT_AUDIO] +
                    count[USAGE_INPUT_IMAGE];
    int64_t whole = estimate_input_tokens(facts->body_bytes, facts->input_bound);

    return whole > known ? whole - known : 0;
}

static void
add_output(struct usage *usage, int64_t tokens)
{
    int64_t *output = &usage->count[USAGE_OUTPUT];

    if (__builtin_add_overflow(*output, tokens, output) || *output > LIMIT_TOKENS)
        *output = LIMIT_TOKENS;
}
