/* SPDX-License-Identifier: ISC
 *
 * scrub_find - which bytes of a text are whose secret: a mark for each byte.
 */
#ifndef CODEC_SCRUB_FIND_H
#define CODEC_SCRUB_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/slice.h"

enum scrub_kind {
    SCRUB_NOTHING,
    SCRUB_KEY,
    SCRUB_TOKEN,
    SCRUB_PRIVATE_KEY,
    SCRUB_EMAIL,
    SCRUB_CARD,
    SCRUB_BASE64,
    SCRUB_CUT
};

/* marks: one for each byte of text, zeros; bytes that have one already keep it. is_cut: the text
 * went on. */
void scrub_find_in(struct slice text, bool is_cut, uint8_t *marks);
/* Of base64, its alphabets, its padding and what JSON may put before its slashes. */
bool scrub_find_is_base64(char c);

#endif
