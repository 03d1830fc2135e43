/* SPDX-License-Identifier: ISC
 *
 * health_credential - one word for each credential, in its own row, and one for each route that it
 * is used for, in the route's; 0 = nothing is wrong.
 *
 *   word   63.....48 47....40 39.........0
 *          status    strikes  pause until, ms
 *
 * status: what the upstream said. strikes: how often, without a success between; calls that were
 * refused together, while it pauses already, count once.
 */
#include "relayos/shm/health_credential.h"

#include "health_word.h"

#define STATUS_SHIFT  48
#define STRIKES_SHIFT 40
#define STRIKES_MAX   255
#define UNTIL_MASK    ((UINT64_C(1) << STRIKES_SHIFT) - 1)

#define STATUS_COOLING 429
#define REFUSED_US     INT64_C(60000000)
#define REFUSED_MAX_US (60 * REFUSED_US)
#define RETRY_S_MAX    INT64_C(1000000000)

static bool fail(_Atomic uint64_t *at, uint16_t status, int64_t retry_s,
                 const struct routing_settings *settings, int64_t now_us, uint64_t *out_until_ms);
static void pass(_Atomic uint64_t *at);
static int64_t pause_us(bool is_cooling, int64_t retry_s, uint64_t strikes,
                        const struct routing_settings *settings);
static _Atomic uint64_t *cooling_at(const struct segment *segment, uint32_t row, uint32_t n);
static uint64_t load(const _Atomic uint64_t *at);
static bool change(_Atomic uint64_t *at, uint64_t *word, uint64_t next);
static uint64_t pack(uint64_t status, uint64_t strikes, uint64_t until_ms);
static uint64_t status_of(uint64_t word);
static uint64_t strikes_of(uint64_t word);
static int64_t until_us_of(uint64_t word);

bool
health_credential_passes(const struct segment *segment, uint32_t row, int64_t now_us,
                         int64_t *out_until_us, uint16_t *out_status)
{
    uint64_t word = load(&segment->health_rows[row].credential);

    if (word == 0 || now_us >= until_us_of(word))
        return true;
    *out_until_us = until_us_of(word);
    *out_status = (uint16_t)status_of(word);
    return false;
}

bool
health_credential_fail(struct segment *segment, uint32_t row, uint16_t status, int64_t retry_s,
                       const struct routing_settings *settings, int64_t now_us)
{
    uint64_t until_ms;

    return fail(&segment->health_rows[row].credential, status, retry_s, settings, now_us,
                &until_ms);
}

void
health_credential_pass(struct segment *segment, uint32_t row)
{
    pass(&segment->health_rows[row].credential);
}

/* The word comes first: who then sees no cooling_ms began before it was there. */
bool
health_cool(struct segment *segment, uint32_t route_row, uint32_t n_credential, int64_t retry_s,
            const struct routing_settings *settings, int64_t now_us)
{
    _Atomic uint64_t *all_ms = &segment->health_rows[route_row].cooling_ms;
    uint64_t until_ms, was_ms = load(all_ms);
    bool did_pass = fail(cooling_at(segment, route_row, n_credential), STATUS_COOLING, retry_s,
                         settings, now_us, &until_ms);

    while (was_ms < until_ms && !change(all_ms, &was_ms, until_ms))
        ;
    return did_pass;
}

bool
health_cools(const struct segment *segment, uint32_t route_row, uint32_t n_credential,
             int64_t now_us, int64_t *out_until_us)
{
    uint64_t word = load(cooling_at(segment, route_row, n_credential));

    if (now_us >= until_us_of(word))
        return false;
    *out_until_us = until_us_of(word);
    return true;
}

void
health_cool_pass(struct segment *segment, uint32_t route_row, uint32_t n_credential)
{
    pass(cooling_at(segment, route_row, n_credential));
}

static bool
fail(_Atomic uint64_t *at, uint16_t status, int64_t retry_s,
     const struct routing_settings *settings, int64_t now_us, uint64_t *out_until_ms)
{
    uint64_t word = load(at);
    bool is_cooling = status == STATUS_COOLING, did_pass;

    assert(status != 0);
    for (;;) {
        did_pass = now_us >= until_us_of(word);
        uint64_t strikes = strikes_of(word);

        *out_until_ms = word & UNTIL_MASK;
        /* Refused is refused, whatever the others that are there hear. */
        if (!did_pass && is_cooling && status_of(word) != STATUS_COOLING)
            return false;
        if (did_pass || (!is_cooling && status_of(word) == STATUS_COOLING))
            strikes += strikes < STRIKES_MAX;

        int64_t until_us = now_us + pause_us(is_cooling, retry_s, strikes, settings);

        if (!did_pass && until_us < until_us_of(word))
            until_us = until_us_of(word);
        *out_until_ms = ((uint64_t)until_us + HEALTH_MS - 1) / HEALTH_MS;
        if (change(at, &word, pack(status, strikes, *out_until_ms)))
            return did_pass;
    }
}

/* What the upstream asks for wins, within bounds; else 1, 2, 4 ... times a first pause. */
static int64_t
pause_us(bool is_cooling, int64_t retry_s, uint64_t strikes,
         const struct routing_settings *settings)
{
    int64_t pause = is_cooling ? settings->open_us : REFUSED_US;
    int64_t max = is_cooling ? settings->open_max_us : REFUSED_MAX_US;

    if (is_cooling && retry_s > 0)
        pause = (retry_s < RETRY_S_MAX ? retry_s : RETRY_S_MAX) * 1000 * HEALTH_MS;
    else
        for (uint64_t n = 1; n < strikes && pause < max; n++)
            pause *= 2;
    return pause < max ? pause : max;
}

/*
 * A call that began before an upstream told us to wait may still end well; that must not end the
 * wait.
 */
static void
pass(_Atomic uint64_t *at)
{
    uint64_t word = load(at), next;

    do {
        next = status_of(word) == STATUS_COOLING ? pack(STATUS_COOLING, 0, word & UNTIL_MASK) : 0;
        if (next == word)
            return;
    } while (!change(at, &word, next));
}

static _Atomic uint64_t *
cooling_at(const struct segment *segment, uint32_t row, uint32_t n)
{
    assert(row < segment->n_health_rows && n < LIMIT_CREDENTIALS);
    return &segment->health_rows[row].cooling[n];
}

static uint64_t
load(const _Atomic uint64_t *at)
{
    return atomic_load_explicit(at, memory_order_relaxed);
}

static bool
change(_Atomic uint64_t *at, uint64_t *word, uint64_t next)
{
    return atomic_compare_exchange_weak_explicit(at, word, next, memory_order_acq_rel,
                                                 memory_order_relaxed);
}

static uint64_t
pack(uint64_t status, uint64_t strikes, uint64_t until_ms)
{
    return status << STATUS_SHIFT | strikes << STRIKES_SHIFT | (until_ms & UNTIL_MASK);
}

static uint64_t
status_of(uint64_t word)
{
    return word >> STATUS_SHIFT;
}

static uint64_t
strikes_of(uint64_t word)
{
    return word >> STRIKES_SHIFT & STRIKES_MAX;
}

static int64_t
until_us_of(uint64_t word)
{
    return (int64_t)(word & UNTIL_MASK) * HEALTH_MS;
}
