/* SPDX-License-Identifier: ISC
 *
 * dialect_key - what a member's key is, by tables. Prefix: dialect_key_.
 */
#ifndef CODEC_DIALECT_KEY_H
#define CODEC_DIALECT_KEY_H

#include "relayos/codec/json_scan.h"

/*
 * Is that the member's key? For tables: most rows differ in length or first byte. An escape is
 * longer than what it stands for, so that a key with one has more bytes than the name it means.
 */
static inline bool
dialect_key_is(const struct json_member *member, struct slice name)
{
    if (member->key.len != name.len)
        return member->key_has_escape && json_key_is(member, name.ptr);
    return member->key.ptr[0] == name.ptr[0] && memcmp(member->key.ptr, name.ptr, name.len) == 0;
}

/*
 * A table of keys and what they mean (never 0). A row stands where its key's last byte and length
 * put it, so that a look-up compares one; two rows in one place do not compile (-Woverride-init):
 * then KEY_SLOT needs another factor.
 */
struct key_row {
    const char *key;
    uint8_t len, meaning;
};
#define KEY_SLOTS           128
#define KEY_SLOT(last, len) ((25 * (last) + (len)) % KEY_SLOTS)
#define KEY_ROW(key, last, meaning)                                                                \
    [KEY_SLOT((last), sizeof(key) - 1)] = {(key), sizeof(key) - 1, (meaning)}

/* What the member's key means, or 0; the slow way for a key that is written with an escape. */
unsigned dialect_key_escaped(const struct key_row *table, const struct json_member *member);
static inline unsigned
dialect_key_meaning(const struct key_row table[KEY_SLOTS], const struct json_member *member)
{
    const struct slice key = member->key;

    if (member->key_has_escape)
        return dialect_key_escaped(table, member);
    if (key.len == 0)
        return 0;
    const struct key_row *row = &table[KEY_SLOT((uint8_t)key.ptr[key.len - 1], key.len)];
    return key.len == row->len && memcmp(key.ptr, row->key, key.len) == 0 ? row->meaning : 0;
}

#endif
