/* SPDX-License-Identifier: ISC
 *
 * LiteLLM's virtual keys. It keeps SHA-256 of each, RelayOS an HMAC under its own pepper: a key
 * that nobody has in clear cannot be carried over, so each becomes a new one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_json.h"
#include "import_litellm.h"
#include "value.h"

#define NUSD_PER_USD  1e9
#define MOST_NUSD     INT64_C(1000000000000000000)
#define RATE_MOST     INT64_C(1000000000)
#define DAYS_OF_WEEK  7
#define DAYS_OF_MONTH 30

static void add_key(const cJSON *item, const cJSON *teams, int64_t now_us,
                    struct import_plan *plan);
static bool is_over(const cJSON *item, const char *name, int64_t now_us, int64_t *out_expires_us,
                    struct import_plan *plan);
static bool is_whole(const cJSON *item, struct import_plan *plan, struct import_key *key);
static const char *name_of(const cJSON *item);
static const char *last4_of(const cJSON *item);
static const cJSON *team_of(const cJSON *item, const cJSON *teams);
static const char *owner_of(const cJSON *item, const cJSON *team);
static void take_models(const cJSON *item, const cJSON *team, struct import_plan *plan,
                        struct import_key *key);
static void take_budgets(const cJSON *item, struct import_plan *plan, struct import_key *key);
static void add_budget(double usd, const char *duration, const char *model,
                       struct import_plan *plan, struct import_key *key);
static double days_of(const char *duration);
static void note_rest(const cJSON *item, struct import_plan *plan, struct import_key *key);

void
import_litellm_keys(const cJSON *keys, const cJSON *teams, int64_t now_us, struct import_plan *plan)
{
    const cJSON *item;

    keys = cJSON_IsObject(keys) ? import_json_get(keys, "keys") : keys;
    teams = cJSON_IsObject(teams) ? import_json_get(teams, "teams") : teams;
    cJSON_ArrayForEach(item, keys)
    {
        if (!cJSON_IsObject(item))
            import_plan_note(plan, "a key is a hash alone: export with return_full_object=true");
        else if (import_json_text(item, "token")[0] == '\0')
            import_plan_note(plan, "an entry of the list of keys is no key: it has no token");
        else
            add_key(item, teams, now_us, plan);
    }
}

static void
add_key(const cJSON *item, const cJSON *teams, int64_t now_us, struct import_plan *plan)
{
    const cJSON *team = team_of(item, teams);
    const char *name = name_of(item);
    int64_t expires_us = 0;

    if (is_over(item, name, now_us, &expires_us, plan))
        return;
    struct import_key *key = import_plan_key(plan, name);
    key->expires_us = expires_us;
    key->last4 = import_plan_text(plan, slice_str(last4_of(item)));
    key->owner = import_plan_print(plan, "%.*s", LIMIT_NAME - 1, owner_of(item, team));
    key->requests_per_minute = import_json_count(item, "rpm_limit", RATE_MOST);
    key->tokens_per_minute = import_json_count(item, "tpm_limit", LIMIT_TOKENS);
    key->max_concurrent = import_json_count(item, "max_parallel_requests", RATE_MOST);
    if (import_json_bool(item, "blocked")) {
        key->is_disabled = true;
        import_plan_note_key(plan, key, "disabled, as it was blocked");
    }
    if (!is_whole(item, plan, key))
        key->is_disabled = true;
    take_models(item, team, plan, key);
    take_budgets(item, plan, key);
    note_rest(item, plan, key);
}

/* "2026-12-31T00:00:00Z", "2026-12-31 00:00:00+00:00", with parts of seconds. */
static bool
is_over(const cJSON *item, const char *name, int64_t now_us, int64_t *out_expires_us,
        struct import_plan *plan)
{
    const char *text = import_json_text(item, "expires");
    int64_t expires_us = 0;
    struct errmsg why;
    char day[32];

