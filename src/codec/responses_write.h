/* SPDX-License-Identifier: ISC
 *
 * responses_write - a request for a Responses upstream being written.
 */
#ifndef CODEC_RESPONSES_WRITE_H
#define CODEC_RESPONSES_WRITE_H

#include "responses_parts.h"
#include "translate_id.h"

struct responses_writing {
    const struct neutral_request *request;
    const struct translate_target *target;
    struct arena *arena;
    struct translate_dropped *dropped;
    struct refusal_reason *why;
    struct translate_ids ids;
    struct json_out json;
};

/* ---- responses_write.c ---- */

/* Members instructions and input. */
void responses_write_input(struct responses_writing *w);

#endif
