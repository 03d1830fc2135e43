/* SPDX-License-Identifier: ISC
 *
 * session - which requests are turns of one conversation: they had best go where the ones before
 * went, for the prompt's cache lies there (shm/affinity.h).
 */
#ifndef RELAYOS_WORKER_SESSION_H
#define RELAYOS_WORKER_SESSION_H

#include <stdint.h>

#include "relayos/shm/affinity.h"

struct request;

/*
 * Of the owner's conversations, which one: by a header that the tool sends, else by what the body
 * says for that purpose, else by its instructions and its first turn. 0 = nothing tells.
 */
uint64_t session_conversation(const struct request *request);

/* Key of that conversation's place among the routes of a model; never 0. */
uint64_t session_pin_key(uint64_t conversation, uint32_t model_id);

/* It was answered there. One that keeps its place (pick.c) is not moved. */
void session_note(struct request *request, uint32_t model_id, const struct affinity_pin *pin);

#endif
