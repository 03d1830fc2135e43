/* SPDX-License-Identifier: ISC
 *
 * key - a tool's key as the ledger keeps it and as a worker sees it. Plain records, no code.
 */
#ifndef RELAYOS_MODEL_KEY_H
#define RELAYOS_MODEL_KEY_H

#include <stdint.h>

#include "relayos/base/address.h"
#include "relayos/base/limits.h"

#define KEY_DIGEST_SIZE 32

enum key_tool {
    KEY_TOOL_CURSOR,
    KEY_TOOL_CLAUDE_CODE,
    KEY_TOOL_CODEX,
    KEY_TOOL_SCRIPT,
    KEY_TOOL_AGENT,
    KEY_TOOL_SERVER,
    KEY_TOOL_OTHER,
    KEY_N_TOOLS
};
/* "cursor", "claude-code", ... in the order above. */
#define KEY_TOOL_NAMES                                                                             \
    {                                                                                              \
        "cursor", "claude-code", "codex", "script", "agent", "server", "other"                     \
    }

enum key_source { KEY_SOURCE_STORE, KEY_SOURCE_FILE };

enum key_flag {
    KEY_DISABLED = 1u << 0,
    KEY_REVOKED = 1u << 1,
    KEY_ALL_MODELS = 1u << 2,
    KEY_STRICT = 1u << 3, /* reserve the worst case; refuse what has none */
    KEY_CUT = 1u << 4,    /* revoked, and its running streams are to end */
};

enum limit_unit { LIMIT_UNIT_NUSD, LIMIT_UNIT_TOKENS, LIMIT_UNIT_CONCURRENT };
enum limit_period {
    LIMIT_PERIOD_MONTH,
    LIMIT_PERIOD_TOTAL,
    LIMIT_PERIOD_DAY,
    LIMIT_PERIOD_WEEK, /* Monday to Sunday */
    LIMIT_N_PERIODS
};

struct key_limit {
    uint8_t unit;      /* enum limit_unit */
    uint8_t period;    /* enum limit_period */
    uint8_t is_shadow; /* counted and told, never enforced */
    uint8_t pad[5];
    int64_t amount;               /* nano-USD or tokens */
    char model[LIMIT_MODEL_NAME]; /* counts this model alone; "" = all */
};

/* A key as stored, shown and declared. The secret itself is nowhere. */
struct key_record {
    uint64_t id; /* row id in the store; never reused */
    uint8_t digest[KEY_DIGEST_SIZE];
    char last4[8];
    char name[LIMIT_NAME];
    char owner[LIMIT_NAME]; /* person or team; state kept upstream is sealed to it */
    uint8_t tool;           /* enum key_tool */
    uint8_t source;         /* enum key_source */
    uint8_t n_limits;
    uint8_t policy; /* enum route_policy + 1; 0 = as each model says */
    uint8_t n_networks;
    struct address_range networks[LIMIT_KEY_NETWORKS]; /* it may be used from; none = anywhere */
    uint32_t flags;                                    /* enum key_flag */
    uint32_t n_models;
    char (*models)[LIMIT_MODEL_NAME]; /* names, n_models of them; owned by the record */
    struct key_limit limits[LIMIT_KEY_LIMITS];
    int64_t requests_per_minute; /* 0 = none */
    int64_t tokens_per_minute;   /* 0 = none */
    int64_t max_concurrent;      /* 0 = none */
    int64_t created_us, expires_us /* 0 = never */, updated_us, last_used_us, revoked_us;
    int64_t capture_until_us; /* until then what it asks and is told is kept; 0 = it is not */
    uint64_t rotated_from;    /* key id it replaces, or 0 */
    uint64_t rotated_to;      /* key id that replaces it, or 0 */
    uint64_t group_id;        /* first key of its chain of rotations: limits and what is used of
                                 them belong to the chain, not to the key */
};

#endif
