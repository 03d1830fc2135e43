/* SPDX-License-Identifier: ISC
 *
 * round - every upstream that wants to be probed, with each of its credentials, once; spread over
 * the interval, within the budget, and few at a time. The catalog is read as it goes, so that a
 * reload is obeyed in the middle.
 */
#ifndef RELAYOS_PROBER_ROUND_H
#define RELAYOS_PROBER_ROUND_H

#include <stdbool.h>
#include <stdint.h>

#include "pace.h"
#include "probe.h"
#include "relayos/net/loop.h"

#define ROUND_PROBES 8 /* at a time */

struct prober;

struct round {
    struct prober *prober;
    bool is_under_way;
    uint32_t upstream, credential; /* the next one */
    uint32_t n_started;
    int64_t due_us; /* when that one may start */
    struct pace pace;
    struct timer timer;
    uint32_t n_running;
    struct probe probes[ROUND_PROBES];
};

void round_init(struct round *round, struct prober *prober);
void round_fini(struct round *round);
/* False: the one before is not over. *out_n_probes: how many there will be. */
bool round_begin(struct round *round, int64_t interval_us, uint32_t *out_n_probes);
void round_on_probe_end(struct round *round);

#endif
