/* SPDX-License-Identifier: ISC
 *
 * layout - every struct that lies in the shared segment, and the handle that finds them.
 *
 *     0  +---------------------+
 *        | header              |  magic .. capacities, master, ledger epoch, admission
 *        | proc_slots          |  [n_workers + PROC_WORKER]            each process its own
 *        | registry            |  names of models, append-only          master
 *        | key_index           |  [2^n >= 2 x keys]  tag:32 | row + 1   ledger
 *        | key_rows            |  [keys]             seqlock, flags     ledger
 *        | rate_cells          |  [keys]             2 arrival times    workers, CAS
 *        | learned             |  [65536]            output by key and  workers, CAS
 *        |                     |                     model
 *        | quota_cells         |  [quota_cells]      word | used, limit workers, CAS | ledger
 *        | health_rows         |  [2 x (routes and   breaker, limit,    master | workers, CAS
 *        |                     |  credentials)]      credential
 *        | health_cells        |  [health rows][n_workers + 1]          each process its own
 *        | retry_cells         |  [n_workers][LIMIT_MODELS]             workers
 *        | affinity            |  [32768]            conversations      workers, CAS
 *        | flight_heads        |  [n_workers][flights] state word       worker to DONE, ledger
 *        |                     |                                       after
 *        | flight_slots        |  [n_workers][flights] record          likewise; intent: CAS
 *        | doorbells           |  [n_workers][3]       done, ask       worker -> ledger
 *        |                     |                       return          ledger -> worker
 *        | refusal_rings       |  [n_workers]          worker -> ledger
 *        | poison              |  counters, short list                 master
 *        | tallies             |  [n_workers]          answers, times  workers, each its own
 *        | tally_models        |  [LIMIT_MODELS]       what settled    ledger
 *        | tally_figures       |  [64]                 single figures  each its one process
 *        | idempotency_buckets |  [n / 16]             version, links  workers, CAS
 *        | idempotency_entries |  [n]                  owner word      workers, CAS
 *        | idempotency_answers |  [n][16 KiB]          bytes           the entry's owner
 *        +---------------------+ header.size
 *
 *     beside it, of this master's processes alone:
 *        | recall              |  [n_workers]          frontier, index, workers, each its own
 *        |                     |                       records
 *
 * Each table starts on a page. No pointers, no locks. A change of anything here that moves a field
 * is a new SHM_LAYOUT_VERSION. (Catalog snapshots are not here: see catalog.c.)
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/model/catalog.h"
#include "relayos/model/flight.h"
#include "relayos/model/key.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/idempotency.h"
#include "relayos/shm/key_table.h"
#include "relayos/shm/poison.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/segment.h"
#include "relayos/shm/tally.h"

#define SHM_MAGIC          UINT64_C(0x31534f59414c4552) /* "RELAYOS1" */
#define SHM_LAYOUT_VERSION 9
#define SHM_LINE           64

static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2 &&
                  ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_CHAR_LOCK_FREE == 2,
              "a lock inside an atomic would not cross processes");

/* ---- header ---- */

struct shm_header {
    uint64_t magic; /* written last at creation */
    uint32_t layout_version;
    uint32_t header_size;
    uint64_t size;
    uint8_t uuid[16];
    uint8_t boot_id[16];
    struct segment_capacity capacity;
    alignas(SHM_LINE) _Atomic uint64_t master_start_time; /* of the pid below; written first */
    _Atomic int32_t master_pid;
    alignas(SHM_LINE) _Atomic uint64_t ledger_epoch;
    _Atomic uint64_t catalog_epoch; /* of the last commit by any master */
    _Atomic uint32_t admission_open;
    _Atomic uint32_t key_n_rows; /* rows [0 .. n) have held a key */
    _Atomic uint32_t key_moves;  /* odd while index entries change places */
    _Atomic uint32_t n_cuts;     /* keys that were revoked and their running requests to end */
};
static_assert(sizeof(struct shm_header) == 256, "header");
static_assert(offsetof(struct shm_header, capacity) == 56, "attach reads these before mapping");

/* ---- process slots ---- */

/*   claim  63......32 31.....0
 *          generation pid          (generation, 0) = offered, nobody there yet
 */
