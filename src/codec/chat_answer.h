/* SPDX-License-Identifier: ISC
 *
 * chat_answer - what streamed and whole answers to chat clients share. Prefixes: chat_answer_write
 * and chat_answer_whole.
 */
#ifndef CODEC_CHAT_ANSWER_H
#define CODEC_CHAT_ANSWER_H

#include "relayos/codec/translate.h"

/* ---- chat_answer_write.c ---- */

/* `"id":..,"object":..,"created":..,"model":..`, as every chunk and answer has them. */
void chat_answer_write_names(const struct answer_writer *writer, const char *object,
                             struct buf *out);
/* The usage object. */
void chat_answer_write_usage(const struct answer_writer *writer, struct buf *out);
/* "stop" and so on, for the choice at hand. */
const char *chat_answer_write_finish(const struct answer_writer *writer);
/* Text of a custom tool's call whose arguments, an object, are in writer->text. */
void chat_answer_write_unwrapped(const struct answer_writer *writer, struct buf *out);
/* Chat knows citations of web pages, one level deeper than elsewhere. */
bool chat_answer_write_is_citation(const struct neutral_event *event);
void chat_answer_write_citation(const struct answer_writer *writer, struct slice json,
                                struct buf *out);
/* Of the old form, which knows one call: is the open call given? Nor are calls to completions. */
bool chat_answer_write_shows_call(const struct answer_writer *writer);
static inline bool
chat_answer_is_text(const struct answer_writer *writer)
{
    return writer->context.operation == OPERATION_COMPLETION;
}

/* ---- chat_answer_whole.c ---- */

/* An event of a whole answer; the document is appended at the end. */
void chat_answer_whole(struct answer_writer *writer, const struct neutral_event *event,
                       struct buf *out);

#endif
