/* SPDX-License-Identifier: ISC
 *
 * answer - from an ask to a script: one function per kind of answer.
 */
#ifndef MOCK_ANSWER_H
#define MOCK_ANSWER_H

#include "ask.h"
#include "script.h"

#define ANSWER_CREATED 1764072000 /* the same second for ever: answers are deterministic */

/* The whole choice: faults first, then the provider's answer. */
void answer_write(const struct ask *ask, struct script *script);

/* One file per protocol. */
void answer_chat(const struct ask *ask, struct script *script);
void answer_completion(const struct ask *ask, struct script *script);
void answer_embedding(const struct ask *ask, struct script *script);
void answer_response(const struct ask *ask, struct script *script);
void answer_message(const struct ask *ask, struct script *script);
void answer_count_tokens(const struct ask *ask, struct script *script);
void answer_input_tokens(const struct ask *ask, struct script *script);
void answer_compact(const struct ask *ask, struct script *script);
void answer_generate(const struct ask *ask, struct script *script);
void answer_generate_vectors(const struct ask *ask, struct script *script);
void answer_generate_count(const struct ask *ask, struct script *script);
/* A model of Gemini's list. */
void answer_generate_model(const char *id, struct text *out);

/* Piece number n (of answer_n_pieces) of the answer's text, as a JSON string. */
size_t answer_n_pieces(const struct ask *ask);
void answer_piece(const struct ask *ask, size_t n, struct text *out);
/* A usage counter, or what bad-usage makes of it. */
void answer_count(const struct ask *ask, const char *key, int64_t n, struct text *out);
/* The model as a provider would report it: never the name that was asked for. */
void answer_model(const struct ask *ask, struct text *out);

#endif
