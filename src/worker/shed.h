/* SPDX-License-Identifier: ISC
 *
 * shed - refusing early what would only wait: new requests that ask a model are turned away before
 * their key is looked at or their body read, while the worker has as many as it may, or its loop is
 * late.
 *
 * How late: now and then the worker wakes itself, and sees how old that event is once the turn that
 * brought it is over. That is how long anything that was ready beside it has waited.
 */
#ifndef RELAYOS_WORKER_SHED_H
#define RELAYOS_WORKER_SHED_H

#include <stdbool.h>
#include <stdint.h>

struct request;
struct worker;

struct shed {
    int64_t delay_us; /* later than this is late; 0 = it is not asked */
    uint32_t n_late;  /* in a row */
    bool is_late;
    bool has_come;   /* in this turn */
    int64_t sent_us; /* 0 = none is on its way */
    int64_t next_us;
    int fd; /* -1: none */
};

/* False: no descriptor. It goes with the loop. */
bool shed_open(struct worker *worker);
/* End of a turn. */
void shed_turn(struct worker *worker);

/* Is a new request to be refused? */
bool shed_refuses(const struct worker *worker);
/* Refuse it: ERR_OVERLOADED, for request_fail(). When to come again is in the request. */
int shed_refuse(struct request *request);

/* Take in one measurement; true if is_late has changed by it. Pure. */
bool shed_note(struct shed *shed, int64_t late_us);

#endif
