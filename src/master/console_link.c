/* SPDX-License-Identifier: ISC */
#include "console_link.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "request.h"
#include "state.h"

#define READ_SIZE 65536
#define MAX_IN    (4 * 1024 * 1024) /* a request is as long as an API body, at most */
#define OWNER_BIT (UINT64_C(1) << 63)

static bool read_some(struct console_link *link);
static bool write_some(struct console_link *link);
static bool may_ask(const struct console_link *link);

void
console_link_init(struct console_link *link)
{
    *link = (struct console_link){.fd = -1};
    buf_init(&link->in, MAX_IN);
    buf_init(&link->out, 2 * LIMIT_CONTROL_FRAME);
}

void
console_link_fini(struct console_link *link)
{
    console_link_close(link);
}

void
console_link_open(struct console_link *link, int fd)
{
    assert(link->fd < 0);
    fdio_set_nonblocking(fd);
    link->fd = fd;
    link->generation++;
    link->n_waiting = 0;
}

void
console_link_close(struct console_link *link)
{
    fdio_close(&link->fd);
    link->n_waiting = 0;
    buf_fini(&link->in);
    buf_fini(&link->out);
}

short
console_link_events(const struct console_link *link)
{
    return (short)((may_ask(link) ? POLLIN : 0) | (link->out.len > 0 ? POLLOUT : 0));
}

/* Who does not read its answers asks nothing more. */
static bool
may_ask(const struct console_link *link)
{
    return link->n_waiting < CONSOLE_LINK_MAX_CALLS && link->out.len < LIMIT_CONTROL_FRAME / 4;
}

/* Its end is seen by reaping; a garbled one is ended by hearing nothing more. */
void
console_link_on_events(struct console_link *link, short events)
{
    bool is_alive = link->fd >= 0;

    if (is_alive && (events & POLLOUT) != 0)
        is_alive = write_some(link);
    if (is_alive && (events & POLLIN) != 0)
        is_alive = read_some(link);
    else if (is_alive && (events & (POLLHUP | POLLERR | POLLNVAL)) != 0)
        is_alive = false;
    if (!is_alive)
        console_link_close(link);
}

static bool
read_some(struct console_link *link)
{
    char *room = buf_reserve(&link->in, READ_SIZE);

    if (room == NULL)
        return false;
    ssize_t n = read(link->fd, room, READ_SIZE);
    if (n > 0)
        buf_commit(&link->in, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
write_some(struct console_link *link)
{
    ssize_t n = send(link->fd, link->out.ptr, link->out.len, MSG_NOSIGNAL);

    if (n > 0)
        buf_consume(&link->out, (size_t)n);
    buf_shrink(&link->out);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

void
console_link_work(struct master *master, int64_t now_us)
{
    struct console_link *link = &master->console_link;
    struct frame_in *in = NULL;
    int rc = ERR_INCOMPLETE;

    while (link->fd >= 0 && may_ask(link) && (rc = frame_in_take(&link->in, &in)) == 0) {
        struct child_tag tag = {
            .owner = OWNER_BIT | link->generation,
            .id = frame_get_int(frame_root(in), "id", 0),
        };

        link->n_waiting++;
        request_carry_out(master, tag, frame_root(in), now_us);
        frame_in_free(&in);
    }
    buf_shrink(&link->in);
    if (rc == 0 || rc == ERR_INCOMPLETE)
        return;
    log_warn("control.garbled", "code=%s", command_code(rc));
    console_link_close(link);
}

bool
console_link_may(enum command command)
{
    static const bool may[COMMAND_N] = {
        [COMMAND_KEY_CREATE] = true,      [COMMAND_KEY_UPDATE] = true,
        [COMMAND_KEY_DISABLE] = true,     [COMMAND_KEY_ENABLE] = true,
        [COMMAND_KEY_REVOKE] = true,      [COMMAND_KEY_ROTATE] = true,
        [COMMAND_USER_CREATE] = true,     [COMMAND_USER_UPDATE] = true,
        [COMMAND_USER_PASSWORD] = true,   [COMMAND_USER_SETUP] = true,
        [COMMAND_USER_CLAIM] = true,      [COMMAND_SESSION_OPEN] = true,
        [COMMAND_SESSION_TOUCH] = true,   [COMMAND_SESSION_CLOSE] = true,
        [COMMAND_SESSION_REFUSED] = true, [COMMAND_ADMINKEY_CREATE] = true,
        [COMMAND_ADMINKEY_REVOKE] = true, [COMMAND_STATUS] = true,
        [COMMAND_REQUEST_BODY] = true,    [COMMAND_ROUTE_LIST] = true,
        [COMMAND_ROUTE_SHOW] = true,      [COMMAND_ROUTE_DRAIN] = true,
        [COMMAND_ROUTE_ENABLE] = true,    [COMMAND_ROUTE_DISABLE] = true,
        [COMMAND_CONFIG_SHOW] = true,     [COMMAND_CONFIG_CHECK] = true,
        [COMMAND_RELOAD] = true,          [COMMAND_EXPLAIN] = true,
    };

    return may[command];
}

bool
console_link_is_owner(struct child_tag tag)
{
    return (tag.owner & OWNER_BIT) != 0;
}

struct buf *
console_link_room(struct console_link *link, struct child_tag tag)
{
    bool is_there = link->fd >= 0 && (tag.owner & UINT32_MAX) == link->generation;

    return is_there ? &link->out : NULL;
}

void
console_link_answered(struct console_link *link)
{
    assert(link->n_waiting > 0);
    link->n_waiting--;
    if (link->out.overflow) { /* it would wait for what it never gets */
        log_error("console.unread", "reason=\"too many answers at a time\"");
        console_link_close(link);
    }
}
