/* SPDX-License-Identifier: ISC
 *
 * The way to the master: whoever asks is told once, by the reply or that there is none.
 */
#include <criterion/criterion.h>

#include <sys/socket.h>
#include <unistd.h>

#include "link.h"
#include "relayos/base/clock.h"

struct asker {
    int n_replies, n_lost;
    int64_t value;
};

static struct {
    struct loop *loop;
    struct link link;
    int peer, n_ends;
    struct buf in;
} stage;

static void
on_reply(void *ctx, const struct frame_value *reply)
{
    struct asker *asker = ctx;

    asker->n_replies += reply != NULL;
    asker->n_lost += reply == NULL;
    asker->value = frame_get_int(frame_get(reply, "result"), "value", -1);
}

static void
on_end(void *ctx)
{
    (void)ctx;
    stage.n_ends++;
}

static void
set_up(void)
{
    int fds[2];

    clock_fake_set(INT64_C(1000000000), INT64_C(1000000000));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    stage.loop = loop_new();
    stage.link.on_end = on_end;
    link_open(&stage.link, stage.loop, fds[0]);
    stage.peer = fds[1];
    buf_init(&stage.in, 1 << 20);
}

static void
tear_down(void)
{
    link_close(&stage.link);
    loop_free(&stage.loop);
    close(stage.peer);
    buf_fini(&stage.in);
    clock_fake_stop();
}

static void
ask(struct asker *asker)
{
    cr_assert_not_null(link_begin(&stage.link, "status"));
    cr_assert_eq(link_send(&stage.link, on_reply, asker), 0);
}

/* The id of the next request. */
static int64_t
take(void)
{
    char bytes[4096];
    struct frame_in *in = NULL;
    ssize_t n = recv(stage.peer, bytes, sizeof(bytes), MSG_DONTWAIT);

    if (n > 0)
        buf_append(&stage.in, bytes, (size_t)n);
    cr_assert_eq(frame_in_take(&stage.in, &in), 0);
    int64_t id = frame_get_int(frame_root(in), "id", 0);
    frame_in_free(&in);
    return id;
}

static void
reply(int64_t id, int64_t value)
{
    struct frame_out *out = frame_out_new();
    struct buf wire;

    buf_init(&wire, 4096);
    command_reply_begin(out, id);
    frame_int(out, "value", value);
    command_reply_end(out, &wire);
    cr_assert_eq(write(stage.peer, wire.ptr, wire.len), (ssize_t)wire.len);
    buf_fini(&wire);
    frame_out_free(&out);
}

TestSuite(link, .init = set_up, .fini = tear_down);

Test(link, replies_in_any_order_come_to_who_asked)
{
    struct asker askers[3] = {0};
    int64_t ids[3];

    for (int n = 0; n < 3; n++)
        ask(&askers[n]);
    for (int n = 0; n < 3; n++)
        ids[n] = take();
    for (int n = 2; n >= 0; n--)
        reply(ids[n], 100 + n);
    while (askers[0].n_replies == 0)
        loop_run_once(stage.loop);
    for (int n = 0; n < 3; n++) {
        cr_assert_eq(askers[n].n_replies, 1);
        cr_assert_eq(askers[n].value, 100 + n);
    }
    cr_assert_eq(stage.link.n_pending, 0);
}

Test(link, who_gets_no_reply_in_time_is_told_once_and_a_late_one_is_nobodys)
{
    struct asker first = {0}, second = {0};
    int64_t id;

    ask(&first);
    id = take();
    clock_fake_set(INT64_C(1036000000), INT64_C(1036000000));
    while (first.n_lost == 0)
        loop_run_once(stage.loop);
    ask(&second);
    reply(id, 1);
    reply(take(), 2);
    while (second.n_replies == 0)
        loop_run_once(stage.loop);
    cr_assert_eq(first.n_lost, 1);
    cr_assert_eq(first.n_replies, 0);
    cr_assert_eq(second.value, 2);
}

Test(link, no_more_is_asked_at_a_time_than_it_keeps)
{
    struct asker asker = {0};

    for (int n = 0; n < LINK_MAX_CALLS; n++)
        ask(&asker);
    cr_assert_null(link_begin(&stage.link, "status"));
    reply(take(), 0);
    while (asker.n_replies == 0)
        loop_run_once(stage.loop);
    ask(&asker);
}

Test(link, the_masters_end_and_garbage_of_it_are_told)
{
    cr_assert_eq(write(stage.peer, "\xff\xff\xff\xff!", 5), 5);
    while (stage.n_ends == 0)
        loop_run_once(stage.loop);
    cr_assert_null(link_begin(&stage.link, "status"));
}
