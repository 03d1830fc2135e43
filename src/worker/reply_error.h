/* SPDX-License-Identifier: ISC
 *
 * reply_error - a catalogue error in the caller's protocol; called by request_fail() alone.
 */
#ifndef RELAYOS_WORKER_REPLY_ERROR_H
#define RELAYOS_WORKER_REPLY_ERROR_H

#include <stddef.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/net/server.h"

struct request;

#define REPLY_ERROR_RETRY_S 2    /* Retry-After where nobody knows better */
#define REPLY_ERROR_FUTILE  (-1) /* all that could be tried was: what may be retried is not */

/* As a response: nothing was sent yet. */
void reply_error_respond(struct request *request, enum err_category category, const char *detail,
                         const char *param);
/* As the last event of a stream whose head is committed. */
void reply_error_event(struct request *request, enum err_category category, const char *detail);

/* What the catalogue says about retrying, as headers into list; returns how many (at most 1).
 * retry_s is what is known (0 = nothing, or REPLY_ERROR_FUTILE); text backs the value. Pure. */
size_t reply_error_retry_header(enum err_category category, int retry_s, char text[4],
                                struct http_header *list);

#endif
