/* SPDX-License-Identifier: ISC
 *
 * fault_vfs - a disk that fails when it is told to, under SQLite: full at the n-th write, an error
 * at the n-th fsync, or a power cut after which of all that was not synced only a part is there.
 *
 * It stands before the default VFS of this process and watches databases and write-ahead logs.
 */
#ifndef TESTS_FAULT_VFS_H
#define TESTS_FAULT_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum fault {
    FAULT_NONE,
    FAULT_WRITE_FULL, /* the n-th write finds the disk full; those after it do not */
    FAULT_SYNC_EIO,   /* the n-th fsync fails */
    FAULT_POWER_CUT,  /* at the n-th write, truncation or fsync; from then on nothing works */
};

/* Files opened from now on are watched; one test, one process. */
void fault_vfs_install(void);

/* The n-th such operation from now on (1 = the next) fails. */
void fault_vfs_arm(enum fault fault, uint32_t n);
bool fault_vfs_has_fired(void);
/* Operations since the last arm: how far a sweep has to go. */
uint32_t fault_vfs_count(void);

/*
 * After a power cut, with every connection closed: put onto the disk what survived it, each write
 * since the file's last fsync with a chance of one half, some of them torn. Forgets the files.
 */
void fault_vfs_power_on(uint32_t seed);
/* Of files that are closed: there is room for others. */
void fault_vfs_forget(void);

#endif
