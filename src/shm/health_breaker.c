/* SPDX-License-Identifier: ISC
 *
 * health_breaker - one word, each change of it one CAS.
 *
 *   word   63..62 61....52 51....47 46...40 39.........0
 *          state  count    level    owner   deadline, ms
 *
 *              count            owner   deadline
 *   CLOSED     failures in row  -       until then it opens at the level, not at 0: 60 s from when
 * it closed, by which that instant is known too OPEN       good trials      -       end of the
 * pause ON_TRIAL   good trials,     slot    when the trial is lost and anybody may take it highest
 * bit: it is early
 *
 *   CLOSED --failures--> OPEN --pause is over, or panic--> ON_TRIAL --2nd good trial--> CLOSED
 *                         ^                                    |
 *                         +-- failure: level + 1, pause anew --+  (early, in panic: the same level,
 *                         +-- good once, or nothing known: ----+   it proves nothing new)
 *                             the next may try at once
 *
 * A trial whose call lasts longer than the deadline is lost, but a good end of it counts as good:
 * a route whose every call does would else never be closed.
 * A call that is not the trial but ends meanwhile began before the breaker opened: it says nothing.
 */
#include <string.h>

#include "health_word.h"
#include "window.h"

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_ON_TRIAL };

struct breaker {
    enum breaker_state state;
    uint32_t count, level, owner;
    bool is_early; /* a trial before the pause was over */
    int64_t deadline_ms;
};

#define STATE_SHIFT  62
#define COUNT_SHIFT  52
#define COUNT_MAX    1023u
#define EARLY        512u /* of a trial's count */
#define LEVEL_SHIFT  47
#define LEVEL_MAX    31u
#define OWNER_SHIFT  40
#define OWNER_MAX    127u
#define DEADLINE_MAX ((INT64_C(1) << OWNER_SHIFT) - 1)
static_assert(LIMIT_WORKERS + PROC_WORKER <= OWNER_MAX, "an owner is a process slot");

static_assert(HEALTH_ENABLED == 0 && BREAKER_CLOSED == 0, "what a glance looks for");

#define GOOD_TRIALS     2u
#define LAST_FACTOR     5u /* what may be one caller's doing shuts the last way less easily */
#define LEVEL_MEMORY_MS INT64_C(60000)

static struct breaker unpack(uint64_t word);
static uint64_t pack(struct breaker b);
static bool change(struct segment *segment, uint32_t row, uint64_t *word, struct breaker to);
static int64_t ms_from(int64_t us);
static int64_t pause_ms(const struct segment *segment, uint32_t row, uint32_t level,
                        const struct routing_settings *settings);
static struct breaker after(const struct segment *segment, uint32_t row, struct breaker b,
                            const struct health_outcome *outcome,
                            const struct routing_settings *settings);
static struct breaker after_trial(const struct segment *segment, uint32_t row, struct breaker b,
                                  const struct health_outcome *outcome,
                                  const struct routing_settings *settings);
static struct breaker after_lost_trial(struct breaker b, const struct health_outcome *outcome);
static struct breaker closed(struct breaker b, int64_t now_ms);
static bool has_failed_enough(const struct segment *segment, uint32_t row, struct breaker b,
                              const struct health_outcome *outcome,
                              const struct routing_settings *settings);

enum health_gate
health_gate(const struct segment *segment, uint32_t row, int64_t now_us, int64_t *out_until_us)
{
    struct breaker b =
        unpack(atomic_load_explicit(&segment->health_rows[row].breaker, memory_order_relaxed));

    if (b.state == BREAKER_CLOSED) {
        *out_until_us = 0;
        return HEALTH_PASSES;
    }
    *out_until_us = b.deadline_ms * HEALTH_MS;
    if (now_us >= *out_until_us)
        return HEALTH_WANTS_TRIAL;
    return b.state == BREAKER_OPEN ? HEALTH_IS_OPEN : HEALTH_IS_ON_TRIAL;
}

/* 0 for an enabled route, 0 for a closed breaker, whatever it counts, 0 for an accepted credential.
 */
