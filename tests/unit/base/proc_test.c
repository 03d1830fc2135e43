/* SPDX-License-Identifier: ISC
 *
 * Tests of base/proc.
 */
#include <criterion/criterion.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/proc.h"

Test(proc, a_start_time_tells_a_process_from_a_later_one_of_its_pid)
{
    uint64_t own = proc_start_time(getpid());
    unsigned long long theirs = 0;
    FILE *stat = fopen("/proc/self/stat", "r");
    char line[1024];

    cr_assert_not_null(fgets(line, sizeof(line), stat));
    fclose(stat);
    sscanf(strrchr(line, ')') + 2,
           "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
           &theirs);
    cr_assert_eq(own, theirs);
    cr_assert_neq(own, 0);
    cr_assert_eq(proc_start_time(0x3fffffff), 0);
}

Test(proc, a_pidfd_signals_the_process_and_nobody_else)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        pause();
        _exit(1);
    }

    int fd = proc_pidfd_open(pid);

    cr_assert_geq(fd, 0);
    cr_assert_eq(proc_pidfd_signal(fd, SIGKILL), 0);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(proc_pidfd_signal(fd, SIGKILL), -ESRCH);
    close(fd);
    cr_assert_lt(proc_pidfd_open(pid), 0);
}

Test(proc, counts_and_ids_are_plausible)
{
    uint8_t first[16], second[16];

    cr_assert_geq(proc_n_threads(), 1);
    cr_assert_geq(proc_n_cpus(), 1);
    proc_boot_id(first);
    proc_boot_id(second);
    cr_assert_eq(memcmp(first, second, 16), 0);
    cr_assert_geq(proc_raise_nofile(), 64);
}

Test(proc, a_process_without_dumps_stays_so)
{
    struct rlimit core;

    proc_no_dumps();
    cr_assert_eq(getrlimit(RLIMIT_CORE, &core), 0);
    cr_assert_eq(core.rlim_max, 0);
}

Test(proc, rights_are_dropped_for_good)
{
    struct errmsg why;
    int status = 0;

    cr_assert_eq(proc_drop_rights("", &why), 0);
    cr_assert_eq(proc_drop_rights("no-such-user-here", &why), ERR_IO);
    cr_assert_not_null(strstr(why.text, "no-such-user-here"));
    if (geteuid() != 0)
        cr_skip_test("only root can drop rights");
    if (fork() == 0)
        _exit(proc_drop_rights("nobody", &why) == 0 && geteuid() != 0 && getegid() != 0 &&
                      setuid(0) != 0 && proc_drop_rights("root", &why) == ERR_DENIED
                  ? 0
                  : 1);
    wait(&status);
    cr_assert_eq(status, 0);
}
