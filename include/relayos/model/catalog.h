/* SPDX-License-Identifier: ISC
 *
 * catalog - models, routes and upstreams as the config gives them and the shared segment holds
 * them: plain records of fixed size, no pointers, no code.
 */
#ifndef RELAYOS_MODEL_CATALOG_H
#define RELAYOS_MODEL_CATALOG_H

#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/model/capability.h"
#include "relayos/model/routing.h"
#include "relayos/model/usage.h"

/* Wire protocols, as bits: what an upstream speaks. Rows of codec/dialects.def, same order. */
enum protocol {
    PROTOCOL_OPENAI_CHAT,        /* /chat/completions, /completions, /embeddings */
    PROTOCOL_OPENAI_RESPONSES,   /* /responses, /responses/input_tokens, /responses/compact */
    PROTOCOL_ANTHROPIC_MESSAGES, /* /messages, /messages/count_tokens */
    PROTOCOL_GEMINI              /* Google's own; upstreams only */
};
#define PROTOCOL_BIT(p) (1u << (p))

/* What a probe asks of an upstream. */
enum probe_kind {
    PROBE_NONE,
    PROBE_CONNECT, /* TCP, and TLS where it speaks it */
    PROBE_MODELS   /* GET .../models with each credential: free of charge at every provider */
};
#define PROBE_KIND_NAMES                                                                           \
    {                                                                                              \
        "none", "connect", "models"                                                                \
    }

/* Whose server it is, where those of one protocol differ: rows of codec/flavor.def, same order. */
enum upstream_flavor { FLAVOR_COMPATIBLE, FLAVOR_OPENAI, FLAVOR_AZURE, FLAVOR_VLLM, FLAVOR_OLLAMA };

struct upstream_record {
    char name[LIMIT_NAME];                    /* operator's word for it; never shown to callers */
    uint32_t id;                              /* index in the catalog copy it stands in */
    uint32_t protocols;                       /* PROTOCOL_BIT()s */
    uint32_t n_credentials, first_credential; /* set by catalog_put_upstream() */
    uint32_t family;         /* hash of the family that its signed reasoning is good in */
    uint8_t probe;           /* enum probe_kind */
    uint8_t flavor;          /* enum upstream_flavor */
    uint8_t is_bearer;       /* Azure: the key is a token, not an api-key */
    uint8_t has_deployments; /* Azure: chat paths name the model */
    bool cache_prompts;      /* Claude: of translated requests that say nothing of it */
    char api_version[24];    /* Azure: goes into the query; "" = none */
    char host[LIMIT_HOST];   /* name or IP literal, without brackets */
    char path[LIMIT_PATH];   /* prefix before "/chat/completions": "/v1", no trailing slash */
    uint16_t port;
    uint8_t is_tls;
    uint8_t is_mock;          /* one of the bundled mock providers */
    char ca_file[LIMIT_PATH]; /* "" = the system's */
    int64_t origin_hash;      /* of scheme, host, port, CA: the key of pools and TLS contexts */
    uint32_t max_connections; /* per worker */
    uint32_t max_idle_connections; /* per worker */
    int64_t connect_timeout_us, tls_timeout_us, first_byte_timeout_us, first_token_timeout_us,
        idle_timeout_us, total_timeout_us;
};

/* One key of an upstream. Its bytes lie beside it in the catalog, never in a record. */
struct credential_record {
    char name[24];       /* operator's word for it; "" for the only one */
    uint32_t id;         /* stable hash of (upstream name, credential name) */
    uint32_t health_row; /* shm/health.h: cooling or refused */
};

/* How the routes of a model are chosen among; a key may have one of its own. */
enum route_policy {
    ROUTE_BALANCED, /* power of two choices over latency, success and load */
    ROUTE_FASTEST,  /* least time to the first token */
    ROUTE_CHEAPEST, /* least cost of this request */
    ROUTE_ORDERED,  /* as they stand in the configuration */
    ROUTE_WEIGHTED, /* by weight alone */
    ROUTE_N_POLICIES
};
#define ROUTE_POLICY_NAMES                                                                         \
    {                                                                                              \
        "balanced", "fastest", "cheapest", "ordered", "weighted"                                   \
    }

struct route_record {
    uint32_t id; /* stable hash of (model, upstream name, upstream model): traces and seals */
    uint32_t upstream_id; /* index in the same catalog copy */
    char upstream_model[LIMIT_MODEL_NAME];
    uint32_t weight;              /* 1..1000 */
    uint32_t tier;                /* 0 is tried first */
    uint32_t health_row;          /* shm/health.h */
    uint32_t max_concurrent;      /* over all workers; 0 = as many as it bears */
    uint32_t is_disabled;         /* by the configuration */
    struct capability capability; /* of the upstream's model; set where it is published */
    int64_t cost_until_us;        /* when the first change takes its place; 0 = there is none */
    struct price cost;            /* what the operator pays */
    struct price_change cost_changes[LIMIT_PRICE_CHANGES]; /* by rising instants */
};

/*
 * What a choice among a model's routes goes by: a small row for each, in one array, by rising tier
 * and within a tier as in the configuration.
 */
struct route_option {
    uint32_t id, health_row;
    uint32_t upstream_id, first_credential; /* rows of the same snapshot */
    uint32_t protocols;                     /* of its upstream: PROTOCOL_BIT()s */
    uint32_t family;
    uint16_t tier, weight, n_credentials;
    uint16_t is_disabled;
    uint32_t max_concurrent;
    uint32_t credential_row; /* health row of the first one: mostly the only one */
    int64_t input_nusd, output_nusd, cache_read_nusd; /* its cost, per million tokens */
};

/* When a model's fallbacks may stand in for it; bits of model_record.fallback_on. */
enum fallback_cause {
    FALLBACK_OUTAGE = 1u << 0,           /* no route, or all that were tried failed */
    FALLBACK_OVERLOAD = 1u << 1,         /* all that were tried said 429 or 529 */
    FALLBACK_CONTEXT_OVERFLOW = 1u << 2, /* the prompt is too long for it */
    FALLBACK_REFUSAL = 1u << 3           /* its content policy refused the request */
};
#define FALLBACK_CAUSE_NAMES                                                                       \
    {                                                                                              \
        "outage", "overload", "context_overflow", "refusal"                                        \
    }

struct model_record {
    char name[LIMIT_MODEL_NAME]; /* public, exactly as callers write it */
    char display_name[LIMIT_MODEL_NAME];
    char owned_by[LIMIT_NAME];
    uint32_t id; /* registry id: stable for the life of the segment, never reused */
    uint32_t n_routes;
    uint32_t first_route; /* routes of one model stand together in the same copy */
    uint32_t price_version;
    uint8_t policy;      /* enum route_policy */
    uint8_t fallback_on; /* enum fallback_cause */
    uint8_t n_fallbacks;
    uint8_t may_hedge;
    uint32_t fallbacks[LIMIT_FALLBACKS]; /* registry ids, in the order they are tried */
    int64_t created_s;                   /* unix seconds, for GET /v1/models */
    int64_t context_tokens;              /* 0 = unknown */
    int64_t max_output_tokens;           /* 0 = unknown */
    int64_t price_until_us; /* when the first change takes its place; 0 = there is none */
    struct price price;     /* what the caller is charged */
    struct price_change price_changes[LIMIT_PRICE_CHANGES]; /* by rising instants */
};

#endif
