/* SPDX-License-Identifier: ISC
 *
 * vigil - processes that live and show no sign of it: stopped, or stuck behind a disk. They are
 * reported, not ended: what is stopped goes on some time, and till then costs nobody a record.
 */
#ifndef MASTER_VIGIL_H
#define MASTER_VIGIL_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/shm/proc_slot.h"

#define VIGIL_SILENT_US INT64_C(5000000) /* every process beats once a second */
#define VIGIL_AGAIN_US  INT64_C(1000000) /* it was we who slept: so look twice */

struct master;

/* What is known of one process. Pure: the function on it gets the time. */
struct vigil {
    uint32_t generation;
    int64_t suspect_us; /* since when no beat has been seen in time; 0 = all is well */
    bool is_reported;
};

enum vigil_news { VIGIL_NOTHING, VIGIL_SILENT, VIGIL_SPEAKS };
enum vigil_news vigil_look(struct vigil *vigil, const struct proc_view *view, int64_t now_us);

/* The work list's entry. */
void vigil_work(struct master *master, int64_t now_us);

#endif
