/* SPDX-License-Identifier: ISC
 *
 * tally - what is counted for metrics beyond the counters of proc_slot: answers by endpoint and
 * outcome, how long they took, what was settled of each model, and single figures that one process
 * knows and others show.
 *
 * Totals since the segment was made. Nothing here is ever set back: who takes over a dead worker's
 * slot goes on from its counts.
 *
 * Process: a worker its own slot; the ledger the models; a figure as its row says. Readers sum.
 */
#ifndef RELAYOS_SHM_TALLY_H
#define RELAYOS_SHM_TALLY_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/model/flight.h"
#include "relayos/shm/segment.h"

/* ---- answers (a worker's own slot) ---- */

#define TALLY_ENDPOINTS 32 /* rows of endpoints.def; the last stands for no row */
#define TALLY_OUTCOMES  64 /* enum err_category */

struct tally_answer {
    uint8_t endpoint; /* row of endpoints.def; any other = none */
    uint8_t category; /* enum err_category */
    bool had_flight;  /* a model was to be asked: its time counts */
    bool is_stream;
    int64_t elapsed_us;
    int64_t first_token_us; /* from acceptance; 0 = none */
};
void tally_count_answer(struct segment *segment, uint32_t slot, const struct tally_answer *answer);
uint64_t tally_answers(const struct segment *segment, uint32_t endpoint, uint32_t category);

enum tally_time { TALLY_WHOLE, TALLY_STREAM, TALLY_FIRST_TOKEN, TALLY_N_TIMES };
#define TALLY_BUCKETS 16
/* Upper bounds, inclusive; what is above the last is in one more bucket. */
extern const int64_t tally_bounds_us[TALLY_BUCKETS];
struct tally_histogram {
    uint64_t n[TALLY_BUCKETS + 1]; /* each bucket by itself */
    uint64_t sum_us;
};
void tally_times(const struct segment *segment, enum tally_time which, struct tally_histogram *out);

/* ---- settlements, by model (the ledger) ---- */

struct tally_model {
    uint64_t requests, failed, attempts, charge_nusd, cost_nusd, reasoning_tokens;
    uint64_t units[USAGE_N_BUCKETS];
};
/* A row was committed that is new. */
void tally_settle(struct segment *segment, const struct flight_record *flight);
/* By id of the registry of model names. */
void tally_model(const struct segment *segment, uint32_t model_id, struct tally_model *out);

/* ---- single figures ---- */

/* FIGURE(name, NAME): 0 = not known yet, or none */
#define TALLY_FIGURES(FIGURE)                                                                      \
    FIGURE(child_crashes, CHILD_CRASHES)           /* master: children that ended unasked */       \
    FIGURE(crash_spell_us, CRASH_SPELL_US)         /* master: when one was the last of many */     \
    FIGURE(reloads, RELOADS)                       /* master: that took effect */                  \
    FIGURE(reloads_refused, RELOADS_REFUSED)       /* master */                                    \
    FIGURE(last_reload_us, LAST_RELOAD_US)         /* master: real time, either way */             \
    FIGURE(last_reload_failed, LAST_RELOAD_FAILED) /* master: bool */                              \
    FIGURE(certificate_expires_us, CERTIFICATE_EXPIRES_US) /* master: the first of them */         \
    FIGURE(disk_free_bytes, DISK_FREE_BYTES)               /* ledger: where data_dir is */         \
    FIGURE(disk_bytes, DISK_BYTES)                         /* ledger */                            \
    FIGURE(wal_bytes, WAL_BYTES)                           /* ledger */                            \
    FIGURE(alerts_active, ALERTS_ACTIVE)                   /* prober, and those that follow */     \
    FIGURE(alerts_sent, ALERTS_SENT)                                                               \
    FIGURE(alerts_failed, ALERTS_FAILED) /* tries */                                               \
    FIGURE(alerts_dropped, ALERTS_DROPPED)                                                         \
    FIGURE(traces_sent, TRACES_SENT)                                                               \
    FIGURE(traces_failed, TRACES_FAILED)   /* tries of a batch */                                  \
    FIGURE(traces_dropped, TRACES_DROPPED) /* refused by the receiver, or gone before */           \
    FIGURE(traces_seq, TRACES_SEQ)         /* ledger rows up to it are sent */
enum tally_figure {
#define FIGURE(name, NAME) TALLY_##NAME,
    TALLY_FIGURES(FIGURE)
#undef FIGURE
        TALLY_N_FIGURES
};
void tally_set(struct segment *segment, enum tally_figure figure, int64_t value);
void tally_add(struct segment *segment, enum tally_figure figure, int64_t n);
int64_t tally_get(const struct segment *segment, enum tally_figure figure);

#endif
