/* SPDX-License-Identifier: ISC
 *
 * reading - the tool with which an agent reads a file, found by the names that coding tools give
 * it, and a call of it: fault.h's read=PATH has the model ask for that file as a model would.
 */
#ifndef MOCK_READING_H
#define MOCK_READING_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "text.h"

bool reading_is_by(const char *tool_name);
/* What a tool of this schema is to be called with. */
void reading_arguments(const cJSON *schema, const char *path, struct text *out);

#endif
