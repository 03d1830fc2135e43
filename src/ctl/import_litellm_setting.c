/* SPDX-License-Identifier: ISC */
#include "import_litellm_setting.h"

#include <string.h>

#include "import_json.h"

#define SECOND           INT64_C(1000000)
#define DAY_S            86400
#define OPEN_TIME_MOST_S 3600
#define BREAKER_MOST     1000

typedef void take_setting(const cJSON *value, struct import_plan *plan);

static take_setting take_nothing, take_strategy, take_retries, take_allowed_fails, take_cooldown,
    take_timeout, take_fallbacks, take_overflow_fallbacks, take_policy_fallbacks,
    take_default_fallbacks, take_aliases, take_master_key;

/* "": in router_settings and litellm_settings alike. */
static const struct {
    const char *section, *name;
    take_setting *take;
} rows[] = {
    {"router_settings", "model_group_alias", take_aliases}, /* first: aliases may fall back, too */
    {"router_settings", "routing_strategy", take_strategy},
    {"", "num_retries", take_retries},
    {"", "allowed_fails", take_allowed_fails},
    {"", "cooldown_time", take_cooldown},
    {"router_settings", "timeout", take_timeout},
    {"litellm_settings", "request_timeout", take_timeout},
    {"", "fallbacks", take_fallbacks},
    {"", "context_window_fallbacks", take_overflow_fallbacks},
    {"", "content_policy_fallbacks", take_policy_fallbacks},
    {"", "default_fallbacks", take_default_fallbacks},
    {"general_settings", "master_key", take_master_key},
    /* What RelayOS has no need of, or does anyway. */
    {"general_settings", "database_url", take_nothing},
    {"litellm_settings", "drop_params", take_nothing},
    {"litellm_settings", "set_verbose", take_nothing},
    {"router_settings", "redis_host", take_nothing},
    {"router_settings", "redis_port", take_nothing},
    {"router_settings", "redis_password", take_nothing},
    {"router_settings", "enable_pre_call_checks", take_nothing},
};

static bool is_of(const char *row_section, const char *section);
static bool is_row(const char *section, const char *name);
static void add_fallbacks(const cJSON *list, unsigned when, struct import_plan *plan);
static void add_fallback(struct import_model *model, const char *name, unsigned when,
                         struct import_plan *plan);

void
import_litellm_setting_read(const cJSON *config, struct import_plan *plan)
{
    static const char *const sections[] = {"router_settings", "litellm_settings",
                                           "general_settings"};
    const cJSON *member, *section;

    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
            const cJSON *value =
                import_json_get(import_json_get(config, sections[i]), rows[n].name);

            if (value != NULL && is_of(rows[n].section, sections[i]))
                rows[n].take(value, plan);
        }
    }
    for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        cJSON_ArrayForEach(member, import_json_get(config, sections[i]))
        {
            if (!cJSON_IsNull(member) && !is_row(sections[i], member->string))
                import_plan_note(plan, "%s.%s", sections[i], member->string);
        }
    }
    cJSON_ArrayForEach(section, config)
    {
        bool is_known = strcmp(section->string, "model_list") == 0;

        for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
            is_known = is_known || strcmp(section->string, sections[i]) == 0;
        if (!is_known)
            import_plan_note(plan, "%s", section->string);
    }
}

static bool
is_of(const char *row_section, const char *section)
{
    return strcmp(row_section, section) == 0 ||
           (row_section[0] == '\0' && strcmp(section, "general_settings") != 0);
}

static bool
is_row(const char *section, const char *name)
{
    for (size_t n = 0; n < sizeof(rows) / sizeof(rows[0]); n++) {
        if (strcmp(rows[n].name, name) == 0 && is_of(rows[n].section, section))
            return true;
    }
    return false;
}

/* ---- routing ---- */

static void
take_nothing(const cJSON *value, struct import_plan *plan)
{
    (void)value;
    (void)plan;
}

static void
take_strategy(const cJSON *value, struct import_plan *plan)
{
    static const char *const policies[][2] = {
        {"simple-shuffle", "weighted"},       {"least-busy", "balanced"},
        {"latency-based-routing", "fastest"}, {"cost-based-routing", "cheapest"},
        {"usage-based-routing", "balanced"},  {"usage-based-routing-v2", "balanced"},
    };
    const char *name = cJSON_IsString(value) ? value->valuestring : "";

    for (size_t n = 0; n < sizeof(policies) / sizeof(policies[0]); n++) {
        if (strcmp(policies[n][0], name) == 0)
            plan->settings.policy = policies[n][1];
    }
    if (plan->settings.policy == NULL)
        import_plan_note(plan, "router_settings.routing_strategy %s", name);
}