struct proc_slot {
    alignas(SHM_LINE) _Atomic uint64_t claim;
    _Atomic uint32_t state; /* enum proc_state */
    _Atomic uint32_t role;
    _Atomic uint64_t start_time;
    _Atomic int64_t heartbeat_us;
    _Atomic int64_t started_us;
    _Atomic uint32_t is_waiting; /* worker: for the ledger's commits; wake it after each */
    alignas(SHM_LINE) _Atomic uint64_t counters[PROC_N_COUNTERS];
};
static_assert(sizeof(struct proc_slot) % SHM_LINE == 0, "slots share no line");

/* ---- registry of model names ---- */

#define SHM_REGISTRY_INDEX (2 * LIMIT_MODELS)
struct shm_registry {
    _Atomic uint32_t n_names;
    _Atomic uint32_t index[SHM_REGISTRY_INDEX]; /* id + 1 by hash of the name, 0 = empty */
    char names[LIMIT_MODELS][LIMIT_MODEL_NAME];
};
static_assert((SHM_REGISTRY_INDEX & (SHM_REGISTRY_INDEX - 1)) == 0, "a mask finds the place");

/* ---- keys ---- */

/* An index entry: high half = bits 32..63 of the digest's first word; low half = row + 1. */
#define KEY_ENTRY_EMPTY UINT64_C(0)

struct key_row {
    alignas(SHM_LINE) _Atomic uint32_t sequence; /* odd: being written */
    _Atomic uint32_t flags;                      /* KEY_DISABLED, KEY_REVOKED: beside the seqlock */
    uint8_t digest[KEY_DIGEST_SIZE];
    struct key_view view; /* key_id 0 = holds no key */
};
static_assert(sizeof(struct key_view) == 656, "key_view");
static_assert(sizeof(struct key_row) == 704, "key row");

struct rate_cell {
    alignas(SHM_LINE) _Atomic int64_t arrival_ns[2]; /* by enum rate_kind */
};
static_assert(sizeof(struct rate_cell) == SHM_LINE, "busy keys do not share a line");

/* ---- learned output (learned.c) ---- */

#define SHM_LEARNED 65536 /* words: pairs of key and model, eight to a line */

/* ---- quota cells ---- */

/*
 * One limit in one period. Two cache lines: workers fight over the first, read the second.
 *
 *   word   63............20 19.....0      used, limit ...: written by the ledger alone
 *          reserved          version      version: each change of the word, so a CAS sees any other
 *
 * reserved == QUOTA_CLOSED: the cell is free. One CAS closes it, and only from reserved == 0.
 */
struct quota_cell {
    alignas(SHM_LINE) _Atomic uint64_t word;
    alignas(SHM_LINE) _Atomic int64_t used;
    _Atomic int64_t limit;
    _Atomic uint64_t key_id;
    _Atomic uint32_t period_id;
    _Atomic uint32_t generation; /* moves on with each opening; 0 = never opened */
    _Atomic uint32_t unit;       /* enum limit_unit */
    _Atomic uint32_t model_id;   /* QUOTA_ALL_MODELS */
    _Atomic uint32_t is_shadow;
    uint32_t magic;
};
#define QUOTA_MAGIC        0x51554f54u
#define QUOTA_VERSION_BITS 20
#define QUOTA_VERSION_MASK ((UINT64_C(1) << QUOTA_VERSION_BITS) - 1)
#define QUOTA_CLOSED       ((INT64_C(1) << 44) - 1)
#define QUOTA_RESERVED_MAX (QUOTA_CLOSED - 1) /* 17,592 USD in flight on one limit */

static_assert(sizeof(struct quota_cell) == 128, "the word has a cache line to itself");

/* ---- health (health.c) ---- */

/*
 * Every choice reads the first line of each of its routes; it is written when something is wrong.
 * The words are described where they are changed: health_breaker.c, health_limit.c,
 * health_credential.c.
 */
