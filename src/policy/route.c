/* SPDX-License-Identifier: ISC
 *
 * route - a tier, a few of it drawn, the least score of these; a pinned one has an allowance.
 *
 * The options lie in shared memory and may be rewritten while they are read (whoever asks finds
 * out afterwards): nothing here goes out of bounds or divides by zero whatever they say.
 */
#include "relayos/policy/route.h"

#include <assert.h>
#include <string.h>

#include "relayos/base/err.h"
#include "relayos/base/hash.h"
#include "route_score.h"

/*
 * Who takes a half-open route out of how many, while others are well: soon after the pause at any
 * load worth the name, yet not every request at once for the one trial. A conversation whose cache
 * lies on a good route has more to lose.
 */
#define TRIAL_ODDS        8
#define TRIAL_ODDS_PINNED 64

/* What is compared where no draw is asked for: all, if they are no more than so many, and else so
 * many drawn, as figures cost more than all the rest. */
#define COMPARE_ALL   8
#define COMPARE_DRAWN 3

#define FULL_RETRY_US 1000000 /* a call that is over makes room */

/* Positions of one rank, which is half a tier: a better one that is found puts the others out. */
struct tier {
    uint32_t number, n, total;
    uint32_t sums[LIMIT_MODEL_ROUTES]; /* of the weights up to and with each */
    uint16_t at[LIMIT_MODEL_ROUTES];
};
/* Of a route that the request cannot use now, or can: is it in trouble, or not asked at all? */
enum standing { STANDS_IN, STANDS_OUT, STANDS_ASIDE, N_STANDINGS };

struct choice {
    uint64_t score; /* whole: what the candidate keeps is saturated */
    uint64_t wait;  /* decides between equal costs */
    uint32_t position;
    bool is_found;
};

static bool list_tier(const struct route_candidate *candidates, uint32_t n, bool wants_trial,
                      struct tier *out, uint32_t *pinned);
static uint32_t rank_of(const struct route_candidate *candidate);
static bool draws_trial(const struct tier *trials, const struct tier *well, bool is_pinned,
                        uint64_t random);
static uint32_t narrow(const struct route_question *question,
                       const struct route_candidate *candidates, const struct tier *tier,
                       uint64_t *random, uint16_t *out);
static uint32_t draw_two(const struct tier *tier, uint64_t *random, uint16_t *out);
static uint32_t draw_some(const struct tier *tier, uint64_t *random, uint16_t *out);
static uint32_t draw(const uint32_t *sums, uint32_t n, uint32_t ticket);
static uint32_t ticket_below(uint32_t total, uint64_t *random);
static void keep_cheapest(const struct route_question *question,
                          const struct route_candidate *candidates, const struct tier *tier,
                          struct tier *out);
static uint64_t next_random(uint64_t *state);
static bool holds(const uint16_t *at, uint32_t n, uint32_t position);
static bool has_trial(const struct route_candidate *candidates, const uint16_t *at, uint32_t n);
static struct choice choice_of(const struct route_question *question,
                               const struct route_candidate *candidate, uint32_t position,
                               int64_t unknown_us);
static bool is_better(const struct choice *a, const struct choice *b);
static uint32_t shown_score(enum route_policy policy, uint64_t score);
static int64_t sooner(int64_t soonest_us, const struct route_candidate *candidate, int64_t now_us);
static enum standing standing_of(const struct route_candidate *candidate);

const char *
route_exclusion_name(enum route_exclusion exclusion)
{
    static const char *const names[] = {
#define EXCLUSION(name, NAME, text) #name,
        ROUTE_EXCLUSIONS(EXCLUSION)
#undef EXCLUSION
    };

    return exclusion < ROUTE_N_EXCLUSIONS ? names[exclusion] : "unknown";
}

const char *
route_exclusion_text(enum route_exclusion exclusion)
{
    static const char *const texts[] = {
#define EXCLUSION(name, NAME, text) text,
        ROUTE_EXCLUSIONS(EXCLUSION)
#undef EXCLUSION
    };

    return exclusion < ROUTE_N_EXCLUSIONS ? texts[exclusion] : "unknown";
}

/* ---- shortlist ---- */