void
health_glance(const struct segment *segment, const struct route_option *options, uint32_t n,
              int64_t now_us, uint64_t out_bits[HEALTH_GLANCE_WORDS])
{
    const struct health_row *rows = segment->health_rows;
    uint64_t now_ms = (uint64_t)(now_us / HEALTH_MS);

    assert(n <= LIMIT_MODEL_ROUTES);
    memset(out_bits, 0, HEALTH_GLANCE_WORDS * sizeof(*out_bits));
    for (uint32_t i = 0; i < n; i++) {
        uint32_t row = options[i].health_row, credential_row = options[i].credential_row;

        if (row >= segment->n_health_rows || credential_row >= segment->n_health_rows)
            continue; /* of a snapshot that is being rewritten */

        uint64_t trouble =
            atomic_load_explicit(&rows[row].admin, memory_order_relaxed) |
            atomic_load_explicit(&rows[row].breaker, memory_order_relaxed) >> STATE_SHIFT |
            atomic_load_explicit(&rows[credential_row].credential, memory_order_relaxed) |
            (now_ms < atomic_load_explicit(&rows[row].cooling_ms, memory_order_relaxed));

        out_bits[i / 64] |= (uint64_t)(trouble == 0 && options[i].n_credentials == 1) << i % 64;
    }
}

bool
health_take_trial(struct segment *segment, uint32_t slot, uint32_t row,
                  const struct routing_settings *settings, bool is_panic, int64_t now_us)
{
    uint64_t word = atomic_load_explicit(&segment->health_rows[row].breaker, memory_order_relaxed);

    assert(slot < OWNER_MAX);
    for (;;) {
        struct breaker b = unpack(word);
        int64_t open_us = b.deadline_ms * HEALTH_MS; /* until when it cannot be had */

        if (b.state == BREAKER_CLOSED)
            return false;
        if (b.state == BREAKER_OPEN && is_panic)
            open_us += HEALTH_PANIC_US - HEALTH_MS * pause_ms(segment, row, b.level, settings);
        if (now_us < open_us)
            return false;
        b.is_early = b.state == BREAKER_OPEN && now_us < b.deadline_ms * HEALTH_MS;
        b.state = BREAKER_ON_TRIAL;
        b.owner = slot;
        b.deadline_ms = ms_from(now_us + HEALTH_TRIAL_US);
        if (change(segment, row, &word, b))
            return true;
    }
}

bool
health_breaker_note(struct segment *segment, uint32_t slot, uint32_t row,
                    const struct health_outcome *outcome, const struct routing_settings *settings)
{
    /* Acquire: of faults at the same time, who changes the word later counts the others' calls. */
    uint64_t word = atomic_load_explicit(&segment->health_rows[row].breaker, memory_order_acquire);

    for (;;) {
        struct breaker b = unpack(word), next = b;

        if (b.state == BREAKER_CLOSED)
            next = after(segment, row, b, outcome, settings);
        else if (b.state == BREAKER_ON_TRIAL && outcome->is_trial && b.owner == slot)
            next = after_trial(segment, row, b, outcome, settings);
        else if (outcome->is_trial)
            next = after_lost_trial(b, outcome);
        if (change(segment, row, &word, next))
            return next.state == BREAKER_OPEN && b.state != BREAKER_OPEN &&
                   outcome->verdict == HEALTH_FAULT;
    }
}

/* A closed one, after a call. */
static struct breaker
after(const struct segment *segment, uint32_t row, struct breaker b,
      const struct health_outcome *outcome, const struct routing_settings *settings)
{
    int64_t now_ms = ms_from(outcome->now_us);

    if (outcome->verdict == HEALTH_OK)
        b.count = 0;
    if (outcome->verdict != HEALTH_FAULT || settings->breaker_failures == 0)
        return b;
    b.count += b.count < COUNT_MAX;
    if (!has_failed_enough(segment, row, b, outcome, settings))
        return b;
    if (now_ms >= b.deadline_ms)
        b.level = 0;
    b.state = BREAKER_OPEN;
    b.count = 0;
    b.deadline_ms = now_ms + pause_ms(segment, row, b.level, settings);
    return b;
}

