/* SPDX-License-Identifier: ISC
 *
 * memory - how much a process holds resident, and what is in it.
 */
#ifndef SUPPORT_MEMORY_H
#define SUPPORT_MEMORY_H

#include <stdint.h>
#include <sys/types.h>

/* Allocators keep and round: what a claim about megabytes does not notice. */
#define MEMORY_SLACK (8 * 1024 * 1024)

/* Sanitizers keep what is freed: there a claim about memory is one about them. */
#if defined(__SANITIZE_ADDRESS__)
#define MEMORY_IS_TELLING 0
#else
#define MEMORY_IS_TELLING 1
#endif

/* Bytes now, and the most there ever were; -1 if the process is gone. */
int64_t memory_resident(pid_t pid);
int64_t memory_peak(pid_t pid);

/* How often a word stands in what the process can read; -1: we may not look. */
int memory_count(pid_t pid, const char *word);

#endif
