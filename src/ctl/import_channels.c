/* SPDX-License-Identifier: ISC */
#include "import_channels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_json.h"
#include "import_price.h"
#include "import_provider.h"
#include "relayos/base/address.h"
#include "relayos/base/mem.h"

#define ENABLED         1 /* of channels, tokens and users */
#define TOKEN_EXPIRED   3
#define TOKEN_EXHAUSTED 4
#define NUSD_PER_UNIT   INT64_C(2000) /* 500,000 are a dollar */
#define UNITS_MOST      (INT64_MAX / NUSD_PER_UNIT)
#define WHERE_SIZE      160

/* Which models a group may use: pairs, few enough to look through. */
struct import_groups {
    cJSON *models; /* {group: {model: true}} */
    cJSON *all;    /* {model: true} */
};

static bool make_upstream(struct import_plan *plan, const struct import_channel *channel,
                          bool is_one_api, struct import_upstream *out);
static void take_credentials(struct import_plan *plan, const struct import_channel *channel,
                             const char *where, struct import_upstream *out);
static struct import_price find_price(const struct import_ratios *ratios, const char *name,
                                      const char *upstream_name, struct import_model *model);
static double ratio_of(const cJSON *ratios, const char *name);
static bool is_out(struct import_plan *plan, const struct import_token *token, int64_t now_us);
static void take_models(struct import_plan *plan, const struct import_token *token,
                        const struct import_groups *groups, struct import_key *key);
static void take_networks(struct import_plan *plan, const struct import_token *token,
                          struct import_key *key);
static cJSON *list_of(const char *text);

/* ---- channels ---- */

void
import_channels_add(struct import_plan *plan, const struct import_channel *channel, bool is_one_api,
                    const struct import_ratios *ratios)
{
    cJSON *names = list_of(channel->models), *mapping = cJSON_Parse(channel->model_mapping);
    struct import_upstream upstream = {0};
    const cJSON *name;

    if (make_upstream(plan, channel, is_one_api, &upstream)) {
        struct import_route route = {
            .upstream = import_plan_upstream(plan, &upstream),
            .weight = channel->weight,
            .order = -channel->priority,
            .is_disabled = channel->status != ENABLED,
        };
        cJSON_ArrayForEach(name, names)
        {
            const char *mapped = import_json_text(mapping, name->valuestring);
            struct import_model *model = import_plan_model(plan, name->valuestring);

            if (model == NULL)
                continue;
            route.model = mapped[0] == '\0' ? name->valuestring : mapped;
            route.price = find_price(ratios, name->valuestring, route.model, model);
            route.model = import_plan_text(plan, slice_str(route.model));
            import_plan_route(plan, model, &route);
        }
    }
    cJSON_Delete(names);
    cJSON_Delete(mapping);
}

static bool
make_upstream(struct import_plan *plan, const struct import_channel *channel, bool is_one_api,
              struct import_upstream *out)
{
    const struct import_provider *provider =
        import_provider_of_channel((int)channel->type, is_one_api);
    cJSON *config = cJSON_Parse(channel->config);
    const char *version = import_json_text(config, "api_version");
    char where[WHERE_SIZE];

    snprintf(where, sizeof(where), "channel %" PRId64 " (%s)", channel->id, channel->name);
    if (version[0] == '\0')
        version = import_json_text(config, "azure_responses_version");
    if (channel->other[0] != '\0')
        version = channel->other;
    if (provider == NULL)
        import_plan_note(plan, "%s: RelayOS does not speak to providers of type %" PRId64, where,
                         channel->type);
    else
        out->url = import_provider_url(plan, provider, channel->base_url, where);
    if (out->url != NULL) {
        out->name = channel->name[0] == '\0' ? provider->name : channel->name;
        out->protocols = provider->protocols;
        out->flavor = provider->flavor;
        out->api_version = import_provider_version(provider, out->url, version);
        if (out->api_version != NULL)
            out->api_version = import_plan_text(plan, slice_str(out->api_version));
        take_credentials(plan, channel, where, out);
    }
    cJSON_Delete(config);
    return out->url != NULL;
}

/* One a line, as both have them; a service account's JSON is of providers that are left out. */
static void
take_credentials(struct import_plan *plan, const struct import_channel *channel, const char *where,
                 struct import_upstream *out)
{
    for (const char *at = channel->key; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        struct slice key = slice_trim(slice_of(at, len));

        if (key.len > 0 && key.ptr[key.len - 1] == '\r')
            key.len--;
        at += len + (at[len] == '\n');
        if (key.len == 0)
            continue;
        if (out->n_credentials == LIMIT_CREDENTIALS) {
            import_plan_note(plan, "%s: it has more than %d keys", where, LIMIT_CREDENTIALS);
            return;
        }
        out->credentials[out->n_credentials++].secret = import_plan_text(plan, key);
    }
}

/* The fixed price of a request goes first, as theirs does. */
static struct import_price
find_price(const struct import_ratios *ratios, const char *name, const char *upstream_name,
           struct import_model *model)
{
    const char *const names[] = {name, upstream_name, NULL};
    double fixed = ratio_of(ratios->fixed, name);
    struct import_price price =
        import_price_of_ratio(ratio_of(ratios->model, name), ratio_of(ratios->completion, name),
                              ratio_of(ratios->cache, name));

    if (fixed >= 0)
        return import_price_of_request(fixed);
    return price.is_known ? price : import_price_listed(ratios->litellm, names, model);
}

static double
ratio_of(const cJSON *ratios, const char *name)
{
    double ratio;

    return import_json_number(ratios, name, &ratio) ? ratio : -1;
}

/* ---- groups ---- */

