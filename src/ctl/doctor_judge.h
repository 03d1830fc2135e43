/* SPDX-License-Identifier: ISC
 *
 * doctor_judge - what figures mean for an installation. Pure.
 */
#ifndef CTL_DOCTOR_JUDGE_H
#define CTL_DOCTOR_JUDGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum doctor_state { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

/* Of the disk under the database. */
enum doctor_state doctor_judge_space(int64_t free_bytes, int64_t total_bytes);
/* A process that may have so many descriptors, for a worker of so many callers. */
enum doctor_state doctor_judge_descriptors(int64_t limit, int64_t max_connections);
/* Until a certificate is over. */
enum doctor_state doctor_judge_expiry(int64_t left_us);
/* A file or directory that others than its owner (ours: is_ours) should not touch. */
struct doctor_rights {
    mode_t mode;
    bool is_ours;   /* or root's, where we are its user */
    bool is_secret; /* nobody else may read it */
};
enum doctor_state doctor_judge_rights(const struct doctor_rights *rights);

/* What /proc/PID/status says of one process. */
struct doctor_confinement {
    int seccomp; /* 0 = none, 2 = a filter; -1 = not said */
    bool no_new_privs, has_capabilities;
};
void doctor_judge_parse(const char *status, struct doctor_confinement *out);
/* By what `sandbox` says; the master has no filter, it starts other programs. */
enum doctor_state doctor_judge_confinement(const struct doctor_confinement *is, const char *sandbox,
                                           bool is_master);

#endif
