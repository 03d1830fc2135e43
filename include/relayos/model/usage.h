/* SPDX-License-Identifier: ISC
 *
 * usage - what one answer used, in disjoint buckets; prices per bucket; where a figure comes from.
 * Plain records, no code. Arithmetic: policy/price.h.
 */
#ifndef RELAYOS_MODEL_USAGE_H
#define RELAYOS_MODEL_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/limits.h"

/* BUCKET(name, NAME, units one price is for). Disjoint: nothing is counted in two of them. */
#define USAGE_BUCKETS(BUCKET)                                                                      \
    BUCKET(input, INPUT, 1000000)           /* fresh prompt tokens */                              \
    BUCKET(cache_read, CACHE_READ, 1000000) /* prompt tokens served from cache */                  \
    BUCKET(cache_write_5m, CACHE_WRITE_5M, 1000000)                                                \
    BUCKET(cache_write_1h, CACHE_WRITE_1H, 1000000)                                                \
    BUCKET(output, OUTPUT, 1000000) /* reasoning included, see reasoning_tokens */                 \
    BUCKET(input_audio, INPUT_AUDIO, 1000000)                                                      \
    BUCKET(output_audio, OUTPUT_AUDIO, 1000000)                                                    \
    BUCKET(input_image, INPUT_IMAGE, 1000000)                                                      \
    BUCKET(output_image, OUTPUT_IMAGE, 1000000)                                                    \
    BUCKET(request, REQUEST, 1)         /* 1 for each answered request */                          \
    BUCKET(server_tool, SERVER_TOOL, 1) /* web searches and the like */

enum usage_bucket {
#define BUCKET(name, NAME, unit) USAGE_##NAME,
    USAGE_BUCKETS(BUCKET)
#undef BUCKET
        USAGE_N_BUCKETS
};

enum usage_provenance {
    USAGE_NONE,          /* failed before usage: charge 0 */
    USAGE_REPORTED,      /* the provider's own figures */
    USAGE_ESTIMATED,     /* reported input plus an estimate of the output streamed */
    USAGE_INDETERMINATE, /* sent upstream, outcome unknown: 0 to the caller, visible to the operator
                          */
    USAGE_INVALID,       /* the provider reported nonsense (LI-13): never a credit */
};

/* How the provider served it: each has a factor on the price. */
enum usage_service_tier {
    USAGE_TIER_STANDARD,
    USAGE_TIER_FLEX,
    USAGE_TIER_BATCH,
    USAGE_TIER_PRIORITY,
    USAGE_N_TIERS
};

struct usage {
    int64_t count[USAGE_N_BUCKETS]; /* tokens or units, 0 .. LIMIT_TOKENS */
    int64_t reasoning_tokens;       /* part of output */
    uint32_t tier_permille;         /* the factor it was charged with; set when it is */
    uint8_t is_reported;            /* the provider said something, if only zeros */
    uint8_t is_invalid;             /* it said something impossible */
    uint8_t service_tier;           /* enum usage_service_tier, as reported */
    uint8_t totals;                 /* which of these it said, if only as zero */
#define USAGE_SAID_INPUT  1
#define USAGE_SAID_OUTPUT 2
#define USAGE_SAID_EMPTY  4 /* no prompt, before the answer: it holds once the answer is whole */
};

/* A price for each bucket, and one for the part of the output that was reasoning. */
enum { PRICE_REASONING = USAGE_N_BUCKETS, PRICE_N };

/* What holds for the whole of an answer whose prompt is longer. */
struct price_tier {
    int64_t above; /* tokens of the prompt, from cache or not */
    int64_t nusd[PRICE_N];
};

/*
 * Nano-USD per million units (request, server_tool: per single unit). The tiers come last: whoever
 * copies a price often leaves out those that are not there.
 */
struct price {
    int64_t nusd[PRICE_N];
    uint32_t version;                        /* of the table it was taken from */
    uint32_t is_free;                        /* "price: free" was said: all zero on purpose */
    uint16_t factor_permille[USAGE_N_TIERS]; /* 0 = the usual one */
    uint32_t n_tiers;
    uint32_t pad;
    struct price_tier tiers[LIMIT_PRICE_TIERS]; /* by rising `above` */
};

/* What is to hold from an instant on. */
struct price_change {
    int64_t from_us; /* real time; 0 = there is none, nor any after it */
    struct price price;
};

#endif
