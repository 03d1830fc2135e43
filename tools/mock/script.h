/* SPDX-License-Identifier: ISC
 *
 * script - one answer, ready to be played: the bytes of the wire, where they pause, how they end.
 * The faults that concern the wire (fault.h) are applied here, once for all providers.
 */
#ifndef MOCK_SCRIPT_H
#define MOCK_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "ask.h"
#include "text.h"

enum script_end { SCRIPT_KEEP, SCRIPT_CLOSE, SCRIPT_RESET, SCRIPT_STALL };

struct script {
    const struct ask *ask; /* while it is written */
    struct text wire;
    size_t *ends; /* offsets at which a piece ends; the last one is wire.len */
    size_t n_ends;
    size_t n_events;
    bool is_over; /* a fault ended it: what is still added is dropped */
    bool has_usage;
    char journal[192]; /* the line of an answer with usage (journal.h), "" = none or written */
    long first_ms, pace_ms;
    size_t token_at; /* the piece before which the first token is waited for; 0 = none */
    long token_ms;
    enum script_end end;
};

void script_init(struct script *script, const struct ask *ask);
void script_free(struct script *script);

/* A whole answer. */
void script_body(struct script *script, int status, const char *type, const struct text *body);
/* A stream: head, events (event NULL = data only), end. */
void script_stream_begin(struct script *script);
void script_event(struct script *script, const char *event, const struct text *data);
void script_stream_end(struct script *script);
/* An error of this status in the provider's shape; message NULL = a usual one. */
void script_error(struct script *script, int status, const char *message);
/* The provider's error object. */
void script_error_text(const struct ask *ask, int status, const char *message, struct text *out);

#endif
