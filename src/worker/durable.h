/* SPDX-License-Identifier: ISC
 *
 * durable - what waits for the ledger (ledger.durability): power, the last bytes of an answer until
 * its row is committed; strict, the call too, until a note of it is. In mode process nothing waits.
 *
 * The ledger is nudged once a turn, commits at once and wakes us (heritage.h, wake_fds). Without a
 * word from it (a new master's does not know where an old one's worker listens) we look now and
 * then.
 */
#ifndef RELAYOS_WORKER_DURABLE_H
#define RELAYOS_WORKER_DURABLE_H

struct flight;
struct request;
struct worker;

enum durability { DURABILITY_PROCESS, DURABILITY_POWER, DURABILITY_STRICT };

/* At the worker's start, when it has a loop. */
void durable_open(struct worker *worker);
/* At the end of each turn with worker->has_news. */
void durable_nudge(struct worker *worker);

/* power, strict: its flight goes to the ledger, and is request->settling from here on. */
void durable_hand_over(struct request *request, struct flight *flight);
/* Until then its last bytes are held back; reply_release() lets them go. */
void durable_wait(struct request *request);

/* At the worker's end: what waits still is not answered any more. */
void durable_end_all(struct worker *worker);

/* strict: note the call that an admitted request is about to make, then request_call(). */
void durable_ask(struct request *request);

#endif
