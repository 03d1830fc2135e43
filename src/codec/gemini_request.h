/* SPDX-License-Identifier: ISC
 *
 * gemini_request - a request on its way to Gemini: what its parts share while they are written.
 */
#ifndef CODEC_GEMINI_REQUEST_H
#define CODEC_GEMINI_REQUEST_H

#include "dialect_parts.h"
#include "relayos/codec/json_out.h"
#include "relayos/codec/translate.h"

struct gemini_request {
    const struct neutral_request *request; /* without late system messages (turns_wrap()) */
    const struct capability *capability;
    int64_t max_output_tokens; /* 0 = unknown */
    struct arena *arena;
    struct json_out json;
    struct translate_dropped *dropped;
    struct refusal_reason *why;
};

static inline bool
gemini_request_can(const struct gemini_request *g, enum capability_flag flag)
{
    return (g->capability->flags & flag) != 0;
}

/* Before Gemini 3 a format cannot be asked for beside tools: it is asked for in words. */
static inline bool
gemini_request_asks_in_words(const struct gemini_request *g)
{
    return g->request->format != NEUTRAL_FORMAT_TEXT && g->request->n_tools > 0 &&
           !gemini_request_can(g, CAP_SIGNED_CALLS);
}

/* gemini_contents.c: "contents". 0, or ERR_UNSUPPORTED_PARAMETER with the reason. */
int gemini_contents_write(struct gemini_request *g) MUST_CHECK;
/* gemini_config.c: "generationConfig", if there is anything to say in it. */
void gemini_config_write(struct gemini_request *g);

#endif
