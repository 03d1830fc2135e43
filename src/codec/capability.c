/* SPDX-License-Identifier: ISC */
#include "relayos/codec/capability.h"

#include <string.h>

/* What whole vendors take; names without CAP_, as the table has them. */
enum flag_set {
    SAMPLING = CAP_SAMPLING,
    SAMPLING_BOTH = CAP_SAMPLING_BOTH,
    FORCED_TOOL = CAP_FORCED_TOOL,
    JSON_SCHEMA = CAP_JSON_SCHEMA,
    THINKING_OFF = CAP_THINKING_OFF,
    BUDGET_ALLOWED = CAP_BUDGET_ALLOWED,
    IMAGES = CAP_IMAGES,
    STRICT_TOOLS = CAP_STRICT_TOOLS,
    XHIGH = CAP_XHIGH,
    MAX_EFFORT = CAP_MAX_EFFORT,
    THINKING_SIGNED = CAP_THINKING_SIGNED,

    CLAUDE = CAP_STOP | CAP_IMAGES,
    CLAUDE_4_5 = CLAUDE | CAP_JSON_SCHEMA | CAP_STRICT_TOOLS,
    CLAUDE_NEW = CLAUDE_4_5 | CAP_LATE_SYSTEM | CAP_XHIGH | CAP_MAX_EFFORT,
    GENERIC = CAP_SAMPLING | CAP_SAMPLING_BOTH | CAP_FORCED_TOOL | CAP_JSON_SCHEMA |
              CAP_LATE_SYSTEM | CAP_STOP | CAP_IMAGES | CAP_STRICT_TOOLS,
    OPENAI = GENERIC,
    OPENAI_REASONING = CAP_FORCED_TOOL | CAP_JSON_SCHEMA | CAP_LATE_SYSTEM | CAP_DEVELOPER_ROLE |
                       CAP_IMAGES | CAP_STRICT_TOOLS,
    GEMINI =
        CAP_SAMPLING | CAP_SAMPLING_BOTH | CAP_FORCED_TOOL | CAP_JSON_SCHEMA | CAP_STOP | CAP_IMAGES
};

static const struct capability rows[] = {
#define CAPABILITY(prefix, thinking, flags, max_output)                                            \
    {prefix, THINKING_##thinking, flags, max_output},
#include "capabilities.def"
#undef CAPABILITY
};

static struct slice without_vendor(struct slice model);

const struct capability *
capability_of(struct slice upstream_model)
{
    const struct slice model = without_vendor(upstream_model);
    const struct capability *best = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct slice prefix = slice_str(rows[i].prefix);

        if (slice_starts_with(model, prefix) && (best == NULL || prefix.len > longest)) {
            best = &rows[i];
            longest = prefix.len;
        }
    }
    return best;
}

/* "anthropic/claude-sonnet-4-6", "models/gemini-2.5-pro": what stands behind the last slash. */
static struct slice
without_vendor(struct slice model)
{
    const char *slash = memrchr(model.ptr, '/', model.len);

    return slash == NULL ? model : slice_sub(model, (size_t)(slash + 1 - model.ptr), model.len);
}
