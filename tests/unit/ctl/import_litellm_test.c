/* SPDX-License-Identifier: ISC
 *
 * LiteLLM's files in tests/import: what becomes of them, and what is said of the rest.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_litellm.h"
#include "import_write.h"
#include "import_yaml.h"
#include "relayos/base/fdio.h"

#define NOW_US INT64_C(1795000000000000) /* November 2026 */

static char *
no_env(const char *name)
{
    (void)name;
    return NULL;
}

static void
read_text(const char *path, struct buf *out)
{
    struct errmsg why;

    buf_init(out, 1 << 20);
    cr_assert_eq(fdio_read_file(path, out, &why), 0, "%s", why.text);
}

static cJSON *
read_yaml(struct slice text)
{
    struct errmsg why;
    cJSON *tree = NULL;

    cr_assert_eq(import_yaml_parse(text, &tree, &why), 0, "%s", why.text);
    return tree;
}

static cJSON *
read_json(const char *path)
{
    struct buf text;

    read_text(path, &text);
    cJSON *tree = cJSON_ParseWithLength(text.ptr, text.len);
    cr_assert_not_null(tree, "%s", path);
    buf_fini(&text);
    return tree;
}

static void
read_all(struct import_plan *plan)
{
    cJSON *prices = read_json("tests/import/litellm_prices.json");
    cJSON *keys = read_json("tests/import/litellm_keys.json");
    cJSON *teams = read_json("tests/import/litellm_teams.json");
    struct buf text;

    read_text("tests/import/litellm.yaml", &text);
    cJSON *config = read_yaml(buf_slice(&text));
    import_plan_init(plan, "LiteLLM");
    import_litellm_config(config, prices, no_env, plan);
    import_litellm_keys(keys, teams, NOW_US, plan);
    import_plan_finish(plan);
    buf_fini(&text);
    cJSON_Delete(config);
    cJSON_Delete(prices);
    cJSON_Delete(keys);
    cJSON_Delete(teams);
}

static bool
has_note(const struct import_plan *plan, const char *part)
{
    for (size_t n = 0; n < plan->n_notes; n++) {
        if (strstr(plan->notes[n], part) != NULL)
            return true;
    }
    return false;
}

static const struct import_key *
find_key(const struct import_plan *plan, const char *name)
{
    for (size_t n = 0; n < plan->n_keys; n++) {
        if (strcmp(plan->keys[n].name, name) == 0)
            return &plan->keys[n];
    }
    cr_assert_fail("no key %s", name);
    return NULL;
}

/* A config of one model with these parameters. */
static void
read_one(const char *params, struct import_plan *plan)
{
    char text[1024];

    snprintf(text, sizeof(text), "model_list: [{model_name: m, litellm_params: {%s}}]", params);
    cJSON *config = read_yaml(slice_str(text));
    import_plan_init(plan, "LiteLLM");
    import_litellm_config(config, NULL, no_env, plan);
    cJSON_Delete(config);
}

Test(import_litellm, deployments_of_one_name_are_routes_of_one_model)
{
    struct import_plan plan;

    read_all(&plan);
    const struct import_model *model = import_plan_find_model(&plan, "gpt-4o");
    cr_assert_eq(model->n_routes, 2);
    cr_assert_str_eq(plan.upstreams[model->routes[0].upstream].url, "https://api.openai.com/v1");
    cr_assert_str_eq(plan.upstreams[model->routes[1].upstream].url,
                     "https://my-resource.openai.azure.com/openai");
    cr_assert_str_eq(model->routes[1].model, "gpt-4o-eu");
    cr_assert_eq(model->routes[0].weight, 2);
    cr_assert_eq(model->routes[1].weight, 1);
    cr_assert_eq(model->n_fallbacks, 1);
    cr_assert_str_eq(model->fallbacks[0], "claude");
    cr_assert_eq(model->fallback_on, IMPORT_ON_FAILURE | IMPORT_ON_OVERFLOW);
    import_plan_fini(&plan);
}

Test(import_litellm, orders_become_tiers)
{
    struct import_plan plan;

    read_all(&plan);
    const struct import_model *model = import_plan_find_model(&plan, "claude");
    cr_assert_eq(model->routes[0].order, 0);
    cr_assert_eq(model->routes[1].order, 1);
    cr_assert_eq(model->routes[1].max_concurrent, 8);
    import_plan_fini(&plan);
}

