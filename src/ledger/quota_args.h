/* SPDX-License-Identifier: ISC
 *
 * quota_args - the quotas that a command gives a key: several at once, each told from the others by
 * its unit, its period and its model.
 */
#ifndef LEDGER_QUOTA_ARGS_H
#define LEDGER_QUOTA_ARGS_H

#include <stdbool.h>

#include "relayos/base/errmsg.h"
#include "relayos/control/frame.h"
#include "relayos/model/key.h"

/*
 * A quota takes the place of the key's one of the same kind, or stands beside the others; of one
 * that names no period, the key's only one of that unit and model is meant, else a month. 0 takes
 * it away. ERR_SYNTAX.
 */
int quota_args_change(const struct frame_value *args, struct key_record *key,
                      struct errmsg *why) MUST_CHECK;
/* Of a declared key, whose args are complete: what is not named is not there, 0 is a quota of 0. */
int quota_args_declare(const struct frame_value *args, struct key_record *key,
                       struct errmsg *why) MUST_CHECK;

#endif
