/* SPDX-License-Identifier: ISC */
#include "checkpoint.h"

#include "key_rotate.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/store/store_trace.h"

#define SLICE_TRACES     500
#define PATIENCE         3       /* intervals */
#define RETENTION_MAX_US 2000000 /* of one checkpoint: the rest is for the next one */

static int keep_house(struct ledger *ledger, struct store_checkpoint *done, struct errmsg *why);
static int drop_old_traces(struct ledger *ledger, struct errmsg *why);
static int drop_slice(struct ledger *ledger, int64_t before_us, size_t *out_n, struct errmsg *why);

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

    if (patience_us == 0 || now_us - ledger->last_checkpoint_us < patience_us)
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
    int rc = drop_old_traces(ledger, why);
    if (rc != 0 || (rc = key_rotate_retire(ledger, why)) != 0)
        return rc;
    if ((rc = store_checkpoint(ledger->store, done)) != 0)
        return rc;
    ledger->last_checkpoint_real_us = clock_real_us();
    proc_slot_count_add(ledger->segment, ledger->heritage->slot, PROC_COUNTER_CHECKPOINTS, 1);
    return 0;
}

/* In slices with settlements between them, so that no answer waits for the housekeeping. */
static int
drop_old_traces(struct ledger *ledger, struct errmsg *why)
{
    int64_t before_us = clock_real_us() - ledger->heritage->conf->trace_retention_us;
    int64_t start_us = clock_mono_us();
    size_t n = SLICE_TRACES;
    int rc = 0;

    while (rc == 0 && n == SLICE_TRACES && clock_mono_us() - start_us < RETENTION_MAX_US) {
        struct settle_tally tally = {0};

        rc = drop_slice(ledger, before_us, &n, why);
        if (rc == 0)
            rc = settle_run(ledger, &tally);
    }
    return rc;
}

static int
drop_slice(struct ledger *ledger, int64_t before_us, size_t *out_n, struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    if (rc == 0)
        rc = ledger_end(ledger, store_trace_expire(ledger->store, before_us, SLICE_TRACES, out_n),
                        why);
    return rc;
}
