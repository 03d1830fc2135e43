/* SPDX-License-Identifier: ISC
 *
 * carrier - reasoning state of one vendor on its way through a client that speaks another's
 * protocol (protocols.md 8): it stands where the client keeps its own vendor's, and comes back with
 * the next turn.
 *
 *   relay1.<origin>.<base64url of the state>.<base64url of a MAC>    origin: ant, gem, oai
 *   relay1.txt.                                                     readable text, no state
 *
 * The MAC binds it to the key's owner: nobody can have the gateway send state that it did not give
 * to him. State: of ant the JSON array of the original block, of oai an object with id and
 * encrypted_content, of gem the thoughtSignature.
 *
 * Process: pure.
 */
#ifndef RELAYOS_CODEC_CARRIER_H
#define RELAYOS_CODEC_CARRIER_H

#include "relayos/base/buf.h"
#include "relayos/codec/arena.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/neutral.h"

#define CARRIER_MARK "relay1." /* what each begins with */

/* More than this is not carried: its part is sent without state. */
#define CARRIER_MAX_STATE (1024 * 1024)

/* What is carried of a part, as its answer's events gave it: raw strings. */
struct carrier {
    enum neutral_origin origin;
    struct slice id;   /* OPENAI: of the item */
    struct slice text; /* ANTHROPIC: what was thought */
    struct slice state;
    bool is_redacted; /* ANTHROPIC */
};

/*
 * Append the carrier, to stand between quotes. Without a MAC when the context has no seal. Without
 * state (or more than CARRIER_MAX_STATE of it): that of plain text.
 */
void carrier_write(const struct reply_context *context, const struct carrier *carrier,
                   struct buf *out);

/*
 * A reader of requests found raw where its protocol has state. True: it is a carrier; part->origin
 * and part->carrier are set, part->state is not before carrier_open(). False: it is the protocol's
 * own, the reader's business.
 */
bool carrier_read(struct slice raw, struct neutral_part *part);

/*
 * Between read_request() and write_request(): state, text, id and is_redacted of all parts with a
 * carrier, where it is whole and this owner's; else the part keeps its readable text alone. seal
 * NULL: MACs are neither wanted nor looked at (tests).
 */
void carrier_open(struct neutral_request *request, struct seal *seal, uint64_t owner_hash,
                  struct arena *arena);

/* Does a string of the body begin as carriers do? */
bool carrier_stands_in(struct slice body);

/*
 * Its vendor has refused a state, and does not say in a way that counts which: those of turns that
 * are over go, which nothing needs (section 8); without any, those of the loop that runs.
 */
void carrier_strip(struct neutral_request *request);

#endif
