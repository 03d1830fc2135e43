/* SPDX-License-Identifier: ISC
 *
 * alert_look - what holds now that an operator should know: read from the segment and the catalog,
 * put into the book. Names of keys, models, upstreams and credentials; nothing else of an upstream.
 */
#ifndef PROBER_ALERT_LOOK_H
#define PROBER_ALERT_LOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "alert_book.h"
#include "relayos/base/limits.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/segment.h"

#define ALERT_CRASH_US       INT64_C(60000000) /* a spell of crashes is over after so long */
#define ALERT_BEHIND_US      INT64_C(30000000) /* the ledger is, when a request waits so long */
#define ALERT_CERTIFICATE_US (14 * 86400 * INT64_C(1000000)) /* left to it */
#define ALERT_DISK_BYTES     (INT64_C(256) << 20)            /* free at least, and ... */
#define ALERT_DISK_PERCENT   5 /* ... so much, where that is less than ALERT_DISK_ENOUGH */
#define ALERT_DISK_ENOUGH    (INT64_C(4) << 30)

struct alert_look {
    const struct segment *segment;
    const struct catalog *catalog;
    /* Name of a key ("" if it is not known). */
    void (*key_name)(void *ctx, uint64_t key_id, char out[LIMIT_NAME]);
    void *ctx;
};

/* All that holds, between alert_book_begin() and _end(). */
void alert_look_all(const struct alert_look *look, struct alert_book *book, int64_t now_us,
                    int64_t real_us);

/* Is that too little room? */
bool alert_look_disk_is_low(int64_t free_bytes, int64_t all_bytes);

#endif
