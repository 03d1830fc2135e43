/* SPDX-License-Identifier: ISC */
#include "relayos/heritage.h"

#include <fcntl.h>
#include <signal.h>

#include "relayos/base/log.h"
#include "relayos/shm/proc_slot.h"
#include "segment_fixture.h"

#define SLOT 1

static struct segment_fixture fixture;
static struct conf conf;
static struct heritage heritage;
static struct errmsg why;

static void
inherit(void)
{
    segment_fixture_init(&fixture);
    heritage = (struct heritage){.conf = &conf,
                                 .segment = fixture.segment,
                                 .catalog = fixture.catalog,
                                 .slot = SLOT,
                                 .generation = proc_slot_offer(fixture.segment, SLOT, PROC_WORKER),
                                 .ready_fd = -1};
}

static void
drop(void)
{
    catalog_free(&fixture.catalog);
    segment_detach(&fixture.segment);
}

TestSuite(heritage, .init = inherit, .fini = drop);

static struct proc_view
view(void)
{
    struct proc_view view;

    proc_slot_view(fixture.segment, SLOT, &view);
    return view;
}

Test(heritage, who_lost_the_slot_hears_it_and_leaves_it_alone)
{
    (void)proc_slot_offer(fixture.segment, SLOT, PROC_WORKER);
    cr_expect_eq(heritage_claim(&heritage, &why), ERR_CONFLICT);
    cr_expect(strstr(why.text, "another process") != NULL, "%s", why.text);
    cr_expect_eq(view().pid, 0);
}

Test(heritage, ready_is_said_to_the_master_and_in_the_slot)
{
    int fds[2];
    char said[4];

    cr_assert_eq(pipe2(fds, O_NONBLOCK), 0);
    heritage.ready_fd = fds[1];
    cr_assert_eq(heritage_claim(&heritage, &why), 0);
    heritage_tell_ready(&heritage);
    cr_expect_eq(view().state, PROC_READY);
    cr_expect_eq(read(fds[0], said, sizeof(said)), 1);
    cr_expect_eq(read(fds[0], said, sizeof(said)), 0, "no end");
    close(fds[0]);
}

Test(heritage, without_a_master_it_is_ready_all_the_same)
{
    int fds[2];

    signal(SIGPIPE, SIG_IGN);
    log_init("test", LOG_ERROR);
    cr_assert_eq(pipe(fds), 0);
    close(fds[0]);
    heritage.ready_fd = fds[1];
    cr_assert_eq(heritage_claim(&heritage, &why), 0);
    heritage_tell_ready(&heritage);
    cr_expect_eq(view().state, PROC_READY);
}

Test(heritage, signs_of_life_end_with_the_place)
{
    cr_assert_eq(heritage_claim(&heritage, &why), 0);
    cr_expect(heritage_beat(&heritage, 77));
    cr_expect_eq(view().heartbeat_us, 77);
    (void)proc_slot_offer(fixture.segment, SLOT, PROC_WORKER);
    cr_expect_not(heritage_beat(&heritage, 99));
    cr_expect_neq(view().heartbeat_us, 99);
}

Test(heritage, signals_are_told_and_none_kills)
{
    static const int sent[] = {SIGTERM, SIGQUIT, SIGUSR1};
    int fd = heritage_watch_signals(&why), n_told = 0;
    bool is_told[32] = {false};

    cr_assert_geq(fd, 0);
    cr_expect_eq(heritage_next_signal(fd), 0);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(kill(getpid(), sent[i]), 0);
    for (int signo; (signo = heritage_next_signal(fd)) != 0; n_told++)
        is_told[signo] = true;
    cr_expect_eq(n_told, 3);
    cr_expect(is_told[SIGTERM] && is_told[SIGQUIT] && is_told[SIGUSR1]);
    close(fd);
}
