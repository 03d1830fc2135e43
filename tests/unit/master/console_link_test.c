/* SPDX-License-Identifier: ISC
 *
 * The console asks as relayosctl does: every request is answered once, also when it asks for much
 * at a time, and never a console that came after.
 */
#include <criterion/criterion.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/base/mem.h"
#include "state.h"

static struct master *
link_up(int *out_peer)
{
    struct master *master = mem_zalloc(sizeof(*master));
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    master->control.writer = frame_out_new();
    child_link_init(&master->ledger_link, COMMAND_LEDGER);
    console_link_init(&master->console_link);
    console_link_open(&master->console_link, fds[0]);
    *out_peer = fds[1];
    return master;
}

static void
link_down(struct master *master, int peer)
{
    console_link_fini(&master->console_link);
    child_link_fini(&master->ledger_link);
    frame_out_free(&master->control.writer);
    close(peer);
    free(master);
}

static void
ask(int peer, int64_t id, const char *cmd)
{
    struct frame_out *out = frame_out_new();
    struct buf wire;

    buf_init(&wire, 4096);
    command_request_begin(out, id, cmd);
    frame_cstr(out, "who", "alice");
    command_request_end(out, &wire);
    cr_assert_eq(write(peer, wire.ptr, wire.len), (ssize_t)wire.len);
    buf_fini(&wire);
    frame_out_free(&out);
}

static void
turn(struct master *master)
{
    console_link_on_events(&master->console_link, POLLIN);
    console_link_work(master, 1);
    if (master->console_link.out.len > 0)
        console_link_on_events(&master->console_link, POLLOUT);
}

/* Ids answered so far, in order; how many. All are refused: nothing runs here that could answer. */
static size_t
answers(int peer, struct buf *wire, int64_t *ids, size_t max)
{
    char bytes[65536];
    ssize_t n = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT);
    struct frame_in *in = NULL;
    size_t n_ids = 0;

    if (n > 0)
        buf_append(wire, bytes, (size_t)n);
    while (n_ids < max && frame_in_take(wire, &in) == 0) {
        cr_assert_not(frame_get_bool(frame_root(in), "ok", true));
        ids[n_ids++] = frame_get_int(frame_root(in), "id", -1);
        frame_in_free(&in);
    }
    return n_ids;
}

Test(console_link, each_of_many_requests_is_answered_once_by_its_id)
{
    enum { N = 3 * CONSOLE_LINK_MAX_CALLS };
    int64_t ids[N + 1];
    struct buf wire;
    int peer;
    struct master *master = link_up(&peer);

    buf_init(&wire, 1 << 20);
    for (int64_t id = 1; id <= N; id++)
        ask(peer, id, id % 2 == 0 ? "key.list" : "no.such.command");
    turn(master);
    cr_assert_eq(answers(peer, &wire, ids, N + 1), N);
    for (int64_t id = 1; id <= N; id++)
        cr_assert_eq(ids[id - 1], id);
    cr_assert_eq(master->console_link.n_waiting, 0);
    buf_fini(&wire);
    link_down(master, peer);
}

/* The ledger's own stays out of its reach. */
Test(console_link, the_masters_own_commands_are_refused)
{
    struct buf wire;
    int64_t ids[2];
    int peer;
    struct master *master = link_up(&peer);

    buf_init(&wire, 4096);
    ask(peer, 7, "stop");
    turn(master);
    cr_assert_eq(answers(peer, &wire, ids, 2), 1);
    cr_assert_eq(ids[0], 7);
    buf_fini(&wire);
    link_down(master, peer);
}

Test(console_link, an_answer_for_one_that_ended_goes_to_nobody)
{
    struct child_tag tag;
    int fds[2], peer;
    struct master *master = link_up(&peer);

    tag = (struct child_tag){.owner = UINT64_C(1) << 63 | master->console_link.generation, .id = 1};
    cr_assert(console_link_is_owner(tag));
    cr_assert_eq(console_link_room(&master->console_link, tag), &master->console_link.out);
    console_link_close(&master->console_link);
    cr_assert_null(console_link_room(&master->console_link, tag));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    console_link_open(&master->console_link, fds[0]);
    cr_assert_null(console_link_room(&master->console_link, tag));
    close(fds[1]);
    link_down(master, peer);
}

Test(console_link, garbage_and_its_end_close_it)
{
    int peer;
    struct master *master = link_up(&peer);

    cr_assert_eq(write(peer, "\xff\xff\xff\xff!", 5), 5);
    turn(master);
    cr_assert_lt(master->console_link.fd, 0);
    link_down(master, peer);

    master = link_up(&peer);
    shutdown(peer, SHUT_RDWR);
    console_link_on_events(&master->console_link, POLLIN | POLLHUP);
    cr_assert_lt(master->console_link.fd, 0);
    link_down(master, peer);
}
