/* SPDX-License-Identifier: ISC
 *
 * inlined - files that a request names by URL and that are sent with their bytes, because the
 * upstream takes none by URL (protocols.md 7.2). They are fetched between the choice of a route and
 * the translation for it, while nothing is open upstream; what has come is kept for the request's
 * later attempts, and for no other request.
 *
 * A leg that waits has begun its attempt (the trace shows where the time goes) and holds its pick.
 */
#ifndef RELAYOS_WORKER_INLINED_H
#define RELAYOS_WORKER_INLINED_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/codec/translate.h"
#include "relayos/net/fetch.h"

struct leg;
struct pick;
struct request;
struct worker;

/* worker->fetcher stays NULL where fetching is switched off. */
void inlined_open(struct worker *worker);
void inlined_close(struct worker *worker);

/* True: the leg waits for files; relay_send_leg() is called when they are there, or are not to be
 * had. What *pick holds is kept for it. */
bool inlined_wait(struct leg *leg, struct pick *pick);
/* Of a request that has such files: is it this leg that waits for them? */
bool inlined_is_waiting(const struct leg *leg);
/* It waits no more. */
void inlined_cancel(struct leg *leg);

/* Put what was fetched in the place of the URLs that the leg's upstream does not take; bytes go
 * into the arena. ERR_INVALID_URL, ERR_OVERLOADED with *why: one could not be had. */
int inlined_apply(const struct leg *leg, struct neutral_request *neutral, struct arena *arena,
                  struct refusal_reason *why) MUST_CHECK;
/* Why it could not be, for the operator; "" = all were. */
const char *inlined_fault(const struct request *request);

/* Of a request that has some: there will be no other attempt. */
void inlined_dispose(struct request *request);

#endif
