/* SPDX-License-Identifier: ISC
 *
 * translation - a leg whose upstream does not speak the caller's protocol, or does not take the
 * request as it is: it and its answer go through the neutral records (codec/translate.h). Legs that
 * go straight have none.
 */
#ifndef RELAYOS_WORKER_TRANSLATION_H
#define RELAYOS_WORKER_TRANSLATION_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/sse.h"
#include "relayos/model/catalog.h"

/* A last event may repeat all of an answer, in more than one shape. */
#define TRANSLATION_MAX_EVENT ((size_t)64 * 1024 * 1024)
/* Of one request, while it is read and written. */
#define TRANSLATION_MAX_RECORDS ((size_t)64 * 1024 * 1024)

struct leg;
struct pick;
struct request;

/* Is it one that every protocol has words for? */
bool translation_can(enum operation operation);
/* Those of which a route must speak one: the caller's, or, of what can be said in any, any. */
uint32_t translation_protocols(const struct request *request);
/* The one to speak with an upstream of those protocols: the caller's if it can be. */
enum protocol translation_choose(enum protocol caller, uint32_t protocols);
/* Does the leg's request go through the records? */
bool translation_is_needed(const struct leg *leg);

/*
 * The caller's request as leg->protocol has it, into leg->body. ERR_INVALID_REQUEST,
 * ERR_UNSUPPORTED_PARAMETER, ERR_REQUEST_TOO_LARGE with *why: it cannot be said there.
 */
int translation_begin(struct leg *leg, const struct pick *pick,
                      struct refusal_reason *why) MUST_CHECK;
void translation_end(struct leg *leg);

/* More of the output has come since the upstream said how much there is. */
void translation_forget_output(struct leg *leg);

/* As the members of struct dialect: what the caller gets is appended to out, what it says is taken
 * into leg->stream and *facts. Errors are not written: whoever gets them decides. */
int translation_read_event(struct leg *leg, const struct sse_event *event, struct buf *out,
                           struct reply_facts *facts) MUST_CHECK;
int translation_read_reply(struct leg *leg, struct slice body, struct buf *out,
                           struct reply_facts *facts) MUST_CHECK;
/* The stream has ended: what can be ended well is. Without its end it is no error event. */
int translation_read_end(struct leg *leg, struct buf *out, struct reply_facts *facts) MUST_CHECK;
/* The last event of a stream that has begun. */
void translation_write_error(struct leg *leg, enum err_category category, struct buf *out);

/* Names of fields that the upstream was not told, for the caller; "" = none. */
struct slice translation_dropped(const struct leg *leg);

#endif
