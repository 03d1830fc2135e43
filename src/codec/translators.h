/* SPDX-License-Identifier: ISC
 *
 * translators - the parts of the rows of translators.def: for each name, in name_request.c,
 * name_request_write.c, name_answer_read.c and name_answer_write.c, what translate.h calls by the
 * same words.
 */
#ifndef CODEC_TRANSLATORS_H
#define CODEC_TRANSLATORS_H

#include "relayos/codec/translate.h"

/* What a protocol needs that clients speak ... */
#define TRANSLATORS_CLIENT_SIDE(name)                                                              \
    int name##_request_read(enum operation operation, struct slice body, struct arena *arena,      \
                            struct neutral_request *out, struct refusal_reason *why);              \
    void name##_answer_write(struct answer_writer *writer, const struct neutral_event *event,      \
                             struct buf *out);
/* ... and one that upstreams speak. */
#define TRANSLATORS_UPSTREAM_SIDE(name)                                                            \
    int name##_request_write(const struct neutral_request *request,                                \
                             const struct translate_target *target, struct arena *arena,           \
                             struct buf *out, struct translate_dropped *dropped,                   \
                             struct refusal_reason *why);                                          \
    int name##_answer_read_event(struct answer_reader *reader, const struct sse_event *event,      \
                                 neutral_sink *sink, void *ctx);                                   \
    int name##_answer_read_reply(struct answer_reader *reader, struct slice body,                  \
                                 neutral_sink *sink, void *ctx);                                   \
    void name##_answer_read_end(struct answer_reader *reader, neutral_sink *sink, void *ctx);

TRANSLATORS_CLIENT_SIDE(chat)
TRANSLATORS_UPSTREAM_SIDE(chat)
TRANSLATORS_CLIENT_SIDE(responses)
TRANSLATORS_UPSTREAM_SIDE(responses)
TRANSLATORS_CLIENT_SIDE(messages)
TRANSLATORS_UPSTREAM_SIDE(messages)
TRANSLATORS_UPSTREAM_SIDE(gemini)

#endif
