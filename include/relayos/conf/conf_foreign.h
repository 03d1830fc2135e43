/* SPDX-License-Identifier: ISC
 *
 * conf_foreign - YAML as other programs have it, anchors and aliases followed, told value by value.
 * Our own files are read by conf_load(), which takes less.
 *
 * Bounds: CONF_FOREIGN_VALUES once aliases are followed, CONF_FOREIGN_LEVELS.
 */
#ifndef RELAYOS_CONF_CONF_FOREIGN_H
#define RELAYOS_CONF_CONF_FOREIGN_H

#include <stdbool.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

#define CONF_FOREIGN_VALUES 200000
#define CONF_FOREIGN_LEVELS 32

/* key: in a map, else NULL. A list or map is followed by its values and by an end. */
struct conf_foreign_visitor {
    void (*on_scalar)(void *data, const char *key, const char *text, bool is_plain);
    void (*on_begin)(void *data, const char *key, bool is_map);
    void (*on_end)(void *data);
};

/* An empty document tells nothing. ERR_SYNTAX with the line: what was told by then is not all. */
int conf_foreign_read(struct slice text, const struct conf_foreign_visitor *visitor, void *data,
                      struct errmsg *why) MUST_CHECK;

#endif
