/* SPDX-License-Identifier: ISC */
#include "control_server.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "console_link.h"
#include "relayos/base/clock.h"
#include "relayos/base/fdio.h"
#include "relayos/base/limits.h"
#include "relayos/base/log.h"
#include "request.h"
#include "state.h"

#define READ_SIZE   65536
#define BACKLOG     64
#define GENERATIONS INT32_MAX         /* the bit above says that a tag is the console's */
#define IDLE_US     INT64_C(60000000) /* a peer that neither sends nor takes anything */

static int bind_at(int fd, const char *path, struct errmsg *why);
static bool peer_may_enter(int fd, unsigned *out_uid);
static void client_open(struct control_client *client, int fd, unsigned uid, int64_t now_us);
static void client_close(struct control_client *client);
static bool client_read(struct control_client *client);
static bool client_write(struct control_client *client);
static void client_work(struct master *master, size_t n, int64_t now_us);
static struct buf *room_for(struct master *master, struct child_tag tag);
static void answered(struct master *master, struct child_tag tag);

int
control_server_open(struct control_server *server, const char *run_dir, struct errmsg *why)
{
    *server = (struct control_server){.fd = -1};
    for (size_t n = 0; n < CONTROL_SERVER_CLIENTS; n++) {
        server->clients[n].fd = -1;
        buf_init(&server->clients[n].in, LIMIT_CONTROL_FRAME + READ_SIZE);
        buf_init(&server->clients[n].out, LIMIT_CONTROL_FRAME + READ_SIZE);
    }
    server->writer = frame_out_new();

    int len = snprintf(server->path, sizeof(server->path), "%s/control.sock", run_dir);
    if (len < 0 || (size_t)len >= sizeof(server->path)) {
        errmsg_set(why, "run_dir %s: too long for a socket's path (%zu bytes)", run_dir,
                   sizeof(server->path) - sizeof("/control.sock"));
        return ERR_IO;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = fd < 0 ? ERR_IO : bind_at(fd, server->path, why);
    if (rc != 0) {
        fdio_close(&fd);
        return rc;
    }
    server->fd = fd;
    return 0;
}

/* Bound under another name and renamed, so that the path never answers "connection refused". */
static int
bind_at(int fd, const char *path, struct errmsg *why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s.%d", path, (int)getpid());

    if (len < 0 || (size_t)len >= sizeof(address.sun_path)) {
        errmsg_set(why, "%s: too long for a socket's path", path);
        return ERR_IO;
    }
    (void)unlink(address.sun_path);
    mode_t mask = umask(0177);
    bool is_bound = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
    umask(mask);
    if (is_bound && listen(fd, BACKLOG) == 0 && rename(address.sun_path, path) == 0)
        return 0;
    errmsg_set(why, "%s: %s", path, strerror(errno));
    (void)unlink(address.sun_path);
    return ERR_IO;
}

void
control_server_close(struct control_server *server)
{
    if (server->fd >= 0)
        (void)unlink(server->path);
    control_server_drop(server);
    frame_out_free(&server->writer);
}

void
control_server_drop(struct control_server *server)
{
    fdio_close(&server->fd);
    for (size_t n = 0; n < CONTROL_SERVER_CLIENTS; n++)
        client_close(&server->clients[n]);
}

bool
control_server_has_room(const struct control_server *server)
{
    for (size_t n = 0; n < CONTROL_SERVER_CLIENTS; n++) {
        if (server->clients[n].fd < 0)
            return true;
    }
    return false;
}

void
control_server_on_connect(struct control_server *server, int64_t now_us)
{
    for (size_t n = 0; n < CONTROL_SERVER_CLIENTS; n++) {
        if (server->clients[n].fd >= 0)
            continue;
        int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0)
            return;
        unsigned uid;
        if (peer_may_enter(fd, &uid))
            client_open(&server->clients[n], fd, uid, now_us);
        else
            close(fd);
    }
}

static bool
peer_may_enter(int fd, unsigned *out_uid)
{
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
        return false;
    *out_uid = peer.uid;
    if (peer.uid == 0 || peer.uid == geteuid())
        return true;
    log_warn("control.denied", "uid=%u peer_pid=%d", (unsigned)peer.uid, (int)peer.pid);
    return false;
}

static void
client_open(struct control_client *client, int fd, unsigned uid, int64_t now_us)
{
    client->fd = fd;
    client->uid = uid;
    client->generation = (client->generation + 1) & GENERATIONS;
    client->is_waiting = false;
    client->deadline_us = now_us + IDLE_US;
}

static void
client_close(struct control_client *client)
{
    fdio_close(&client->fd);
    client->is_waiting = false;
    buf_fini(&client->in);
    buf_fini(&client->out);
}

