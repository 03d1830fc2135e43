/* SPDX-License-Identifier: ISC
 *
 * route_score - how good a route is for a request: the wait to be expected there, the cost, and
 * what a conversation may bear to stay where its prompt cache lies.
 */
#ifndef RELAYOS_POLICY_ROUTE_SCORE_H
#define RELAYOS_POLICY_ROUTE_SCORE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/policy/route.h"

/* Microseconds; more if it is loaded or fails. max_concurrent: the configured one, 0 = none. */
uint64_t route_score_wait(const struct health_figures *figures, uint32_t max_concurrent,
                          int64_t unknown_us);
/* First-token time of those that nobody has measured, among the candidates at these positions. */
int64_t route_score_unknown_wait(enum route_policy policy, const struct route_candidate *candidates,
                                 const uint16_t *at, uint32_t n);

static inline int64_t
route_score_clamp(int64_t value, int64_t least, int64_t most)
{
    return value < least ? least : value > most ? most : value;
}

/*
 * What the request costs there, in millionths of a nano-USD: it is divided only to be shown.
 * Inline, for "cheapest" asks it of every route.
 */
#define ROUTE_SCORE_PER_NUSD    1000000
#define ROUTE_SCORE_MOST_TOKENS ((1 << 23) - 1) /* of a request: more than any model takes */
static_assert(ROUTE_SCORE_MOST_TOKENS <= UINT64_MAX / 2 / LIMIT_PRICE_NUSD, "a cost fits");

static inline uint64_t
route_score_cost(const struct route_question *question, const struct route_option *option,
                 bool is_from_cache)
{
    uint64_t prompt =
        (uint64_t)route_score_clamp(question->prompt_tokens, 0, ROUTE_SCORE_MOST_TOKENS);
    uint64_t output =
        (uint64_t)route_score_clamp(question->output_tokens, 0, ROUTE_SCORE_MOST_TOKENS);
    int64_t prompt_nusd = option->input_nusd, cached_nusd = option->cache_read_nusd;

    if (is_from_cache && cached_nusd < prompt_nusd)
        prompt_nusd = cached_nusd;
    return prompt * (uint64_t)route_score_clamp(prompt_nusd, 0, LIMIT_PRICE_NUSD) +
           output * (uint64_t)route_score_clamp(option->output_nusd, 0, LIMIT_PRICE_NUSD);
}

/* The worst score that a pinned one may have, next to the best one's. */
uint64_t route_score_allowed(const struct route_question *question,
                             const struct route_option *pinned, uint64_t best);

#endif
