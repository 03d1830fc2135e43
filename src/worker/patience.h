/* SPDX-License-Identifier: ISC
 *
 * patience - how long the content of a stream is waited for: comments and start frames are signs of
 * life, not of an answer. One timer of the leg, which content ends.
 */
#ifndef RELAYOS_WORKER_PATIENCE_H
#define RELAYOS_WORKER_PATIENCE_H

struct leg;
struct pick;

/* The leg is about to start on that route. */
void patience_begin(struct leg *leg, const struct pick *pick);
/* It has refused: what else it has to say is waited for no longer than a moment. */
void patience_end_soon(struct leg *leg);

#endif
