/* SPDX-License-Identifier: ISC
 *
 * route - which route an attempt takes. Pure: candidates, their gates and figures in, one out, and
 * the reason for each of the others; the trace and `relayosctl explain` show the same.
 *
 *   exclude   whoever asks marks what cannot be taken (enum route_exclusion)
 *   shortlist the best tier that has anything; of it, as the policy wants, all or two drawn by
 *             weight: only of these does anybody look at figures
 *   best      the least score
 */
#ifndef RELAYOS_POLICY_ROUTE_H
#define RELAYOS_POLICY_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/model/catalog.h"
#include "relayos/shm/health.h"

/* EXCLUSION(name, NAME, what a person reads) */
#define ROUTE_EXCLUSIONS(EXCLUSION)                                                                \
    EXCLUSION(usable, USABLE, "")                                                                  \
    EXCLUSION(other_protocol, OTHER_PROTOCOL, "does not speak the caller's protocol")              \
    EXCLUSION(elsewhere, ELSEWHERE, "the state that the request names lies on another route")      \
    EXCLUSION(other_family, OTHER_FAMILY, "the reasoning was signed by another family")            \
    EXCLUSION(disabled, DISABLED, "disabled")                                                      \
    EXCLUSION(drained, DRAINED, "drained")                                                         \
    EXCLUSION(tried, TRIED, "was tried for this request")                                          \
    EXCLUSION(open, OPEN, "its breaker is open")                                                   \
    EXCLUSION(half_open, HALF_OPEN, "its pause is over: one request in a few tries it")            \
    EXCLUSION(on_trial, ON_TRIAL, "another request is trying it")                                  \
    EXCLUSION(full, FULL, "has as many requests as it bears")                                      \
    EXCLUSION(cooling, COOLING, "every credential has been told to wait")                          \
    EXCLUSION(refused, REFUSED, "every credential is refused")

enum route_exclusion {
#define EXCLUSION(name, NAME, text) ROUTE_##NAME,
    ROUTE_EXCLUSIONS(EXCLUSION)
#undef EXCLUSION
        ROUTE_N_EXCLUSIONS
};
const char *route_exclusion_name(enum route_exclusion exclusion);
const char *route_exclusion_text(enum route_exclusion exclusion);

struct route_candidate {
    const struct route_option *option;
    uint8_t exclusion;             /* enum route_exclusion */
    bool wants_trial;              /* its breaker is half open: whoever takes it takes the trial */
    bool is_translated;            /* it does not speak the caller's protocol */
    bool is_pinned;                /* the conversation's prompt cache lies there */
    uint32_t score;                /* by route_best(); 0 = not worked out */
    int64_t until_us;              /* when the exclusion may end; 0 = not by itself */
    struct health_figures figures; /* filled for the shortlist by whoever asks */
};

struct route_question {
    enum route_policy policy;
    uint64_t random;                      /* 64 fresh bits */
    int64_t prompt_tokens, output_tokens; /* estimate of this request: what cost goes by */
};

/*
 * Positions of those to look at closer, at most LIMIT_MODEL_ROUTES; returns how many, 0 = nothing
 * is usable. Of the best tier those that speak the caller's protocol, if any does, for nothing is
 * lost there; of these two drawn by weight (balanced), all (fastest), those that cost the
 * least (cheapest), the first (ordered), one drawn by weight (weighted); of more than eight to be
 * compared, three drawn by weight. A pinned one is always among them, if it is usable and no better
 * tier is.
 * What wants a trial is listed, alone or with the pinned one, if nothing else is usable, and else
 * for one request in a few: a route must come back soon after its pause, while others are well too.
 */
uint32_t route_shortlist(const struct route_question *question,
                         const struct route_candidate *candidates, uint32_t n,
                         uint16_t *out_positions);
/*
 * Score the shortlist and return the position of the best. Scores are in microseconds of expected
 * wait (balanced, fastest), in nano-USD (cheapest), or ranks; saturated. What wants a trial is on
 * the list to be given it. Else a pinned one wins unless it is worse by more than what leaving its
 * cache costs.
 */
uint32_t route_best(const struct route_question *question, struct route_candidate *candidates,
                    const uint16_t *positions, uint32_t n_positions);

/*
 * Nothing is usable: what the caller is told, and when it is worth asking again (*out_retry_us from
 * now_us; 0 = not by itself). ERR_NO_HEALTHY_ROUTE; ERR_UPSTREAM_RATE_LIMITED when all that could
 * be are cooling; ERR_UPSTREAM_UNAVAILABLE when all that could be are refused; ERR_OVERLOADED when
 * full; ERR_NOT_FOUND when none speaks the protocol. Routes that were tried do not speak here.
 */
int route_nothing(const struct route_candidate *candidates, uint32_t n, int64_t now_us,
                  int64_t *out_retry_us);
/* The least bad of open routes, to be tried one request at a time when every route that could be
 * taken is open; n if there is none, and once this request has tried any. */
uint32_t route_panic(const struct route_candidate *candidates, uint32_t n);
/* Half or more of the routes that the model could use are out already. */
bool route_is_crowded(const struct route_candidate *candidates, uint32_t n);

#endif
