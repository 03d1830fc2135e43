/* SPDX-License-Identifier: ISC
 *
 * turns - the turns of a request while it is read, and made regular at the end, so that any target
 * takes them (protocols.md 7.1).
 *
 * A reader adds parts in the order in which it meets them. Parts of one role that follow each other
 * make one turn; each system message is one of its own. turns_finish() then lays them out as
 * neutral.h says, and
 * - puts every result right behind the turn that called, in the order of the calls, and tells it
 *   the tool's name; the last result of a call counts, results of no call go, a call without one
 *   gets an error;
 * - gives calls without an id one;
 * - drops empty texts and turns, joins what then meets, and says "." for a user who said nothing.
 */
#ifndef CODEC_TURNS_H
#define CODEC_TURNS_H

#include "relayos/base/err.h"
#include "relayos/codec/arena.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/neutral.h"

struct turns {
    struct arena *arena;
    struct neutral_request *request;
    struct neutral_part *children; /* of results; put behind the other parts at the end */
    uint32_t n_children;
    struct neutral_part scrap; /* stands for a part that there is no room for */
};

void turns_init(struct turns *turns, struct arena *arena, struct neutral_request *request);
/* A system message begins; turns_add(turns, NEUTRAL_SYSTEM) adds to it. */
void turns_begin_system(struct turns *turns, bool is_developer);
/* A part (all zero: TEXT) at the end of what this role says; good until the next one. */
struct neutral_part *turns_add(struct turns *turns, enum neutral_role role);
/* A part inside the RESULT added last. */
struct neutral_part *turns_add_child(struct turns *turns);
/* ERR_INVALID_REQUEST with the reason: more than the arena has room for. */
int turns_finish(struct turns *turns, struct refusal_reason *why) MUST_CHECK;

/*
 * A copy of a regular request for a target without system messages in mid-conversation: those but
 * the leading ones become text "<system>..</system>" in a user's turn at their place. Without room
 * in the arena (it says so) the request is what it was.
 */
void turns_wrap(const struct neutral_request *request, struct arena *arena,
                struct neutral_request *out);

#endif
