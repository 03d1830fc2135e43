/* SPDX-License-Identifier: ISC
 *
 * crowd - callers who must not notice what happens to the gateway.
 */
#ifndef SUPPORT_CROWD_H
#define SUPPORT_CROWD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "gateway.h"

#define CROWD_STREAMS 12

/* Callers who come one after the other, each on a connection of his own, until told to stop. */
struct crowd {
    pthread_t thread;
    const struct gateway *gateway;
    const char *key;
    atomic_bool is_over;
    int64_t n_ok, n_unanswered, n_refused, n_other;
};

void crowd_start(struct crowd *crowd, const struct gateway *gateway, const char *key);
/* Fails the test if one of them was refused, got an error or no answer. */
void crowd_stop(struct crowd *crowd);

/* Streams that have begun: CROWD_STREAMS of them, chat and Messages by turns. */
void crowd_open_streams(const struct gateway *gateway, const char *key, const char *text, int *fds);
/* How many of them come to the end that their protocol has; closes all. */
int crowd_finish_streams(int *fds);

#endif
