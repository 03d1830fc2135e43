/* SPDX-License-Identifier: ISC
 *
 * usage - what one answer used, in disjoint buckets; prices per bucket; where a figure comes from.
 * Plain records, no code. Arithmetic: policy/price.h.
 */
#ifndef RELAYOS_MODEL_USAGE_H
#define RELAYOS_MODEL_USAGE_H

#include <stdbool.h>
#include <stdint.h>

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

struct usage {
    int64_t count[USAGE_N_BUCKETS]; /* tokens or units, 0 .. LIMIT_TOKENS */
    int64_t reasoning_tokens;       /* part of output */
    uint32_t tier_permille;         /* service tier factor on the price, 1000 = standard */
    uint8_t is_reported;            /* the provider said something, if only zeros */
    uint8_t is_invalid;             /* it said something impossible */
    uint8_t pad[2];
};

/* Nano-USD per million units (request, server_tool: per single unit). */
struct price {
    int64_t nusd[USAGE_N_BUCKETS];
    uint32_t version; /* of the table it was taken from */
    uint32_t is_free; /* "price: free" was said: all zero on purpose */
};

#endif
