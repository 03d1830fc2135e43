/* SPDX-License-Identifier: ISC
 *
 * messages_write - a request being written in Messages: what the files
 * that do it share.
 */
#ifndef CODEC_MESSAGES_WRITE_H
#define CODEC_MESSAGES_WRITE_H

#include "relayos/codec/json_out.h"
#include "relayos/codec/translate.h"
#include "translate_id.h"

struct messages_writing {
    const struct neutral_request *request;
    const struct translate_target *target;
    struct arena *arena;
    struct json_out json;
    struct translate_ids ids;
    struct translate_dropped *dropped;
    struct refusal_reason *why;
    uint32_t n_surplus; /* breakpoints of caches that are too many and yet to come */
    const struct neutral_part *prefill; /* text that an unfinished answer ends with, or NULL */
    int err;                            /* the first part that cannot be said */
};

static inline bool
messages_write_takes(const struct messages_writing *w, enum capability_flag flag)
{
    return (w->target->capability->flags & flag) != 0;
}

/* Is the model to call a tool, whatever it thinks of it? */
static inline bool
messages_write_is_forced(const struct neutral_request *request)
{
    return request->choice == NEUTRAL_CHOICE_REQUIRED || request->choice == NEUTRAL_CHOICE_TOOL;
}

/* ---- messages_tools_write.c ---- */

/* "tools", if there are any; how many. */
uint32_t messages_tools_write(struct messages_writing *w);
void messages_tools_write_choice(struct messages_writing *w);

/* ---- messages_content_write.c ---- */

/* "messages", all turns but the leading system ones. */
void messages_content_write(struct messages_writing *w);
/* The parts of a turn, as elements of an array. */
void messages_content_write_turn(struct messages_writing *w, const struct neutral_turn *turn);
/* Is it said, or left out? */
bool messages_content_write_takes(const struct messages_writing *w,
                                  const struct neutral_part *part);
bool messages_content_write_takes_any(const struct messages_writing *w,
                                      const struct neutral_turn *turn);
/* The breakpoint, if it is not one of the surplus. */
void messages_content_write_cache(struct messages_writing *w, struct slice cache_control);

/* ---- messages_thinking.c ---- */

enum messages_thinking_mode {
    MESSAGES_UNTHINKING,
    MESSAGES_DISABLED,
    MESSAGES_BUDGET,
    MESSAGES_ADAPTIVE
};

struct messages_thinking {
    enum messages_thinking_mode mode;
    int64_t budget;
    const char *effort; /* NULL: not said */
    int64_t max_tokens; /* of the whole answer: a budget is part of it */
    bool is_dropped;    /* it was asked for and is not sent */
};

struct messages_thinking messages_thinking_plan(const struct neutral_request *request,
                                                const struct translate_target *target);

/* ---- messages_schema.c ---- */

/* A JSON Schema as output_config.format takes it: what it does not take is left out. */
void messages_schema_write(struct buf *out, struct slice schema);

#endif