uint32_t
route_shortlist(const struct route_question *question, const struct route_candidate *candidates,
                uint32_t n, uint16_t *out_positions)
{
    struct tier well, trials; /* the first n of each are set */
    uint64_t random = question->random;
    uint32_t pinned = n;

    assert(n <= LIMIT_MODEL_ROUTES);
    trials.number = trials.n = trials.total = 0;
    if (list_tier(candidates, n, false, &well, &pinned))
        list_tier(candidates, n, true, &trials, &pinned);

    /* Where it went while a better tier was out: back, or it would stay for as long as it talks. */
    bool is_pinned = pinned < n && (well.n == 0 || rank_of(&candidates[pinned]) <= well.number);
    bool is_trial = draws_trial(&trials, &well, is_pinned, next_random(&random));
    uint32_t n_out =
        narrow(question, candidates, is_trial ? &trials : &well, &random, out_positions);
    if (is_pinned && !holds(out_positions, n_out, pinned))
        out_positions[n_out++] = (uint16_t)pinned;
    return n_out;
}

/* The best tier of those that want a trial, or of the others; true if there are any of the other
 * kind. *pinned: the pinned one's position, if it is seen. */
static bool
list_tier(const struct route_candidate *candidates, uint32_t n, bool wants_trial, struct tier *out,
          uint32_t *pinned)
{
    uint32_t number = 0, n_listed = 0, total = 0;
    bool has_others = false;

    for (uint32_t i = 0; i < n; i++) {
        if (candidates[i].exclusion != ROUTE_USABLE)
            continue;
        if (candidates[i].is_pinned)
            *pinned = i;
        if (candidates[i].wants_trial != wants_trial) {
            has_others = true;
            continue;
        }

        uint32_t tier = rank_of(&candidates[i]), weight = candidates[i].option->weight;

        if (n_listed > 0 && tier > number)
            continue;
        if (n_listed > 0 && tier < number)
            n_listed = total = 0;
        number = tier;
        total += weight > 0 ? weight : 1;
        out->sums[n_listed] = total;
        out->at[n_listed++] = (uint16_t)i;
    }
    out->number = number;
    out->n = n_listed;
    out->total = total;
    return has_others;
}

/* Within a tier, what needs no translation is better. */
static uint32_t
rank_of(const struct route_candidate *candidate)
{
    return 2 * (uint32_t)candidate->option->tier + candidate->is_translated;
}

/* Never of a worse tier than the one that serves: nothing waits for that to heal. */
static bool
draws_trial(const struct tier *trials, const struct tier *well, bool is_pinned, uint64_t random)
{
    if (trials->n == 0 || well->n == 0)
        return trials->n > 0;
    return trials->number <= well->number &&
           random % (is_pinned ? TRIAL_ODDS_PINNED : TRIAL_ODDS) == 0;
}

/* Those of a tier that are looked at, and how many. Of what is left out nobody asks figures. */
static uint32_t
narrow(const struct route_question *question, const struct route_candidate *candidates,
       const struct tier *tier, uint64_t *random, uint16_t *out)
{
    struct tier cheapest; /* the first n are set */

    if (tier->n == 0)
        return 0;
    switch (question->policy) {
    case ROUTE_BALANCED:
        return draw_two(tier, random, out);
    case ROUTE_FASTEST:
        return draw_some(tier, random, out);
    case ROUTE_CHEAPEST:
        keep_cheapest(question, candidates, tier, &cheapest);
        return draw_some(&cheapest, random, out);
    case ROUTE_ORDERED:
    case ROUTE_N_POLICIES:
        out[0] = tier->at[0];
        break;
    case ROUTE_WEIGHTED:
        out[0] = tier->at[draw(tier->sums, tier->n, ticket_below(tier->total, random))];
        break;
    }
    return 1;
}

/* The second by the weights that are left: a ticket past the first one's share skips it. */
static uint32_t
draw_two(const struct tier *tier, uint64_t *random, uint16_t *out)
{
    uint32_t first = draw(tier->sums, tier->n, ticket_below(tier->total, random));
    uint32_t before = first == 0 ? 0 : tier->sums[first - 1];
    uint32_t weight = tier->sums[first] - before;

    out[0] = tier->at[first];
    if (tier->n == 1)
        return 1;

    uint32_t ticket = ticket_below(tier->total - weight, random);
    out[1] = tier->at[draw(tier->sums, tier->n, ticket < before ? ticket : ticket + weight)];
    return 2;
}

/* All, as long as they are few. */
static uint32_t
draw_some(const struct tier *tier, uint64_t *random, uint16_t *out)
{
    uint32_t n_out = 0;

    if (tier->n <= COMPARE_ALL) {
        memcpy(out, tier->at, tier->n * sizeof(*out));
        return tier->n;
    }
    for (int i = 0; i < 2 * COMPARE_DRAWN && n_out < COMPARE_DRAWN; i++) {
        uint16_t drawn = tier->at[draw(tier->sums, tier->n, ticket_below(tier->total, random))];

        if (!holds(out, n_out, drawn))
            out[n_out++] = drawn;
    }
    return n_out;
}

