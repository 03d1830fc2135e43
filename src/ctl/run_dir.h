/* SPDX-License-Identifier: ISC
 *
 * run_dir - what a configuration that cannot be read as a whole says of its run_dir.
 *
 * A command that went to another gateway's socket would do there what was meant here: what is not
 * one plain line of its own is not guessed at.
 */
#ifndef CTL_RUN_DIR_H
#define CTL_RUN_DIR_H

#include "relayos/base/slice.h"
#include "relayos/conf/conf.h"

enum run_dir {
    RUN_DIR_NONE,   /* it is not spoken of: the default holds */
    RUN_DIR_NAMED,  /* in out */
    RUN_DIR_UNSURE, /* it is, and not in a way that leaves no doubt */
};

enum run_dir run_dir_scan(struct slice text, char out[CONF_PATH_SIZE]);

#endif
