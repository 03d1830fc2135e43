/* SPDX-License-Identifier: ISC
 *
 * name_index - which rows of a table of names may bear a given one: a bit for each row, by the
 * name's length and by its first letter in either case. Most names in a body are in no row, and
 * that is known after two look-ups instead of one comparison per row.
 */
#ifndef CODEC_NAME_INDEX_H
#define CODEC_NAME_INDEX_H

#include <assert.h>
#include <stdint.h>

#include "relayos/codec/json_scan.h"

#define NAME_INDEX_ROWS 32 /* also one more than the longest name has bytes */

struct name_index {
    uint32_t by_length[NAME_INDEX_ROWS];
    uint32_t by_letter[32];
    uint32_t all;
};

static inline void
name_index_add(struct name_index *index, unsigned row, struct slice name)
{
    assert(row < NAME_INDEX_ROWS && name.len > 0 && name.len < NAME_INDEX_ROWS);
    index->all |= UINT32_C(1) << row;
    index->by_length[name.len] |= UINT32_C(1) << row;
    index->by_letter[name.ptr[0] & 31] |= UINT32_C(1) << row;
}

static inline uint32_t
name_index_rows(const struct name_index *index, const struct json_member *member)
{
    const struct slice name = member->key;

    if (member->key_has_escape)
        return index->all;
    if (name.len == 0 || name.len >= NAME_INDEX_ROWS)
        return 0;
    return index->by_length[name.len] & index->by_letter[name.ptr[0] & 31];
}

#endif
