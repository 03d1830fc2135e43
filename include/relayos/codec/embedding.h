/* SPDX-License-Identifier: ISC
 *
 * embedding - vectors, which callers want written as numbers or as bytes in base64, whatever the
 * upstream does; and the requests and answers of upstreams that speak Gemini. They have nothing in
 * common with a conversation: the neutral records know nothing of them.
 *
 * Clients decode what they have asked for blindly: numbers in the place of base64 become an empty
 * vector without any error (protocols.md 0, rule 20).
 *
 * Process: pure. Numbers are rounded as strtof() does, and written so that the same ones are read,
 *          whatever the locale.
 */
#ifndef RELAYOS_CODEC_EMBEDDING_H
#define RELAYOS_CODEC_EMBEDDING_H

#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/slice.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/translate.h"
#include "relayos/model/usage.h"

#define EMBEDDING_MAX_GROWTH 4 /* of an answer: two bytes of numbers become 5.3, or those 16 */

/*
 * An answer in OpenAI's words (it was read: it is an object) with its vectors written as asked,
 * appended to out. ERR_UPSTREAM_ERROR: they are none.
 */
int embedding_recode(struct slice answer, enum embedding_encoding encoding,
                     struct buf *out) MUST_CHECK;
/* Are they written so already? */
bool embedding_is_as_asked(struct slice answer, enum embedding_encoding encoding);

#define EMBEDDING_MAX_GEMINI 100 /* texts of one batch */

struct embedding_question {
    struct slice body;  /* the caller's */
    struct slice model; /* the upstream's name for it */
    size_t n_texts;     /* found in the body: as many vectors are due */
};
/* The body of ":batchEmbedContents". ERR_INVALID_REQUEST, ERR_UNSUPPORTED_PARAMETER with *why. */
int embedding_gemini_request(struct embedding_question *question, struct buf *out,
                             struct translate_dropped *dropped,
                             struct refusal_reason *why) MUST_CHECK;

/* What an answer is written with. */
struct embedding_answer {
    struct slice model; /* public */
    enum embedding_encoding encoding;
    size_t n_texts;
    int64_t prompt_tokens; /* an estimate, for when the upstream says nothing */
};
/* Gemini's answer as OpenAI's; ERR_UPSTREAM_ERROR. */
int embedding_gemini_reply(struct slice body, const struct embedding_answer *answer,
                           struct buf *out, struct usage *usage) MUST_CHECK;

#endif
