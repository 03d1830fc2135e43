/* SPDX-License-Identifier: ISC
 *
 * file_text - the text of a file that comes in base64, for targets that take text only as text.
 */
#ifndef CODEC_FILE_TEXT_H
#define CODEC_FILE_TEXT_H

#include "relayos/codec/arena.h"

/* Bytes of base64 (raw: a slash may be escaped); "" for what is none. */
struct slice file_text_decode(struct arena *arena, struct slice raw);

#endif