static bool
has_failed_enough(const struct segment *segment, uint32_t row, struct breaker b,
                  const struct health_outcome *outcome, const struct routing_settings *settings)
{
    /* What was counted before it closed last has been atoned for. */
    int64_t since_us = (b.deadline_ms - LEVEL_MEMORY_MS) * HEALTH_MS;
    struct window_counts calls = {0, 0};

    if (b.count >= settings->breaker_failures * (outcome->is_last ? LAST_FACTOR : 1) ||
        b.count == COUNT_MAX)
        return true;
    if (outcome->is_crowded)
        return false;
    for (uint32_t slot = 0; slot <= segment->capacity.n_workers; slot++) {
        const struct health_cell *cell = health_cell_at(segment, slot, row);

        if (atomic_load_explicit(&cell->id, memory_order_relaxed) ==
            atomic_load_explicit(&segment->health_rows[row].id, memory_order_relaxed))
            window_add(cell->window, outcome->now_us, since_us, &calls);
    }
    return calls.first + calls.second >= settings->breaker_calls &&
           calls.second * 100 > settings->breaker_percent * (calls.first + calls.second);
}

/* One on trial, after the trial. */
static struct breaker
after_trial(const struct segment *segment, uint32_t row, struct breaker b,
            const struct health_outcome *outcome, const struct routing_settings *settings)
{
    int64_t now_ms = ms_from(outcome->now_us);

    b.state = BREAKER_OPEN;
    b.owner = 0;
    b.deadline_ms = outcome->now_us / HEALTH_MS;
    switch (outcome->verdict) {
    case HEALTH_OK:
        b.count++;
        break;
    case HEALTH_FAULT:
        b.count = 0;
        b.level += !b.is_early && b.level < LEVEL_MAX;
        b.deadline_ms = now_ms + pause_ms(segment, row, b.level, settings);
        break;
    case HEALTH_OVERLOAD: /* neither better nor worse */
        b.deadline_ms = now_ms + pause_ms(segment, row, b.level, settings);
        break;
    case HEALTH_NEUTRAL:
        break;
    }
    return b.count >= GOOD_TRIALS || settings->breaker_failures == 0 ? closed(b, now_ms) : b;
}

/* One that is open, or on trial by somebody else, after a trial that was lost. */
static struct breaker
after_lost_trial(struct breaker b, const struct health_outcome *outcome)
{
    if (outcome->verdict == HEALTH_OK)
        b.count++;
    return b.count >= GOOD_TRIALS ? closed(b, ms_from(outcome->now_us)) : b;
}

/* If it opens again soon, it goes on from the level. */
static struct breaker
closed(struct breaker b, int64_t now_ms)
{
    b.state = BREAKER_CLOSED;
    b.level += b.level < LEVEL_MAX;
    b.count = b.owner = 0;
    b.deadline_ms = now_ms + LEVEL_MEMORY_MS;
    return b;
}

bool
health_pass_trial(struct segment *segment, uint32_t slot, uint32_t row,
                  const struct routing_settings *settings, int64_t now_us)
{
    const struct health_outcome good = {.verdict = HEALTH_OK, .is_trial = true, .now_us = now_us};
    int64_t until_us;

    (void)health_breaker_note(segment, slot, row, &good, settings);
    return health_gate(segment, row, now_us, &until_us) == HEALTH_PASSES;
}

void
health_breaker_end_pause(struct segment *segment, uint32_t row, int64_t now_us)
{
    uint64_t word = atomic_load_explicit(&segment->health_rows[row].breaker, memory_order_relaxed);

    for (;;) {
        struct breaker b = unpack(word);

        if (b.state != BREAKER_OPEN || b.deadline_ms <= now_us / HEALTH_MS)
            return;
        b.deadline_ms = now_us / HEALTH_MS;
        if (change(segment, row, &word, b))
            return;
    }
}

void
health_breaker_reset(struct segment *segment, uint32_t row, int64_t now_us)
{
    const struct breaker fresh = {.deadline_ms = ms_from(now_us) + LEVEL_MEMORY_MS};

    atomic_store_explicit(&segment->health_rows[row].breaker, pack(fresh), memory_order_release);
}