/* The place whose share of the sums a ticket lies in: found by halves, which no processor can guess
 * and so is done without a branch. */
static uint32_t
draw(const uint32_t *sums, uint32_t n, uint32_t ticket)
{
    const uint32_t *first = sums;

    while (n > 1) {
        uint32_t half = n / 2;

        first += first[half - 1] <= ticket ? half : 0;
        n -= half;
    }
    return (uint32_t)(first - sums);
}

/* As evenly as 32 bits are. */
static uint32_t
ticket_below(uint32_t total, uint64_t *random)
{
    return (uint32_t)((next_random(random) >> 32) * total >> 32);
}

/* Several if they cost the same: the least loaded of them is taken then. */
static void
keep_cheapest(const struct route_question *question, const struct route_candidate *candidates,
              const struct tier *tier, struct tier *out)
{
    uint64_t least = UINT64_MAX;
    uint32_t before = 0, n = 0, total = 0;

    for (uint32_t i = 0; i < tier->n; before = tier->sums[i++]) {
        const struct route_candidate *candidate = &candidates[tier->at[i]];
        uint64_t cost = route_score_cost(question, candidate->option, candidate->is_pinned);

        if (cost > least)
            continue;
        if (cost < least)
            n = total = 0;
        least = cost;
        total += tier->sums[i] - before;
        out->sums[n] = total;
        out->at[n++] = tier->at[i];
    }
    out->n = n;
    out->total = total;
}

/* splitmix64 */
static uint64_t
next_random(uint64_t *state)
{
    return hash_mix64(*state += UINT64_C(0x9e3779b97f4a7c15));
}

static bool
holds(const uint16_t *at, uint32_t n, uint32_t position)
{
    for (uint32_t i = 0; i < n; i++)
        if (at[i] == position)
            return true;
    return false;
}

/* ---- scores ---- */

uint32_t
route_best(const struct route_question *question, struct route_candidate *candidates,
           const uint16_t *positions, uint32_t n_positions)
{
    int64_t unknown_us =
        route_score_unknown_wait(question->policy, candidates, positions, n_positions);
    bool only_trials = has_trial(candidates, positions, n_positions);
    struct choice best = {0}, pinned = {0};

    assert(n_positions > 0 && n_positions <= LIMIT_MODEL_ROUTES);
    for (uint32_t i = 0; i < n_positions; i++) {
        struct route_candidate *candidate = &candidates[positions[i]];
        struct choice this = choice_of(question, candidate, positions[i], unknown_us);

        candidate->score = shown_score(question->policy, this.score);
        if (only_trials && !candidate->wants_trial)
            continue;
        if (!best.is_found || is_better(&this, &best))
            best = this;
        if (candidate->is_pinned)
            pinned = this;
    }
    if (pinned.is_found &&
        pinned.score <=
            route_score_allowed(question, candidates[pinned.position].option, best.score))
        return pinned.position;
    return best.position;
}

/* What wants a trial is on the list to be given it; a pinned one too: who has more to gain? */
static bool
has_trial(const struct route_candidate *candidates, const uint16_t *at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (candidates[at[i]].wants_trial)
            return true;
    return false;
}

static struct choice
choice_of(const struct route_question *question, const struct route_candidate *candidate,
          uint32_t position, int64_t unknown_us)
{
    struct choice choice = {.position = position, .is_found = true};

    switch (question->policy) {
    case ROUTE_CHEAPEST:
        choice.score = route_score_cost(question, candidate->option, candidate->is_pinned);
        choice.wait =
            route_score_wait(&candidate->figures, candidate->option->max_concurrent, unknown_us);
        break;
    case ROUTE_ORDERED:
        choice.score = position + 1;
        break;
    case ROUTE_WEIGHTED: /* the draw was the choice */
        choice.score = 1;
        break;
    case ROUTE_BALANCED:
    case ROUTE_FASTEST:
    case ROUTE_N_POLICIES:
        choice.score =
            route_score_wait(&candidate->figures, candidate->option->max_concurrent, unknown_us);
        break;
    }
    return choice;
}

static bool
is_better(const struct choice *a, const struct choice *b)
{
    return a->score != b->score ? a->score < b->score : a->wait < b->wait;
}

