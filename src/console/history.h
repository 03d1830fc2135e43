/* SPDX-License-Identifier: ISC
 *
 * history - how each route fared, minute by minute, since the console began to look: a day of it at
 * most, in memory. What is not in the health table any more at the next look is not in here either.
 */
#ifndef CONSOLE_HISTORY_H
#define CONSOLE_HISTORY_H

#include <stdint.h>

#include "relayos/control/frame.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/segment.h"

#define HISTORY_SLOT_US INT64_C(60000000)

struct history;
struct history *history_new(const struct segment *segment, const struct catalog *catalog);
void history_free(struct history **history);

/* Once a slot: look at all routes. */
void history_sample(struct history *history, int64_t real_us, int64_t mono_us);
/* "data": [{at_us, slot_us, attempts, failures, first_token_us|nil, first_token_p95_us|nil}] of the
 * slots that begin in since <= t < until; none of a route that is not known. */
void history_write(const struct history *history, uint32_t route_id, int64_t since_us,
                   int64_t until_us, struct frame_out *out);

#endif
