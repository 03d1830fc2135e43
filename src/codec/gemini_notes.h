/* SPDX-License-Identifier: ISC
 *
 * gemini_notes - what Gemini says of a text beside it, in the words of others: how likely its
 * tokens were, and where it was found.
 */
#ifndef CODEC_GEMINI_NOTES_H
#define CODEC_GEMINI_NOTES_H

#include "relayos/codec/json_scan.h"

/* An array as OpenAI's of a candidate's logprobsResult (json); nothing if that says none. */
void gemini_notes_logprobs(struct slice result, struct buf *out);

/* What was said before the notes: their segments count bytes of it. */
struct gemini_notes_text {
    size_t n_bytes, n_chars;
};
typedef void gemini_notes_sink(void *ctx, struct slice citation);
/*
 * A url_citation for each pair of a segment and a page, of groundingMetadata (json); valid during
 * the call. Where the text has other characters than ASCII nothing is said: there the bytes do not
 * tell which characters are meant. scratch is used.
 */
void gemini_notes_citations(struct slice metadata, const struct gemini_notes_text *text,
                            struct buf *scratch, gemini_notes_sink *sink, void *ctx);

#endif
