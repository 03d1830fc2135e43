/* SPDX-License-Identifier: ISC
 *
 * estimate_prompt - about how many tokens a prompt has, where nobody is there to count them. Pure.
 *
 * Four bytes of text are a token, as in all estimates; what is no text goes by what its vendors say
 * it takes:
 *
 *   image       1,600 (Anthropic's most for one of usual size); 85 in low detail (OpenAI)
 *   document    2,500 for each 100 KB of it, one page's 1,500 at least (Anthropic: 1,500 to 3,000 a
 *               page), 250,000 at most
 *   text file   as text
 *   sound       32 a second (Gemini), of 16 KB each
 *   by address  an image, or a page: what is there, nobody has looked at
 */
#ifndef RELAYOS_POLICY_ESTIMATE_PROMPT_H
#define RELAYOS_POLICY_ESTIMATE_PROMPT_H

#include <stdint.h>

#include "relayos/codec/neutral.h"

int64_t estimate_prompt_tokens(const struct neutral_request *request);

#endif
