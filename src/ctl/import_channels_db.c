/* SPDX-License-Identifier: ISC */
#include "import_channels_db.h"

#include <string.h>

#include "relayos/store/store_foreign.h"

struct reader {
    struct store_foreign *db;
    bool is_one_api;
    struct import_plan *plan;
    struct import_ratios ratios;
    struct import_groups *groups;
    int64_t now_us;
};

static store_foreign_take take_option, take_channel, take_token;
static int check_kind(const struct reader *reader, struct errmsg *why);
static int each(struct reader *reader, const char *sql, store_foreign_take *take,
                struct errmsg *why);
static void free_ratios(struct import_ratios *ratios);
static void note_rest(struct reader *reader);

int
import_channels_db_read(const char *path, bool is_one_api, const cJSON *prices, int64_t now_us,
                        struct import_plan *plan, struct errmsg *why)
{
    struct reader reader = {
        .is_one_api = is_one_api, .plan = plan, .now_us = now_us, .ratios.litellm = prices};
    int rc;

    if (store_foreign_open(path, &reader.db, why) != 0) {
        errmsg_prefix(why, "%s", path);
        return ERR_IO;
    }
    reader.groups = import_channels_groups_new();
    rc = each(&reader, "SELECT * FROM options", take_option, why);
    if (rc == 0)
        rc = check_kind(&reader, why);
    if (rc == 0)
        rc = each(&reader, "SELECT * FROM channels ORDER BY id", take_channel, why);
    if (rc == 0)
        rc = each(&reader,
                  "SELECT t.*, u.username AS user_name, u.\"group\" AS user_group, u.status "
                  "AS user_status FROM tokens t LEFT JOIN users u ON u.id = t.user_id "
                  "ORDER BY t.id",
                  take_token, why);
    if (rc == 0)
        note_rest(&reader);
    else
        errmsg_prefix(why, "%s", path);
    import_channels_groups_free(&reader.groups);
    free_ratios(&reader.ratios);
    store_foreign_close(&reader.db);
    return rc;
}

/* Their types of channels have different numbers: a mistake would send keys to strangers. */
static int
check_kind(const struct reader *reader, struct errmsg *why)
{
    bool is_new_api = store_foreign_can(reader->db, "SELECT auto_ban FROM channels");

    if (is_new_api != reader->is_one_api)
        return 0;
    errmsg_set(why, "it is the database of %s, not of %s", is_new_api ? "new-api" : "one-api",
               reader->plan->source);
    return ERR_SYNTAX;
}

static int
each(struct reader *reader, const char *sql, store_foreign_take *take, struct errmsg *why)
{
    int rc = store_foreign_each(reader->db, sql, take, reader, why);

    if (rc == ERR_SYNTAX)
        errmsg_prefix(why, "it is no database of %s", reader->plan->source);
    return rc;
}

static void
take_option(void *data, const struct store_foreign_row *row)
{
    struct reader *reader = data;
    const struct {
        const char *key;
        const cJSON **json;
    } options[] = {{"ModelRatio", &reader->ratios.model},
                   {"CompletionRatio", &reader->ratios.completion},
                   {"CacheRatio", &reader->ratios.cache},
                   {"ModelPrice", &reader->ratios.fixed},
                   {"GroupRatio", &reader->ratios.group}};

    for (size_t n = 0; n < sizeof(options) / sizeof(options[0]); n++) {
        if (strcmp(options[n].key, store_foreign_text(row, "key")) == 0 && *options[n].json == NULL)
            *options[n].json = cJSON_Parse(store_foreign_text(row, "value"));
    }
}

static void
free_ratios(struct import_ratios *ratios)
{
    const cJSON *const all[] = {ratios->model, ratios->completion, ratios->cache, ratios->fixed,
                                ratios->group};

    for (size_t n = 0; n < sizeof(all) / sizeof(all[0]); n++)
        cJSON_Delete((cJSON *)all[n]);
}

static void
take_channel(void *data, const struct store_foreign_row *row)
{
    struct reader *reader = data;
    static const char *const unread[] = {"param_override", "header_override", "status_code_mapping",
                                         "openai_organization", "system_prompt"};
    const struct import_channel channel = {
        .id = store_foreign_int(row, "id"),
        .type = store_foreign_int(row, "type"),
        .status = store_foreign_int(row, "status"),
        .weight = store_foreign_int(row, "weight"),
        .priority = store_foreign_int(row, "priority"),
        .name = store_foreign_text(row, "name"),
        .key = store_foreign_text(row, "key"),
        .base_url = store_foreign_text(row, "base_url"),
        .models = store_foreign_text(row, "models"),
        .groups = store_foreign_text(row, "group"),
        .model_mapping = store_foreign_text(row, "model_mapping"),
        .other = store_foreign_text(row, "other"),
        .config = store_foreign_text(row, reader->is_one_api ? "config" : "settings"),
    };

    import_channels_group(reader->groups, &channel);
    import_channels_add(reader->plan, &channel, reader->is_one_api, &reader->ratios);
    for (size_t n = 0; n < sizeof(unread) / sizeof(unread[0]); n++) {
        const char *text = store_foreign_text(row, unread[n]);

        if (text[0] != '\0' && strcmp(text, "{}") != 0)
            import_plan_note(reader->plan, "channel %lld (%s): %s", (long long)channel.id,
                             channel.name, unread[n]);
    }
}

static void
take_token(void *data, const struct store_foreign_row *row)
{
    struct reader *reader = data;
    bool is_limited = reader->is_one_api || store_foreign_int(row, "model_limits_enabled") != 0;
    const struct import_token token = {
        .id = store_foreign_int(row, "id"),
        .status = store_foreign_int(row, "status"),
        .expired_s = store_foreign_int(row, "expired_time"),
        .remaining = store_foreign_int(row, "remain_quota"),
        .name = store_foreign_text(row, "name"),
        .key = store_foreign_text(row, "key"),
        .models = is_limited
                      ? store_foreign_text(row, reader->is_one_api ? "models" : "model_limits")
                      : "",
        .networks = store_foreign_text(row, reader->is_one_api ? "subnet" : "allow_ips"),
        .group = store_foreign_text(row, "group"),
        .user = store_foreign_text(row, "user_name"),
        .user_group = store_foreign_text(row, "user_group"),
        .is_unlimited = store_foreign_int(row, "unlimited_quota") != 0,
        .is_user_disabled = store_foreign_int(row, "user_status") != 1,
    };

    if (store_foreign_text(row, "deleted_at")[0] == '\0')
        import_channels_token(reader->plan, &token, reader->groups, reader->now_us);
}

/* What stands for users and groups, of which RelayOS has neither. */
static void
note_rest(struct reader *reader)
{
    const cJSON *ratio;

    import_plan_note(reader->plan, "quotas of users: here a quota is a key's own");
    cJSON_ArrayForEach(ratio, reader->ratios.group)
    {
        if (cJSON_IsNumber(ratio) && ratio->valuedouble != 1)
            import_plan_note(reader->plan,
                             "group %s paid %g times the price; prices are of models "
                             "here, and the same for all",
                             ratio->string, ratio->valuedouble);
    }
}
