/* SPDX-License-Identifier: ISC
 *
 * pick_note - what was looked at for an attempt, into the flight's record: the operator's answer to
 * "why there?".
 */
#ifndef RELAYOS_WORKER_PICK_NOTE_H
#define RELAYOS_WORKER_PICK_NOTE_H

#include <stdint.h>

#include "relayos/model/flight.h"
#include "relayos/policy/route.h"

/*
 * The chosen one (n: none was) and those that were excluded first, then those that were scored, as
 * far as there is room; what is left out, among it all that the draw passed over, is counted. Later
 * attempts are kept some room. Returns how many are excluded. Pure.
 */
uint32_t pick_note(struct flight_record *record, const struct route_candidate *candidates,
                   uint32_t n, uint32_t chosen);

#endif
