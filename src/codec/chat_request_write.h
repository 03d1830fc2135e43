/* SPDX-License-Identifier: ISC
 *
 * chat_request_write - a chat body being written: what its parts share. Prefix:
 * chat_request_write_.
 */
#ifndef CODEC_CHAT_REQUEST_WRITE_H
#define CODEC_CHAT_REQUEST_WRITE_H

#include "relayos/codec/json_out.h"
#include "relayos/codec/translate.h"
#include "translate_id.h"

struct chat_writing {
    const struct neutral_request *request;
    const struct translate_target *target;
    struct arena *arena;
    struct json_out json;
    struct translate_dropped *dropped;
    struct refusal_reason *why;
    struct translate_ids ids;
    int err; /* the first thing that chat cannot say */
};

static inline bool
chat_request_write_takes(const struct chat_writing *w, enum capability_flag flag)
{
    return (w->target->capability->flags & (uint32_t)flag) != 0;
}
static inline bool
chat_request_write_may(const struct chat_writing *w, enum flavor_flag flag)
{
    return flavor_takes(w->target->flavor, flag);
}
/* Note that this cannot be said in chat: ERR_UNSUPPORTED_PARAMETER at the end. */
void chat_request_write_refuse(struct chat_writing *w, const char *what);
/* A string made of pieces: open, append raw text to json.buf, close. */
static inline void
chat_request_write_open(struct chat_writing *w, const char *key)
{
    json_out_raw(&w->json, key, SLICE_LIT("\""));
}
static inline void
chat_request_write_close(struct chat_writing *w)
{
    buf_append_byte(w->json.buf, '"');
}

/* ---- chat_request_write_turns.c ---- */

void chat_request_write_messages(struct chat_writing *w);

/* ---- chat_request_write_parts.c ---- */

/* Content of a user's message: a string, or a list when there is more than text: first the media in
 * the results, then what the turn holds besides them. */
void chat_request_write_content(struct chat_writing *w, const struct neutral_turn *turn);
bool chat_request_write_is_media(const struct neutral_part *part);

/* ---- chat_request_write_tools.c ---- */

void chat_request_write_tools(struct chat_writing *w);

#endif