static uint32_t
shown_score(enum route_policy policy, uint64_t score)
{
    if (policy == ROUTE_CHEAPEST)
        score /= ROUTE_SCORE_PER_NUSD;
    if (score == 0) /* would say that it was not worked out */
        return 1;
    return score > UINT32_MAX ? UINT32_MAX : (uint32_t)score;
}

/* ---- nothing is usable ---- */

/*
 * What is soonest over speaks first: load, then a breaker's pause, then an upstream's 429; a
 * refused credential only where it is all there is, for only the operator ends that.
 */
int
route_nothing(const struct route_candidate *candidates, uint32_t n, int64_t now_us,
              int64_t *out_retry_us)
{
    uint32_t count[ROUTE_N_EXCLUSIONS] = {0};
    int64_t soonest_us = INT64_MAX;

    for (uint32_t i = 0; i < n; i++) {
        count[candidates[i].exclusion]++;
        soonest_us = sooner(soonest_us, &candidates[i], now_us);
    }
    *out_retry_us = 0;
    if (n > 0 && count[ROUTE_OTHER_PROTOCOL] + count[ROUTE_ELSEWHERE] == n)
        return ERR_NOT_FOUND;
    if (count[ROUTE_REFUSED] > 0 && soonest_us == INT64_MAX)
        return ERR_UPSTREAM_UNAVAILABLE;
    *out_retry_us = soonest_us == INT64_MAX ? 0 : soonest_us;
    if (count[ROUTE_FULL] > 0)
        return ERR_OVERLOADED;
    if (count[ROUTE_COOLING] > 0 && count[ROUTE_OPEN] + count[ROUTE_ON_TRIAL] == 0)
        return ERR_UPSTREAM_RATE_LIMITED;
    return ERR_NO_HEALTHY_ROUTE;
}

/* From now on, if its exclusion ends by itself. */
static int64_t
sooner(int64_t soonest_us, const struct route_candidate *candidate, int64_t now_us)
{
    int64_t us = INT64_MAX;

    if (candidate->exclusion == ROUTE_FULL)
        us = FULL_RETRY_US;
    else if (candidate->exclusion == ROUTE_OPEN || candidate->exclusion == ROUTE_ON_TRIAL ||
             candidate->exclusion == ROUTE_COOLING)
        us = candidate->until_us > now_us ? candidate->until_us - now_us : 1;
    return us < soonest_us ? us : soonest_us;
}

/*
 * Of the open ones that whose pause is over soonest: it failed longest ago, or least often. None
 * while another is on trial (one request at a time), is full (the model is not down), or was tried
 * (a request that has had its attempt does not add to the trouble).
 */
uint32_t
route_panic(const struct route_candidate *candidates, uint32_t n)
{
    uint32_t best = n;

    for (uint32_t i = 0; i < n; i++) {
        if (standing_of(&candidates[i]) == STANDS_IN || candidates[i].exclusion == ROUTE_ON_TRIAL)
            return n;
        if (candidates[i].exclusion == ROUTE_OPEN &&
            (best == n || candidates[i].until_us < candidates[best].until_us))
            best = i;
    }
    return best;
}

bool
route_is_crowded(const struct route_candidate *candidates, uint32_t n)
{
    uint32_t count[N_STANDINGS] = {0};

    for (uint32_t i = 0; i < n; i++)
        count[standing_of(&candidates[i])]++;
    return count[STANDS_OUT] > 0 && count[STANDS_OUT] >= count[STANDS_IN];
}

static enum standing
standing_of(const struct route_candidate *candidate)
{
    static const uint8_t standings[ROUTE_N_EXCLUSIONS] = {
        [ROUTE_USABLE] = STANDS_IN,
        [ROUTE_TRIED] = STANDS_IN,
        [ROUTE_FULL] = STANDS_IN,
        [ROUTE_OPEN] = STANDS_OUT,
        [ROUTE_HALF_OPEN] = STANDS_OUT,
        [ROUTE_ON_TRIAL] = STANDS_OUT,
        [ROUTE_COOLING] = STANDS_OUT,
        [ROUTE_REFUSED] = STANDS_OUT,
        [ROUTE_OTHER_PROTOCOL] = STANDS_ASIDE,
        [ROUTE_ELSEWHERE] = STANDS_ASIDE,
        [ROUTE_OTHER_FAMILY] = STANDS_ASIDE,
        [ROUTE_DISABLED] = STANDS_ASIDE,
        [ROUTE_DRAINED] = STANDS_ASIDE,
    };

    if (candidate->exclusion == ROUTE_USABLE && candidate->wants_trial)
        return STANDS_OUT;
    return (enum standing)standings[candidate->exclusion];
}
