/* SPDX-License-Identifier: ISC
 *
 * capture - what a key's call asked and was told, kept in a file where an operator wants to see it:
 * its body as it came and its answer as it left, scrubbed (codec/scrub.h). No header is ever kept.
 *
 * Failure: no memory, no disk, a clock that stands: the capture is left out and counted. A request
 *          never fails of it, nor waits for it: the file is written when all has been said.
 */
#ifndef WORKER_CAPTURE_H
#define WORKER_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"

struct capture;
struct request;

/* Of one worker. */
struct capture_account {
    size_t held;      /* bytes of memory, of calls under way */
    int64_t since_us; /* the beginning of ... */
    int64_t written;  /* ... bytes on disk, until retention has looked again */
};

/* Its key's calls are captured now: take the body, while it is here. */
void capture_begin(struct request *request);
/* Bytes that the caller gets; nothing if it is not captured. */
void capture_answer(struct request *request, struct slice bytes);
/* How it ended, while its record is here. */
void capture_note(struct request *request, enum err_category category, unsigned status);
/* It is over: write it down. */
void capture_end(struct request *request);

#endif
