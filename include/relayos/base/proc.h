/* SPDX-License-Identifier: ISC
 *
 * proc - this process and its relatives: title, rights, limits, pidfds, start times.
 */
#ifndef RELAYOS_BASE_PROC_H
#define RELAYOS_BASE_PROC_H

#include <stdint.h>
#include <sys/types.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

/* Remember argv's room; then proc_set_title("worker 1") shows as "relayosd: worker 1" in ps. */
void proc_init_title(int argc, char **argv);
void proc_set_title(const char *title);

/* Number of threads of this process (/proc/self/task); the master asserts 1 before each fork. */
int proc_n_threads(void);
/* CPUs this process may run on. */
int proc_n_cpus(void);
/* Field 22 of /proc/PID/stat (clock ticks since boot), 0 if there is no such process. */
uint64_t proc_start_time(pid_t pid);
/* /proc/sys/kernel/random/boot_id as 16 bytes. */
void proc_boot_id(uint8_t out[16]);
/* pidfd_open(2), pidfd_send_signal(2); fd or -errno, 0 or -errno. */
int proc_pidfd_open(pid_t pid);
int proc_pidfd_signal(int pidfd, int signo);

/* setgroups, setgid, setuid to user (and its group), no_new_privs. "" leaves things as they are. */
int proc_drop_rights(const char *user, struct errmsg *why) MUST_CHECK;
/* No core dumps with secrets: PR_SET_DUMPABLE 0, RLIMIT_CORE 0. */
void proc_no_dumps(void);
/* This thread, and those it starts from now on, run on CPU that nobody else wants, and stop at once
 * when somebody does: a low priority alone lets a thread finish its time slice first. */
void proc_run_last(void);
/* RLIMIT_NOFILE soft = hard; returns it. */
uint64_t proc_raise_nofile(void);

#endif
