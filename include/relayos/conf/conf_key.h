/* SPDX-License-Identifier: ISC
 *
 * conf_key - a declared key as a configuration has it. Configurations that have it word for word
 * alike share it, so that what differs between two is told by address (conf_key_changes()).
 */
#ifndef RELAYOS_CONF_CONF_KEY_H
#define RELAYOS_CONF_CONF_KEY_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/model/key.h"

struct conf;

struct conf_key {
    uint32_t text_len; /* 0 = not known: never shared */
    uint64_t text_hash;
    struct key_record record;
    char text[]; /* its lines in the keys file */
};

/* Keys that one configuration has and the other has not, or not as it is. */
struct conf_key_changes {
    struct conf_key **old, **new;
    size_t n_old, n_new;
};
/* What is not shared by a and b; NULL has none. Each list is sorted by digest. */
void conf_key_changes(const struct conf *a, const struct conf *b, struct conf_key_changes *out);
void conf_key_changes_free(struct conf_key_changes *changes);

#endif
