/* SPDX-License-Identifier: ISC
 *
 * call_input - what a tool is called with: an object in Messages and Gemini, an object written in a
 * string in chat and Responses, free text for custom tools.
 *
 * Process: pure.
 */
#ifndef CODEC_CALL_INPUT_H
#define CODEC_CALL_INPUT_H

#include "relayos/base/buf.h"
#include "relayos/base/slice.h"
#include "relayos/codec/arena.h"

/*
 * The object that an arguments string holds (raw: what stands between its quotes). Nothing is {};
 * what is no object becomes {"_raw": the string}, so that it is not lost.
 */
struct slice call_input_read(struct arena *arena, struct slice raw);
/* An object as the text of an arguments string: escaped, no white space between its parts. */
void call_input_write(struct buf *out, struct slice json);

/* Text of a custom tool as an object, for models that know no custom tools, and back ("" if there
 * is no such text). */
struct slice call_input_wrap(struct arena *arena, struct slice raw);
struct slice call_input_unwrap(struct slice json);

#endif
