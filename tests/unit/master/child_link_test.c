/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relayos/base/limits.h"
#include "relayos/base/mem.h"
#include "state.h"

#define SECOND INT64_C(1000000)

/* What the callbacks saw. */
static struct {
    int n_replies, n_lost;
    uint64_t last_owner;
    int64_t last_value;
} seen;

static void
on_reply(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    (void)master;
    seen.n_replies += reply != NULL;
    seen.n_lost += reply == NULL;
    seen.last_owner = tag.owner;
    seen.last_value = frame_get_int(frame_get(reply, "result"), "value", -1);
}

static struct master *
link_up(int *out_peer)
{
    struct master *master = mem_zalloc(sizeof(*master));
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    child_link_init(&master->ledger_link, COMMAND_LEDGER);
    master->ledger = (struct child){.role = PROC_LEDGER, .link = &master->ledger_link};
    child_link_open(&master->ledger_link, fds[0]);
    *out_peer = fds[1];
    return master;
}

static void
link_down(struct master *master, int peer)
{
    child_link_fini(&master->ledger_link);
    close(peer);
    free(master);
}

static void
ask(struct master *master, uint64_t owner, int64_t timeout_us)
{
    struct child_call call = {
        .command = COMMAND_SETTLE,
        .tag = {.owner = owner},
        .timeout_us = timeout_us,
        .on_reply = on_reply,
    };

    cr_assert_eq(child_link_call(&master->ledger_link, &call, 10 * SECOND), 0);
}

/* The ledger's part: answer the request of that id. */
static void
answer(int peer, int64_t id, int64_t value)
{
    struct frame_out *out = frame_out_new();
    struct buf wire;

    buf_init(&wire, LIMIT_CONTROL_FRAME);
    command_reply_begin(out, id);
    frame_int(out, "value", value);
    command_reply_end(out, &wire);
    cr_assert_eq(write(peer, wire.ptr, wire.len), (ssize_t)wire.len);
    frame_out_free(&out);
    buf_fini(&wire);
}

Test(child_link, replies_find_who_asked_in_any_order)
{
    int peer;
    struct master *master = link_up(&peer);

    ask(master, 71, 0); /* id 1 */
    ask(master, 72, 0); /* id 2 */
    child_link_on_events(master, &master->ledger, POLLOUT);
    answer(peer, 2, 200);
    child_link_on_events(master, &master->ledger, POLLIN);
    cr_assert_eq(seen.last_owner, 72);
    cr_assert_eq(seen.last_value, 200);
    answer(peer, 1, 100);
    child_link_on_events(master, &master->ledger, POLLIN);
    cr_assert_eq(seen.last_owner, 71);
    cr_assert_eq(seen.last_value, 100);
    cr_assert_eq(master->ledger_link.n_pending, 0);
    link_down(master, peer);
}

Test(child_link, a_death_is_told_to_everybody_who_waits_once)
{
    int peer;
    struct master *master = link_up(&peer);

    for (uint64_t n = 0; n < 5; n++)
        ask(master, n, 0);
    shutdown(peer, SHUT_RDWR);
    child_link_on_events(master, &master->ledger, POLLIN | POLLHUP);
    cr_assert_eq(seen.n_lost, 5);
    cr_assert_eq(master->ledger_link.fd, -1);
    cr_assert_null(child_link_begin(&master->ledger_link, COMMAND_SETTLE));
    link_down(master, peer);
}

Test(child_link, a_late_reply_is_dropped)
{
    int peer;
    struct master *master = link_up(&peer);

    ask(master, 1, SECOND);
    child_link_expire(master, &master->ledger_link, 11 * SECOND - 1);
    cr_assert_eq(seen.n_lost, 0);
    child_link_expire(master, &master->ledger_link, 11 * SECOND);
    cr_assert_eq(seen.n_lost, 1);
    answer(peer, 1, 100);
    child_link_on_events(master, &master->ledger, POLLIN);
    cr_assert_eq(seen.n_replies, 0);
    link_down(master, peer);
}

Test(child_link, calls_under_way_are_bounded)
{
    int peer;
    struct master *master = link_up(&peer);

    for (uint64_t n = 0; n < CHILD_LINK_MAX_CALLS; n++)
        ask(master, n, 0);
    cr_assert_null(child_link_begin(&master->ledger_link, COMMAND_SETTLE));
    child_link_close(master, &master->ledger_link);
    cr_assert_eq(seen.n_lost, CHILD_LINK_MAX_CALLS);
    link_down(master, peer);
}

Test(child_link, what_a_child_said_last_counts_though_its_end_is_seen_first)
{
    int peer;
    struct master *master = link_up(&peer);

    ask(master, 1, 0);
    ask(master, 2, 0);
    child_link_on_events(master, &master->ledger, POLLOUT);
    answer(peer, 1, 100);
    close(peer);
    child_link_close(master, &master->ledger_link);
    cr_assert_eq(seen.n_replies, 1);
    cr_assert_eq(seen.last_owner, 2); /* told last, and that there is no answer */
    cr_assert_eq(seen.n_lost, 1);
    link_down(master, -1);
}

Test(child_link, what_is_too_large_is_not_sent_and_nobody_is_called)
{
    static char block[1 << 20];
    int peer;
    struct master *master = link_up(&peer);
    struct child_call call = {.command = COMMAND_KEY_SYNC, .on_reply = on_reply};
    struct frame_out *out = child_link_begin(&master->ledger_link, COMMAND_KEY_SYNC);

    for (size_t n = 0; n <= LIMIT_CONTROL_FRAME / sizeof(block); n++)
        frame_str(out, "block", slice_of(block, sizeof(block)));
    cr_assert_eq(child_link_send(&master->ledger_link, &call, SECOND), ERR_TOO_LARGE);
    cr_assert_eq(master->ledger_link.n_pending, 0);
    ask(master, 1, 0);
    child_link_on_events(master, &master->ledger, POLLOUT);
    answer(peer, 1, 5);
    child_link_on_events(master, &master->ledger, POLLIN);
    cr_assert_eq(seen.last_value, 5);
    link_down(master, peer);
}

Test(child_link, the_end_of_one_child_is_nothing_to_those_who_wait_for_another)
{
    int peer, fds[2];
    struct master *master = link_up(&peer);
    struct child_call call = {.command = COMMAND_PROBE, .on_reply = on_reply};

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    child_link_init(&master->prober_link, COMMAND_PROBER);
    master->prober = (struct child){.role = PROC_PROBER, .link = &master->prober_link};
    child_link_open(&master->prober_link, fds[0]);
    cr_assert_eq(child_link_call(&master->prober_link, &call, SECOND), 0);
    ask(master, 1, 0);
    close(fds[1]);
    child_link_on_events(master, &master->prober, POLLIN | POLLHUP);
    cr_assert_eq(seen.n_lost, 1);
    cr_assert_eq(master->ledger_link.n_pending, 1);
    child_link_on_events(master, &master->ledger, POLLOUT);
    answer(peer, 1, 7);
    child_link_on_events(master, &master->ledger, POLLIN);
    cr_assert_eq(seen.last_value, 7);
    child_link_fini(&master->prober_link);
    link_down(master, peer);
}
