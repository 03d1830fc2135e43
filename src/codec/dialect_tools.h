/* SPDX-License-Identifier: ISC
 *
 * dialect_tools - tools in chat requests. Prefix: dialect_.
 */
#ifndef CODEC_DIALECT_TOOLS_H
#define CODEC_DIALECT_TOOLS_H

#include "relayos/codec/dialect.h"

/* A tool, or the choice of one, with its name at the top and not below "function" or "custom": what
 * stands behind the brace that the text begins with. */
bool dialect_is_flat_tool(struct slice text);

#endif
