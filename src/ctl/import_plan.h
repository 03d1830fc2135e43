/* SPDX-License-Identifier: ISC
 *
 * import_plan - what another gateway's configuration and keys come to here, before anything is
 * made.
 *
 * Readers (import_litellm.h, import_channels.h) fill one; import_write.h makes a relayos.yaml of
 * it, import_apply.h makes the keys. Pure: no file, no daemon.
 *
 * Ownership: texts given are copied and belong to the plan; import_plan_fini() wipes all of them,
 * for providers' credentials are among them. Units: money in nano-USD, prices in nano-USD per
 * million tokens, -1 = not said; times in real microseconds.
 */
#ifndef CTL_IMPORT_PLAN_H
#define CTL_IMPORT_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/base/slice.h"

struct import_credential {
    const char *env;    /* variable that holds it, or is to */
    const char *secret; /* the credential itself, NULL if the source names a variable only */
};

struct import_upstream {
    const char *name; /* wanted; made unique */
    const char *url, *protocols, *flavor, *api_version;
    size_t n_credentials; /* 0 = it wants none */
    struct import_credential credentials[LIMIT_CREDENTIALS];
};

struct import_price {
    bool is_known;
    int64_t input, output, cache_read, cache_write, request;
    int64_t above; /* tokens of the prompt from which on the next four hold; 0 = none */
    int64_t above_input, above_output, above_cache_read, above_cache_write;
};

struct import_route {
    size_t upstream;
    const char *model;
    int64_t weight;         /* 0 = not said */
    int64_t order;          /* less is tried first; becomes a tier */
    int64_t max_concurrent; /* 0 = not said */
    bool is_disabled;
    struct import_price price;
};

/* What a model falls back on, as fallback_on has it. */
enum import_fallback_on {
    IMPORT_ON_FAILURE = 1u << 0,
    IMPORT_ON_OVERFLOW = 1u << 1,
    IMPORT_ON_REFUSAL = 1u << 2,
};

struct import_model {
    const char *name;
    struct import_price price;
    int64_t context_tokens, max_output_tokens; /* 0 = not said */
    size_t n_routes;
    struct import_route *routes;
    size_t n_fallbacks;
    const char *fallbacks[LIMIT_FALLBACKS];
    unsigned fallback_on;
};

struct import_quota {
    int64_t amount_nusd;
    const char *period; /* "day", "week", "month", "total" */
    const char *model;  /* NULL = all */
};

struct import_key {
    const char *name; /* unique in the plan */
    const char *owner;
    const char *last4; /* of the key that it takes the place of */
    bool has_all_models;
    size_t n_models;
    const char **models;
    size_t n_quotas;
    struct import_quota quotas[LIMIT_KEY_LIMITS];
    size_t n_networks;
    const char *networks[LIMIT_KEY_NETWORKS];
    int64_t requests_per_minute, tokens_per_minute, max_concurrent; /* 0 = no limit */
    int64_t expires_us;                                             /* 0 = never */
    bool is_disabled;
    const char *notes; /* what is not as it was; "" = nothing */
};

/* 0, NULL = as RelayOS has it by default. */
struct import_settings {
    int64_t attempts, breaker_failures, open_time_us, total_timeout_us;
    const char *policy;
};

struct import_plan {
    const char *source; /* "LiteLLM", for people */
    struct import_settings settings;
    size_t n_upstreams, n_models, n_keys, n_notes, n_texts;
    struct import_upstream *upstreams;
    struct import_model *models;
    struct import_key *keys;
    const char **notes; /* what could not be carried over */
    char **texts;
};

void import_plan_init(struct import_plan *plan, const char *source);
void import_plan_fini(struct import_plan *plan);

const char *import_plan_text(struct import_plan *plan, struct slice text);
const char *import_plan_print(struct import_plan *plan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void import_plan_note(struct import_plan *plan, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void import_plan_note_key(struct import_plan *plan, struct import_key *key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Index of the upstream that is such, made if there is none. */
size_t import_plan_upstream(struct import_plan *plan, const struct import_upstream *wanted);
/* The model, made if there is none; NULL, with a note, for a name that no model can have here. Good
 * until the next is made, as is a key. */
struct import_model *import_plan_model(struct import_plan *plan, const char *name);
struct import_model *import_plan_find_model(const struct import_plan *plan, const char *name);
/* One that is there already gets its weight as well. */
void import_plan_route(struct import_plan *plan, struct import_model *model,
                       const struct import_route *route);
/* A name that is taken, too long or a number alone is changed, with a note. */
struct import_key *import_plan_key(struct import_plan *plan, const char *name);
/* Names a model that the key may use; one that is not in the plan gets a note instead. */
void import_plan_allow(struct import_plan *plan, struct import_key *key, const char *model);
/* Once all is read: orders become tiers, weights fit, models without a price rest. */
void import_plan_finish(struct import_plan *plan);

#endif
