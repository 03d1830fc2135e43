/* SPDX-License-Identifier: ISC */
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ledger_fixture.h"
#include "relayos/base/fdio.h"

/* The real process: forked, with its socket. */
struct process {
    pid_t pid;
    int control_fd, ready_fd;
    struct buf in;
};

static void
spawn(struct fixture *fixture, struct process *process)
{
    struct heritage *heritage = &fixture->heritage;
    int control[2], ready[2];

    fixture_kill_ledger(fixture);
    fixture_attach(fixture);
    clock_fake_stop();
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control), 0);
    cr_assert_eq(pipe(ready), 0);
    heritage->nudge_fd = eventfd(0, EFD_CLOEXEC);
    heritage->generation = proc_slot_offer(heritage->segment, heritage->slot, PROC_LEDGER);
    process->pid = fork();
    if (process->pid == 0) {
        close(control[0]);
        close(ready[0]);
        heritage->control_fd = control[1];
        heritage->ready_fd = ready[1];
        _exit(ledger_main(heritage));
    }
    close(control[1]);
    close(ready[1]);
    process->control_fd = control[0];
    process->ready_fd = ready[0];
    buf_init(&process->in, LIMIT_CONTROL_FRAME);
    char byte;
    cr_assert_eq(read(process->ready_fd, &byte, 1), 1);
    close(process->ready_fd);
}

static void
send_command(struct fixture *fixture, struct process *process, const char *name)
{
    struct buf wire;

    buf_init(&wire, 4096);
    command_request_begin(fixture->writer, 1, name);
    command_request_end(fixture->writer, &wire);
    cr_assert_eq(fdio_write_all(process->control_fd, wire.ptr, wire.len), 0);
    buf_fini(&wire);
}

static int64_t
receive_int(struct process *process, const char *member)
{
    struct frame_in *reply = NULL;
    int rc;

    while ((rc = frame_in_take(&process->in, &reply)) == ERR_INCOMPLETE) {
        char *room = buf_reserve(&process->in, 4096);
        ssize_t n = read(process->control_fd, room, 4096);
        cr_assert_gt(n, 0);
        buf_commit(&process->in, (size_t)n);
    }
    cr_assert_eq(rc, 0);
    int64_t value = frame_get_int(frame_get(frame_root(reply), "result"), member, -1);
    frame_in_free(&reply);
    return value;
}

static int
join(struct fixture *fixture, struct process *process)
{
    int status = -1;

    cr_assert_eq(waitpid(process->pid, &status, 0), process->pid);
    if (process->control_fd >= 0)
        close(process->control_fd);
    buf_fini(&process->in);
    close(fixture->heritage.nudge_fd);
    fixture->heritage.nudge_fd = -1;
    proc_slot_set_state(fixture->heritage.segment, fixture->heritage.slot, PROC_VACANT);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(ledger, answers_settles_and_stops_with_an_empty_outbox, .timeout = 30)
{
    struct fixture fixture;
    struct process process;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    spawn(&fixture, &process);
    cr_assert(fixture_request(&fixture, key, 400, 150));
    send_command(&fixture, &process, "settle");
    cr_expect_geq(receive_int(&process, "settled"), 0); /* the unasked settlement may be first */
    cr_assert(fixture_request(&fixture, key, 400, 150));
    send_command(&fixture, &process, "stop");
    cr_expect_eq(receive_int(&process, "outbox"), 0);
    cr_expect_eq(join(&fixture, &process), 0);
    fixture_start_ledger(&fixture);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 300);
    fixture_fini(&fixture);
}

Test(ledger, goes_on_settling_without_a_master_and_ends_on_sigterm, .timeout = 30)
{
    struct fixture fixture;
    struct process process;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    spawn(&fixture, &process);
    fdio_close(&process.control_fd); /* the master dies */
    cr_assert(fixture_request(&fixture, key, 400, 150));
    while (ledger_outbox(&fixture.ledger) > 0) /* bounded by the test's timeout */
        (void)usleep(1000);
    cr_expect_eq(kill(process.pid, SIGTERM), 0);
    cr_expect_eq(join(&fixture, &process), 0);
    fixture_start_ledger(&fixture);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, 150);
    fixture_fini(&fixture);
}

