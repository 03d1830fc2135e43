/* SPDX-License-Identifier: ISC
 *
 * json - looking into answers: members by path ("choices.0.message.content"), the events of a
 * stream.
 */
#ifndef SUPPORT_JSON_H
#define SUPPORT_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "http.h"

/* Member by path, or NULL. */
const cJSON *json_at(const cJSON *tree, const char *path);
/* "" and -1 when it is not there or of another type. */
const char *json_text(const cJSON *tree, const char *path);
/* Under a symbol of its own: the codec, which some tests link, has a json_int, too. */
int64_t json_int(const cJSON *tree, const char *path) __asm__("support_json_int");
bool json_is_true(const cJSON *tree, const char *path);
/* Parse a body; NULL when it is not JSON. Free with cJSON_Delete. */
cJSON *json_body(const struct http_reply *reply);

/* The events of an SSE body: [{"event": name or "", "data": parsed JSON or the text}]. */
cJSON *json_events(const struct http_reply *reply);
/* Number of events of a name (chat: name ""); -1: all. */
int json_n_events(const cJSON *events, const char *name);
/* Text of the answer, put together from the deltas of any of the three protocols. Free it. */
char *json_stream_text(const cJSON *events);

#endif
