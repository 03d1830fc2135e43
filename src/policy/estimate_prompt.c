/* SPDX-License-Identifier: ISC
 *
 * estimate_prompt - bytes are summed up first: a token does not end where a part does.
 */
#include "relayos/policy/estimate_prompt.h"

#include <string.h>

#include "relayos/base/limits.h"
#include "relayos/policy/estimate.h"

/* What stands around a turn, and around a tool, in the model's own template. */
#define TURN_TOKENS              4
#define TOOL_TOKENS              8
#define IMAGE_TOKENS             1600
#define LOW_IMAGE_TOKENS         85
#define PAGE_TOKENS              1500
#define FILE_TOKENS_MAX          250000
#define BYTES_PER_TOKEN_OF_FILE  40
#define BYTES_PER_TOKEN_OF_SOUND 512

struct sum {
    int64_t bytes;  /* of text */
    int64_t tokens; /* of all else */
};

static void add_part(struct sum *sum, const struct neutral_part *part);
static int64_t image_tokens(const struct neutral_part *part);
static void add_file(struct sum *sum, const struct neutral_part *part);
static void add_tool(struct sum *sum, const struct neutral_tool *tool);
static int64_t text_bytes(struct slice raw);
static int64_t decoded_bytes(const struct neutral_part *part);

int64_t
estimate_prompt_tokens(const struct neutral_request *request)
{
    struct sum sum = {.tokens = (int64_t)request->n_turns * TURN_TOKENS};

    for (uint32_t i = 0; i < request->n_parts; i++)
        add_part(&sum, &request->parts[i]);
    for (uint32_t i = 0; i < request->n_tools; i++)
        add_tool(&sum, &request->tools[i]);
    sum.bytes += (int64_t)request->format_schema.len;

    int64_t tokens = sum.tokens + estimate_output_tokens(sum.bytes);

    return tokens < LIMIT_TOKENS ? tokens : LIMIT_TOKENS;
}

/* State of reasoning is for its vendor; what was thought stands beside it, or is not sent again. */
static void
add_part(struct sum *sum, const struct neutral_part *part)
{
    switch (part->kind) {
    case NEUTRAL_TEXT:
    case NEUTRAL_REFUSAL:
    case NEUTRAL_REASONING:
    case NEUTRAL_RESULT:
        sum->bytes += text_bytes(part->text);
        break;
    case NEUTRAL_CALL:
        sum->bytes += (int64_t)part->name.len + (int64_t)part->input.len;
        break;
    case NEUTRAL_IMAGE:
        sum->tokens += image_tokens(part);
        break;
    case NEUTRAL_FILE:
        add_file(sum, part);
        break;
    case NEUTRAL_AUDIO:
        sum->tokens += decoded_bytes(part) / BYTES_PER_TOKEN_OF_SOUND;
        break;
    case NEUTRAL_FOREIGN:
        sum->bytes += text_bytes(part->text.len > 0 ? part->text : part->json);
        break;
    }
}

static int64_t
image_tokens(const struct neutral_part *part)
{
    return slice_eq_str(part->detail, "low") ? LOW_IMAGE_TOKENS : IMAGE_TOKENS;
}

static void
add_file(struct sum *sum, const struct neutral_part *part)
{
    int64_t tokens = decoded_bytes(part) / BYTES_PER_TOKEN_OF_FILE;

    sum->bytes += text_bytes(part->text) + text_bytes(part->name);
    if (part->text.len > 0)
        return;
    if (slice_starts_with(part->media_type, SLICE_LIT("text/"))) {
        sum->bytes += decoded_bytes(part);
        return;
    }
    if (tokens < PAGE_TOKENS)
        tokens = PAGE_TOKENS;
    sum->tokens += tokens < FILE_TOKENS_MAX ? tokens : FILE_TOKENS_MAX;
}

static void
add_tool(struct sum *sum, const struct neutral_tool *tool)
{
    sum->tokens += TOOL_TOKENS;
    sum->bytes += (int64_t)tool->name.len + text_bytes(tool->description) +
                  (int64_t)tool->schema.len + (int64_t)tool->json.len;
}

/* Of a raw string: an escape is one byte, \uXXXX mostly three. */
static int64_t
text_bytes(struct slice raw)
{
    const char *at = raw.ptr;
    size_t left = raw.len;
    int64_t bytes = (int64_t)raw.len;

    while (left > 1 && (at = memchr(at, '\\', left - 1)) != NULL) {
        bytes -= at[1] == 'u' ? 3 : 1;
        at += 2;
        left = (size_t)(raw.ptr + raw.len - at);
    }
    return bytes > 0 ? bytes : 0;
}

/* Of base64; nothing where it stands elsewhere. */
static int64_t
decoded_bytes(const struct neutral_part *part)
{
    return part->source == NEUTRAL_INLINE ? (int64_t)part->data.len / 4 * 3 : 0;
}
