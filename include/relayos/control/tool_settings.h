/* SPDX-License-Identifier: ISC
 *
 * tool_settings - what each tool must be told to use the gateway, ready to paste: printed by
 * relayosd when it starts and by `relayosctl quickstart`.
 */
#ifndef RELAYOS_CONTROL_TOOL_SETTINGS_H
#define RELAYOS_CONTROL_TOOL_SETTINGS_H

#include "relayos/base/buf.h"
#include "relayos/base/slice.h"

struct tool_settings {
    const char *url;   /* without /v1 */
    struct slice key;  /* the key itself, or "$RELAYOS_KEY" */
    const char *model; /* an example */
};

void tool_settings_write(const struct tool_settings *settings, struct buf *out);

#endif