struct health_row {
    alignas(SHM_LINE) _Atomic uint32_t id; /* of a route or a credential; 0 = empty */
    _Atomic uint32_t admin;                /* enum health_admin */
    _Atomic uint64_t breaker, limit;       /* of a route */
    _Atomic uint64_t credential;           /* of a credential */
    _Atomic uint64_t stamp;                /* catalog epoch when last interned */
    _Atomic uint64_t cooling_ms;           /* of a route: when all of cooling[] is over */
    alignas(SHM_LINE) _Atomic uint64_t first_token;
    _Atomic uint64_t probe; /* latency_us << 17 | status << 1 | is_ok */
    _Atomic int64_t probed_us;
    _Atomic int64_t last_success_us; /* by whoever; to the second */
    _Atomic int64_t last_failure_us;
    alignas(SHM_LINE) _Atomic uint64_t cooling[LIMIT_CREDENTIALS]; /* as `credential` */
};
struct health_cell {                       /* one line: there are as many as workers times routes */
    alignas(SHM_LINE) _Atomic uint32_t id; /* another than the row's: of who had the row before */
    _Atomic uint32_t in_flight;
    _Atomic uint64_t window[2];   /* window.h: calls that went well, that failed */
    _Atomic uint64_t first_token; /* moving average in us << 24 | when it moved, s */
    _Atomic uint64_t successes;
    _Atomic uint32_t failures, overloads;
    _Atomic uint64_t prompt_tokens, cached_tokens;
};
static_assert(sizeof(struct health_row) == 192 && sizeof(struct health_cell) == SHM_LINE,
              "a choice reads one line of a row, a score one of each cell");

/* ---- retry budget (retry_budget.c) ---- */

struct retry_cell {
    _Atomic uint64_t window[2]; /* window.h: requests, attempts beyond the first */
};

/* ---- affinity (affinity.c) ---- */

#define SHM_AFFINITY 32768 /* words: conversations, eight to a line */

/* ---- flights ---- */

/*
 *   head   63......32 31......24 23..16 15...8 7...0      FREE = 0
 *          generation concurrent moving held   state
 *
 * generation: of the worker that owns it. Then a bit per hold of the record: held = counted in its
 * cell for certain; moving = being taken or given back, so that nobody but the mover can tell;
 * concurrent = on a concurrency cell. One writer at a time: that worker until DONE, the ledger
 * after (and the ledger alone once the worker is dead).
 *
 * Heads lie apart from the slots so that a scan of all of them is a walk through some KiB.
 */
#define FLIGHT_HELD_SHIFT       8
#define FLIGHT_MOVING_SHIFT     16
#define FLIGHT_CONCURRENT_SHIFT 24
#define FLIGHT_GENERATION_SHIFT 32
static_assert(LIMIT_FLIGHT_HOLDS == 8, "a byte of the head has a bit for each hold");

struct flight_slot {
    alignas(SHM_LINE) struct flight_record record;
    struct usage noted[2];
    _Atomic uint32_t noted_n; /* 0 = none yet, else noted[noted_n - 1] is whole */
    _Atomic uint32_t intent;  /* enum flight_intent: NONE -> ASKED worker, ASKED -> NOTED ledger */
};
enum flight_intent { FLIGHT_INTENT_NONE, FLIGHT_INTENT_ASKED, FLIGHT_INTENT_NOTED };
static_assert(sizeof(struct flight_hold) == 16, "flight_hold");
static_assert(offsetof(struct flight_record, holds) == 64, "identity is one line");
static_assert(offsetof(struct flight_record, price.tiers) <= 576, "the hot part is nine lines");
static_assert(sizeof(struct flight_slot) == 3840, "flight slot");

/* ---- rings: one producer, one consumer; head - tail entries are in it ---- */

struct doorbell {
    alignas(SHM_LINE) _Atomic uint32_t head; /* producer */
    alignas(SHM_LINE) _Atomic uint32_t tail; /* consumer */
    alignas(SHM_LINE) _Atomic uint32_t entries[];
};
enum { DOORBELL_DONE, DOORBELL_RETURN, DOORBELL_ASK, DOORBELL_N };

struct refusal_ring {
    alignas(SHM_LINE) _Atomic uint32_t head; /* worker */
    _Atomic uint64_t n_lost;                 /* worker */
    alignas(SHM_LINE) _Atomic uint32_t tail; /* ledger */
    alignas(SHM_LINE) struct refusal_record records[];
};
static_assert(sizeof(struct refusal_record) == 320, "refusal_record");

/* ---- poison: requests that were there when workers crashed ---- */

#define POISON_COUNTERS 1024
#define POISON_WAYS     8

