/* SPDX-License-Identifier: ISC
 *
 * key_args - from the arguments of a command to a key: which one, and what it is to be.
 */
#ifndef LEDGER_KEY_ARGS_H
#define LEDGER_KEY_ARGS_H

#include <stdint.h>

#include "relayos/base/errmsg.h"
#include "relayos/control/frame.h"
#include "relayos/model/key.h"

struct ledger;

/* The key that "key" names by id, exact name or last four characters. ERR_MISSING, ERR_CONFLICT. */
int key_args_find(struct ledger *ledger, const struct frame_value *args, struct key_record *out,
                  struct errmsg *why) MUST_CHECK;
/* A tool by its name; ERR_SYNTAX with those there are. */
int key_args_tool(struct slice name, uint8_t *out, struct errmsg *why) MUST_CHECK;
/* Its id; 0 if args name none. */
int key_args_find_id(struct ledger *ledger, const struct frame_value *args, uint64_t *out,
                     struct errmsg *why) MUST_CHECK;

/*
 * Change key by what args hold; what they do not mention stays. ERR_SYNTAX for values that cannot
 * be, ERR_MISSING for a model that the config does not know.
 */
int key_args_apply(struct ledger *ledger, const struct frame_value *args, struct key_record *key,
                   struct errmsg *why) MUST_CHECK;
/* The same for a declared key, whose args are complete: no quota is none, a quota of 0 is that, and
 * its models may be unknown as yet. */
int key_args_declare(const struct frame_value *args, struct key_record *key,
                     struct errmsg *why) MUST_CHECK;

#endif
