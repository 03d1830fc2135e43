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
on_reply(struct master *master, struct ledger_tag tag, const struct frame_value *reply)
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
    ledger_link_init(&master->link);
    ledger_link_open(&master->link, fds[0]);
    *out_peer = fds[1];
    return master;
}

static void
link_down(struct master *master, int peer)
{
    ledger_link_fini(&master->link);
    close(peer);
    free(master);
}

static void
ask(struct master *master, uint64_t owner, int64_t timeout_us)
{
    struct ledger_call call = {
        .command = COMMAND_SETTLE,
        .tag = {.owner = owner},
        .timeout_us = timeout_us,
        .on_reply = on_reply,
    };

    cr_assert_eq(ledger_link_call(&master->link, &call, 10 * SECOND), 0);
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

Test(ledger_link, replies_find_who_asked_in_any_order)
{
    int peer;
    struct master *master = link_up(&peer);

    ask(master, 71, 0); /* id 1 */
    ask(master, 72, 0); /* id 2 */
    ledger_link_on_events(master, POLLOUT);
    answer(peer, 2, 200);
    ledger_link_on_events(master, POLLIN);
    cr_assert_eq(seen.last_owner, 72);
    cr_assert_eq(seen.last_value, 200);
    answer(peer, 1, 100);
    ledger_link_on_events(master, POLLIN);
    cr_assert_eq(seen.last_owner, 71);
    cr_assert_eq(seen.last_value, 100);
    cr_assert_eq(master->link.n_pending, 0);
    link_down(master, peer);
}

Test(ledger_link, a_death_is_told_to_everybody_who_waits_once)
{
    int peer;
    struct master *master = link_up(&peer);

    for (uint64_t n = 0; n < 5; n++)
        ask(master, n, 0);
    shutdown(peer, SHUT_RDWR);
    ledger_link_on_events(master, POLLIN | POLLHUP);
    cr_assert_eq(seen.n_lost, 5);
    cr_assert_eq(master->link.fd, -1);
    cr_assert_null(ledger_link_begin(&master->link, COMMAND_SETTLE));
    link_down(master, peer);
}

Test(ledger_link, a_late_reply_is_dropped)
{
    int peer;
    struct master *master = link_up(&peer);

    ask(master, 1, SECOND);
    ledger_link_expire(master, 11 * SECOND - 1);
    cr_assert_eq(seen.n_lost, 0);
    ledger_link_expire(master, 11 * SECOND);
    cr_assert_eq(seen.n_lost, 1);
    answer(peer, 1, 100);
    ledger_link_on_events(master, POLLIN);
    cr_assert_eq(seen.n_replies, 0);
    link_down(master, peer);
}

Test(ledger_link, calls_under_way_are_bounded)
{
    int peer;
    struct master *master = link_up(&peer);

    for (uint64_t n = 0; n < LEDGER_LINK_MAX_CALLS; n++)
        ask(master, n, 0);
    cr_assert_null(ledger_link_begin(&master->link, COMMAND_SETTLE));
    ledger_link_close(master);
    cr_assert_eq(seen.n_lost, LEDGER_LINK_MAX_CALLS);
    link_down(master, peer);
}

Test(ledger_link, what_is_too_large_is_not_sent_and_nobody_is_called)
{
    static char block[1 << 20];
    int peer;
    struct master *master = link_up(&peer);
    struct ledger_call call = {.command = COMMAND_KEY_SYNC, .on_reply = on_reply};
    struct frame_out *out = ledger_link_begin(&master->link, COMMAND_KEY_SYNC);

    for (size_t n = 0; n <= LIMIT_CONTROL_FRAME / sizeof(block); n++)
        frame_str(out, "block", slice_of(block, sizeof(block)));
    cr_assert_eq(ledger_link_send(&master->link, &call, SECOND), ERR_TOO_LARGE);
    cr_assert_eq(master->link.n_pending, 0);
    ask(master, 1, 0);
    ledger_link_on_events(master, POLLOUT);
    answer(peer, 1, 5);
    ledger_link_on_events(master, POLLIN);
    cr_assert_eq(seen.last_value, 5);
    link_down(master, peer);
}
