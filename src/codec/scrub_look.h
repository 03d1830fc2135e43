/* SPDX-License-Identifier: ISC
 *
 * scrub_look - one view from its first character to its last, once: what looks like a secret.
 */
#ifndef CODEC_SCRUB_LOOK_H
#define CODEC_SCRUB_LOOK_H

#include "scrub_view.h"

void scrub_look(const struct scrub_view *view, bool is_cut, uint8_t *marks);

#endif
