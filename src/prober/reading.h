/* SPDX-License-Identifier: ISC
 *
 * reading - the database as the prober sees it: only read, opened when first needed, and done
 * without where it cannot be had.
 */
#ifndef PROBER_READING_H
#define PROBER_READING_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/conf/conf.h"
#include "relayos/store/store.h"

struct reading {
    const struct conf *conf;
    struct store *store;
    int64_t again_us; /* no sooner than this, after it could not be opened */
};

/* NULL: not now. */
struct store *reading_store(struct reading *reading);
/* It failed: another is opened at the next occasion. */
void reading_distrust(struct reading *reading);
void reading_fini(struct reading *reading);

#endif
