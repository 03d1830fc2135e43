/* SPDX-License-Identifier: ISC
 *
 * estimate - bounded reservations and fair guesses. Reservations round up, so that an answer within
 * its bounds never costs more than was held for it.
 */
#include "relayos/policy/estimate.h"

#include <assert.h>

#include "relayos/policy/price.h"

#define BYTES_PER_TOKEN       4
#define SERVER_TOOL_CALLS_MAX 10   /* calls of one request that a reservation counts with */
#define PRIORITY_PERMILLE     2000 /* the dearest factor of a service tier */

static int64_t input_bound(const struct request_facts *facts, const struct model_record *model);
static int64_t output_bound(const struct request_facts *facts, const struct model_record *model,
                            int64_t fallback);
static int64_t reserve_nusd(const struct estimate *estimate, const struct request_facts *facts,
                            const struct price *price);

void
estimate_request(const struct request_facts *facts, const struct model_record *model,
                 int64_t fallback_output_tokens, struct estimate *out)
{
    assert(fallback_output_tokens >= 0);

    /* Counting is free and produces nothing: there is nothing to reserve. */
    *out = (struct estimate){0};
    if (facts->operation == OPERATION_COUNT_TOKENS)
        return;
    out->input_tokens = input_bound(facts, model);
    out->output_tokens = output_bound(facts, model, fallback_output_tokens);
    out->tokens = out->input_tokens + out->output_tokens;
    out->nusd = reserve_nusd(out, facts, &model->price);
}

/* A token is at least a byte, and no prompt is longer than the model's context. */
static int64_t
input_bound(const struct request_facts *facts, const struct model_record *model)
{
    int64_t bytes = (int64_t)facts->body.len;

    /* What a URL, an id or a tool of the provider's brings in is not in the body. */
    if ((facts->is_unbounded || facts->n_state_ids > 0) && model->context_tokens > bytes)
        return model->context_tokens;
    if (model->context_tokens > 0 && model->context_tokens < bytes)
        return model->context_tokens;
    return bytes;
}

static int64_t
output_bound(const struct request_facts *facts, const struct model_record *model, int64_t fallback)
{
    int64_t each = facts->max_tokens;
    int64_t total;

    if (facts->operation == OPERATION_EMBEDDING)
        return 0;
    if (model->max_output_tokens > 0 && (each <= 0 || each > model->max_output_tokens))
        each = model->max_output_tokens;
    if (each <= 0)
        each = fallback;
    if (facts->n_choices <= 1)
        total = each;
    else if (__builtin_mul_overflow(each, facts->n_choices, &total))
        total = LIMIT_TOKENS;
    return total > LIMIT_TOKENS ? LIMIT_TOKENS : total;
}

static int64_t
reserve_nusd(const struct estimate *estimate, const struct request_facts *facts,
             const struct price *price)
{
    /* Through the one pricing function, with each bound in the dearest bucket of its kind. */
    bool is_priority = slice_eq_str(facts->service_tier, "priority");
    struct usage usage = {.tier_permille = is_priority ? PRIORITY_PERMILLE : 1000};
    struct price dearest = {0};

    usage.count[USAGE_INPUT] = estimate->input_tokens;
    dearest.nusd[USAGE_INPUT] = price_dearest_input(price);
    usage.count[USAGE_OUTPUT] = estimate->output_tokens;
    dearest.nusd[USAGE_OUTPUT] = price_dearest_output(price);
    usage.count[USAGE_REQUEST] = 1;
    dearest.nusd[USAGE_REQUEST] = price->nusd[USAGE_REQUEST];
    usage.count[USAGE_SERVER_TOOL] = facts->has_server_tools ? SERVER_TOOL_CALLS_MAX : 0;
    dearest.nusd[USAGE_SERVER_TOOL] = price->nusd[USAGE_SERVER_TOOL];
    /* Its rounding (half up) is that of the charge, so it is monotone: no less than the charge. */
    return price_charge_nusd(&usage, &dearest);
}

int64_t
estimate_output_tokens(int64_t content_bytes)
{
    assert(content_bytes >= 0);
    return content_bytes / BYTES_PER_TOKEN + (content_bytes % BYTES_PER_TOKEN != 0);
}
