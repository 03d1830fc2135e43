/* SPDX-License-Identifier: ISC
 *
 * version - of what is changed: a command may say as of when it knows it ("updated_us"), and is
 * refused when somebody has changed it since. Two that are given at a time cannot both hold to what
 * they have read, whichever way they come: all changes pass here, one by one.
 */
#ifndef LEDGER_VERSION_H
#define LEDGER_VERSION_H

#include <stdint.h>

#include "relayos/base/errmsg.h"
#include "relayos/control/frame.h"

/* ERR_STALE: it is not what args speak of; 0 also when they do not say. */
int version_check(const struct frame_value *args, int64_t updated_us,
                  struct errmsg *why) MUST_CHECK;
/* The time of a change now: later than any before, whatever the clock does. */
int64_t version_next(int64_t updated_us);

#endif