static void
take_retries(const cJSON *value, struct import_plan *plan)
{
    int64_t n = cJSON_IsNumber(value) && value->valuedouble > 0 ? (int64_t)value->valuedouble : 0;

    plan->settings.attempts = n + 1 < LIMIT_ATTEMPTS ? n + 1 : LIMIT_ATTEMPTS;
    if (n + 1 > LIMIT_ATTEMPTS)
        import_plan_note(plan, "num_retries: a request makes at most %d attempts", LIMIT_ATTEMPTS);
}

static void
take_allowed_fails(const cJSON *value, struct import_plan *plan)
{
    double n = cJSON_IsNumber(value) ? value->valuedouble : 0;

    plan->settings.breaker_failures = n < 1 ? 1 : n > BREAKER_MOST ? BREAKER_MOST : (int64_t)n;
}

static void
take_cooldown(const cJSON *value, struct import_plan *plan)
{
    double s = cJSON_IsNumber(value) ? value->valuedouble : 0;

    if (s >= 1)
        plan->settings.open_time_us =
            s > OPEN_TIME_MOST_S ? OPEN_TIME_MOST_S * SECOND : (int64_t)s * SECOND;
}

static void
take_timeout(const cJSON *value, struct import_plan *plan)
{
    double s = cJSON_IsNumber(value) ? value->valuedouble : 0;

    if (s > 0 && s <= DAY_S)
        plan->settings.total_timeout_us = (int64_t)(s * (double)SECOND);
}

/* ---- models ---- */

static void
take_fallbacks(const cJSON *value, struct import_plan *plan)
{
    add_fallbacks(value, IMPORT_ON_FAILURE, plan);
}

static void
take_overflow_fallbacks(const cJSON *value, struct import_plan *plan)
{
    add_fallbacks(value, IMPORT_ON_OVERFLOW, plan);
}

static void
take_policy_fallbacks(const cJSON *value, struct import_plan *plan)
{
    add_fallbacks(value, IMPORT_ON_REFUSAL, plan);
}

/* [{"gpt-4": ["claude-3", ...]}, ...] */
static void
add_fallbacks(const cJSON *list, unsigned when, struct import_plan *plan)
{
    const cJSON *item, *of, *name;

    cJSON_ArrayForEach(item, list)
    {
        cJSON_ArrayForEach(of, item)
        {
            struct import_model *model = import_plan_find_model(plan, of->string);

            if (model == NULL)
                import_plan_note(plan, "fallbacks of %s, which is not there", of->string);
            cJSON_ArrayForEach(name, (model == NULL ? NULL : of))
            {
                add_fallback(model, cJSON_IsString(name) ? name->valuestring : "", when, plan);
            }
        }
    }
}

static void
add_fallback(struct import_model *model, const char *name, unsigned when, struct import_plan *plan)
{
    bool is_there = strcmp(model->name, name) == 0;

    model->fallback_on |= when;
    for (size_t n = 0; n < model->n_fallbacks; n++)
        is_there = is_there || strcmp(model->fallbacks[n], name) == 0;
    if (is_there)
        return;
    if (model->n_fallbacks == LIMIT_FALLBACKS)
        import_plan_note(plan, "model %s: at most %d models stand in, so not %s", model->name,
                         LIMIT_FALLBACKS, name);
    else
        model->fallbacks[model->n_fallbacks++] = import_plan_text(plan, slice_str(name));
}

static void
take_default_fallbacks(const cJSON *value, struct import_plan *plan)
{
    const cJSON *name;

    for (size_t n = 0; n < plan->n_models; n++) {
        cJSON_ArrayForEach(name, value)
        {
            add_fallback(&plan->models[n], cJSON_IsString(name) ? name->valuestring : "",
                         IMPORT_ON_FAILURE, plan);
        }
    }
}

/* {"gpt-4": "gpt-4o"} or {"gpt-4": {"model": "gpt-4o", "hidden": true}} */
static void
take_aliases(const cJSON *value, struct import_plan *plan)
{
    const cJSON *alias;

    cJSON_ArrayForEach(alias, value)
    {
        const char *name =
            cJSON_IsString(alias) ? alias->valuestring : import_json_text(alias, "model");
        struct import_model *made = import_plan_model(plan, alias->string);
        const struct import_model *model = import_plan_find_model(plan, name);

        if (made == NULL || model == NULL || made->n_routes > 0) {
            import_plan_note(plan, "router_settings.model_group_alias.%s", alias->string);
            continue;
        }
        for (size_t n = 0; n < model->n_routes; n++)
            import_plan_route(plan, made, &model->routes[n]);
        made->context_tokens = model->context_tokens;
        made->max_output_tokens = model->max_output_tokens;
    }
}

static void
take_master_key(const cJSON *value, struct import_plan *plan)
{
    (void)value;
    import_plan_note(plan, "general_settings.master_key: relayosctl and the control socket need "
                           "none; for scripts there is relayosctl admin-key create");
}
