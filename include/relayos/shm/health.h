/* SPDX-License-Identifier: ISC
 *
 * health - what is known of each route and of each credential, and whether it may be used now.
 *
 * Positions in the catalog are not stable over reloads, so a row is found by its id (a hash) in a
 * small open-addressing table that the master fills at reload and whose rows the catalog names; ids
 * that vanish keep their row until it is needed.
 *
 *   row    one line, shared: breaker word, concurrency limit, learned first-token time (CAS; each
 *          is soft state that a killed writer leaves whole), what the operator said (master)
 *   cells  one line per process and row: its own counts; readers sum
 *
 * The breaker is one word: CLOSED with the failures in a row, OPEN until an instant, or HALF_OPEN
 * with an owner and a deadline, past which the trial is anybody's again (a killed owner's trial
 * comes back by itself). Every worker reads it at its next choice.
 *
 * Process: workers and the prober; admin state and rows: the master. Times are clock_mono_us().
 */
#ifndef RELAYOS_SHM_HEALTH_H
#define RELAYOS_SHM_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/model/catalog.h"
#include "relayos/shm/segment.h"

/* Row of a route's or credential's id, added if new (master, at reload). ERR_FULL. */
int health_intern(struct segment *segment, uint32_t id, uint32_t *out_row) MUST_CHECK;
/* Is the row this id's still? Two reloads may have given it to another while a call ran. */
bool health_row_is(const struct segment *segment, uint32_t row, uint32_t id);
/* Row of an id or ERR_MISSING. */
int health_row(const struct segment *segment, uint32_t id, uint32_t *out_row) MUST_CHECK;

/* ---- may it be used? ---- */

enum health_admin { HEALTH_ENABLED, HEALTH_DRAINED, HEALTH_DISABLED };
/* Drained: only what is bound to it already. Disabled: nothing new. Master; kept over reloads. */
void health_set_admin(struct segment *segment, uint32_t row, enum health_admin admin);
enum health_admin health_admin(const struct segment *segment, uint32_t row);
/* The operator says that it is well: the breaker closes, what was held against it is forgotten (its
 * counts stay). Of a credential's row: it passes. */
void health_reset(struct segment *segment, uint32_t row);

enum health_gate {
    HEALTH_PASSES,
    HEALTH_WANTS_TRIAL, /* its pause is over: one call may try it (health_take_trial) */
    HEALTH_IS_ON_TRIAL, /* somebody's call is trying it */
    HEALTH_IS_OPEN      /* until *out_until_us */
};
/* One load. out_until_us: when that may change (0 = it passes). */
enum health_gate health_gate(const struct segment *segment, uint32_t row, int64_t now_us,
                             int64_t *out_until_us);
/* A glance at n options: a bit where nothing speaks against the route nor against its credential,
 * if it has but one. Who has no bit is asked one question after the other. Not of limits. */
#define HEALTH_GLANCE_WORDS (LIMIT_MODEL_ROUTES / 64)
void health_glance(const struct segment *segment, const struct route_option *options, uint32_t n,
                   int64_t now_us, uint64_t out_bits[HEALTH_GLANCE_WORDS]);
/*
 * Take the one trial of an open route. is_panic: also before its pause is over, though not within
 * HEALTH_PANIC_US of when it opened, because the model has no other route. False: another has it.
 */
bool health_take_trial(struct segment *segment, uint32_t slot, uint32_t row,
                       const struct routing_settings *settings, bool is_panic, int64_t now_us);
/* The trial is good before its call is over (which then is no trial any more). True: that closed
 * the breaker. */
bool health_pass_trial(struct segment *segment, uint32_t slot, uint32_t row,
                       const struct routing_settings *settings, int64_t now_us);
#define HEALTH_PANIC_US INT64_C(1000000)
#define HEALTH_TRIAL_US INT64_C(60000000) /* after this the trial is lost, as if its owner were */

/* Calls that it bears at a time, by what overload taught; INT64_MAX = not known to be limited. */
int64_t health_limit(const struct segment *segment, uint32_t row);
/* In flight, over all processes. */
int64_t health_in_flight(const struct segment *segment, uint32_t row);

/* ---- what a call tells of a route ---- */

enum health_verdict {
    HEALTH_OK,       /* it answered */
    HEALTH_FAULT,    /* it failed, by its own fault */
    HEALTH_OVERLOAD, /* 429, 503 and the like: no fault, but too much */
    HEALTH_NEUTRAL   /* nothing is known: the caller's fault, or the caller has gone */
};
struct health_outcome {
    enum health_verdict verdict;
    bool is_outage;  /* with HEALTH_OVERLOAD: it said 503 or 529, as a dead backend's proxy does
                        too; with HEALTH_NEUTRAL: 403, as to a call that it will not have: a
                        fault if it has answered nobody in the last 5 to 10 s */
    bool is_trial;   /* the call held the trial: it goes back in every case */
    bool is_last;    /* no other route is open: if it answers, five times as many open it */
    bool is_crowded; /* half of the model's routes are out already: only failures in a row
                        may open another */
    int64_t first_token_us;               /* 0 = none, or not a stream */
    int64_t prompt_tokens, cached_tokens; /* as reported; 0 = nothing was */
    int64_t now_us;
};
void health_begin(struct segment *segment, uint32_t slot, uint32_t row);
/* True if this opened the breaker (the caller logs it). */
bool health_end(struct segment *segment, uint32_t slot, uint32_t row,
                const struct health_outcome *outcome, const struct routing_settings *settings);

/* The prober: `status` 0 = no answer. A probe alone never opens the breaker of a route that
 * succeeds at real calls; a good one ends the pause of an open one. */
struct health_probe {
    bool is_ok;
    uint16_t status;
    int64_t latency_us, now_us;
};
void health_note_probe(struct segment *segment, uint32_t row, const struct health_probe *probe,
                       const struct routing_settings *settings);

/* ---- figures ---- */

/* What a score goes by: cheap. */
struct health_figures {
    int64_t in_flight, limit; /* limit INT64_MAX: not known */
    int64_t first_token_us;   /* moving average; 0 = nothing known, or nothing for a minute */
    int64_t success_permille; /* of the last 5 to 10 s; 1000 where there was nothing */
};
void health_figures(const struct segment *segment, uint32_t row, int64_t now_us,
                    struct health_figures *out);
/* The 95th percentile of first-token times, over all workers; 0 = fewer than 20 seen. */
int64_t health_first_token_p95(const struct segment *segment, uint32_t row);

/* All of it, for people. */
struct health_view {
    struct health_figures figures;
    enum health_admin admin;
    enum health_gate gate;
    int64_t until_us; /* with gate: when that may change */
    uint32_t level;   /* how often it opened without having healed between */
    uint32_t failures_in_row;
    uint64_t successes, failures, overloads;
    uint64_t prompt_tokens, cached_tokens;
    int64_t last_success_us, last_failure_us; /* to the second; 0 = never */
    int64_t first_token_p95_us;
    struct health_probe probe; /* now_us 0: never probed */
};
void health_view(const struct segment *segment, uint32_t row, int64_t now_us,
                 struct health_view *out);

/* Undertaker: what a dead worker had in flight on all routes is nothing any more. */
void health_forget_worker(struct segment *segment, uint32_t slot);

#endif
