/* SPDX-License-Identifier: ISC
 *
 * sse - incremental splitter of server-sent events (WHATWG HTML 9.2): any chunking of the same
 * bytes gives the same events. LF, CR, CRLF; BOM; comments; multi-line data; UTF-8 split anywhere.
 *
 * Process: pure. Ownership: an event's views are good until the next call; bytes of an event that
 * straddles calls are kept in the splitter (freed again as soon as it is whole, so that a waiting
 * stream holds no memory).
 * Failure: an event past LIMIT_SSE_EVENT gives ERR_TOO_LARGE, and the splitter stays failed.
 */
#ifndef RELAYOS_CODEC_SSE_H
#define RELAYOS_CODEC_SSE_H

#include <stdbool.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/slice.h"

struct sse_event {
    struct slice name; /* "" when there was no event: line */
    struct slice data; /* data lines joined by LF */
};

struct sse {
    struct buf held;    /* bytes of an event that straddles chunks */
    struct buf joined;  /* data of an event with several data lines */
    struct slice chunk; /* what sse_next() has not consumed of the last sse_feed() */
    bool is_given;      /* the event given last lives in held: forget it at the next call */
    bool at_start;      /* a byte order mark may still come */
    bool after_cr;      /* an LF next belongs to the CR before it */
    bool is_failed;
};

void sse_init(struct sse *sse);
void sse_fini(struct sse *sse);
/*
 * Give it the next bytes; they must stay until sse_next() has returned ERR_INCOMPLETE. Who stops
 * before that wants no more events: what is left of the chunk before is dropped.
 */
void sse_feed(struct sse *sse, struct slice chunk);
/* Next whole event with data: 0; ERR_INCOMPLETE: feed more; ERR_TOO_LARGE. Comments, id:, retry:
 * and events without data are passed over, and so is an event: line without data. */
int sse_next(struct sse *sse, struct sse_event *out) MUST_CHECK;
/*
 * End of input, after sse_next() said ERR_INCOMPLETE: an event that lacks only its blank line (0),
 * or ERR_INCOMPLETE if there is none. Its last line may have been cut: only its JSON can tell.
 */
int sse_finish(struct sse *sse, struct sse_event *out) MUST_CHECK;

#endif
