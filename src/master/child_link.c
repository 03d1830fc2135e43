/* SPDX-License-Identifier: ISC */
#include "child_link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "state.h"

#define READ_SIZE 65536

static bool take_replies(struct master *master, struct child_link *link);
static void answer(struct master *master, struct child_link *link, size_t n,
                   const struct frame_value *reply);
static void read_last_words(struct master *master, struct child_link *link);
static bool read_some(struct child_link *link);
static bool write_some(struct child_link *link);

void
child_link_init(struct child_link *link, enum command_where where)
{
    *link = (struct child_link){.where = where, .fd = -1, .next_id = 1, .writer = frame_out_new()};
    buf_init(&link->in, LIMIT_CONTROL_FRAME + READ_SIZE);
    buf_init(&link->out, 2 * LIMIT_CONTROL_FRAME);
}

void
child_link_fini(struct child_link *link)
{
    fdio_close(&link->fd);
    frame_out_free(&link->writer);
    buf_fini(&link->in);
    buf_fini(&link->out);
}

void
child_link_open(struct child_link *link, int fd)
{
    assert(link->fd < 0 && link->n_pending == 0);
    fdio_set_nonblocking(fd);
    link->fd = fd;
}

void
child_link_close(struct master *master, struct child_link *link)
{
    read_last_words(master, link);
    fdio_close(&link->fd);
    buf_clear(&link->in);
    buf_clear(&link->out);
    while (link->n_pending > 0)
        answer(master, link, 0, NULL);
}

/* Its end may be seen before what it said last: that it has settled all, for one. */
static void
read_last_words(struct master *master, struct child_link *link)
{
    bool is_more = link->fd >= 0;

    while (is_more) {
        size_t before = link->in.len;

        is_more = read_some(link) && link->in.len > before;
        is_more = take_replies(master, link) && is_more;
    }
}

struct frame_out *
child_link_begin(struct child_link *link, enum command command)
{
    assert(command_info(command)->where == link->where);
    if (link->fd < 0 || link->n_pending == CHILD_LINK_MAX_CALLS)
        return NULL;
    command_request_begin(link->writer, link->next_id, command_info(command)->name);
    return link->writer;
}

int
child_link_send(struct child_link *link, const struct child_call *call, int64_t now_us)
{
    assert(link->n_pending < CHILD_LINK_MAX_CALLS);
    command_request_end(link->writer, &link->out);
    if (link->out.overflow) {
        link->out.overflow = false; /* appended nothing: what is queued stays whole */
        return ERR_TOO_LARGE;
    }
    link->pending[link->n_pending++] = (struct child_pending){
        .call = *call,
        .id = link->next_id++,
        .deadline_us = call->timeout_us == 0 ? INT64_MAX : now_us + call->timeout_us,
    };
    return 0;
}

int
child_link_call(struct child_link *link, const struct child_call *call, int64_t now_us)
{
    if (child_link_begin(link, call->command) == NULL)
        return ERR_BUSY;
    return child_link_send(link, call, now_us);
}

short
child_link_events(const struct child_link *link)
{
    return (short)(POLLIN | (link->out.len > 0 ? POLLOUT : 0));
}

void
child_link_on_events(struct master *master, const struct child *child, short events)
{
    struct child_link *link = child->link;
    bool is_alive = true;

    if ((events & POLLOUT) != 0)
        is_alive = write_some(link);
    if (is_alive && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        is_alive = read_some(link);
    if (!take_replies(master, link) && child->pid != 0) {
        log_error("child.garbled", "role=%s", proc_role_name(child->role));
        kill(child->pid, SIGKILL); /* it would not know what we ask either */
        is_alive = false;
    }
    if (!is_alive)
        child_link_close(master, link); /* reaping starts the next one */
}

static bool
take_replies(struct master *master, struct child_link *link)
{
    struct frame_in *in = NULL;
    int rc;

    while ((rc = frame_in_take(&link->in, &in)) == 0) {
        int64_t id = frame_get_int(frame_root(in), "id", 0);
        size_t n = 0;

        while (n < link->n_pending && link->pending[n].id != id)
            n++;
        if (n < link->n_pending)
            answer(master, link, n, frame_root(in)); /* else: nobody waits for it any more */
        frame_in_free(&in);
    }
    return rc == ERR_INCOMPLETE;
}

/* Forget the call, then tell who waits: they may well send the next one. */
static void
answer(struct master *master, struct child_link *link, size_t n, const struct frame_value *reply)
{
    struct child_call call = link->pending[n].call;

    assert(n < link->n_pending);
    link->pending[n] = link->pending[--link->n_pending];
    call.on_reply(master, call.tag, reply);
}

void
child_link_expire(struct master *master, struct child_link *link, int64_t now_us)
{
    for (size_t n = link->n_pending; n-- > 0;) {
        if (n < link->n_pending && link->pending[n].deadline_us <= now_us)
            answer(master, link, n, NULL);
    }
}

static bool
read_some(struct child_link *link)
{
    char *room = buf_reserve(&link->in, READ_SIZE);
    ssize_t n;

    assert(room != NULL);
    do
        n = read(link->fd, room, READ_SIZE);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        buf_commit(&link->in, (size_t)n);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static bool
write_some(struct child_link *link)
{
    ssize_t n;

    do
        n = send(link->fd, link->out.ptr, link->out.len, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n > 0)
        buf_consume(&link->out, (size_t)n);
    if (link->out.len == 0)
        buf_shrink(&link->out);
    return n >= 0 || errno == EAGAIN;
}
