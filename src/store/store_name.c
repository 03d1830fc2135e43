/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_name.h"

#include <assert.h>
#include <stddef.h>

#include "relayos/model/catalog.h"
#include "relayos/model/flight.h"
#include "relayos/model/key.h"
#include "relayos/model/user.h"

#define UNKNOWN 255

static const char *const tools[] = KEY_TOOL_NAMES;
static const char *const sources[] = {"store", "file"};
static const char *const units[] = {"usd", "tokens", "concurrent"};
static const char *const periods[] = {"month", "total", "day", "week"};
static const char *const provenances[] = {"none", "reported", "estimated", "indeterminate",
                                          "invalid"};
static const char *const outcomes[] = {"none", "running", "ok", "failed", "uncertain", "cancelled"};
static const char *const reasons[] = ATTEMPT_REASON_NAMES;
static const char *const policies[] = {"model",    "balanced", "fastest",
                                       "cheapest", "ordered",  "weighted"};
static const char *const roles[] = USER_ROLE_NAMES;
static const char *const protocols[] = {"openai_chat", "openai_responses", "anthropic_messages",
                                        "gemini"};
static const char *const endpoints[] = {
#define ENDPOINT(name, methods, path, ...) path,
#include "relayos/model/endpoints.def"
#undef ENDPOINT
};

#define N_OF(names) (sizeof(names) / sizeof((names)[0]))
static_assert(N_OF(tools) == KEY_N_TOOLS, "a name for each tool");
static_assert(N_OF(units) == LIMIT_UNIT_CONCURRENT + 1, "a name for each unit");
static_assert(N_OF(periods) == LIMIT_N_PERIODS, "a name for each period");
static_assert(N_OF(provenances) == USAGE_INVALID + 1, "a name for each provenance");
static_assert(N_OF(outcomes) == ATTEMPT_CANCELLED + 1, "a name for each outcome");
static_assert(N_OF(reasons) == ATTEMPT_N_REASONS, "a name for each reason");
static_assert(N_OF(policies) == ROUTE_N_POLICIES + 1, "a name for each policy, and for none");
static_assert(N_OF(roles) == USER_ADMIN + 1, "a name for each role");
static_assert(N_OF(endpoints) < UNKNOWN, "values are stored in a byte");

static const struct {
    const char *const *names;
    size_t n;
} kinds[STORE_NAME_N_KINDS] = {
    [STORE_NAME_TOOL] = {tools, N_OF(tools)},
    [STORE_NAME_SOURCE] = {sources, N_OF(sources)},
    [STORE_NAME_UNIT] = {units, N_OF(units)},
    [STORE_NAME_PERIOD] = {periods, N_OF(periods)},
    [STORE_NAME_PROVENANCE] = {provenances, N_OF(provenances)},
    [STORE_NAME_OUTCOME] = {outcomes, N_OF(outcomes)},
    [STORE_NAME_REASON] = {reasons, N_OF(reasons)},
    [STORE_NAME_POLICY] = {policies, N_OF(policies)},
    [STORE_NAME_PROTOCOL] = {protocols, N_OF(protocols)},
    [STORE_NAME_ENDPOINT] = {endpoints, N_OF(endpoints)},
    [STORE_NAME_ROLE] = {roles, N_OF(roles)},
};

const char *
store_name(enum store_name_kind kind, uint8_t value)
{
    assert(kind < STORE_NAME_N_KINDS);
    return value < kinds[kind].n ? kinds[kind].names[value] : "unknown";
}

int
store_name_find(enum store_name_kind kind, struct slice name, uint8_t *out)
{
    assert(kind < STORE_NAME_N_KINDS);
    for (size_t i = 0; i < kinds[kind].n; i++) {
        if (slice_eq_str(name, kinds[kind].names[i])) {
            *out = (uint8_t)i;
            return 0;
        }
    }
    return ERR_MISSING;
}

uint8_t
store_name_value(enum store_name_kind kind, const char *name)
{
    uint8_t value;

    return store_name_find(kind, slice_str(name), &value) == 0 ? value : UNKNOWN;
}

enum user_role
store_name_role(const char *name)
{
    uint8_t value;

    return store_name_find(STORE_NAME_ROLE, slice_str(name), &value) == 0 ? (enum user_role)value
                                                                          : USER_NOBODY;
}
