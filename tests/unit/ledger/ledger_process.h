/* SPDX-License-Identifier: ISC
 *
 * ledger_process - a ledger on a real segment and a database of its own, and one worker's desk.
 */
#ifndef TESTS_LEDGER_PROCESS_H
#define TESTS_LEDGER_PROCESS_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dispatch.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/control/command.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"

#define USD            INT64_C(1000000000)
#define FIXTURE_NOW_US INT64_C(1764100000000000) /* 2025-11-25 19:46:40 UTC */
#define FIXTURE_MONTH  202511

struct fixture {
    char dir[64], segment_name[64];
    struct segment *segments[64]; /* one handle for each ledger, as for each process */
    size_t n_segments;
    struct conf conf;
    struct heritage heritage;
    struct ledger ledger;
    struct flight_desk *desk;
    struct frame_out *writer;
    struct buf wire;
    struct frame_in *reply;
};

/* What a process knows of the segment beside what lies in it must not pass to its successor. */
static inline void
fixture_attach(struct fixture *fixture)
{
    struct errmsg why = {""};

    cr_assert_lt(fixture->n_segments, 64);
    cr_assert_eq(segment_attach(fixture->segment_name, &fixture->heritage.segment, &why), 0, "%s",
                 why.text);
    fixture->segments[fixture->n_segments++] = fixture->heritage.segment;
}

static inline void
fixture_start_ledger(struct fixture *fixture)
{
    struct heritage *heritage = &fixture->heritage;
    struct errmsg why = {""};

    fixture_attach(fixture);
    heritage->slot = proc_slot_of(heritage->segment, PROC_LEDGER);
    heritage->generation = proc_slot_offer(heritage->segment, heritage->slot, PROC_LEDGER);
    cr_assert_eq(ledger_start(&fixture->ledger, heritage, &why), 0, "%s", why.text);
}

/* As if it had been killed: nothing is flushed, nothing is said. */
static inline void
fixture_kill_ledger(struct fixture *fixture)
{
    ledger_finish(&fixture->ledger);
    proc_slot_set_state(fixture->heritage.segment, fixture->heritage.slot, PROC_VACANT);
}

static inline void
fixture_restart_ledger(struct fixture *fixture)
{
    fixture_kill_ledger(fixture);
    fixture_start_ledger(fixture);
}

static inline void
fixture_start_worker(struct fixture *fixture)
{
    struct segment *segment = fixture->heritage.segment;
    uint32_t generation = proc_slot_offer(segment, 0, PROC_WORKER);

    cr_assert_eq(proc_slot_claim(segment, 0, generation), 0);
    proc_slot_set_state(segment, 0, PROC_READY);
    fixture->desk = flight_desk_open(segment, 0);
}

static inline void
fixture_kill_worker(struct fixture *fixture)
{
    flight_desk_close(&fixture->desk);
    proc_slot_set_state(fixture->heritage.segment, 0, PROC_DEAD);
}

#endif
