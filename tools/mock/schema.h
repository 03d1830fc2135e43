/* SPDX-License-Identifier: ISC
 *
 * schema - JSON as a schema wants it, by a fixed rule: the arguments of a tool and answers that
 * were asked for in a shape.
 */
#ifndef MOCK_SCHEMA_H
#define MOCK_SCHEMA_H

#include <cjson/cJSON.h>

#include "text.h"

/* An object with each property of the schema: the first of an enum, else texts "value N", numbers
 * N, true. */
void schema_object(const cJSON *schema, long n, struct text *out);
/* The schema that the answer to a request of any protocol must follow, or NULL. */
const cJSON *schema_of_answer(const cJSON *request);

#endif
