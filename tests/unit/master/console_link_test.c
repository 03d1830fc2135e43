/* SPDX-License-Identifier: ISC
 *
 * The console asks as relayosctl does: every request is answered once, also when it asks for much
 * at a time, and never a console that came after.
 */
#include <criterion/criterion.h>

#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
        ask(peer, id, id % 2 == 0 ? "key.disable" : "no.such.command");
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

/* All of the console's sources, one after the other. */
static char *
read_sources(void)
{
    glob_t files;
    struct buf text;

    buf_init(&text, 4 * 1024 * 1024);
    cr_assert_eq(glob("src/console/*.c", 0, NULL, &files), 0);
    for (size_t n = 0; n < files.gl_pathc; n++) {
        FILE *file = fopen(files.gl_pathv[n], "r");
        char bytes[4096];
        size_t len;

        cr_assert_not_null(file);
        while ((len = fread(bytes, 1, sizeof(bytes), file)) > 0)
            buf_append(&text, bytes, len);
        fclose(file);
    }
    globfree(&files);
    buf_append_byte(&text, '\0');
    cr_assert_not(text.overflow);
    return text.ptr;
}

/* Neither more, for who takes it over, nor less, for who uses it. */
Test(console_link, a_console_may_ask_for_what_its_sources_name_and_nothing_else)
{
    char *sources = read_sources(), quoted[80];

    for (enum command command = 0; command < COMMAND_N; command++) {
        const char *name = command_info(command)->name;

        snprintf(quoted, sizeof(quoted), "\"%s\"", name);
        cr_expect_eq(console_link_may(command), strstr(sources, quoted) != NULL, "%s", name);
    }
    free(sources);
}

Test(console_link, what_a_console_never_asks_for_is_refused)
{
    static const char *const never[] = {"ledger.adjust", "ledger.billed", "backup.begin",
                                        "user.setup_link", "key.list"};
    struct buf wire;
    int peer;
    struct master *master = link_up(&peer);

    for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++) {
        struct frame_in *in = NULL;
        char bytes[4096];

        ask(peer, 1, never[n]);
        turn(master);
        ssize_t len = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT);
        cr_assert_gt(len, 0);
        buf_init(&wire, sizeof(bytes));
        buf_append(&wire, bytes, (size_t)len);
        cr_assert_eq(frame_in_take(&wire, &in), 0);
        cr_expect_eq(command_code_find(frame_get_str(frame_root(in), "code")), ERR_DENIED, "%s",
                     never[n]);
        frame_in_free(&in);
        buf_fini(&wire);
    }
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
