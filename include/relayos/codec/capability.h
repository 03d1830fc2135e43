/* SPDX-License-Identifier: ISC
 *
 * capability - what a family of models takes (protocols.md 7.6), found by the upstream's name for
 * the model: rows of capabilities.def, the longest prefix wins; operators add or replace rows.
 *
 * Process: pure.
 */
#ifndef RELAYOS_CODEC_CAPABILITY_H
#define RELAYOS_CODEC_CAPABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"

enum capability_thinking {
    THINKING_NONE,     /* does not reason, or not on request */
    THINKING_EFFORT,   /* OpenAI: reasoning_effort */
    THINKING_BUDGET,   /* Claude <= 4.5: budget_tokens */
    THINKING_ADAPTIVE, /* Claude 4.6+: adaptive + output_config.effort */
    THINKING_GEMINI_BUDGET,
    THINKING_GEMINI_LEVEL
};

enum capability_flag {
    CAP_SAMPLING = 1u << 0,       /* temperature, top_p, top_k */
    CAP_SAMPLING_BOTH = 1u << 1,  /* temperature and top_p together */
    CAP_FORCED_TOOL = 1u << 2,    /* tool_choice any/tool */
    CAP_JSON_SCHEMA = 1u << 3,    /* output_config.format, response_format json_schema */
    CAP_LATE_SYSTEM = 1u << 4,    /* system messages in mid-conversation */
    CAP_THINKING_OFF = 1u << 5,   /* "disabled" or effort none */
    CAP_BUDGET_ALLOWED = 1u << 6, /* adaptive models that still take a budget */
    CAP_DEVELOPER_ROLE = 1u << 7,
    CAP_STOP = 1u << 8,
    CAP_IMAGES = 1u << 9,
    CAP_STRICT_TOOLS = 1u << 10,
    CAP_XHIGH = 1u << 11,
    CAP_MAX_EFFORT = 1u << 12,
    CAP_THINKING_SIGNED = 1u << 13 /* calls in the history want their signature (Gemini 3+) */
};

struct capability {
    const char *prefix;
    enum capability_thinking thinking;
    uint32_t flags;
    int64_t max_output_tokens; /* 0 = unknown */
};

/* Never NULL: unknown names of a known vendor (claude-, gpt-, gemini-) get its newest row, others
 * the last row, that of generic compatible servers. */
const struct capability *capability_of(struct slice upstream_model);

#endif
