/* SPDX-License-Identifier: ISC
 *
 * count - how many tokens a request has, where none of its model's routes could be asked: a
 * labelled estimate is the answer then, to be had at any time.
 */
#ifndef RELAYOS_WORKER_COUNT_H
#define RELAYOS_WORKER_COUNT_H

#include <stdbool.h>

#include "relayos/base/err.h"

struct request;

/* Of a request that fails so: may it be answered all the same? Not if it is its caller's fault, or
 * if what it counts lies upstream. */
bool count_may_estimate(const struct request *request, enum err_category category);
/* Answer it. Last thing a function does. */
void count_estimate(struct request *request);

#endif
