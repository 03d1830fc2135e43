/* SPDX-License-Identifier: ISC
 *
 * answer - how calls end: JSON, problems, files; with the headers that keep browsers out of trouble
 * on each. The first answer counts; to who is gone nothing is sent, but a create is remembered.
 */
#ifndef CONSOLE_ANSWER_H
#define CONSOLE_ANSWER_H

#include "call.h"

/* The body is what stands in call->out. */
void answer_out(struct call *call, int status, const char *type);
void answer_json(struct call *call, int status, struct slice json);
void answer_frame(struct call *call, int status, const struct frame_value *value);
/* The members of an object are written in between; nothing else of the console in the meantime. */
struct frame_out *answer_begin(struct call *call);
void answer_end(struct call *call, int status);
/* Before an answer: its ETag, made of `version` (what a change must not have missed). */
void answer_etag(struct call *call, struct slice version);
/* If-Match is there and means another version: answered (412), false. */
bool answer_if_match(struct call *call, struct slice version);
/* Then, for the command: it may change on the way there. */
void answer_if_match_write(struct call *call, int64_t updated_us, struct frame_out *out);

/* {"error": {code, message, field, request_id}} */
void answer_problem(struct call *call, int status, const char *code, const char *field,
                    const char *format, ...) __attribute__((format(printf, 5, 6)));
/* There is none, or none of yours. */
void answer_missing(struct call *call);
/* A command's, a store's or our own error. After one of the store's it is closed: nothing more may
 * be read from it. */
void answer_err(struct call *call, int err, struct slice sentence);

/* Elsewhere, by GET: a path of ours, or a URL that we have made. */
void answer_redirect(struct call *call, struct slice where);

/* One header more; before the answer. */
void answer_header(struct call *call, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Bytes that stay, as they are, below headers of their own; NULL etag: none. */
struct answer_file {
    const char *type, *etag, *encoding, *cache;
    struct slice bytes, location;
};
void answer_file(struct call *call, const struct answer_file *file);

/* What the server itself refuses, in the same words (net/server.h). */
void answer_refused(void *ctx, enum err_category category, const char *detail,
                    const char *client_address, struct buf *out_body, struct slice *out_headers);

#endif
