/* SPDX-License-Identifier: ISC
 *
 * reply_error - sentences are the catalogue's own; nothing of the upstream's words is in them.
 */
#include "reply_error.h"

#include <stdio.h>

#include "fault.h"
#include "leg.h"
#include "reply.h"
#include "request.h"
#include "translation.h"

void
reply_error_respond(struct request *r, enum err_category category, const char *detail,
                    const char *param)
{
    struct buf message;

    buf_pool_take(&r->worker->bufs, &message, BUF_POOL_KEEP_SIZE);
    dialect_error_message(category, detail, &message);
    buf_pool_give(&r->worker->bufs, &r->out);
    buf_pool_take(&r->worker->bufs, &r->out, BUF_POOL_KEEP_SIZE);
    r->dialect->write_error(category, buf_slice(&message), slice_str(param), r->id, &r->out);
    buf_pool_give(&r->worker->bufs, &message);
    reply_send(r, (unsigned)r->dialect->error_status(category), SLICE_LIT("application/json"),
               category, detail);
}

void
reply_error_event(struct request *r, enum err_category category, const char *detail)
{
    struct buf message;

    buf_pool_take(&r->worker->bufs, &message, BUF_POOL_KEEP_SIZE);
    dialect_error_message(category, detail, &message);
    if (!r->leg->has_stream) /* only heartbeats so far */
        leg_open(r->leg);
    if (!r->is_flowing) /* start frames: the error belongs behind them */
        leg_let_flow(r->leg);
    reply_hold_tail(r);
    if (r->leg->translation != NULL)
        translation_write_error(r->leg, category, leg_out(r->leg));
    else
        r->dialect->write_error_event(&r->leg->stream, category, buf_slice(&message),
                                      leg_out(r->leg));
    buf_pool_give(&r->worker->bufs, &message);
    reply_end_stream(r, category);
}

size_t
reply_error_retry_header(enum err_category category, int retry_s, char text[4],
                         struct http_header *list)
{
    static const struct http_header not_again = {SLICE_LIT("x-should-retry"), SLICE_LIT("false")};

    switch (err_info(category)->retry) {
    case RETRY_NO:
        *list = not_again;
        return 1;
    case RETRY_AFTER:
        if (retry_s <= 0)
            retry_s = REPLY_ERROR_RETRY_S;
        if (retry_s > FAULT_RETRY_S_MAX)
            retry_s = FAULT_RETRY_S_MAX;
        snprintf(text, 4, "%d", retry_s);
        *list = (struct http_header){SLICE_LIT("retry-after"), slice_str(text)};
        return 1;
    case RETRY_YES:
        *list = not_again;
        return retry_s == REPLY_ERROR_FUTILE ? 1 : 0;
    }
    return 0;
}
