/* SPDX-License-Identifier: ISC
 *
 * hedge - a second leg beside one that is slower than most (hedge.percent, models.*.hedge). The
 * first that brings content is the request's from then on; the other is dropped, and what it may
 * have cost is accounted. Only of streams: when a whole answer is late is not known.
 */
#ifndef RELAYOS_WORKER_HEDGE_H
#define RELAYOS_WORKER_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

struct leg;
struct request;
struct worker;

/* How long after its start a leg gets company; 0 = never. */
int64_t hedge_delay(const struct leg *leg);
/* Try to. */
void hedge_start(struct request *request);
/* The leg has content: it is the request's, and the only one. */
void hedge_win(struct leg *leg);
/* The leg has ended without: true if the other one runs, and is the request's now. */
bool hedge_goes_on(struct leg *leg);
/* The one beside the request's is dropped, if there is one. */
void hedge_drop(struct request *request);
/* The request goes; its leg is closed. */
void hedge_dispose(struct request *request);

/* At the worker's end. */
void hedge_free_spares(struct worker *worker);

#endif