    if (text[0] == '\0')
        return false;
    snprintf(day, sizeof(day), "%.19s", text);
    if (strlen(day) == 19) {
        day[10] = 'T';
        strcpy(day + 19, "Z");
    }
    if (value_expiry(day, now_us, &expires_us, &why) != 0) {
        import_plan_note(plan, "key %s: expires %s is no date; it is left out", name, text);
        return true;
    }
    if (expires_us <= now_us)
        import_plan_note(plan, "key %s: it has expired, and is left out", name);
    *out_expires_us = expires_us;
    return expires_us <= now_us;
}

/* What is not in an export may have been a limit: null says that there is none, absence nothing. */
static bool
is_whole(const cJSON *item, struct import_plan *plan, struct import_key *key)
{
    static const char *const names[] = {"models",    "max_budget", "spend",  "expires",
                                        "rpm_limit", "tpm_limit",  "blocked"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        if (!cJSON_HasObjectItem(item, names[n])) {
            import_plan_note_key(plan, key, "disabled: the export has no %s", names[n]);
            return false;
        }
    }
    return true;
}

static const char *
name_of(const cJSON *item)
{
    static const char *const names[] = {"key_alias", "key_name", "token"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        if (import_json_text(item, names[n])[0] != '\0')
            return import_json_text(item, names[n]);
    }
    return "key";
}

/* key_name is "sk-...abcd". */
static const char *
last4_of(const cJSON *item)
{
    const char *name = import_json_text(item, "key_name");
    size_t len = strlen(name);

    return len >= 4 ? name + len - 4 : "";
}

static const cJSON *
team_of(const cJSON *item, const cJSON *teams)
{
    const char *id = import_json_text(item, "team_id");
    const cJSON *team;

    cJSON_ArrayForEach(team, (id[0] == '\0' ? NULL : teams))
    {
        if (strcmp(import_json_text(team, "team_id"), id) == 0)
            return team;
    }
    return NULL;
}

/* What LiteLLM's own admin made for a team is the team's. */
static const char *
owner_of(const cJSON *item, const cJSON *team)
{
    const char *user = import_json_text(item, "user_id"), *id = import_json_text(item, "team_id");
    const char *alias = import_json_text(team, "team_alias");

    if (user[0] != '\0' && (id[0] == '\0' || strcmp(user, "default_user_id") != 0))
        return user;
    return alias[0] != '\0' ? alias : id;
}

static void
take_models(const cJSON *item, const cJSON *team, struct import_plan *plan, struct import_key *key)
{
    cJSON *models = import_json_list(item, "models");
    const cJSON *model;
    bool is_all = cJSON_GetArraySize(models) == 0 && import_json_text(item, "team_id")[0] == '\0';
    bool is_team = cJSON_GetArraySize(models) == 0 && !is_all;

    cJSON_ArrayForEach(model, models)
    {
        if (strcmp(model->valuestring, "all-proxy-models") == 0)
            is_all = true;
        else if (strcmp(model->valuestring, "all-team-models") == 0)
            is_team = true;
        else
            import_plan_allow(plan, key, model->valuestring);
    }
    cJSON_Delete(models);
    if (is_team && team == NULL)
        import_plan_note_key(plan, key, "its models are those of its team: see --teams");
    models = import_json_list(is_team ? team : NULL, "models");
    if (is_team && team != NULL && cJSON_GetArraySize(models) == 0)
        is_all = true;
    cJSON_ArrayForEach(model, models)
    {
        if (strcmp(model->valuestring, "all-proxy-models") == 0)
            is_all = true;
        else
            import_plan_allow(plan, key, model->valuestring);
    }
    cJSON_Delete(models);
    key->has_all_models = is_all;
}

static void
take_budgets(const cJSON *item, struct import_plan *plan, struct import_key *key)
{
    cJSON *by_model = import_json_object(item, "model_max_budget");
    const char *duration = import_json_text(item, "budget_duration");
    double usd = 0, spent = 0;
    const cJSON *one;

    (void)import_json_number(item, "spend", &spent);
    if (import_json_number(item, "max_budget", &usd)) {
        if (duration[0] == '\0')
            usd = spent < usd ? usd - spent : 0; /* it never comes back: what is left */
        else if (spent > 0)
            import_plan_note_key(plan, key, "what it has spent in this period begins at 0");
        add_budget(usd, duration, NULL, plan, key);
    }
    cJSON_ArrayForEach(one, by_model)
    {
        const char *of = import_json_text(one, "time_period");

        if (!import_json_number(one, "budget_limit", &usd) &&
            !import_json_number(one, "max_budget", &usd))
            continue;
        if (import_plan_find_model(plan, one->string) == NULL)
            import_plan_note_key(plan, key, "a budget for %s, which is not there", one->string);
        else
            add_budget(usd, of[0] != '\0' ? of : import_json_text(one, "budget_duration"),
                       import_plan_text(plan, slice_str(one->string)), plan, key);
    }
    cJSON_Delete(by_model);
}

