/* SPDX-License-Identifier: ISC
 *
 * messages_parts - what reader and writer of Messages share. Prefix: messages_parts_.
 */
#ifndef CODEC_MESSAGES_PARTS_H
#define CODEC_MESSAGES_PARTS_H

#include "relayos/codec/json_scan.h"
#include "relayos/codec/neutral.h"

/* Names of members that are read of some object, by the place that their values get. */
#define MESSAGES_KEY(name)                                                                         \
    {                                                                                              \
        (name), sizeof(name) - 1                                                                   \
    }

/* Values of those members, n of them; absent ones and null: "". */
void messages_parts_fields(struct slice object, const struct slice *keys, size_t n,
                           struct slice *fields);

/* Raw text of a string value, "" of any other. */
static inline struct slice
messages_parts_raw(struct slice value)
{
    if (value.len < 2 || value.ptr[0] != '"')
        return (struct slice){0};
    return slice_sub(value, 1, value.len - 1);
}

/* White space at the end of raw text is cut, written out or as an escape. */
struct slice messages_parts_trim_end(struct slice raw);

enum neutral_effort messages_parts_effort(struct slice value);
/* NULL: it has no word in Messages. */
const char *messages_parts_effort_word(enum neutral_effort effort);

#endif
