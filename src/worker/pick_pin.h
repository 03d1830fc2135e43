/* SPDX-License-Identifier: ISC
 *
 * pick_pin - a conversation's place among the routes of a model: found before the choice, and
 * judged after it.
 */
#ifndef RELAYOS_WORKER_PICK_PIN_H
#define RELAYOS_WORKER_PICK_PIN_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/policy/route_gate.h"

struct request;

/* Into gate->pin, and the family that its signed reasoning is bound to. Not asked where there is
 * but one place for it. */
void pick_pin_find(struct request *request, const struct route_option *options, uint32_t n,
                   struct route_gate *gate);

/*
 * Another route was chosen: is the conversation to come back? A place that is out for a while keeps
 * it; one that has gone, is not to be used any more, or has been out for long does not, nor one
 * that it was free to stay at.
 */
bool pick_pin_stays(const struct route_gate *gate, const struct route_candidate *candidates,
                    uint32_t n, uint32_t chosen);

#endif
