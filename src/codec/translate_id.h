/* SPDX-License-Identifier: ISC
 *
 * translate_id - ids of calls and names of tools as a target takes them (protocols.md 7.3, 7.4):
 * unchanged where they are good, else always the same from the same.
 * Prefix of symbols: translate_.
 */
#ifndef CODEC_TRANSLATE_ID_H
#define CODEC_TRANSLATE_ID_H

#include "relayos/codec/arena.h"
#include "relayos/codec/neutral.h"
#include "relayos/model/catalog.h"

/* The ids of one request that is being written. */
struct translate_ids {
    struct arena *arena;
    enum protocol target;
    struct translate_id *rows; /* sorted by the id that they had */
    uint32_t n_rows;
};

/* Without room in the arena ids stay as they are: the arena says that it is full. */
void translate_ids_init(struct translate_ids *ids, const struct neutral_request *request,
                        enum protocol target, struct arena *arena);
/* The id for the target: the same for a call and for its result. */
struct slice translate_ids_of(const struct translate_ids *ids, struct slice id);

/* At most 64 letters, digits, "_" and "-": any target takes that. */
struct slice translate_name(struct arena *arena, struct slice name);

#endif
