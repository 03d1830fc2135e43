/* SPDX-License-Identifier: ISC
 *
 * route_gate - from what costs nothing to what reads other lines: most options pass them all.
 */
#include "relayos/policy/route_gate.h"

#include <string.h>

#include "relayos/base/hash.h"
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"

static enum route_exclusion exclusion_of(const struct route_gate *gate,
                                         const struct route_option *option, bool is_pinned,
                                         struct route_candidate *out);
static bool has_state_place(const struct route_gate *gate, const struct route_option *option);
static bool is_state_place(const struct route_gate *gate, const struct route_option *option,
                           const struct credential_record *credential);
static bool is_tried(const struct route_gate *gate, const struct route_option *option);
static bool is_about_credential(uint16_t status);
static enum route_exclusion breaker_of(const struct route_gate *gate, uint32_t row,
                                       struct route_candidate *out);
static int64_t limit_of(const struct route_gate *gate, const struct route_option *option);
static enum route_exclusion exclusion_of_credential(const struct route_gate *gate,
                                                    const struct route_option *option, uint32_t n,
                                                    int64_t *out_until_us);
static uint64_t preference(uint64_t key_id, uint32_t credential_id);
static bool was_used(const struct flight_record *record, uint32_t route_id, const char *credential);

void
route_gate_options(const struct route_gate *gate, const struct route_option *options, uint32_t n,
                   struct route_candidate *out)
{
    bool is_plain = !gate->has_state && !gate->is_family_bound && gate->record == NULL;
    uint64_t well[HEALTH_GLANCE_WORDS];

    health_glance(gate->segment, options, n, gate->now_us, well);
    for (uint32_t i = 0; i < n; i++) {
        const struct route_option *option = &options[i];

        out[i].option = option;
        out[i].wants_trial = false;
        out[i].is_translated = (option->protocols & gate->straight) == 0;
        out[i].is_pinned = gate->is_pinned && option->health_row == gate->pin.health_row;
        out[i].score = 0;
        out[i].until_us = 0;
        out[i].exclusion = ROUTE_USABLE;
        if (!is_plain || (well[i / 64] >> i % 64 & 1) == 0 || option->is_disabled ||
            (option->protocols & gate->protocols) == 0)
            out[i].exclusion = (uint8_t)exclusion_of(gate, option, out[i].is_pinned, &out[i]);
    }
}

static enum route_exclusion
exclusion_of(const struct route_gate *gate, const struct route_option *option, bool is_pinned,
             struct route_candidate *out)
{
    const struct segment *segment = gate->segment;
    uint32_t n_credential;

    if ((option->protocols & gate->protocols) == 0)
        return ROUTE_OTHER_PROTOCOL;
    if (gate->has_state && !has_state_place(gate, option))
        return ROUTE_ELSEWHERE;
    if (gate->is_family_bound && option->family != gate->family &&
        (option->protocols & gate->straight) != 0)
        return ROUTE_OTHER_FAMILY;

    enum health_admin admin = health_admin(segment, option->health_row);
    if (option->is_disabled || admin == HEALTH_DISABLED)
        return ROUTE_DISABLED;
    /* What is bound to it may end there: its cache, or its state, is nowhere else. */
    if (admin == HEALTH_DRAINED && !is_pinned && !gate->has_state)
        return ROUTE_DRAINED;
    if (gate->record != NULL && is_tried(gate, option))
        return ROUTE_TRIED;

    enum route_exclusion exclusion = breaker_of(gate, option->health_row, out);
    if (exclusion != ROUTE_USABLE)
        return exclusion;
    return route_gate_credential(gate, option, &n_credential, &out->until_us);
}

static bool
has_state_place(const struct route_gate *gate, const struct route_option *option)
{
    for (uint32_t n = 0; n < option->n_credentials; n++)
        if (is_state_place(gate, option, &gate->credentials[option->first_credential + n]))
            return true;
    return false;
}

/* State from before the upstream had several credentials may be with any of them. */
static bool
is_state_place(const struct route_gate *gate, const struct route_option *option,
               const struct credential_record *credential)
{
    return gate->state_place == option->id ||
           gate->state_place == route_gate_place(option->id, credential);
}

uint32_t
route_gate_place(uint32_t route_id, const struct credential_record *credential)
{
    return credential->name[0] == '\0' ? route_id : route_id ^ credential->id * 0x9e3779b1u;
}

/* An attempt was made there; if it was its credential that failed, another one makes it new. */
static bool
is_tried(const struct route_gate *gate, const struct route_option *option)
{
    const struct flight_record *record = gate->record;
    int64_t until_us;
    uint32_t n;
    bool is_found = false;

    for (uint32_t i = 0; i < record->n_attempts; i++) {
        if (record->attempts[i].route_id != option->id)
            continue;
        if (option->n_credentials < 2 || !is_about_credential(record->attempts[i].status))
            return true;
        is_found = true;
    }
    return is_found && route_gate_credential(gate, option, &n, &until_us) != ROUTE_USABLE;
}

static bool
is_about_credential(uint16_t status)
{
    return status == 401 || status == 402 || status == 403 || status == 429;
}

