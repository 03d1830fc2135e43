/* SPDX-License-Identifier: ISC
 *
 * store_name - names for small numbers. The database holds names: what a row means must not hang on
 * the order of a table in some version of the code. People read the same names.
 *
 * Process: any; pure.
 */
#ifndef RELAYOS_STORE_STORE_NAME_H
#define RELAYOS_STORE_STORE_NAME_H

#include <stdint.h>

#include "relayos/base/err.h"
#include "relayos/base/slice.h"
#include "relayos/model/user.h"

enum store_name_kind {
    STORE_NAME_TOOL,       /* enum key_tool: "claude-code" */
    STORE_NAME_SOURCE,     /* enum key_source: "store", "file" */
    STORE_NAME_UNIT,       /* enum limit_unit: "usd", "tokens", "concurrent" */
    STORE_NAME_PERIOD,     /* enum limit_period: "month", "total", "day", "week" */
    STORE_NAME_PROVENANCE, /* enum usage_provenance: "reported", "estimated", ... */
    STORE_NAME_OUTCOME,    /* enum attempt_outcome: "ok", "failed", ... */
    STORE_NAME_REASON,     /* enum attempt_reason: "first", "failover", ... */
    STORE_NAME_POLICY,     /* of a key: "model" (0), or enum route_policy + 1: "balanced", ... */
    STORE_NAME_PROTOCOL,   /* enum protocol: "openai_chat", ... */
    STORE_NAME_ENDPOINT,   /* row of endpoints.def: its path */
    STORE_NAME_ROLE,       /* enum user_role: "member", "operator", "admin" */
    STORE_NAME_N_KINDS
};

/* Name of a value; "unknown" for one that has none. */
const char *store_name(enum store_name_kind kind, uint8_t value);
/* Value of a name, or ERR_MISSING. */
int store_name_find(enum store_name_kind kind, struct slice name, uint8_t *out) MUST_CHECK;
/* Value of a name; 255 (whose name is "unknown") if there is none. */
uint8_t store_name_value(enum store_name_kind kind, const char *name);
/* Of a role as a row has it; USER_NOBODY, who may do nothing, where it is none. */
enum user_role store_name_role(const char *name);

#endif
