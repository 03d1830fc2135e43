/* SPDX-License-Identifier: ISC
 *
 * failover - an attempt has failed before content: the next one, within the request's budgets.
 */
#ifndef RELAYOS_WORKER_FAILOVER_H
#define RELAYOS_WORKER_FAILOVER_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/model/flight.h"

struct request;

/*
 * Another route of the model, or a model that stands in for it, if the failure is one that they may
 * mend. False: nothing was started, the caller is to be told; what it is told of retrying is in the
 * request. Last thing a function does if true.
 */
bool failover_start(struct request *request, enum err_category category,
                    enum attempt_outcome outcome);

/* Has the request attempts and time left? */
bool failover_may_try(const struct request *request);

#endif
