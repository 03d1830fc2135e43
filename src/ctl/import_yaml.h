/* SPDX-License-Identifier: ISC
 *
 * import_yaml - another program's YAML as a cJSON tree, maps merged ("<<"). Plain scalars that look
 * like numbers, booleans or null are such.
 *
 * Ownership: cJSON_Delete().
 */
#ifndef CTL_IMPORT_YAML_H
#define CTL_IMPORT_YAML_H

#include <cjson/cJSON.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/slice.h"

/* ERR_SYNTAX with the line. An empty document is an empty object. */
int import_yaml_parse(struct slice text, cJSON **out, struct errmsg *why) MUST_CHECK;

#endif
