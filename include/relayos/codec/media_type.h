/* SPDX-License-Identifier: ISC
 *
 * media_type - what a file is, by its first bytes: what a host says of it is only asked for text,
 * which has no mark of its own.
 *
 * Process: pure.
 */
#ifndef RELAYOS_CODEC_MEDIA_TYPE_H
#define RELAYOS_CODEC_MEDIA_TYPE_H

#include "relayos/base/slice.h"

/* "image/png": PNG, JPEG, WebP, HEIC or HEIF, which every vision model takes that takes images
 * inline only; NULL: none of them. */
const char *media_type_of_image(struct slice bytes);
/* "application/pdf"; "text/plain" for UTF-8 that its host calls text of some kind; NULL: neither.
 */
const char *media_type_of_document(struct slice bytes, const char *said);

#endif
