/* SPDX-License-Identifier: ISC
 *
 * gone - see the header. The call goes on as it did; what it brings is thrown away.
 */
#include "gone.h"

#include "finish.h"
#include "relay.h"
#include "reply.h"
#include "request.h"

static bool may_drain(const struct request *r);

bool
gone_begin(struct request *r)
{
    struct worker *worker = r->worker;

    if (!may_drain(r))
        return false;
    relay_forget_request(r);
    r->exchange = NULL;
    r->is_gone = true;
    r->gone_bytes = 0;
    buf_pool_give(&worker->bufs, &r->out);
    buf_pool_give(&worker->bufs, &r->sending);
    link_remove(&r->in_unsent);
    timer_set(worker->loop, &r->timer,
              loop_now_us(worker->loop) + worker->conf->client_gone_time_us, reply_on_timer);
    if (r->is_paused)
        upstream_resume(r->leg->call);
    r->is_paused = false;
    return true;
}

/* Before content there is nothing to pay, and what is not sent yet lies in the exchange. */
static bool
may_drain(const struct request *r)
{
    return strcmp(r->worker->conf->on_client_gone, "drain") == 0 && r->step == REQUEST_STREAM &&
           r->leg->call != NULL && !r->leg->stream.is_complete && upstream_is_sent(r->leg->call) &&
           !r->worker->is_past_deadline;
}

void
gone_discard(struct request *r, size_t len)
{
    buf_clear(&r->out);
    r->gone_bytes += (int64_t)len;
    if (r->gone_bytes > r->worker->conf->client_gone_bytes)
        gone_end(r);
}

void
gone_end(struct request *r)
{
    finish_request(r, ERR_CATEGORY_CLIENT_CLOSED, FINISH_STATUS_CLIENT_CLOSED);
    request_dispose(r);
}
