/* SPDX-License-Identifier: ISC */
#include "checkpoint.h"

#include "key_rotate.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/store/store_ledger.h"
#include "retention.h"

#define PATIENCE      3          /* intervals */
#define MAX_WAL_BYTES (32 << 20) /* more, and settlements would wait for it too long */

static int keep_house(struct ledger *ledger, struct store_checkpoint *done, struct errmsg *why);

int
checkpoint_run(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    struct store_checkpoint done;
    int rc = keep_house(ledger, &done, why);

    (void)args;
    if (rc != 0)
        return rc;
    frame_int(out, "wal_frames", done.wal_frames);
    frame_int(out, "checkpointed", done.checkpointed);
    return 0;
}

void
checkpoint_unasked(struct ledger *ledger, int64_t now_us)
{
    int64_t patience_us = PATIENCE * ledger->heritage->conf->checkpoint_interval_us;
    struct store_checkpoint done;
    struct errmsg why = {""};

    if ((patience_us == 0 || now_us - ledger->last_checkpoint_us < patience_us) &&
        store_wal_bytes(ledger->store) < MAX_WAL_BYTES)
        return;
    ledger->last_checkpoint_us = now_us;
    if (keep_house(ledger, &done, &why) != 0)
        log_error("ledger.checkpoint_failed", "%s",
                  why.text[0] == '\0' ? store_error(ledger->store) : why.text);
}

static int
keep_house(struct ledger *ledger, struct store_checkpoint *done, struct errmsg *why)
{
    ledger->last_checkpoint_us = clock_mono_us();
    int rc = retention_run(ledger, why);
    if (rc != 0 || (rc = key_rotate_retire(ledger, why)) != 0)
        return rc;
    /* What a start has to verify begins here. */
    if ((rc = ledger_begin(ledger, why)) != 0 ||
        (rc = ledger_end(ledger, store_ledger_mark(ledger->store), why)) != 0)
        return rc;
    CRASH_POINT("checkpoint.before");
    if ((rc = store_checkpoint(ledger->store, done)) != 0) {
        errmsg_set(why, "checkpoint: %s", store_error(ledger->store));
        if (rc == ERR_STORE)
            ledger_distrust(ledger, why);
        return rc;
    }
    CRASH_POINT("checkpoint.done");
    ledger->last_checkpoint_real_us = clock_real_us();
    proc_slot_count_add(ledger->segment, ledger->heritage->slot, PROC_COUNTER_CHECKPOINTS, 1);
    return 0;
}
