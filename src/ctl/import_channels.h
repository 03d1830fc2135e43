/* SPDX-License-Identifier: ISC
 *
 * import_channels - channels and tokens of new-api and one-api, as a plan. Pure: the rows come from
 * import_channels_db.h.
 *
 * Both keep tokens in clear, 48 characters without "sk-": they have not the checksum of our keys,
 * so each becomes a new one. Quotas: 500,000 units are a dollar.
 */
#ifndef CTL_IMPORT_CHANNELS_H
#define CTL_IMPORT_CHANNELS_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "import_plan.h"

/* Columns that both have, under the names of new-api; "" and 0 for null. */
struct import_channel {
    int64_t id, type, status, weight, priority;
    const char *name, *key, *base_url, *models, *groups, *model_mapping;
    const char *other;  /* Azure's version, in older ones */
    const char *config; /* JSON; of one-api: the same, and more */
};

struct import_token {
    int64_t id, status, expired_s /* -1: never */, remaining;
    const char *name, *key, *models; /* "": all */
    const char *networks;            /* commas or lines between */
    const char *group;               /* "": its user's */
    const char *user, *user_group;
    bool is_unlimited, is_user_disabled;
};

/* Ratios as in the table options, or as files of LiteLLM's prices; each may be NULL. */
struct import_ratios {
    const cJSON *model, *completion, *cache, *fixed /* USD a request */, *group;
    const cJSON *litellm;
};

void import_channels_add(struct import_plan *plan, const struct import_channel *channel,
                         bool is_one_api, const struct import_ratios *ratios);
/* Groups of channels, for tokens: channels are all added by then. */
struct import_groups;
struct import_groups *import_channels_groups_new(void);
void import_channels_groups_free(struct import_groups **groups);
void import_channels_group(struct import_groups *groups, const struct import_channel *channel);
void import_channels_token(struct import_plan *plan, const struct import_token *token,
                           const struct import_groups *groups, int64_t now_us);

#endif
