/* SPDX-License-Identifier: ISC
 *
 * estimate - bounded reservations and fair guesses. Reservations round up, so that an answer within
 * its bounds never costs more than was held for it.
 */
#include "relayos/policy/estimate.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "relayos/policy/price.h"

#define BYTES_PER_TOKEN       4
#define SERVER_TOOL_CALLS_MAX 10 /* calls of one request that a reservation counts with */

static int64_t input_bound(const struct request_facts *facts, const struct model_record *model,
                           int64_t recalled_bytes);
static int64_t choice_bound(const struct request_facts *facts, const struct model_record *model,
                            int64_t fallback);
static int64_t expected(int64_t most, int64_t learned);
static int64_t all_choices(int64_t each, int64_t n_choices);
static int64_t reserve_nusd(const struct estimate *estimate, const struct request_facts *facts,
                            const struct price *price);
static enum usage_service_tier dearest_tier(const struct request_facts *facts,
                                            const struct price *price);

void
estimate_request(const struct request_facts *facts, const struct model_record *model,
                 const struct estimate_terms *terms, struct estimate *out)
{
    assert(terms->fallback_output_tokens >= 0 && terms->learned_output_tokens >= 0);

    /* Counting is free and produces nothing: there is nothing to reserve. */
    *out = (struct estimate){0};
    if (dialect_operation_counts(facts->operation))
        return;
    out->input_tokens = input_bound(facts, model, terms->recalled_bytes);
    out->most_tokens = choice_bound(facts, model, terms->fallback_output_tokens);
    out->output_tokens =
        all_choices(expected(out->most_tokens, terms->learned_output_tokens), facts->n_choices);
    out->tokens = out->input_tokens + out->output_tokens;
    out->nusd = reserve_nusd(out, facts, &model->price);
}

/* A token is at least a byte, and no prompt is longer than the model's context. */
static int64_t
input_bound(const struct request_facts *facts, const struct model_record *model,
            int64_t recalled_bytes)
{
    int64_t bytes = (int64_t)facts->body.len + recalled_bytes;

    /* What a URL, an id or a tool of the provider's brings in is not in the body. */
    if ((facts->is_unbounded || facts->n_state_ids > 0) && model->context_tokens > bytes)
        return model->context_tokens;
    if (model->context_tokens > 0 && model->context_tokens < bytes)
        return model->context_tokens;
    return bytes;
}

static int64_t
choice_bound(const struct request_facts *facts, const struct model_record *model, int64_t fallback)
{
    int64_t each = facts->max_tokens;

    if (facts->operation == OPERATION_EMBEDDING)
        return 0;
    if (model->max_output_tokens > 0 && (each <= 0 || each > model->max_output_tokens))
        each = model->max_output_tokens;
    return each > 0 ? each : fallback;
}

static int64_t
expected(int64_t most, int64_t learned)
{
    if (learned <= 0 || learned >= most || learned > LIMIT_TOKENS)
        return most;

    int64_t safe = learned + learned / 2 + learned % 2;

    return safe < most ? safe : most;
}

static int64_t
all_choices(int64_t each, int64_t n_choices)
{
    int64_t total = each;

    if (n_choices > 1 && __builtin_mul_overflow(each, n_choices, &total))
        total = LIMIT_TOKENS;
    return total > LIMIT_TOKENS ? LIMIT_TOKENS : total;
}

bool
estimate_has_bound(const struct request_facts *facts)
{
    return !facts->is_unbounded && !facts->has_server_tools && facts->n_state_ids == 0 &&
           dialect_operation_kind(facts->operation) != OPERATION_COMPACTS;
}

static int64_t
reserve_nusd(const struct estimate *estimate, const struct request_facts *facts,
             const struct price *price)
{
    /* Through the one pricing function, with each bound in the dearest bucket of its kind that a
     * prompt of that length can come to. */
    int64_t prompt = estimate->input_tokens;
    struct usage usage = {.service_tier = (uint8_t)dearest_tier(facts, price)};
    struct price dearest; /* its tiers are not looked at */

    memset(&dearest, 0, offsetof(struct price, tiers));
    dearest.factor_permille[usage.service_tier] = price->factor_permille[usage.service_tier];
    usage.count[USAGE_INPUT] = prompt;
    dearest.nusd[USAGE_INPUT] = price_dearest_input(price, prompt);
    usage.count[USAGE_OUTPUT] = estimate->output_tokens;
    dearest.nusd[USAGE_OUTPUT] = price_dearest_output(price, prompt);
    usage.count[USAGE_REQUEST] = 1;
    dearest.nusd[USAGE_REQUEST] = price_dearest_of(price, prompt, USAGE_REQUEST);
    if (facts->has_server_tools) {
        usage.count[USAGE_SERVER_TOOL] = SERVER_TOOL_CALLS_MAX;
        dearest.nusd[USAGE_SERVER_TOOL] = price_dearest_of(price, prompt, USAGE_SERVER_TOOL);
    }
    /* Its rounding (half up) is that of the charge, so it is monotone: no less than the charge. */
    return price_charge_nusd(&usage, &dearest);
}

/* What was asked for, or standard, which any other may be served as. */
static enum usage_service_tier
dearest_tier(const struct request_facts *facts, const struct price *price)
{
    enum usage_service_tier asked = USAGE_TIER_STANDARD;

    if (facts->service_tier.len == 0)
        return asked;
    if (slice_eq_str(facts->service_tier, "priority"))
        asked = USAGE_TIER_PRIORITY;
    else if (slice_eq_str(facts->service_tier, "flex"))
        asked = USAGE_TIER_FLEX;
    return price_factor_permille(price, asked) > price_factor_permille(price, USAGE_TIER_STANDARD)
               ? asked
               : USAGE_TIER_STANDARD;
}

int64_t
estimate_output_tokens(int64_t content_bytes)
{
    assert(content_bytes >= 0);
    return content_bytes / BYTES_PER_TOKEN + (content_bytes % BYTES_PER_TOKEN != 0);
}

int64_t
estimate_input_tokens(int64_t body_bytes, int64_t bound)
{
    int64_t tokens = estimate_output_tokens(body_bytes);

    return bound > 0 && bound < tokens ? bound : tokens;
}
