/* SPDX-License-Identifier: ISC
 *
 * audit - is the segment still what its writers made of it? Asked after a process died in a way
 * that may have left anything anywhere (SIGSEGV, SIGBUS, an assertion), and of one that was found.
 *
 * It only reads, and while living processes go on: what may change meanwhile is looked at again
 * before it counts as damage. It finds what breaks a rule (bounds, magics, states, sums over the
 * flights); a plausible wrong number in `used` or in a key's row it cannot know, the ledger writes
 * those anew from the store.
 */
#ifndef RELAYOS_SHM_AUDIT_H
#define RELAYOS_SHM_AUDIT_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/model/flight.h"
#include "relayos/shm/segment.h"

/* 0, or ERR_UNSAFE with the first damage found. */
int audit_segment(const struct segment *segment, struct errmsg *why) MUST_CHECK;

/* Can this record have been written by a worker? Then its money can be believed. */
bool audit_record_is_sound(const struct flight_record *record);

#endif
