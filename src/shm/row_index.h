/* SPDX-License-Identifier: ISC
 *
 * row_index - hash -> rows of a fixed table, and the rows that are free: chains in private memory.
 *
 * The ledger keeps one per table that only it changes (keys by id, cells by limit). It is derived
 * from the table at first use, so nothing of it has to survive a crash.
 *
 * Process: the ledger. Ownership: the segment handle.
 */
#ifndef SHM_ROW_INDEX_H
#define SHM_ROW_INDEX_H

#include <stdint.h>

#define ROW_INDEX_END UINT32_MAX

struct row_index;

/* All n rows unknown: each is then either added or put back. */
struct row_index *row_index_new(uint32_t n_rows);
void row_index_free(struct row_index **index);

void row_index_add(struct row_index *index, uint64_t hash, uint32_t row);
void row_index_remove(struct row_index *index, uint64_t hash, uint32_t row);

/* Walk the rows that may be of this hash (the caller compares): first, next .. ROW_INDEX_END. */
uint32_t row_index_first(const struct row_index *index, uint64_t hash);
uint32_t row_index_next(const struct row_index *index, uint32_t row);

/* Free rows, last in first out; take gives ROW_INDEX_END when there is none. */
void row_index_put_free(struct row_index *index, uint32_t row);
uint32_t row_index_take_free(struct row_index *index);

#endif
