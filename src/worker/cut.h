/* SPDX-License-Identifier: ISC
 *
 * cut - ending a request from outside: of a key that was revoked to be cut, or when time is up.
 */
#ifndef RELAYOS_WORKER_CUT_H
#define RELAYOS_WORKER_CUT_H

struct request;
struct worker;

/* Its content is interrupted; if none was sent yet, it fails with err. */
void cut_request(struct request *request, int err);

/* Each turn of the loop: one load, unless a key was cut since the last one. */
void cut_turn(struct worker *worker);

#endif
