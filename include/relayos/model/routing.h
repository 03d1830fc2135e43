/* SPDX-License-Identifier: ISC
 *
 * routing - how routes fail, heal and are chosen: directives of the configuration that take effect
 * at a reload. A plain record, no code.
 */
#ifndef RELAYOS_MODEL_ROUTING_H
#define RELAYOS_MODEL_ROUTING_H

#include <stdint.h>

struct routing_settings {
    uint32_t max_attempts;     /* of one request: 1 .. LIMIT_ATTEMPTS */
    uint32_t retry_percent;    /* attempts beyond the first, of a model's requests in the window */
    uint32_t retry_min;        /* ... and so many anyway */
    uint32_t fails_uncertain;  /* fail over after an attempt whose outcome is unknown */
    uint32_t breaker_failures; /* in a row; 0 = breakers never open */
    uint32_t breaker_percent;  /* or so many of at least breaker_calls in 10 s */
    uint32_t breaker_calls;
    uint32_t hedge_percent;     /* of a model's requests in the window; 0 = never */
    uint32_t probes_per_minute; /* 0 = no limit */
    uint32_t pad;
    int64_t open_us, open_max_us; /* a breaker's first pause; the longest */
    int64_t hedge_min_us;         /* never sooner than this */
    int64_t affinity_ttl_us;      /* 0 = none */
};

#endif