static enum route_exclusion
breaker_of(const struct route_gate *gate, uint32_t row, struct route_candidate *out)
{
    switch (health_gate(gate->segment, row, gate->now_us, &out->until_us)) {
    case HEALTH_PASSES:
        return ROUTE_USABLE;
    case HEALTH_WANTS_TRIAL:
        out->wants_trial = true;
        return ROUTE_USABLE;
    case HEALTH_IS_ON_TRIAL:
        return ROUTE_ON_TRIAL;
    case HEALTH_IS_OPEN:
        return ROUTE_OPEN;
    }
    return ROUTE_USABLE;
}

/* ---- choice ---- */

uint32_t
route_gate_choose(const struct route_gate *gate, const struct route_question *question,
                  struct route_candidate *candidates, uint32_t n)
{
    uint16_t positions[LIMIT_MODEL_ROUTES];

    for (;;) { /* each round but the last excludes one at least */
        uint32_t n_listed = route_shortlist(question, candidates, n, positions);
        bool has_full = false;

        if (n_listed == 0)
            return n;
        for (uint32_t i = 0; i < n_listed; i++) {
            struct route_candidate *candidate = &candidates[positions[i]];

            health_figures(gate->segment, candidate->option->health_row, gate->now_us,
                           &candidate->figures);
            if (candidate->figures.in_flight >= limit_of(gate, candidate->option)) {
                candidate->exclusion = ROUTE_FULL;
                has_full = true;
            }
        }
        if (!has_full)
            return route_best(question, candidates, positions, n_listed);
        route_gate_exclude_full(gate, candidates, n);
    }
}

void
route_gate_exclude_full(const struct route_gate *gate, struct route_candidate *candidates,
                        uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        int64_t limit = limit_of(gate, candidates[i].option);

        /* The calls of all processes are summed only where something bounds them. */
        if (candidates[i].exclusion == ROUTE_USABLE && limit != INT64_MAX &&
            health_in_flight(gate->segment, candidates[i].option->health_row) >= limit)
            candidates[i].exclusion = ROUTE_FULL;
    }
}

static int64_t
limit_of(const struct route_gate *gate, const struct route_option *option)
{
    int64_t limit = health_limit(gate->segment, option->health_row);
    uint32_t max_concurrent = option->max_concurrent;

    return max_concurrent != 0 && max_concurrent < limit ? max_concurrent : limit;
}

/* ---- credentials ---- */

enum route_exclusion
route_gate_credential(const struct route_gate *gate, const struct route_option *option,
                      uint32_t *out_n, int64_t *out_until_us)
{
    bool is_pinned = gate->is_pinned && option->health_row == gate->pin.health_row;
    enum route_exclusion exclusion = ROUTE_REFUSED;
    uint64_t best = 0;
    int64_t soonest_us = 0;
    bool is_found = false;

    for (uint32_t n = 0; n < option->n_credentials; n++) {
        const struct credential_record *credential =
            &gate->credentials[option->first_credential + n];
        int64_t until_us;

        if (gate->has_state && !is_state_place(gate, option, credential))
            continue;

        enum route_exclusion shut = exclusion_of_credential(gate, option, n, &until_us);

        if (shut != ROUTE_USABLE) {
            if (shut == ROUTE_COOLING)
                exclusion = ROUTE_COOLING;
            if (soonest_us == 0 || until_us < soonest_us)
                soonest_us = until_us;
            continue;
        }
        if (gate->record != NULL && was_used(gate->record, option->id, credential->name))
            continue;

        uint64_t rank = is_pinned && n == gate->pin.credential
                            ? UINT64_MAX
                            : preference(gate->key_id, credential->id);
        if (!is_found || rank > best) {
            best = rank;
            *out_n = n;
            is_found = true;
        }
    }
    *out_until_us = is_found ? 0 : soonest_us;
    return is_found ? ROUTE_USABLE : exclusion;
}

/* Refused wherever it is used, or told to wait, everywhere or on this route. */
static enum route_exclusion
exclusion_of_credential(const struct route_gate *gate, const struct route_option *option,
                        uint32_t n, int64_t *out_until_us)
{
    uint32_t row = gate->credentials[option->first_credential + n].health_row;
    uint16_t status;

    if (!health_credential_passes(gate->segment, row, gate->now_us, out_until_us, &status))
        return status == 429 ? ROUTE_COOLING : ROUTE_REFUSED;
    return health_cools(gate->segment, option->health_row, n, gate->now_us, out_until_us)
               ? ROUTE_COOLING
               : ROUTE_USABLE;
}

/* Highest of hashes of the pair: each key has its own order of credentials, and losing one moves
 * only the keys that used it. */
static uint64_t
preference(uint64_t key_id, uint32_t credential_id)
{
    return hash_mix64(key_id * UINT64_C(0x9e3779b97f4a7c15) + credential_id);
}

/* By an attempt of this request, on this route. */
static bool
was_used(const struct flight_record *record, uint32_t route_id, const char *credential)
{
    for (uint32_t i = 0; i < record->n_attempts; i++) {
        const struct flight_attempt *attempt = &record->attempts[i];

        if (attempt->route_id == route_id &&
            strncmp(attempt->credential, credential, sizeof(attempt->credential) - 1) == 0)
            return true;
    }
    return false;
}
