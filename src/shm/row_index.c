/* SPDX-License-Identifier: ISC
 *
 * row_index - one link per row: it is in a hash chain or on the free list, never in both.
 */
#include "row_index.h"

#include <assert.h>
#include <stdlib.h>

#include "relayos/base/mem.h"

struct row_index {
    uint32_t n_rows;
    uint32_t free_head;
    uint64_t mask;
    uint32_t *next; /* [n_rows] */
    uint32_t heads[];
};

struct row_index *
row_index_new(uint32_t n_rows)
{
    uint64_t n_heads = 1;

    while (n_heads < n_rows)
        n_heads *= 2;

    struct row_index *index = mem_alloc(sizeof(*index) + n_heads * sizeof(index->heads[0]));

    index->n_rows = n_rows;
    index->free_head = ROW_INDEX_END;
    index->mask = n_heads - 1;
    index->next = mem_array(NULL, n_rows, sizeof(index->next[0]));
    for (uint64_t i = 0; i < n_heads; i++)
        index->heads[i] = ROW_INDEX_END;
    return index;
}

void
row_index_free(struct row_index **index)
{
    if (*index == NULL)
        return;
    free((*index)->next);
    free(*index);
    *index = NULL;
}

void
row_index_add(struct row_index *index, uint64_t hash, uint32_t row)
{
    uint32_t *head = &index->heads[hash & index->mask];

    assert(row < index->n_rows);
    index->next[row] = *head;
    *head = row;
}

void
row_index_remove(struct row_index *index, uint64_t hash, uint32_t row)
{
    uint32_t *link = &index->heads[hash & index->mask];

    while (*link != row) {
        assert(*link != ROW_INDEX_END); /* it was never added under this hash */
        link = &index->next[*link];
    }
    *link = index->next[row];
}

uint32_t
row_index_first(const struct row_index *index, uint64_t hash)
{
    return index->heads[hash & index->mask];
}

uint32_t
row_index_next(const struct row_index *index, uint32_t row)
{
    return index->next[row];
}

void
row_index_put_free(struct row_index *index, uint32_t row)
{
    assert(row < index->n_rows);
    index->next[row] = index->free_head;
    index->free_head = row;
}

uint32_t
row_index_take_free(struct row_index *index)
{
    uint32_t row = index->free_head;

    if (row != ROW_INDEX_END)
        index->free_head = index->next[row];
    return row;
}
