/* SPDX-License-Identifier: ISC
 *
 * finish - the only exit: what is charged, what is given back, what is written down.
 */
#ifndef RELAYOS_WORKER_FINISH_H
#define RELAYOS_WORKER_FINISH_H

#include "relayos/base/err.h"

struct request;

#define FINISH_STATUS_CLIENT_CLOSED 499 /* in log and trace only */

/*
 * Once per request, just before its last bytes are handed over (or when the caller is gone), so
 * that a caller who has its answer never meets its own shadow in a limit.
 */
void finish_request(struct request *request, enum err_category category, unsigned status);

#endif
