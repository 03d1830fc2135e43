/* SPDX-License-Identifier: ISC
 *
 * accepted - the credentials whose question was answered with 2xx since this prober began. By it a
 * 403 is told apart: one that was accepted before is locked now; one that never was may not be
 * allowed to list models, and serve nevertheless.
 *
 * Bounded: when full (ids that a reload took away stay in it), all is forgotten.
 */
#ifndef RELAYOS_PROBER_ACCEPTED_H
#define RELAYOS_PROBER_ACCEPTED_H

#include <stdbool.h>
#include <stdint.h>

struct accepted {
    uint32_t n, size;
    uint32_t *ids; /* of credentials */
};

void accepted_init(struct accepted *accepted, uint32_t size);
void accepted_fini(struct accepted *accepted);
void accepted_note(struct accepted *accepted, uint32_t id);
bool accepted_has(const struct accepted *accepted, uint32_t id);

#endif
