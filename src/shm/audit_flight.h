/* SPDX-License-Identifier: ISC
 *
 * audit_flight - the part of the audit that reads flights: each by itself, then what they hold
 * against what the quota cells say is held.
 */
#ifndef SHM_AUDIT_FLIGHT_H
#define SHM_AUDIT_FLIGHT_H

#include "relayos/base/errmsg.h"
#include "relayos/shm/segment.h"

int audit_flight_heads(const struct segment *segment, struct errmsg *why);
int audit_flight_sums(const struct segment *segment, struct errmsg *why);

#endif
