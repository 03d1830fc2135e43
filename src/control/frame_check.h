/* SPDX-License-Identifier: ISC
 *
 * frame_check - is this exactly one msgpack value that we are willing to build a tree of?
 */
#ifndef CONTROL_FRAME_CHECK_H
#define CONTROL_FRAME_CHECK_H

#include "relayos/base/err.h"
#include "relayos/base/slice.h"

#define FRAME_DEPTH      16        /* maps and arrays inside one another */
#define FRAME_MAX_VALUES (1 << 22) /* of one frame: bounds the tree at 24 bytes each */

/*
 * 0, or ERR_SYNTAX: cut short, bytes left over, root not a map, a map key that is not a string,
 * nested too deep, too many values, a float, an extension, an integer past INT64_MAX.
 */
int frame_check(struct slice body) MUST_CHECK;

#endif
