/* SPDX-License-Identifier: ISC
 *
 * framed - what was written into a frame, as whoever reads it has it.
 */
#ifndef SUPPORT_FRAMED_H
#define SUPPORT_FRAMED_H

#include <criterion/criterion.h>

#include "relayos/control/frame.h"

/* A tree that the caller frees. */
static inline struct frame_in *
framed(struct frame_out *out)
{
    struct frame_in *in = NULL;
    struct buf wire;

    buf_init(&wire, 1 << 22);
    frame_out_finish(out, &wire);
    cr_assert_not(wire.overflow);
    cr_assert_eq(frame_in_take(&wire, &in), 0);
    buf_fini(&wire);
    return in;
}

#endif
