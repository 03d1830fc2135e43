/* SPDX-License-Identifier: ISC
 *
 * frame_out - the writer's inside, for command.c: it must answer with an error, under the same id,
 * when a reply has outgrown the frame.
 */
#ifndef CONTROL_FRAME_OUT_H
#define CONTROL_FRAME_OUT_H

#include "frame_check.h"
#include "relayos/control/frame.h"

struct frame_level {
    size_t header_idx; /* of the 32-bit map or array header in body, patched at the close */
    uint32_t n;        /* members so far */
    bool is_map;
};

struct frame_out {
    struct buf body;
    struct frame_level levels[FRAME_DEPTH];
    size_t depth;
    int64_t id; /* of the request or reply being written */
};

#endif
