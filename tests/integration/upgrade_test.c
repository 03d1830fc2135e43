/* SPDX-License-Identifier: ISC
 *
 * Another relayosd takes over in the same process: nobody who has connected, or connects meanwhile,
 * notices; every answer is charged once; one that cannot is not let in, or goes back.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "crowd.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define N_UPGRADES 10
#define LAYOUT_AT  8 /* of the layout's version in the segment, behind its magic number */

struct look {
    const char *event;
    int n; /* at least so many times */
};

/* The number that it prints. */
static int64_t
count(const char *command)
{
    char text[32] = "0";
    FILE *pipe = popen(command, "r");

    (void)!fgets(text, sizeof text, pipe);
    pclose(pipe);
    return atoll(text);
}

static bool
was_logged(const struct gateway *gateway, void *data)
{
    const struct look *look = data;
    char command[256];

    snprintf(command, sizeof command, "grep -c '%s' %s", look->event, gateway->log);
    return count(command) >= look->n;
}

/* Nobody of the generation before is left. */
static bool
are_two_workers(const struct gateway *gateway, void *data)
{
    pid_t pids[8];

    (void)data;
    return gateway_pids(gateway, "worker", pids, 8) == 2;
}

static int64_t
count_zombies(const struct gateway *gateway)
{
    char command[128];

    snprintf(command, sizeof command, "ps -o stat= --ppid %d | grep -c Z", (int)gateway->pid);
    return count(command);
}

static int64_t
count_fds(const struct gateway *gateway)
{
    char command[128];

    snprintf(command, sizeof command, "ls /proc/%d/fd | wc -l", (int)gateway->pid);
    return count(command);
}

/* RL-03 */
Test(upgrade, ten_in_a_row_under_load_cost_no_stream_no_call_and_no_charge, .timeout = 200)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd"), out[512];
    int fds[CROWD_STREAMS], n_whole = 0;
    struct crowd crowd;
    int64_t n_fds = 0;

    crowd_start(&crowd, gateway, key);
    for (int i = 0; i < N_UPGRADES; i++) {
        struct look look = {.event = "upgrade.done", .n = i + 1};

        crowd_open_streams(gateway, key, "hi !mock:chunks=15,pace=100", fds);
        if (i % 2 == 0)
            cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 0, "%s", out);
        else
            kill(gateway->pid, SIGUSR2);
        cr_expect(gateway_wait(gateway, was_logged, &look), "upgrade %d", i);
        n_whole += crowd_finish_streams(fds);
        cr_expect(gateway_wait(gateway, are_two_workers, NULL), "the old workers do not end");
        if (i == 0)
            n_fds = count_fds(gateway);
    }
    crowd_stop(&crowd);
    cr_expect_eq(n_whole, N_UPGRADES * CROWD_STREAMS, "%d", n_whole);
    cr_expect_leq(count_fds(gateway), n_fds);
    cr_expect_leq(count_zombies(gateway), 1); /* one may wait for the next SIGCHLD */

    books_check(gateway);
    int64_t n_answers = crowd.n_ok + n_whole;

    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE status = 200"), n_answers);
    cr_expect_eq(gateway_mock_count(gateway, "usage_answers"), n_answers);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM audit WHERE action = 'upgrade'"),
                 N_UPGRADES);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(upgrade, waits_for_the_generation_before, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd"), out[512];
    int fds[CROWD_STREAMS];

    crowd_open_streams(gateway, key, "hi !mock:chunks=40,pace=100", fds);
    cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 0, "%s", out);
    cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 1);
    cr_expect_not_null(strstr(out, "still have requests"), "%s", out);
    cr_expect_eq(crowd_finish_streams(fds), CROWD_STREAMS);
    cr_expect(gateway_wait(gateway, are_two_workers, NULL));
    cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 0, "%s", out);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* A stop that comes while the new one is asked is a stop. */
Test(upgrade, does_not_outrun_a_stop, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);

    kill(gateway->pid, SIGUSR2);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* RL-04: what can be seen beforehand is seen beforehand. */
Test(upgrade, is_refused_where_the_new_one_does_not_start, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd"), out[512], command[600];
    struct crowd crowd;

    crowd_start(&crowd, gateway, key);
    snprintf(command, sizeof command, "echo 'nonsense: 1' >> %s", gateway->config);
    cr_assert_eq(system(command), 0);
    cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 5);
    cr_expect_not_null(strstr(out, "nonsense"), "%s", out);
    crowd_stop(&crowd);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Of another layout, as the new binary would see it. */
static void
poke_layout(const struct gateway *gateway, int by)
{
    cJSON *status = gateway_ctl(gateway, "status");
    char path[128];
    uint32_t version;

    snprintf(path, sizeof path, "/dev/shm/%s",
             json_text(cJSON_GetObjectItem(status, "segment"), "name"));
    int fd = open(path, O_RDWR);
    cr_assert_eq(pread(fd, &version, sizeof version, LAYOUT_AT), (ssize_t)sizeof version);
    version += (uint32_t)by;
    cr_assert_eq(pwrite(fd, &version, sizeof version, LAYOUT_AT), (ssize_t)sizeof version);
    close(fd);
    cJSON_Delete(status);
}

Test(upgrade, is_refused_where_shared_memory_is_laid_out_otherwise, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd"), out[512];
    struct crowd crowd;

    crowd_start(&crowd, gateway, key);
    poke_layout(gateway, 1);
    cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 5);
    cr_expect_not_null(strstr(out, "layout"), "%s", out);
    poke_layout(gateway, -1);
    cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 0, "%s", out);
    crowd_stop(&crowd);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* What only a start shows: an address that is taken. */
Test(upgrade, that_cannot_start_goes_back_to_the_old_one, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd"), out[1024], command[600];
    int fds[CROWD_STREAMS];
    struct crowd crowd;

    crowd_start(&crowd, gateway, key);
    crowd_open_streams(gateway, key, "hi !mock:chunks=20,pace=100", fds);
    snprintf(command, sizeof command,
             "cp %s %s.was; sed -i 's/^  - 127.0.0.1:[0-9]*$/  - 127.0.0.1:%d/' %s",
             gateway->config, gateway->config, gateway->mock_port, gateway->config);
    cr_assert_eq(system(command), 0);
    cr_expect_eq(gateway_ctl_raw(gateway, "upgrade", out, sizeof out), 1, "%s", out);
    cr_expect(gateway_wait(gateway, was_logged, &(struct look){"upgrade.failed", 1}));
    cr_expect_eq(crowd_finish_streams(fds), CROWD_STREAMS);
    crowd_stop(&crowd);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
