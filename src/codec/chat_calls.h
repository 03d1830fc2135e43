/* SPDX-License-Identifier: ISC
 *
 * chat_calls - the tool calls of an answer that a chat upstream gives. There fragments of several
 * calls may come mixed, before their names even; in neutral events one part is open at a time and
 * is not opened again. So a call is opened when it has a name and the one before it is complete,
 * and what comes too early is held.
 *
 * Process: pure. State: the reader's scratch (a table of calls) and held (their texts).
 */
#ifndef CODEC_CHAT_CALLS_H
#define CODEC_CHAT_CALLS_H

#include "relayos/codec/translate.h"

/* Words of a reader of chat. */
enum { CHAT_ID, CHAT_ID_LEN, CHAT_HAS_CHOICE };

/* A reader at work, and where its events go. */
struct chat_feed {
    struct answer_reader *reader;
    neutral_sink *sink;
    void *ctx;
};

/* What one element of tool_calls says. Raw strings. */
struct chat_piece {
    bool has_index;
    int64_t index;
    struct slice id, name, text;
    struct slice object; /* JSON instead of text: not as the protocol has it, but it is clear */
    bool is_custom;
    bool is_whole; /* not a fragment: a call of its own */
};

/* ERR_UPSTREAM_ERROR: more of a call that was closed, or too much. */
int chat_calls_take(const struct chat_feed *feed, const struct chat_piece *piece) MUST_CHECK;
/* Nothing more comes of them: all that was held is given. ERR_UPSTREAM_ERROR: one without name. */
int chat_calls_finish(const struct chat_feed *feed) MUST_CHECK;

/* Put bytes where they stay as long as the reader: where in reader->held. */
size_t chat_calls_keep(struct answer_reader *reader, struct slice bytes);
/* Two pieces as one, good until the next that is kept; "" if there is no room. */
struct slice chat_calls_join(struct answer_reader *reader, struct slice a, struct slice b);

/* End the open part, whatever it is. */
void chat_calls_close(const struct chat_feed *feed);

#endif
