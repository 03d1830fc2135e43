/* SPDX-License-Identifier: ISC */
#include "ledger_link.h"

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

static bool take_replies(struct master *master);
static void answer(struct master *master, size_t n, const struct frame_value *reply);
static bool read_some(struct ledger_link *link);
static bool write_some(struct ledger_link *link);

void
ledger_link_init(struct ledger_link *link)
{
    *link = (struct ledger_link){.fd = -1, .next_id = 1, .writer = frame_out_new()};
    buf_init(&link->in, LIMIT_CONTROL_FRAME + READ_SIZE);
    buf_init(&link->out, 2 * LIMIT_CONTROL_FRAME);
}

void
ledger_link_fini(struct ledger_link *link)
{
    fdio_close(&link->fd);
    frame_out_free(&link->writer);
    buf_fini(&link->in);
    buf_fini(&link->out);
}

void
ledger_link_open(struct ledger_link *link, int fd)
{
    assert(link->fd < 0 && link->n_pending == 0);
    fdio_set_nonblocking(fd);
    link->fd = fd;
}

void
ledger_link_close(struct master *master)
{
    struct ledger_link *link = &master->link;

    fdio_close(&link->fd);
    buf_clear(&link->in);
    buf_clear(&link->out);
    while (link->n_pending > 0)
        answer(master, 0, NULL);
}

struct frame_out *
ledger_link_begin(struct ledger_link *link, enum command command)
{
    assert(command_info(command)->where == COMMAND_LEDGER);
    if (link->fd < 0 || link->n_pending == LEDGER_LINK_MAX_CALLS)
        return NULL;
    command_request_begin(link->writer, link->next_id, command_info(command)->name);
    return link->writer;
}

int
ledger_link_send(struct ledger_link *link, const struct ledger_call *call, int64_t now_us)
{
    assert(link->n_pending < LEDGER_LINK_MAX_CALLS);
    command_request_end(link->writer, &link->out);
    if (link->out.overflow) {
        link->out.overflow = false; /* appended nothing: what is queued stays whole */
        return ERR_TOO_LARGE;
    }
    link->pending[link->n_pending++] = (struct ledger_pending){
        .call = *call,
        .id = link->next_id++,
        .deadline_us = call->timeout_us == 0 ? INT64_MAX : now_us + call->timeout_us,
    };
    return 0;
}

int
ledger_link_call(struct ledger_link *link, const struct ledger_call *call, int64_t now_us)
{
    if (ledger_link_begin(link, call->command) == NULL)
        return ERR_BUSY;
    return ledger_link_send(link, call, now_us);
}

short
ledger_link_events(const struct ledger_link *link)
{
    return (short)(POLLIN | (link->out.len > 0 ? POLLOUT : 0));
}

void
ledger_link_on_events(struct master *master, short events)
{
    struct ledger_link *link = &master->link;
    bool is_alive = true;

    if ((events & POLLOUT) != 0)
        is_alive = write_some(link);
    if (is_alive && (events & (POLLIN | POLLHUP | POLLERR)) != 0)
        is_alive = read_some(link);
    if (!take_replies(master) && master->ledger.pid != 0) {
        kill(master->ledger.pid, SIGKILL); /* it would not know what we ask either */
        is_alive = false;
    }
    if (!is_alive)
        ledger_link_close(master); /* reaping starts the next one */
}

static bool
take_replies(struct master *master)
{
    struct ledger_link *link = &master->link;
    struct frame_in *in = NULL;
    int rc;

    while ((rc = frame_in_take(&link->in, &in)) == 0) {
        int64_t id = frame_get_int(frame_root(in), "id", 0);
        size_t n = 0;

        while (n < link->n_pending && link->pending[n].id != id)
            n++;
        if (n < link->n_pending)
            answer(master, n, frame_root(in)); /* else: nobody waits for it any more */
        frame_in_free(&in);
    }
    if (rc != ERR_INCOMPLETE)
        log_error("ledger.garbled", "code=%s", command_code(rc));
    return rc == ERR_INCOMPLETE;
}

/* Forget the call, then tell who waits: they may well send the next one. */
static void
answer(struct master *master, size_t n, const struct frame_value *reply)
{
    struct ledger_link *link = &master->link;
    struct ledger_call call = link->pending[n].call;

    assert(n < link->n_pending);
    link->pending[n] = link->pending[--link->n_pending];
    call.on_reply(master, call.tag, reply);
}

void
ledger_link_expire(struct master *master, int64_t now_us)
{
    struct ledger_link *link = &master->link;

    for (size_t n = link->n_pending; n-- > 0;) {
        if (n < link->n_pending && link->pending[n].deadline_us <= now_us)
            answer(master, n, NULL);
    }
}

static bool
read_some(struct ledger_link *link)
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
write_some(struct ledger_link *link)
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
