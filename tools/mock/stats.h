/* SPDX-License-Identifier: ISC
 *
 * stats - what the mock served: GET /mock/stats, POST /mock/reset, GET /mock/last.
 */
#ifndef MOCK_STATS_H
#define MOCK_STATS_H

#include <stdint.h>

#include "ask.h"
#include "text.h"

#define STATS_MODELS 256

struct stats {
    unsigned requests;      /* answered or failed on purpose; /mock/ calls do not count */
    unsigned usage_answers; /* complete answers that reported usage */
    unsigned finished;      /* answers sent to their end, faults included */
    unsigned cancelled;     /* the caller went away before that */
    unsigned connections;   /* accepted so far */
    int open, busy;         /* connections now; those with an answer under way */
    uint64_t bytes_sent;
    unsigned n_models;
    struct {
        char name[256];
        unsigned requests;
    } models[STATS_MODELS];
    struct text last; /* the last request: head, empty line, body */
};

void stats_note_request(struct stats *stats, const struct ask *ask, const char *bytes, size_t len);
void stats_write(const struct stats *stats, struct text *out);
/* All counts to zero but open and busy. */
void stats_reset(struct stats *stats);

#endif
