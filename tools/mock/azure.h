/* SPDX-License-Identifier: ISC
 *
 * azure - what Azure OpenAI does otherwise (protocols.md 6), under /azure/openai/...: paths by
 * deployments or v1, api-version, a key header of its own, filter results in the answers.
 */
#ifndef MOCK_AZURE_H
#define MOCK_AZURE_H

#include "ask.h"
#include "script.h"

/* Of a request under /azure/: its deployment is the model; ask->refused where Azure would. */
void azure_read(struct ask *ask, const char *head);

/* Members of an answer; nothing for others than Azure. */
void azure_prompt_results(const struct ask *ask, struct text *out);
void azure_choice_results(const struct ask *ask, struct text *out);
/* The chunk that a stream begins with. */
void azure_first_chunk(const struct ask *ask, struct script *script);
/* Of an error whose code is content_filter. */
void azure_inner_error(const struct ask *ask, struct text *out);
void azure_headers(const struct ask *ask, struct text *out);

#endif
