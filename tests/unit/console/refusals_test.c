/* SPDX-License-Identifier: ISC
 *
 * Who was not let in is told of: at once where it is news, each once a minute, and never so often
 * that the books fill up, whoever knocks.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "refusals.h"
#include "relayos/control/command.h"
#include "relayos/control/frame.h"

#define SECOND INT64_C(1000000)
#define HOUR   (3600 * SECOND)

static struct loop *loop;
static struct link way;
static struct refusals *refusals;
static struct buf wire;
static int peer;

static void
set_up(void)
{
    int fds[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    peer = fds[1];
    loop = loop_new();
    link_open(&way, loop, fds[0]);
    refusals = refusals_new(&way);
    buf_init(&wire, 1 << 20);
}

static void
tear_down(void)
{
    refusals_free(&refusals);
    link_close(&way);
    loop_free(&loop);
    buf_fini(&wire);
    close(peer);
}

/* The next row, or NULL; free it. Nobody waits for answers: the link forgets its calls. */
static struct frame_in *
next_row(void)
{
    char bytes[65536];
    ssize_t n = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT);
    struct frame_in *in = NULL;

    way.n_pending = 0;
    if (n > 0)
        buf_append(&wire, bytes, (size_t)n);
    return frame_in_take(&wire, &in) == 0 ? in : NULL;
}

/* All rows; how many attempts they tell of is added to *attempts. */
static int
count_rows(int64_t *attempts)
{
    struct frame_in *in;
    int n = 0;

    for (; (in = next_row()) != NULL; n++) {
        *attempts += frame_get_int(frame_get(frame_root(in), "args"), "attempts", 0);
        frame_in_free(&in);
    }
    return n;
}

TestSuite(refusals, .init = set_up, .fini = tear_down);

Test(refusals, the_first_is_told_at_once_and_more_of_the_same_a_minute_later)
{
    int64_t attempts = 0;

    refusals_add(refusals, "alice", "192.0.2.1", REFUSALS_PASSWORD);
    refusals_tell(refusals, HOUR);
    struct frame_in *in = next_row();
    cr_assert_not_null(in);
    const struct frame_value *args = frame_get(frame_root(in), "args");
    cr_assert(slice_eq_str(frame_get_str(frame_root(in), "cmd"), "session.refused"));
    cr_assert(slice_eq_str(frame_get_str(args, "user"), "alice"));
    cr_assert(slice_eq_str(frame_get_str(args, "address"), "192.0.2.1"));
    cr_assert(slice_eq_str(frame_get_str(args, "reason"), "wrong password"));
    cr_assert_gt(frame_get_int(args, "since_us", 0), 0);
    frame_in_free(&in);

    for (int n = 0; n < 59; n++) {
        refusals_add(refusals, "alice", "192.0.2.1", REFUSALS_PASSWORD);
        refusals_tell(refusals, HOUR + n * SECOND);
    }
    cr_assert_eq(count_rows(&attempts), 0);
    refusals_tell(refusals, HOUR + 60 * SECOND);
    cr_assert_eq(count_rows(&attempts), 1);
    cr_assert_eq(attempts, 59);
    refusals_tell(refusals, HOUR + 200 * SECOND);
    cr_assert_eq(count_rows(&attempts), 0, "nothing more, nothing told");
}

Test(refusals, who_is_nobody_is_not_named)
{
    refusals_add(refusals, "", "192.0.2.1", REFUSALS_PASSWORD);
    refusals_tell(refusals, HOUR);
    struct frame_in *in = next_row();
    cr_assert_not_null(in);
    cr_assert_null(frame_get(frame_get(frame_root(in), "args"), "user"));
    frame_in_free(&in);
}

/* A day of ten a second, each from an address of its own. */
Test(refusals, no_flood_fills_the_books_and_none_goes_uncounted)
{
    const int n_day = 24 * 3600;
    int64_t attempts = 0, n_added = 0;
    char address[48];
    int n_rows = 0;

    for (int64_t second = 0; second < n_day; second++) {
        for (int n = 0; n < 10; n++, n_added++) {
            snprintf(address, sizeof(address), "2001:db8::%x:%x", (unsigned)(second >> 16),
                     (unsigned)(second & 0xffff) * 10 + (unsigned)n);
            refusals_add(refusals, n % 2 == 0 ? "alice" : "", address, REFUSALS_PASSWORD);
        }
        refusals_tell(refusals, HOUR + second * SECOND);
        n_rows += count_rows(&attempts);
    }
    cr_assert_leq(n_rows, 20 + n_day / 60 + 1, "%d rows of a day", n_rows);
    for (int64_t minute = 1; minute < 100; minute++) {
        refusals_tell(refusals, HOUR + n_day * SECOND + minute * 60 * SECOND);
        (void)count_rows(&attempts);
    }
    cr_assert_eq(attempts, n_added);
}

Test(refusals, a_full_link_is_asked_again_at_the_next_beat)
{
    int64_t attempts = 0;

    way.n_pending = LINK_MAX_CALLS;
    refusals_add(refusals, "alice", "192.0.2.1", REFUSALS_THROTTLED);
    refusals_tell(refusals, HOUR);
    cr_assert_eq(count_rows(&attempts), 0);
    refusals_tell(refusals, HOUR + SECOND);
    cr_assert_eq(count_rows(&attempts), 1);
    cr_assert_eq(attempts, 1);
}