struct import_groups *
import_channels_groups_new(void)
{
    struct import_groups *groups = mem_zalloc(sizeof(*groups));

    groups->models = cJSON_CreateObject();
    groups->all = cJSON_CreateObject();
    return groups;
}

void
import_channels_groups_free(struct import_groups **groups)
{
    if (*groups == NULL)
        return;
    cJSON_Delete((*groups)->models);
    cJSON_Delete((*groups)->all);
    free(*groups);
    *groups = NULL;
}

void
import_channels_group(struct import_groups *groups, const struct import_channel *channel)
{
    cJSON *names = list_of(channel->groups[0] == '\0' ? "default" : channel->groups);
    cJSON *models = list_of(channel->models);
    const cJSON *name, *model;

    cJSON_ArrayForEach(model, models)
    {
        if (!cJSON_HasObjectItem(groups->all, model->valuestring))
            cJSON_AddTrueToObject(groups->all, model->valuestring);
        cJSON_ArrayForEach(name, names)
        {
            cJSON *group = cJSON_GetObjectItemCaseSensitive(groups->models, name->valuestring);

            if (group == NULL)
                group = cJSON_AddObjectToObject(groups->models, name->valuestring);
            if (!cJSON_HasObjectItem(group, model->valuestring))
                cJSON_AddTrueToObject(group, model->valuestring);
        }
    }
    cJSON_Delete(names);
    cJSON_Delete(models);
}

/* ---- tokens ---- */

void
import_channels_token(struct import_plan *plan, const struct import_token *token,
                      const struct import_groups *groups, int64_t now_us)
{
    char name[LIMIT_NAME];
    size_t len = strlen(token->key);

    if (is_out(plan, token, now_us))
        return;
    snprintf(name, sizeof(name), "token-%" PRId64, token->id);
    struct import_key *key = import_plan_key(plan, token->name[0] == '\0' ? name : token->name);
    key->owner = import_plan_print(plan, "%.*s", LIMIT_NAME - 1, token->user);
    key->last4 = import_plan_text(plan, slice_str(len >= 4 ? token->key + len - 4 : ""));
    key->expires_us = token->expired_s > 0 ? token->expired_s * 1000000 : 0;
    key->is_disabled = token->status != ENABLED || token->is_user_disabled;
    if (key->is_disabled)
        import_plan_note_key(plan, key, "disabled, as it or its user was");
    if (!token->is_unlimited) {
        int64_t units = token->remaining < UNITS_MOST ? token->remaining : UNITS_MOST;

        key->quotas[key->n_quotas++] =
            (struct import_quota){.amount_nusd = units * NUSD_PER_UNIT, .period = "total"};
    }
    take_models(plan, token, groups, key);
    take_networks(plan, token, key);
}

static bool
is_out(struct import_plan *plan, const struct import_token *token, int64_t now_us)
{
    bool is_expired = token->status == TOKEN_EXPIRED ||
                      (token->expired_s > 0 && token->expired_s <= now_us / 1000000);
    bool is_exhausted =
        token->status == TOKEN_EXHAUSTED || (!token->is_unlimited && token->remaining <= 0);

    if (is_expired)
        import_plan_note(plan, "token %" PRId64 " (%s): it has expired, and is left out", token->id,
                         token->name);
    else if (is_exhausted)
        import_plan_note(plan, "token %" PRId64 " (%s): its quota is used up, it is left out",
                         token->id, token->name);
    return is_expired || is_exhausted;
}

/* Its own list, of the models of its group; a group that has all models is no limit. */
static void
take_models(struct import_plan *plan, const struct import_token *token,
            const struct import_groups *groups, struct import_key *key)
{
    const char *name = token->group[0] != '\0' ? token->group : token->user_group;
    const cJSON *group =
        cJSON_GetObjectItemCaseSensitive(groups->models, name[0] == '\0' ? "default" : name);
    bool has_all = cJSON_GetArraySize(group) == cJSON_GetArraySize(groups->all);
    cJSON *own = list_of(token->models);
    const cJSON *model;

    if (strcmp(name, "auto") == 0) {
        import_plan_note_key(plan, key, "its group was auto: all models");
        group = groups->all;
        has_all = true;
    }
    key->has_all_models = has_all && cJSON_GetArraySize(own) == 0;
    cJSON_ArrayForEach(model, (cJSON_GetArraySize(own) == 0 && !has_all ? group : NULL))
    {
        if (import_plan_find_model(plan, model->string) != NULL)
            import_plan_allow(plan, key, model->string);
    }
    cJSON_ArrayForEach(model, own)
    {
        if (has_all || cJSON_HasObjectItem(group, model->valuestring))
            import_plan_allow(plan, key, model->valuestring);
        else
            import_plan_note_key(plan, key, "its group has no %s", model->valuestring);
    }
    cJSON_Delete(own);
}

/* Where not all of them fit, none would be wider than it was: so nobody may use it. */
static void
take_networks(struct import_plan *plan, const struct import_token *token, struct import_key *key)
{
    cJSON *networks = list_of(token->networks);
    const cJSON *one;

    cJSON_ArrayForEach(one, networks)
    {
        struct address_range range;

        if (key->n_networks < LIMIT_KEY_NETWORKS &&
            address_range_parse(slice_str(one->valuestring), &range) == 0) {
            key->networks[key->n_networks++] = import_plan_text(plan, slice_str(one->valuestring));
            continue;
        }
        key->is_disabled = true;
        import_plan_note_key(plan, key, "disabled: cannot be limited to %s as well",
                             one->valuestring);
    }
    cJSON_Delete(networks);
}

static cJSON *
list_of(const char *text)
{
    cJSON *object = cJSON_CreateObject();

    cJSON_AddStringToObject(object, "list", text);
    cJSON *list = import_json_list(object, "list");
    cJSON_Delete(object);
    return list;
}
