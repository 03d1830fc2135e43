/* SPDX-License-Identifier: ISC
 *
 * witness - what the master itself has changed (routes, the configuration) is told to the ledger,
 * which writes the audit trail. An entry is kept until the ledger has it: one that is away or has
 * trouble with its database gets it later, and once, although its answer may be lost. A change does
 * not wait for that: who drains a route in an emergency must be able to.
 *
 * Each goes to the log at once: of what a dead master still had, and of those beyond WITNESS_MAX,
 * which the trail only counts (audit.lost), that is all that is left.
 */
#ifndef MASTER_WITNESS_H
#define MASTER_WITNESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "child_link.h"
#include "relayos/base/text.h"

#define WITNESS_MAX         32
#define WITNESS_WHO_SIZE    128
#define WITNESS_TARGET_SIZE 320
#define WITNESS_DETAIL_SIZE 256

struct witness_entry {
    int64_t at_us;
    struct uuid id;     /* the ledger writes it once */
    const char *action; /* the command's name */
    char who[WITNESS_WHO_SIZE];
    char target[WITNESS_TARGET_SIZE];
    char detail[WITNESS_DETAIL_SIZE]; /* a JSON object */
};

struct witness {
    struct witness_entry entries[WITNESS_MAX]; /* the oldest first */
    size_t n;
    int64_t n_lost;    /* since the last of them */
    bool is_under_way; /* the first of them */
    int64_t retry_us;
};

/* Who gives a command: an account or an admin key, if the console says so; "NAME by relayosctl" or
 * "uid N by relayosctl" of whoever is at the control socket, who cannot pass for an account. */
void witness_name(const struct master *master, struct child_tag client,
                  const struct frame_value *args, char out[WITNESS_WHO_SIZE]);
/* It was done, now. */
void witness_tell(struct master *master, const struct witness_entry *entry);
/* The work list's entry: send what waits. */
void witness_work(struct master *master, int64_t now_us);

#endif
