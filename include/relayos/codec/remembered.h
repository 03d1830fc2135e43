/* SPDX-License-Identifier: ISC
 *
 * remembered - what a client was given before, put back where its protocol has no place for it.
 * Who remembers is not known here.
 *
 * Process: pure.
 */
#ifndef RELAYOS_CODEC_REMEMBERED_H
#define RELAYOS_CODEC_REMEMBERED_H

#include <stdbool.h>

#include "relayos/base/buf.h"
#include "relayos/codec/arena.h"
#include "relayos/codec/neutral.h"

/* By an id as the client writes it (raw): append what is remembered; false: nothing is. */
typedef bool remembered_find(void *ctx, struct slice id, struct buf *out);

struct remembered {
    remembered_find *find;
    void *ctx;
    size_t max; /* bytes of one memory */
};

/*
 * Between read_request() and carrier_open(): in turns whose calls come without the state of the
 * reasoning that led to them, put it in front. What is remembered of a call are carriers, a line
 * each; behind that of plain text stands the text itself. Only the latest calls are looked up.
 */
void remembered_insert(struct neutral_request *request, const struct remembered *memory,
                       struct arena *arena);

/*
 * The same for a body of chat that goes as it is: append it, with remembered text as that member of
 * the assistant's messages behind the last of the user's (only there is it wanted) that have calls
 * and say nothing there.
 */
void remembered_open(struct slice body, const char *member, const struct remembered *memory,
                     struct buf *out);

#endif
