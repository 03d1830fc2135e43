/* SPDX-License-Identifier: ISC
 *
 * recollect - what callers are given and cannot bring back, kept in shared memory (shm/recall.h)
 * and put into their later requests: for clients of chat the reasoning behind their tool calls, for
 * clients of Responses the items that they name by id.
 */
#ifndef RELAYOS_WORKER_RECOLLECT_H
#define RELAYOS_WORKER_RECOLLECT_H

#include <stdbool.h>

#include "relayos/base/buf.h"
#include "relayos/codec/arena.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/neutral.h"
#include "relayos/codec/sse.h"

struct request;
struct leg;
struct pick;

/* The reasoning of one answer, until the call that it leads to. */
struct recollection {
    uint64_t conversation;      /* that the answer belongs to */
    struct buf text, state, id; /* of the part that is open */
    struct buf carriers;        /* of those that have ended */
    enum neutral_origin origin;
    bool is_open, is_redacted;
    bool has_text; /* among them, of no vendor's state */
};

void recollect_init(struct recollection *recollection);
void recollect_fini(struct recollection *recollection);

/* ---- requests ---- */

/* Of Responses, decoded: are items of its answer kept? */
bool recollect_wants_items(const struct request *request);
/* Its body was refused for references: the same with what is remembered, in request->http.body. */
int recollect_expand(struct request *request, struct refusal_reason *why) MUST_CHECK;
/* Of chat: bytes of reasoning, at most, that will go in front of its calls. */
int64_t recollect_length(struct request *request);
/* Of chat, translated: reasoning goes in front of its calls, and its answer will be noted. */
void recollect_insert(struct request *request, struct recollection *recollection,
                      struct neutral_request *neutral, struct arena *arena);
/* Straight, to a model that wants the reasoning behind its calls back in the open: of chat, into
 * leg->body, and the leg's answer will be watched. */
void recollect_open(struct leg *leg, const struct pick *pick);
/* A watched leg's answer is over. */
void recollect_close(struct leg *leg);

/* ---- answers ---- */

/* An event on its way through a translation. */
void recollect_note(struct leg *leg, struct recollection *recollection,
                    const struct neutral_event *event);
/* A finished item of a Responses answer. */
void recollect_item(struct request *request, struct slice item);
/* Of a straight answer that is watched (request.is_watched), an event, or all of it, as it came;
 * and what of reply_facts.items is in it. */
void recollect_event(struct leg *leg, const struct sse_event *event, struct slice item);
void recollect_reply(struct leg *leg, struct slice body, struct slice items);

#endif
