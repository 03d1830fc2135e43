/* SPDX-License-Identifier: ISC
 *
 * operation - what a caller may ask of a model: a row for each. Prefix: dialect_operation_.
 */
#ifndef RELAYOS_CODEC_OPERATION_H
#define RELAYOS_CODEC_OPERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/model/catalog.h"

/*
 * OPERATION(NAME, protocol, upstream path after the upstream's prefix, kind)
 *
 *   ANSWERS   a model's answer: who speaks the protocol has it
 *   COUNTS    how many tokens a request has: free, whoever counts
 *   COMPACTS  a conversation for a shorter one: few have it
 */
#define DIALECT_OPERATIONS(OPERATION)                                                              \
    OPERATION(CHAT, PROTOCOL_OPENAI_CHAT, "/chat/completions", ANSWERS)                            \
    OPERATION(COMPLETION, PROTOCOL_OPENAI_CHAT, "/completions", ANSWERS)                           \
    OPERATION(EMBEDDING, PROTOCOL_OPENAI_CHAT, "/embeddings", ANSWERS)                             \
    OPERATION(RESPONSE, PROTOCOL_OPENAI_RESPONSES, "/responses", ANSWERS)                          \
    OPERATION(MESSAGE, PROTOCOL_ANTHROPIC_MESSAGES, "/messages", ANSWERS)                          \
    OPERATION(COUNT_TOKENS, PROTOCOL_ANTHROPIC_MESSAGES, "/messages/count_tokens", COUNTS)         \
    OPERATION(INPUT_TOKENS, PROTOCOL_OPENAI_RESPONSES, "/responses/input_tokens", COUNTS)          \
    OPERATION(COMPACTION, PROTOCOL_OPENAI_RESPONSES, "/responses/compact", COMPACTS)

enum operation {
#define OPERATION(NAME, protocol, path, kind) OPERATION_##NAME,
    DIALECT_OPERATIONS(OPERATION)
#undef OPERATION
        DIALECT_N_OPERATIONS
};

enum operation_kind { OPERATION_ANSWERS, OPERATION_COUNTS, OPERATION_COMPACTS };

static inline enum operation_kind
dialect_operation_kind(enum operation operation)
{
    static const uint8_t kinds[] = {
#define OPERATION(NAME, protocol, path, kind) OPERATION_##kind,
        DIALECT_OPERATIONS(OPERATION)
#undef OPERATION
    };

    return (enum operation_kind)kinds[operation];
}

static inline bool
dialect_operation_counts(enum operation operation)
{
    return dialect_operation_kind(operation) == OPERATION_COUNTS;
}

enum protocol dialect_operation_protocol(enum operation operation);
const char *dialect_operation_path(enum operation operation);

#endif