short
control_server_events(const struct control_server *server, size_t n)
{
    const struct control_client *client = &server->clients[n];

    /* While an answer is being made nothing is read: one request at a time bounds what we keep. */
    return (short)((client->is_waiting || client->out.len > 0 ? 0 : POLLIN) |
                   (client->out.len > 0 ? POLLOUT : 0));
}

void
control_server_on_events(struct control_server *server, size_t n, short events, int64_t now_us)
{
    struct control_client *client = &server->clients[n];
    bool is_alive = (events & (POLLERR | POLLNVAL)) == 0;

    if (client->fd < 0)
        return;
    if (is_alive && (events & POLLOUT) != 0)
        is_alive = client_write(client);
    if (is_alive && (events & POLLIN) != 0)
        is_alive = client_read(client);
    else if (is_alive && (events & POLLHUP) != 0)
        is_alive = false;
    if (is_alive)
        client->deadline_us = now_us + IDLE_US;
    else
        client_close(client);
}

static bool
client_read(struct control_client *client)
{
    char *room = buf_reserve(&client->in, READ_SIZE);

    if (room == NULL)
        return false;
    ssize_t n = read(client->fd, room, READ_SIZE);
    if (n > 0)
        buf_commit(&client->in, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool
client_write(struct control_client *client)
{
    ssize_t n = send(client->fd, client->out.ptr, client->out.len, MSG_NOSIGNAL);

    if (n > 0)
        buf_consume(&client->out, (size_t)n);
    buf_shrink(&client->out);
    return n >= 0 || errno == EAGAIN || errno == EINTR;
}

void
control_server_work(struct master *master, int64_t now_us)
{
    for (size_t n = 0; n < CONTROL_SERVER_CLIENTS; n++) {
        struct control_client *client = &master->control.clients[n];

        if (client->fd >= 0 && !client->is_waiting && client->out.len == 0)
            client_work(master, n, now_us);
        if (client->fd >= 0 && !client->is_waiting && client->deadline_us <= now_us)
            client_close(client);
    }
}

/* Carry out the peer's next request, if it is whole. */
static void
client_work(struct master *master, size_t n, int64_t now_us)
{
    struct control_client *client = &master->control.clients[n];
    struct frame_in *in = NULL;
    int rc = frame_in_take(&client->in, &in);

    if (rc == ERR_INCOMPLETE)
        return;
    if (rc != 0) {
        log_warn("control.garbled", "code=%s", command_code(rc));
        client_close(client);
        return;
    }
    struct child_tag tag = {
        .owner = (uint64_t)client->generation << 32 | n,
        .id = frame_get_int(frame_root(in), "id", 0),
    };
    client->is_waiting = true;
    buf_shrink(&client->in);
    request_carry_out(master, tag, frame_root(in), now_us);
    frame_in_free(&in);
}

unsigned
control_server_uid(const struct master *master, struct child_tag tag)
{
    if (console_link_is_owner(tag)) /* its arguments say who */
        return geteuid();
    return master->control.clients[tag.owner & UINT32_MAX].uid;
}

struct frame_out *
control_server_reply_begin(struct master *master, struct child_tag tag)
{
    if (room_for(master, tag) == NULL)
        return NULL;
    command_reply_begin(master->control.writer, tag.id);
    return master->control.writer;
}

void
control_server_reply_end(struct master *master, struct child_tag tag)
{
    struct buf *room = room_for(master, tag);

    assert(room != NULL);
    command_reply_end(master->control.writer, room);
    answered(master, tag);
}

void
control_server_reply_error(struct master *master, struct child_tag tag, int err,
                           const struct errmsg *why)
{
    struct buf *room = room_for(master, tag);

    if (room == NULL)
        return;
    command_reply_error(master->control.writer, tag.id, err, why, room);
    answered(master, tag);
}

void
control_server_flush(struct master *master, struct child_tag tag)
{
    if (!console_link_is_owner(tag) && room_for(master, tag) != NULL)
        (void)client_write(&master->control.clients[tag.owner & UINT32_MAX]);
}

/* Where the answer to a tag goes, or NULL: its peer has left, another may sit in its place. */
static struct buf *
room_for(struct master *master, struct child_tag tag)
{
    size_t n = tag.owner & UINT32_MAX;

    if (console_link_is_owner(tag))
        return console_link_room(&master->console_link, tag);
    assert(n < CONTROL_SERVER_CLIENTS);
    struct control_client *client = &master->control.clients[n];
    return client->fd >= 0 && client->generation == tag.owner >> 32 ? &client->out : NULL;
}

static void
answered(struct master *master, struct child_tag tag)
{
    if (console_link_is_owner(tag)) {
        console_link_answered(&master->console_link);
        return;
    }
    struct control_client *client = &master->control.clients[tag.owner & UINT32_MAX];
    client->is_waiting = false;
    client->deadline_us = clock_mono_us() + IDLE_US;
}