Test(import_litellm, prices_are_exact_and_come_from_where_litellm_looks)
{
    struct import_plan plan;

    read_all(&plan);
    const struct import_model *listed = import_plan_find_model(&plan, "gpt-4o");
    cr_assert_eq(listed->price.input, INT64_C(2500000000));
    cr_assert_eq(listed->price.output, INT64_C(10000000000));
    cr_assert_eq(listed->price.cache_read, INT64_C(1250000000));
    cr_assert_eq(listed->routes[1].price.input, INT64_C(2750000000), "by its base_model");
    cr_assert_eq(listed->max_output_tokens, 16384);
    const struct import_model *own = import_plan_find_model(&plan, "claude");
    cr_assert_eq(own->price.output, INT64_C(15000000000));
    cr_assert_eq(own->price.cache_write, INT64_C(3750000000));
    const struct import_model *tiered = import_plan_find_model(&plan, "long");
    cr_assert_eq(tiered->price.above, 200000);
    cr_assert_eq(tiered->price.above_output, INT64_C(15000000000));
    cr_assert_eq(tiered->price.above_cache_read, INT64_C(125000000), "as below it");
    import_plan_fini(&plan);
}

Test(import_litellm, a_model_without_a_price_serves_nobody)
{
    struct import_plan plan;

    read_all(&plan);
    const struct import_model *model = import_plan_find_model(&plan, "unpriced");
    cr_assert(model->routes[0].is_disabled);
    cr_assert(has_note(&plan, "model unpriced: no price"));
    cr_assert_not(import_plan_find_model(&plan, "local")->routes[0].is_disabled, "free is a price");
    import_plan_fini(&plan);
}

Test(import_litellm, an_alias_is_a_model_with_the_same_routes)
{
    struct import_plan plan;

    read_all(&plan);
    cr_assert_eq(import_plan_find_model(&plan, "gpt-4")->n_routes, 2);
    import_plan_fini(&plan);
}

Test(import_litellm, settings_with_a_counterpart_are_taken)
{
    struct import_plan plan;

    read_all(&plan);
    cr_assert_eq(plan.settings.attempts, 3);
    cr_assert_eq(plan.settings.breaker_failures, 3);
    cr_assert_eq(plan.settings.open_time_us, INT64_C(60000000));
    cr_assert_eq(plan.settings.total_timeout_us, INT64_C(120000000));
    cr_assert_str_eq(plan.settings.policy, "weighted");
    import_plan_fini(&plan);
}

Test(import_litellm, what_cannot_be_carried_over_is_said)
{
    static const char *const parts[] = {"bedrock/anthropic",
                                        "model_list[8] (openai/*): there are no wildcards",
                                        "general_settings.alerting",
                                        "litellm_settings.success_callback",
                                        "master_key",
                                        "litellm_params.timeout",
                                        "litellm_params.rpm",
                                        "gone"};
    struct import_plan plan;

    read_all(&plan);
    for (size_t n = 0; n < sizeof(parts) / sizeof(parts[0]); n++)
        cr_expect(has_note(&plan, parts[n]), "%s", parts[n]);
    cr_expect_not(has_note(&plan, "drop_params"));
    cr_expect_null(import_plan_find_model(&plan, "bedrock-claude"));
    import_plan_fini(&plan);
}

Test(import_litellm, no_secret_is_in_what_is_shown)
{
    static const char *const secrets[] = {"sk-azure-literal-0123456789", "sk-1234-master",
                                          "5a1f0000"};
    struct import_plan plan;
    struct buf text;

    read_all(&plan);
    buf_init(&text, 1 << 20);
    import_write_yaml(&plan, NULL, &text);
    import_write_yaml(&plan, "/etc/relayos/keys", &text);
    import_write_keys(&plan, &text);
    for (size_t n = 0; n < sizeof(secrets) / sizeof(secrets[0]); n++)
        cr_expect_null(memmem(text.ptr, text.len, secrets[n], strlen(secrets[n])), "%s",
                       secrets[n]);
    cr_expect_not_null(memmem(text.ptr, text.len, "/etc/relayos/keys/azure.key",
                              strlen("/etc/relayos/keys/azure.key")));
    buf_fini(&text);
    import_plan_fini(&plan);
}

