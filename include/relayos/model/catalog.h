/* SPDX-License-Identifier: ISC
 *
 * catalog - models, routes and upstreams as the config gives them and the shared segment holds
 * them: plain records of fixed size, no pointers, no code.
 */
#ifndef RELAYOS_MODEL_CATALOG_H
#define RELAYOS_MODEL_CATALOG_H

#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/model/usage.h"

/* Wire protocols, as bits: what an upstream speaks. Rows of codec/dialects.def, same order. */
enum protocol {
    PROTOCOL_OPENAI_CHAT,       /* /chat/completions, /completions, /embeddings */
    PROTOCOL_OPENAI_RESPONSES,  /* /responses */
    PROTOCOL_ANTHROPIC_MESSAGES /* /messages, /messages/count_tokens */
};
#define PROTOCOL_BIT(p) (1u << (p))

struct upstream_record {
    char name[LIMIT_NAME]; /* operator's word for it; never shown to callers */
    uint32_t id;           /* index in the catalog copy it stands in */
    uint32_t protocols;    /* PROTOCOL_BIT()s */
    char host[LIMIT_HOST]; /* name or IP literal, without brackets */
    char path[LIMIT_PATH]; /* prefix before "/chat/completions": "/v1", no trailing slash */
    uint16_t port;
    uint8_t is_tls;
    uint8_t is_mock;          /* one of the bundled mock providers */
    char ca_file[LIMIT_PATH]; /* "" = the system's */
    int64_t origin_hash;      /* of scheme, host, port, CA: the key of pools and TLS contexts */
    uint32_t max_connections; /* per worker */
    uint32_t max_idle_connections; /* per worker */
    int64_t connect_timeout_us, tls_timeout_us, first_byte_timeout_us, idle_timeout_us,
        total_timeout_us;
};

struct route_record {
    uint32_t id; /* stable hash of (model, upstream name, upstream model): traces and seals */
    uint32_t upstream_id; /* index in the same catalog copy */
    char upstream_model[LIMIT_MODEL_NAME];
    uint32_t weight;       /* 1..1000 */
    uint32_t tier;         /* 0 is tried first */
    int64_t cost_until_us; /* when the first change takes its place; 0 = there is none */
    struct price cost;     /* what the operator pays */
    struct price_change cost_changes[LIMIT_PRICE_CHANGES]; /* by rising instants */
};

struct model_record {
    char name[LIMIT_MODEL_NAME]; /* public, exactly as callers write it */
    char display_name[LIMIT_MODEL_NAME];
    char owned_by[LIMIT_NAME];
    uint32_t id; /* registry id: stable for the life of the segment, never reused */
    uint32_t n_routes;
    uint32_t first_route; /* routes of one model stand together in the same copy */
    uint32_t price_version;
    int64_t created_s;         /* unix seconds, for GET /v1/models */
    int64_t context_tokens;    /* 0 = unknown */
    int64_t max_output_tokens; /* 0 = unknown */
    int64_t price_until_us;    /* when the first change takes its place; 0 = there is none */
    struct price price;        /* what the caller is charged */
    struct price_change price_changes[LIMIT_PRICE_CHANGES]; /* by rising instants */
};

#endif