struct poison_counter {
    uint64_t fingerprint; /* 0 = free */
    int64_t since_us;     /* of the first crash counted */
    uint64_t n_crashes;
};
struct poison_row {
    _Atomic uint64_t fingerprint; /* 0 = being written, or never */
    _Atomic int64_t until_us;     /* clock_mono_us */
    uint64_t key_id;
    int64_t body_bytes;
    uint8_t endpoint;
    char model[LIMIT_MODEL_NAME];
};
struct shm_poison {
    alignas(SHM_LINE) _Atomic uint32_t n_rows; /* rows [0 .. n) have been used */
    alignas(SHM_LINE) struct poison_row rows[POISON_ROWS];
    struct poison_counter counters[POISON_COUNTERS];
};

/* ---- idempotency (idempotency.c) ---- */

/*
 *   bucket  63........16 15.....0
 *           version      linked: a bit per entry whose key counts; each change of it is a version
 *
 *   owner   63......32 31......16 15..8 7....2 1...0
 *           generation version    slot         state
 *
 * slot and generation: the worker that writes the entry, or wrote it. Any change of an entry begins
 * with a new version of its owner word, so that who has copied from it can tell.
 */
#define IDEMPOTENCY_WAYS 16

struct idempotency_entry {
    alignas(SHM_LINE) _Atomic uint64_t owner;
    int64_t finished_us; /* clock_mono_us */
    uint32_t answer_len; /* 0: finished, and no answer kept */
    uint32_t pad;
    struct uuid request_id;
    uint8_t key[32], body[32];
};
static_assert(sizeof(struct idempotency_entry) == 128, "two lines");

/* ---- tallies (tally.c) ---- */

#define SHM_TALLY_FIGURES 64

struct shm_tally_time {
    _Atomic uint64_t n[TALLY_BUCKETS + 1], sum_us;
};
struct shm_tally {
    alignas(SHM_LINE) _Atomic uint64_t answers[TALLY_ENDPOINTS][TALLY_OUTCOMES];
    struct shm_tally_time times[TALLY_N_TIMES];
};
struct shm_tally_model {
    alignas(SHM_LINE) _Atomic uint64_t requests;
    _Atomic uint64_t failed, attempts, charge_nusd, cost_nusd, reasoning_tokens;
    _Atomic uint64_t units[USAGE_N_BUCKETS];
};
static_assert(sizeof(struct shm_tally) % SHM_LINE == 0, "workers share no line");

/* ---- the handle: process-local, inherited through fork ---- */

struct row_index;

struct segment {
    struct shm_header *header; /* = start of the mapping */
    size_t size;
    struct segment_capacity capacity;
    uint32_t n_key_entries, n_health_rows, n_credentials;
    size_t doorbell_size, refusal_ring_size;

    struct proc_slot *proc_slots;
    struct shm_registry *registry;
    _Atomic uint64_t *key_index;
    struct key_row *key_rows;
    struct rate_cell *rate_cells;
    _Atomic uint64_t *learned;
    struct quota_cell *quota_cells;
    struct health_row *health_rows;
    struct health_cell *health_cells;
    struct retry_cell *retry_cells;
    _Atomic uint64_t *affinity;
    _Atomic uint64_t *flight_heads;
    struct flight_slot *flight_slots;
    char *doorbells;
    char *refusal_rings;
    struct shm_poison *poison;
    _Atomic uint64_t *idempotency_buckets;
    struct idempotency_entry *idempotency_entries;
    char (*idempotency_answers)[IDEMPOTENCY_ANSWER_MAX];
    struct shm_tally *tallies;
    struct shm_tally_model *tally_models;
    _Atomic int64_t *tally_figures;
    char *recall; /* recall.c */

    /* The ledger's own indices, derived from the tables at first use (row_index.h). */
    struct row_index *keys_by_id;
    struct row_index *cells_by_limit;
    uint32_t key_cursor; /* where the search for a revoked key's row goes on */
};

/* ---- what more than one file asks of a head ---- */

static inline enum flight_state
shm_head_state(uint64_t head)
{
    return (enum flight_state)(head & 0xff);
}

static inline unsigned
shm_head_byte(uint64_t head, unsigned shift)
{
    return head >> shift & 0xff;
}

static inline uint32_t
shm_head_generation(uint64_t head)
{
    return (uint32_t)(head >> FLIGHT_GENERATION_SHIFT);
}

#endif
