/* SPDX-License-Identifier: ISC
 *
 * captured - what was captured of a request, for people.
 */
#ifndef CTL_CAPTURED_H
#define CTL_CAPTURED_H

#include "args.h"
#include "relayos/base/buf.h"
#include "relayos/control/frame.h"

void captured_print(const struct frame_value *result, const struct args *args, struct buf *out);

#endif
