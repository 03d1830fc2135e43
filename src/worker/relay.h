/* SPDX-License-Identifier: ISC
 *
 * relay - a request's upstream attempts: sent, judged, and given up for another one as long as no
 * content has come.
 *
 *   relay     starts a leg, and makes of its answer content, an end, or a fault
 *   failover  what comes after a fault: another route, another model, or the caller is told
 *   patience  how long a stream's content is waited for
 *   hedge     a second leg beside a slow one
 */
#ifndef RELAYOS_WORKER_RELAY_H
#define RELAYOS_WORKER_RELAY_H

#include "relayos/base/err.h"
#include "relayos/model/flight.h"

struct fault;
struct leg;
struct pick;
struct request;

/* Start an attempt on worker->scratch.pick, which ROUTE or the attempt before has filled. */
void relay_start(struct request *request);
/* The same on a leg of one's own: no step, no stage. Either may fail at once, and with it, unless
 * another leg goes on, the request: the last thing a function does. */
void relay_start_leg(struct leg *leg, struct pick *pick);
/* Its second half, for a leg that had to wait for what it sends (inlined.h). */
void relay_send_leg(struct leg *leg, struct pick *pick);
/* The leg has failed: its attempt ends, and the request goes on another way, or ends too. Last
 * thing a function does. */
void relay_fail(struct leg *leg, const struct fault *fault);
/* Its answer is an error, of whose body no more is read. Last thing a function does. */
void relay_end_refusal(struct leg *leg);
/* Drop what runs; the attempt at hand ends so. */
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
