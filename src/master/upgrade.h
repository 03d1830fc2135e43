/* SPDX-License-Identifier: ISC
 *
 * upgrade - SIGUSR2: another relayosd takes over in this very process, while the workers serve on.
 *
 *     ask the new binary whether it fits -> nothing is under way -> execve -> it does what a master
 *     does that finds a dead one's gateway (takeover.h): adopts the workers, ends our ledger and
 *     starts its own, and drains the adopted once its own workers serve
 *
 * There is one master and one ledger at each moment, so quotas and books need no sharing out. Two
 * generations of workers at most: refused while those of the last one still have requests. Before
 * the new one serves, a failure is answered with the old executable (succession.h); nobody whose
 * request runs notices either way.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>

#include "asked.h"
#include "child_link.h"
#include "witness.h"

enum upgrade_step {
    UPGRADE_IDLE,
    UPGRADE_ASKING,  /* the new binary is looking */
    UPGRADE_WAITING, /* it fits; commands that run have a moment to end */
};

struct upgrade {
    bool is_wanted; /* by SIGUSR2 */
    enum upgrade_step step;
    bool has_client;
    struct child_tag client; /* gets the answer when it begins, or why it does not */
    char who[WITNESS_WHO_SIZE];
    struct asked asked;  /* the new binary */
    int64_t deadline_us; /* of the waiting */
    char version[32];
    bool migrates;
};

void upgrade_init(struct upgrade *upgrade);
void upgrade_fini(struct upgrade *upgrade);
/* Asked for on the control socket: {from, to} when it begins. */
void upgrade_request(struct master *master, struct child_tag client,
                     const struct frame_value *args);
/* The work list's entry. */
void upgrade_work(struct master *master, int64_t now_us);
int64_t upgrade_wake_us(const struct master *master);
/* We serve: if somebody was here before us in this process, tell how it went. */
void upgrade_on_served(struct master *master);

#endif
