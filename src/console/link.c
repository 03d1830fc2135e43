/* SPDX-License-Identifier: ISC */
#include "link.h"

#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"

#define READ_SIZE 65536
#define MAX_OUT   (4 * 1024 * 1024)
#define AGAIN_US  INT64_C(5000) /* the master's socket is full */
#define TIMEOUT_US                                                                                 \
    INT64_C(35000000) /* the master gives up on the ledger after 30 s, and says so                 \
                       */

static void on_readable(void *ctx, int fd);
static void take_replies(struct link *link);
static void answer(struct link *link, size_t n, const struct frame_value *reply);
static void end(struct link *link);
static void on_again(struct timer *timer);
static void write_out(struct link *link);
static void on_expiry(struct timer *timer);
static void watch_expiry(struct link *link);

void
link_open(struct link *link, struct loop *loop, int fd)
{
    link->loop = loop;
    link->fd = fd;
    link->is_open = true;
    link->next_id = 1;
    link->writer = frame_out_new();
    buf_init(&link->in, LIMIT_CONTROL_FRAME + READ_SIZE);
    buf_init(&link->out, MAX_OUT);
    fdio_set_nonblocking(fd);
    loop_watch_fd(loop, fd, on_readable, link);
}

void
link_close(struct link *link)
{
    timer_unset(link->loop, &link->again);
    timer_unset(link->loop, &link->expiry);
    link->is_open = false;
    while (link->n_pending > 0)
        answer(link, 0, NULL);
    frame_out_free(&link->writer);
    buf_fini(&link->in);
    buf_fini(&link->out);
}

struct frame_out *
link_begin(struct link *link, const char *cmd)
{
    if (!link->is_open || link->n_pending == LINK_MAX_CALLS)
        return NULL;
    frame_out_reset(link->writer); /* one that was given up */
    command_request_begin(link->writer, link->next_id, cmd);
    return link->writer;
}

int
link_send(struct link *link, link_on_reply *on_reply, void *ctx)
{
    command_request_end(link->writer, &link->out);
    if (link->out.overflow) {
        link->out.overflow = false; /* appended nothing: what is queued stays whole */
        return ERR_TOO_LARGE;
    }
    link->pending[link->n_pending++] = (struct link_pending){
        .id = link->next_id++,
        .deadline_us = loop_now_us(link->loop) + TIMEOUT_US,
        .on_reply = on_reply,
        .ctx = ctx,
    };
    write_out(link);
    watch_expiry(link);
    return 0;
}

/* The loop tells us when there is something to read, not when there is room again. */
static void
write_out(struct link *link)
{
    ssize_t n = send(link->fd, link->out.ptr, link->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n > 0)
        buf_consume(&link->out, (size_t)n);
    buf_shrink(&link->out);
    if (link->out.len > 0)
        timer_set(link->loop, &link->again, loop_now_us(link->loop) + AGAIN_US, on_again);
}

static void
on_again(struct timer *timer)
{
    write_out((struct link *)((char *)timer - offsetof(struct link, again)));
}

static void
on_readable(void *ctx, int fd)
{
    struct link *link = ctx;
    char *room = buf_reserve(&link->in, READ_SIZE);
    ssize_t n = room == NULL ? 0 : read(fd, room, READ_SIZE);

    if (n > 0) {
        buf_commit(&link->in, (size_t)n);
        take_replies(link);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        end(link);
    }
}

static void
take_replies(struct link *link)
{
    struct frame_in *in = NULL;
    int rc;

    while ((rc = frame_in_take(&link->in, &in)) == 0) {
        int64_t id = frame_get_int(frame_root(in), "id", 0);
        size_t n = 0;

        while (n < link->n_pending && link->pending[n].id != id)
            n++;
        if (n < link->n_pending)
            answer(link, n, frame_root(in)); /* else: nobody waits for it any more */
        frame_in_free(&in);
    }
    buf_shrink(&link->in);
    if (rc != ERR_INCOMPLETE)
        end(link);
}

/* Forget the call, then tell who waits: they may well send the next one. */
static void
answer(struct link *link, size_t n, const struct frame_value *reply)
{
    struct link_pending call = link->pending[n];

    assert(n < link->n_pending);
    link->pending[n] = link->pending[--link->n_pending];
    if (call.on_reply != NULL)
        call.on_reply(call.ctx, reply);
}

static void
end(struct link *link)
{
    link->is_open = false;
    link->on_end(link->ctx);
}

static void
on_expiry(struct timer *timer)
{
    struct link *link = (struct link *)((char *)timer - offsetof(struct link, expiry));
    int64_t now_us = loop_now_us(link->loop);

    for (size_t n = link->n_pending; n-- > 0;) {
        if (n < link->n_pending && link->pending[n].deadline_us <= now_us) {
            log_warn("console.no_reply", "waited_s=%d", (int)(TIMEOUT_US / 1000000));
            answer(link, n, NULL);
        }
    }
    watch_expiry(link);
}

/* All wait equally long: one look at the time of the eldest is enough. */
static void
watch_expiry(struct link *link)
{
    int64_t first_us = INT64_MAX;

    for (size_t n = 0; n < link->n_pending; n++) {
        if (link->pending[n].deadline_us < first_us)
            first_us = link->pending[n].deadline_us;
    }
    if (link->n_pending > 0)
        timer_set(link->loop, &link->expiry, first_us, on_expiry);
}
