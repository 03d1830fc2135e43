/* SPDX-License-Identifier: ISC
 *
 * captures - what workers have captured of calls (model/capture.h): shown once more, with a row in
 * the audit trail, and dropped when it is old or too much.
 */
#ifndef LEDGER_CAPTURES_H
#define LEDGER_CAPTURES_H

#include <stddef.h>
#include <stdint.h>

#include "dispatch.h"
#include "relayos/base/text.h"

struct captures_file {
    struct uuid id; /* of its request: by it they sort as the requests came */
    int64_t bytes;  /* on disk */
};

/* How many of the first of n files, the oldest first, are to go: those of before that time, and
 * those without which the rest is no more than total bytes. Pure. */
size_t captures_to_drop(const struct captures_file *files, size_t n, int64_t before_us,
                        int64_t total);
/* With each checkpoint, in slices with settlements between them. */
int captures_retain(struct ledger *ledger) MUST_CHECK;

dispatch_handler captures_show;

#endif
