/* SPDX-License-Identifier: ISC
 *
 * relay - one upstream attempt after the other: built, sent, judged, and given up for the next one
 * as long as no content has come.
 */
#ifndef RELAYOS_WORKER_RELAY_H
#define RELAYOS_WORKER_RELAY_H

#include "relayos/base/err.h"
#include "relayos/model/flight.h"

struct request;

/* What the bytes of the upstream's answer are. */
enum relay_body {
    RELAY_NO_HEAD, /* not known yet */
    RELAY_ERROR,   /* of a status other than 2xx */
    RELAY_WHOLE,   /* one JSON document */
    RELAY_STREAM,  /* server-sent events */
};

/* Start an attempt on worker->scratch.pick, which ROUTE or the attempt before has filled. */
void relay_start(struct request *request);
/* Drop the running call, if there is one; the attempt ends so. */
void relay_cancel(struct request *request, enum attempt_outcome outcome,
                  enum err_category category);
/* There will be no other attempt: a stream that may wait for minutes keeps nothing of what was
 * sent. */
void relay_release_request(struct request *request);
/* What was sent lies in an exchange that is no more. */
void relay_forget_request(struct request *request);
/* Give the buffers back. */
void relay_dispose(struct request *request);

#endif
