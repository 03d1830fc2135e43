/* SPDX-License-Identifier: ISC
 *
 * trace_choice - why each attempt of a request was made, and why it went where it went: the routes
 * that were not taken, and what stood against them.
 */
#ifndef CTL_TRACE_CHOICE_H
#define CTL_TRACE_CHOICE_H

#include "relayos/base/buf.h"
#include "relayos/control/frame.h"

/* Nothing, for a request that went to the only route there is. */
void trace_choice_print(const struct frame_value *request, struct buf *out);

#endif