Test(ledger, a_nudge_makes_it_settle_at_once, .timeout = 30)
{
    struct fixture fixture;
    struct process process;
    uint64_t one = 1;

    fixture_init(&fixture);
    fixture.conf.settle_interval_us = INT64_C(3600) * 1000000; /* nobody else would */
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    spawn(&fixture, &process);
    cr_assert(fixture_request(&fixture, key, 400, 150));
    cr_assert_eq(write(fixture.heritage.nudge_fd, &one, sizeof(one)), (ssize_t)sizeof(one));
    while (ledger_outbox(&fixture.ledger) > 0)
        (void)usleep(1000);
    send_command(&fixture, &process, "stop");
    cr_expect_eq(receive_int(&process, "outbox"), 0);
    cr_expect_eq(join(&fixture, &process), 0);
    fixture_start_ledger(&fixture);
    fixture_fini(&fixture);
}

Test(ledger, ends_when_another_has_taken_over, .timeout = 30)
{
    struct fixture fixture;
    struct process process;

    fixture_init(&fixture);
    spawn(&fixture, &process);
    (void)segment_ledger_epoch_next(fixture.heritage.segment);
    send_command(&fixture, &process, "settle");
    cr_expect_eq(join(&fixture, &process), EXIT_FAILURE);
    fixture_start_ledger(&fixture);
    fixture_fini(&fixture);
}

Test(ledger, a_second_one_on_the_same_data_is_refused, .timeout = 30)
{
    struct fixture fixture;
    struct ledger second;
    struct errmsg why = {""};

    fixture_init(&fixture);
    fixture.heritage.generation =
        proc_slot_offer(fixture.heritage.segment, fixture.heritage.slot, PROC_LEDGER);
    cr_expect_eq(ledger_start(&second, &fixture.heritage, &why), ERR_BUSY);
    cr_expect_not_null(strstr(why.text, "held by another ledger"), "%s", why.text);
    fixture_fini(&fixture);
}

Test(ledger, refuses_to_start_on_usage_that_differs_from_the_rows)
{
    struct fixture fixture;
    struct errmsg why = {""};
    char command[256];

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    cr_assert(fixture_request(&fixture, key, 400, 150));
    cr_expect_eq(fixture_settle(&fixture), 1);
    fixture_kill_ledger(&fixture);
    snprintf(command, sizeof(command), "sqlite3 %s/relayos.db 'UPDATE usage SET charge_nusd = 1'",
             fixture.dir);
    if (system(command) != 0)
        cr_skip_test("no sqlite3 command");
    fixture.heritage.generation =
        proc_slot_offer(fixture.heritage.segment, fixture.heritage.slot, PROC_LEDGER);
    cr_expect_eq(ledger_start(&fixture.ledger, &fixture.heritage, &why), ERR_STORE);
    cr_expect_not_null(strstr(why.text, "usage sums are not what"), "%s", why.text);
    fixture_fini(&fixture);
}

/* CK-03 in small: whenever the ledger is killed, the next one comes to the same books. */
Test(ledger, the_books_balance_after_thirty_kills, .timeout = 120)
{
    struct fixture fixture;
    struct process process;
    uint32_t random = 3;
    uint64_t one = 1;
    int64_t used = 0;

    fixture_init(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000 * USD, NULL);
    for (int kills = 0; kills < 30; kills++) {
        spawn(&fixture, &process);
        for (uint32_t i = 0; i < 40 + random % 40; i++) {
            random = random * 1664525u + 1013904223u;
            int64_t tokens = random >> 20;
            cr_assert(fixture_request(&fixture, key, 5000, tokens));
            used += tokens;
            if (i % 8 == 7)
                cr_assert_eq(write(fixture.heritage.nudge_fd, &one, sizeof(one)), 8);
        }
        (void)usleep(random % 3000); /* somewhere in its work */
        cr_assert_eq(kill(process.pid, SIGKILL), 0);
        (void)join(&fixture, &process);
    }
    fixture_start_ledger(&fixture);
    cr_expect_eq(ledger_flush(&fixture.ledger), 0);
    cr_expect_eq(fixture_quota(&fixture, key, 0).used, used);
    cr_expect_eq(fixture_quota(&fixture, key, 0).reserved, 0);
    cr_expect_eq(fixture_charged(&fixture, period_at(PERIOD_MONTH, clock_real_us()).id), used);
    fixture_fini(&fixture);
}
