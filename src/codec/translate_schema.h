/* SPDX-License-Identifier: ISC
 *
 * translate_schema - what a tool takes, as any target does (protocols.md 7.3): a schema that says
 * of itself that it is an object's and has properties, if only none; OpenAI refuses the request
 * otherwise, and servers of tools that take nothing leave them out. A custom tool takes its text in
 * a member "input" where there are only functions, and says by which grammar.
 */
#ifndef CODEC_TRANSLATE_SCHEMA_H
#define CODEC_TRANSLATE_SCHEMA_H

#include "relayos/codec/json_out.h"
#include "relayos/codec/neutral.h"

void translate_schema(struct json_out *json, const char *key, const struct neutral_tool *tool);

#endif
