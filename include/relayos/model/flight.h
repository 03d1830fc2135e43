/* SPDX-License-Identifier: ISC
 *
 * flight - the life of one request as one fixed record: who, what, reservations, attempts, stages
 * with their times, usage and how it ended. It is the reservation, the trace and the outbox row.
 * Plain records, no code. States and their legal moves: shm/flight.h.
 */
#ifndef RELAYOS_MODEL_FLIGHT_H
#define RELAYOS_MODEL_FLIGHT_H

#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/base/text.h"
#include "relayos/model/usage.h"

/* STAGE(name, NAME): in the order they happen; times are clock_mono_us(), 0 = not reached. */
#define FLIGHT_STAGES(STAGE)                                                                       \
    STAGE(accepted, ACCEPTED) /* request read and framed */                                        \
    STAGE(key_checked, KEY_CHECKED)                                                                \
    STAGE(quota_checked, QUOTA_CHECKED) /* rate and quota reserved */                              \
    STAGE(route_selected, ROUTE_SELECTED)                                                          \
    STAGE(dispatched, DISPATCHED)   /* first byte to the upstream */                               \
    STAGE(first_byte, FIRST_BYTE)   /* upstream's response head */                                 \
    STAGE(first_token, FIRST_TOKEN) /* first content byte */                                       \
    STAGE(completed, COMPLETED)     /* last byte, error or client gone */                          \
    STAGE(settled, SETTLED)         /* ledger row committed (written by the ledger) */

enum flight_stage {
#define STAGE(name, NAME) FLIGHT_STAGE_##NAME,
    FLIGHT_STAGES(STAGE)
#undef STAGE
        FLIGHT_N_STAGES
};

struct flight_hold {
    uint32_t cell_idx;   /* quota cell */
    uint32_t generation; /* of the cell: a recycled one is refused */
    int64_t amount;      /* in the cell's unit */
};

enum attempt_outcome {
    ATTEMPT_NONE,
    ATTEMPT_RUNNING,
    ATTEMPT_OK,
    ATTEMPT_FAILED,    /* known to have produced nothing */
    ATTEMPT_UNCERTAIN, /* sent, then lost: may have been served */
    ATTEMPT_CANCELLED, /* client gone, or another attempt answered first */
};

/* Why it was made. */
enum attempt_reason {
    ATTEMPT_FIRST,
    ATTEMPT_FAILOVER, /* the one before failed */
    ATTEMPT_HEDGE,    /* the one before was slow */
    ATTEMPT_FALLBACK, /* another model stands in for the one that was asked for */
    ATTEMPT_N_REASONS
};
#define ATTEMPT_REASON_NAMES                                                                       \
    {                                                                                              \
        "first", "failover", "hedge", "fallback"                                                   \
    }

struct flight_attempt {
    uint32_t route_id;
    uint16_t status;     /* upstream HTTP status, 0 = none */
    uint8_t outcome;     /* enum attempt_outcome */
    uint8_t category;    /* enum err_category, 0 = none */
    uint8_t is_reused;   /* on a pooled connection */
    uint8_t n_redials;   /* stale connections replaced before anything was answered */
    uint8_t provenance;  /* enum usage_provenance of the figures below */
    uint8_t reason;      /* enum attempt_reason */
    uint32_t model_id;   /* of the model it was made for: another than the record's in a fallback */
    uint32_t score;      /* by which its route was chosen: less is better; 0 = nothing to choose */
    char credential[24]; /* which of the upstream's; "" = the only one */
    int64_t input_tokens, output_tokens, cost_nusd;        /* what the operator owes for it */
    int64_t start_us, connected_us, first_byte_us, end_us; /* clock_mono_us */
    char upstream[LIMIT_NAME];                             /* operator's trace only */
    char upstream_model[LIMIT_MODEL_NAME];
    char upstream_request_id[48]; /* operator's trace only */
    char note[128];               /* upstream's error text, redacted; operator's trace only */
};

/* One route that was looked at for an attempt: operator's trace only. */
struct flight_choice {
    uint32_t route_id;
    uint32_t score;    /* less is better; 0 = not worked out */
    uint8_t attempt;   /* which one it was looked at for */
    uint8_t exclusion; /* enum route_exclusion (policy/route.h): 0 = it could have been taken */
    uint8_t is_pinned; /* the conversation's prompt cache lies there */
    uint8_t pad;
};

/*
 * What every request touches comes first, in whole cache lines; texts and attempts, which most
 * readers never look at, come last. (The tiers of the two prices, mostly none, lie between.)
 */
struct flight_record {
    /* Identity, written before INTENT. */
    struct uuid request_id;
    uint64_t key_id;
    uint32_t key_row;
    uint32_t model_id;
    uint8_t endpoint; /* row of endpoints.def */
    uint8_t protocol; /* enum protocol of the caller */
    uint8_t is_stream;
    uint8_t has_intent; /* a note of it was asked for before it was sent (strict) */
    uint32_t day_id;    /* 20261125 in the configured zone: pinned at admission */
    int64_t accepted_real_us;
    int64_t body_bytes;

    /* Reservation, written before INTENT. */
    uint32_t n_holds;
    uint32_t n_attempts; /* progress, but it fills the line */
    struct flight_hold holds[LIMIT_FLIGHT_HOLDS];
    int64_t reserved_nusd;   /* estimate in money, whether or not a quota counts it */
    int64_t reserved_tokens; /* estimate taken from the tokens-a-minute cell */

    /* Progress. */
    int64_t stage_us[FLIGHT_N_STAGES];
    int64_t bytes_out; /* body bytes sent to the caller */
    int64_t n_events;  /* stream events sent to the caller */

    /* Settlement, written before DONE. */
    int64_t charge_nusd;
    int64_t cost_nusd;
    uint16_t status;       /* HTTP status the caller got, 0 = none */
    uint8_t category;      /* enum err_category: ERR_CATEGORY_NONE = success */
    uint8_t provenance;    /* enum usage_provenance */
    uint8_t stop;          /* reserved for finish reasons */
    uint8_t is_over_quota; /* a shadow limit would have refused it */
    uint8_t pad1[2];
    struct usage usage; /* final; while it streams, see flight_note_usage() */
    struct price price; /* pinned at admission: a price change never rewrites a running request */
    struct price cost;  /* of the last attempt's route */

    /* Texts, written before INTENT. */
    char model[LIMIT_MODEL_NAME]; /* public name: as resolved */
    char client_address[48];
    char client_request_id[64]; /* the caller's own X-Request-Id, only stored */
    char user_agent[64];
    char traceparent[56]; /* the caller's own trace (base/traceparent.h), "" = none */

    struct flight_attempt attempts[LIMIT_ATTEMPTS]; /* [0 .. n_attempts) */

    uint32_t n_choices;  /* 0 where a model has one route */
    uint32_t n_unlisted; /* choices that found no room here */
    struct flight_choice choices[LIMIT_CHOICES];
};

/* A call refused before a flight existed: lossy, counted (shm/refusal.h). */
struct refusal_record {
    struct uuid request_id;
    uint64_t key_id; /* 0 = unknown key */
    int64_t accepted_real_us;
    int64_t elapsed_us;
    uint8_t endpoint;
    uint8_t protocol;
    uint8_t category; /* enum err_category */
    uint8_t step;     /* enum flight_stage reached last */
    uint16_t status;
    uint16_t pad;
    char model[LIMIT_MODEL_NAME]; /* as asked, cut to fit, printable ASCII only */
    char client_address[48];
    char client_request_id[64];
    char user_agent[64];
};

#endif