Test(import_litellm, a_provider_is_found_as_litellm_finds_it)
{
    static const struct {
        const char *params, *url, *model;
    } cases[] = {
        {"model: gpt-4.1", "https://api.openai.com/v1", "gpt-4.1"},
        {"model: claude-3-7-sonnet-latest", "https://api.anthropic.com/v1",
         "claude-3-7-sonnet-latest"},
        {"model: gemini/gemini-2.5-pro", "https://generativelanguage.googleapis.com/v1beta",
         "gemini-2.5-pro"},
        {"model: groq/llama-3.3-70b", "https://api.groq.com/openai/v1", "llama-3.3-70b"},
        {"model: openai/in-house, api_base: 'http://127.0.0.1:9/v1/'", "http://127.0.0.1:9/v1",
         "in-house"},
        {"model: in-house, api_base: 'http://127.0.0.1:9'", "http://127.0.0.1:9/v1", "in-house"},
        {"model: a/b, custom_llm_provider: openrouter", "https://openrouter.ai/api/v1", "a/b"},
        {"model: azure/d, api_base: 'https://r.openai.azure.com/openai/v1'",
         "https://r.openai.azure.com/openai/v1", "d"},
        {"model: anthropic/c, api_base: 'https://proxy.example/v1/messages'",
         "https://proxy.example/v1", "c"},
    };

    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        struct import_plan plan;

        read_one(cases[n].params, &plan);
        cr_assert_eq(plan.n_models, 1, "%s: %s", cases[n].params,
                     plan.n_notes > 0 ? plan.notes[0] : "");
        cr_expect_str_eq(plan.upstreams[0].url, cases[n].url);
        cr_expect_str_eq(plan.models[0].routes[0].model, cases[n].model);
        import_plan_fini(&plan);
    }
}

Test(import_litellm, an_address_in_a_variable_that_is_not_set_is_no_address)
{
    struct import_plan plan;

    read_one("model: openai/x, api_base: os.environ/NOWHERE", &plan);
    cr_assert_eq(plan.n_models, 0);
    cr_assert(has_note(&plan, "NOWHERE"));
    import_plan_fini(&plan);
}

Test(import_litellm, a_keys_limits_are_never_wider_than_they_were)
{
    struct import_plan plan;

    read_all(&plan);
    const struct import_key *key = find_key(&plan, "ci");
    cr_assert_str_eq(key->owner, "alice");
    cr_assert_str_eq(key->last4, "Xy12");
    cr_assert_eq(key->n_models, 2);
    cr_assert_eq(key->n_quotas, 2);
    cr_assert_eq(key->quotas[0].amount_nusd, INT64_C(50000000000));
    cr_assert_str_eq(key->quotas[0].period, "month");
    cr_assert_str_eq(key->quotas[1].period, "day");
    cr_assert_str_eq(key->quotas[1].model, "claude");
    cr_assert_eq(key->requests_per_minute, 60);
    cr_assert_eq(key->max_concurrent, 4);

    key = find_key(&plan, "ci-2");
    cr_assert_str_eq(key->owner, "platform", "what the admin made for a team is the team's");
    cr_assert(key->is_disabled);
    cr_assert_eq(key->quotas[0].amount_nusd, INT64_C(7000000000), "what is left for ever");
    cr_assert_str_eq(key->quotas[0].period, "total");
    cr_assert_eq(key->expires_us, INT64_C(1803859200000000));
    cr_assert_eq(key->n_models, 1, "its team's");

    key = find_key(&plan, "sk-...0000");
    cr_assert(key->is_disabled, "nobody knows its models: all would be too many");
    cr_assert_eq(find_key(&plan, "quarterly")->quotas[0].amount_nusd, INT64_C(30000000000));
    cr_assert_eq(plan.n_keys, 5, "one has expired, one is none");
    cr_assert(has_note(&plan, "it has no token"));
    key = find_key(&plan, "partial");
    cr_assert(key->is_disabled, "what its limits were is not in the export");
    cr_assert_not_null(strstr(key->notes, "no max_budget"), "%s", key->notes);
    import_plan_fini(&plan);
}
