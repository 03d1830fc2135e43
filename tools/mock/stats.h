/* SPDX-License-Identifier: ISC
 *
 * stats - what the mock served: GET /mock/stats, POST /mock/reset, GET /mock/last.
 */
#ifndef MOCK_STATS_H
#define MOCK_STATS_H

#include <stdint.h>

#include "ask.h"
#include "text.h"

#define STATS_NAMES   256
#define STATS_SECONDS 600

struct stats_names {
    unsigned n;
    struct {
        char name[256];
        unsigned requests;
    } rows[STATS_NAMES];
};

struct stats {
    unsigned requests;      /* answered or failed on purpose; neither probes nor /mock/ calls */
    unsigned probes;        /* GET .../models */
    unsigned usage_answers; /* complete answers that reported usage */
    unsigned finished;      /* answers sent to their end, faults included */
    unsigned cancelled;     /* the caller went away before that */
    unsigned connections;   /* accepted so far */
    int open, busy, most; /* connections now; those with an answer under way, and at most so far */
    uint64_t bytes_sent;
    struct stats_names models, paths, credentials; /* of requests */
    int64_t first_s;                               /* when the first of them came */
    unsigned per_second[STATS_SECONDS];            /* since then */
    struct text last;                              /* the last request: head, empty line, body */
};

void stats_note_request(struct stats *stats, const struct ask *ask, const char *bytes, size_t len);
void stats_write(const struct stats *stats, struct text *out);
/* All counts to zero but open and busy. */
void stats_reset(struct stats *stats);

#endif
