/* SPDX-License-Identifier: ISC
 *
 * capability - what a model takes (protocols.md 7.6), as routes carry it, and what the operator
 * says of it. The rows that are built in, and finding: codec/capability.h.
 */
#ifndef RELAYOS_MODEL_CAPABILITY_H
#define RELAYOS_MODEL_CAPABILITY_H

#include <stdint.h>

#include "relayos/base/limits.h"

/* clang-format off */
/* THINKING(word, NAME, prose): how the model is told to reason. */
#define CAPABILITY_THINKINGS(THINKING)                                                             \
    THINKING(none, NONE, "It does not reason, or not on request.")                                 \
    THINKING(effort, EFFORT, "By an effort, as OpenAI's models.")                                  \
    THINKING(budget, BUDGET, "By a budget of tokens, as Claude to 4.5.")                           \
    THINKING(adaptive, ADAPTIVE, "By itself and an effort, as Claude from 4.6 on.")                \
    THINKING(gemini_budget, GEMINI_BUDGET, "By a thinkingBudget, as Gemini 2.5.")                  \
    THINKING(gemini_level, GEMINI_LEVEL, "By a thinkingLevel, as Gemini from 3 on.")

/* FLAG(word, NAME, prose): what else it takes. */
#define CAPABILITY_FLAGS(FLAG)                                                                     \
    FLAG(sampling, SAMPLING, "temperature, top_p and top_k.")                                      \
    FLAG(sampling_both, SAMPLING_BOTH, "temperature and top_p together.")                          \
    FLAG(forced_tool, FORCED_TOOL, "A tool that must be called.")                                  \
    FLAG(json_schema, JSON_SCHEMA, "Answers by a JSON schema.")                                    \
    FLAG(late_system, LATE_SYSTEM, "System messages in the midst of a conversation.")              \
    FLAG(thinking_off, THINKING_OFF, "Not to reason, when told so.")                               \
    FLAG(budget, BUDGET, "A budget of tokens beside adaptive thinking.")                           \
    FLAG(developer_role, DEVELOPER_ROLE, "The role developer instead of system.")                  \
    FLAG(stop, STOP, "Stop sequences.")                                                            \
    FLAG(images, IMAGES, "Images.")                                                                \
    FLAG(strict_tools, STRICT_TOOLS, "strict in the description of a tool.")                       \
    FLAG(effort_minimal, EFFORT_MINIMAL, "The effort minimal.")                                    \
    FLAG(effort_xhigh, EFFORT_XHIGH, "The effort xhigh; of Gemini 2.5, 32768 tokens of thinking.") \
    FLAG(effort_max, EFFORT_MAX, "The effort max.")                                                \
    FLAG(signed_calls, SIGNED_CALLS, "It wants the signatures of its calls back, as Gemini 3.")    \
    FLAG(open_calls, OPEN_CALLS, "It wants the reasoning behind its calls back, as DeepSeek.")
/* clang-format on */

enum capability_thinking {
#define THINKING(word, NAME, prose) THINKING_##NAME,
    CAPABILITY_THINKINGS(THINKING)
#undef THINKING
};

enum capability_index {
#define FLAG(word, NAME, prose) CAPABILITY_INDEX_##NAME,
    CAPABILITY_FLAGS(FLAG)
#undef FLAG
};

enum capability_flag {
#define FLAG(word, NAME, prose) CAP_##NAME = 1u << CAPABILITY_INDEX_##NAME,
    CAPABILITY_FLAGS(FLAG)
#undef FLAG
};

struct capability {
    enum capability_thinking thinking;
    uint32_t flags;
    int64_t max_output_tokens; /* 0 = unknown */
};

/* What was not said of a model, and so is as it is found: in flags a bit that is none. */
#define CAPABILITY_UNSAID_FLAGS  (1u << 31)
#define CAPABILITY_UNSAID_TOKENS (-1)

/* What the operator says of models whose names at their upstreams begin so. */
struct capability_row {
    char models[LIMIT_MODEL_NAME];
    char like[LIMIT_MODEL_NAME]; /* from which all else is taken; "" = from `models` itself */
    char thinking[16];           /* a word; "" = unsaid */
    uint32_t accepts, adds, lacks;
    int64_t max_output_tokens;
};

#endif