void
health_breaker_forgive(struct segment *segment, uint32_t row)
{
    uint64_t word = atomic_load_explicit(&segment->health_rows[row].breaker, memory_order_relaxed);

    for (;;) {
        struct breaker b = unpack(word);

        if (b.state != BREAKER_CLOSED)
            return;
        b.count = 0;
        if (change(segment, row, &word, b))
            return;
    }
}

void
health_breaker_forget(struct segment *segment, uint32_t slot, uint32_t row)
{
    uint64_t word = atomic_load_explicit(&segment->health_rows[row].breaker, memory_order_relaxed);

    for (;;) {
        struct breaker b = unpack(word);

        if (b.state != BREAKER_ON_TRIAL || b.owner != slot)
            return;
        b.state = BREAKER_OPEN;
        b.owner = 0;
        b.deadline_ms = 0;
        if (change(segment, row, &word, b))
            return;
    }
}

void
health_breaker_view(const struct segment *segment, uint32_t row, int64_t now_us,
                    struct health_view *out)
{
    struct breaker b =
        unpack(atomic_load_explicit(&segment->health_rows[row].breaker, memory_order_relaxed));

    out->gate = health_gate(segment, row, now_us, &out->until_us);
    out->level = b.state == BREAKER_CLOSED ? 0 : b.level + 1;
    out->failures_in_row = b.state == BREAKER_CLOSED ? b.count : 0;
}

/*
 * Doubles with each level; a fifth more or less, so that what opened together does not come back
 * together. Always the same for a row and level: when it opened follows from when the pause ends.
 */
static int64_t
pause_ms(const struct segment *segment, uint32_t row, uint32_t level,
         const struct routing_settings *settings)
{
    int64_t pause = settings->open_us;
    uint64_t h;

    for (uint32_t n = 0; n < level && pause < settings->open_max_us; n++)
        pause *= 2;
    if (pause > settings->open_max_us)
        pause = settings->open_max_us;
    memcpy(&h, segment->header->uuid, sizeof(h));
    h = (h ^ (uint64_t)row << 8 ^ level) * UINT64_C(0x9e3779b97f4a7c15);
    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return pause / 1000 * (int64_t)(800 + (h >> 32) % 401) / HEALTH_MS;
}

/* *word is what the row was seen to hold; false: it is not any more, and *word is what it holds
 * now. What does not change costs no store. */
static bool
change(struct segment *segment, uint32_t row, uint64_t *word, struct breaker to)
{
    uint64_t next = pack(to);

    return next == *word ||
           atomic_compare_exchange_weak_explicit(&segment->health_rows[row].breaker, word, next,
                                                 memory_order_acq_rel, memory_order_acquire);
}

/* Up, so that nothing ends early. */
static int64_t
ms_from(int64_t us)
{
    return (us + HEALTH_MS - 1) / HEALTH_MS;
}

static struct breaker
unpack(uint64_t word)
{
    uint64_t state = word >> STATE_SHIFT, count = word >> COUNT_SHIFT & COUNT_MAX;
    bool is_early = state == BREAKER_ON_TRIAL && (count & EARLY) != 0;

    return (struct breaker){
        .state = state > BREAKER_ON_TRIAL ? BREAKER_CLOSED : (enum breaker_state)state,
        .count = (uint32_t)(is_early ? count - EARLY : count),
        .is_early = is_early,
        .level = word >> LEVEL_SHIFT & LEVEL_MAX,
        .owner = word >> OWNER_SHIFT & OWNER_MAX,
        .deadline_ms = (int64_t)(word & (uint64_t)DEADLINE_MAX),
    };
}

static uint64_t
pack(struct breaker b)
{
    assert(b.count <= COUNT_MAX && b.level <= LEVEL_MAX && b.owner <= OWNER_MAX);
    assert(b.deadline_ms >= 0 && b.deadline_ms <= DEADLINE_MAX);
    if (b.state == BREAKER_ON_TRIAL && b.is_early)
        b.count |= EARLY;
    return (uint64_t)b.state << STATE_SHIFT | (uint64_t)b.count << COUNT_SHIFT |
           (uint64_t)b.level << LEVEL_SHIFT | (uint64_t)b.owner << OWNER_SHIFT |
           (uint64_t)b.deadline_ms;
}
