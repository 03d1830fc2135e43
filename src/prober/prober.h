/* SPDX-License-Identifier: ISC
 *
 * prober - the state of the prober process: its loop, its connections, names and TLS contexts of
 * its own, and the round that is under way. Nobody waits for it: it only adds to what the health
 * table knows.
 */
#ifndef RELAYOS_PROBER_PROBER_H
#define RELAYOS_PROBER_PROBER_H

#include <stdbool.h>
#include <stdint.h>

#include "accepted.h"
#include "alerts.h"
#include "otlp.h"
#include "reading.h"
#include "relayos/base/buf.h"
#include "relayos/heritage.h"
#include "relayos/net/loop.h"
#include "relayos/net/upstream.h"
#include "relayos/shm/catalog.h"
#include "round.h"

struct prober {
    const struct heritage *heritage;
    struct segment *segment;
    struct catalog *catalog;
    struct loop *loop;
    struct upstream_pool *pool;
    struct timer heartbeat;
    struct buf in, out; /* of the control socket */
    struct frame_out *writer;
    bool has_begun;  /* its first round */
    bool is_leaving; /* begins nothing more; is over once what is under way has ended */
    bool is_over;
    struct accepted accepted;
    struct round round;
    struct reading reading;
    struct alerts *alerts; /* NULL = none are sent */
    struct otlp *otlp;     /* NULL = no traces are */
};

#endif
