/* SPDX-License-Identifier: ISC
 *
 * high_water - the number of the newest ledger row that was ever committed, in a file beside the
 * database.
 *
 * A damaged write-ahead log ends, for SQLite, where the damage begins: what was committed after it
 * is gone without a word. This number is written only once a commit is durable, so a database that
 * knows less has lost rows (or is an older copy that was put back).
 *
 * It is not synced: after a power cut it may be older than the database, never newer.
 */
#ifndef STORE_HIGH_WATER_H
#define STORE_HIGH_WATER_H

#include <stdint.h>

/* Descriptor of the file beside that database, made 0600 if new; -1: without one. */
int high_water_open(const char *database_path);
/* 0: nothing is known. */
int64_t high_water_read(int fd);
void high_water_write(int fd, int64_t seq);

#endif
