/* SPDX-License-Identifier: ISC
 *
 * embedding_vector - one vector: an array of JSON numbers, or float32 bytes in base64.
 */
#ifndef CODEC_EMBEDDING_VECTOR_H
#define CODEC_EMBEDDING_VECTOR_H

#include <stdbool.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/slice.h"

/* An array of numbers that was scanned -> a JSON string. ERR_SYNTAX: not of numbers that a float
 * can hold. */
int embedding_vector_pack(struct slice numbers, struct buf *out) MUST_CHECK;
/* A JSON string -> an array of numbers. ERR_SYNTAX: no float32 in base64. */
int embedding_vector_unpack(struct slice string, struct buf *out) MUST_CHECK;

#endif
