/* SPDX-License-Identifier: ISC
 *
 * top - the answer to the `top` command: requests in flight now, the oldest first.
 */
#ifndef MASTER_TOP_H
#define MASTER_TOP_H

#include <stdint.h>

#include "child_link.h"

#define TOP_LIMIT_MAX 1000

void top_answer(struct master *master, struct child_tag client, int64_t limit);

#endif