/* Never more in a stretch of time than it was: what lies between our periods takes the next longer
 * one, what is longer than a month its share of a month. */
static void
add_budget(double usd, const char *duration, const char *model, struct import_plan *plan,
           struct import_key *key)
{
    static const struct {
        const char *period;
        double days;
    } periods[] = {{"day", 1}, {"week", DAYS_OF_WEEK}, {"month", DAYS_OF_MONTH + 1}};
    double days = duration[0] == '\0' ? 0 : days_of(duration), nusd = usd * NUSD_PER_USD;
    struct import_quota quota = {.period = days > 0 ? "month" : "total", .model = model};

    if (duration[0] != '\0' && days <= 0) {
        import_plan_note_key(plan, key, "a budget for %s, which is no length of time", duration);
        key->is_disabled = true;
        return;
    }
    for (size_t n = 0; days > 0 && n < sizeof(periods) / sizeof(periods[0]); n++) {
        if (days <= periods[n].days) {
            quota.period = periods[n].period;
            break;
        }
    }
    if (days > DAYS_OF_MONTH + 1)
        nusd = nusd * DAYS_OF_MONTH / days;
    bool is_exact = days == 0 || days == 1 || days == DAYS_OF_WEEK || days == DAYS_OF_MONTH ||
                    days == DAYS_OF_MONTH + 1;
    if (!is_exact)
        import_plan_note_key(plan, key, "a budget for %s has become one for a %s", duration,
                             quota.period);
    quota.amount_nusd = nusd < 0 ? 0 : nusd > (double)MOST_NUSD ? MOST_NUSD : (int64_t)nusd;
    if (quota.amount_nusd == 0) { /* there is no quota of nothing here */
        import_plan_note_key(plan, key, "disabled: its budget is used up");
        key->is_disabled = true;
    } else if (key->n_quotas == LIMIT_KEY_LIMITS) {
        import_plan_note_key(plan, key, "disabled: it had more than %d budgets", LIMIT_KEY_LIMITS);
        key->is_disabled = true;
    } else {
        key->quotas[key->n_quotas++] = quota;
    }
}

/* "30s", "12h", "7d", "1w", "1mo"; 0: none of them. */
static double
days_of(const char *duration)
{
    static const struct {
        const char *unit;
        double days;
    } units[] = {{"s", 1.0 / 86400}, {"m", 1.0 / 1440},   {"h", 1.0 / 24},
                 {"d", 1},           {"w", DAYS_OF_WEEK}, {"mo", DAYS_OF_MONTH}};
    char *unit = NULL;
    double n = strtod(duration, &unit);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(unit, units[i].unit) == 0)
            return n * units[i].days;
    }
    return 0;
}

static void
note_rest(const cJSON *item, struct import_plan *plan, struct import_key *key)
{
    static const char *const names[] = {
        "aliases",         "permissions",         "allowed_routes",  "budget_limits",
        "soft_budget",     "model_rpm_limit",     "model_tpm_limit", "guardrails",
        "router_settings", "object_permission_id"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        const cJSON *member = import_json_get(item, names[n]);
        const char *text = cJSON_GetStringValue(member);
        bool is_empty = member == NULL || (text == NULL && cJSON_GetArraySize(member) == 0 &&
                                           !cJSON_IsNumber(member) && !cJSON_IsTrue(member));

        if (!is_empty && (text == NULL || strlen(text) > 2)) /* "{}" and "[]" */
            import_plan_note_key(plan, key, "%s", names[n]);
    }
}
