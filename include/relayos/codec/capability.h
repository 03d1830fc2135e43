/* SPDX-License-Identifier: ISC
 *
 * capability - what a family of models takes (protocols.md 7.6), found by the upstream's name for
 * the model: rows of capabilities.def and the operator's, of which the longest prefix wins, of two
 * as long the operator's. Of a name with a vendor in front ("anthropic/claude-..") what stands
 * behind the last slash is looked for, too.
 *
 * Process: pure. The master finds each route's when it publishes a configuration; a request reads
 *          what stands in its route.
 */
#ifndef RELAYOS_CODEC_CAPABILITY_H
#define RELAYOS_CODEC_CAPABILITY_H

#include <stddef.h>

#include "relayos/base/buf.h"
#include "relayos/base/slice.h"
#include "relayos/model/capability.h"

/* Of unknown names those of a known vendor (claude-, gpt-, gemini-) get its newest row, others the
 * last row that is built in, that of generic compatible servers. What a row of the operator's is
 * made of is looked for in the rows above it alone. */
struct capability capability_find(const struct capability_row *rows, size_t n_rows,
                                  struct slice upstream_model);

/* For people: "adaptive; json_schema, stop, images; at most 128000 tokens". */
void capability_describe(const struct capability *capability, struct buf *out);

#endif
