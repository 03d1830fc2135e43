/* SPDX-License-Identifier: ISC */
#include "import_litellm.h"

#include <stdio.h>
#include <string.h>

#include "import_json.h"
#include "import_litellm_setting.h"
#include "import_price.h"
#include "import_provider.h"

#define WHERE_SIZE  192
#define WEIGHT_MOST INT64_C(1000000000)

struct reader {
    const cJSON *prices;
    import_litellm_env *env;
    struct import_plan *plan;
};

/* One entry of model_list. */
struct deployment {
    char where[WHERE_SIZE]; /* for notes */
    const char *name;       /* public */
    const cJSON *params, *info;
    const struct import_provider *provider;
    const char *model; /* the provider's */
};

static void add_deployment(const struct reader *reader, const cJSON *item, int n);
static bool find_provider(const struct reader *reader, struct deployment *deployment);
static const struct import_provider *guess_provider(const struct deployment *deployment);
static bool make_upstream(const struct reader *reader, const struct deployment *deployment,
                          struct import_upstream *out);
static const char *text_or_env(const struct reader *reader, const struct deployment *deployment,
                               const char *name);
static void take_credential(const struct reader *reader, const struct deployment *deployment,
                            struct import_upstream *upstream);
static void note_params(const struct reader *reader, const struct deployment *deployment);
static void add_route(const struct reader *reader, const struct deployment *deployment,
                      const struct import_upstream *upstream);
static struct import_price find_price(const struct reader *reader,
                                      const struct deployment *deployment,
                                      struct import_model *model);

void
import_litellm_config(const cJSON *config, const cJSON *prices, import_litellm_env *env,
                      struct import_plan *plan)
{
    const struct reader reader = {.prices = prices, .env = env, .plan = plan};
    const cJSON *item;
    int n = 0;

    cJSON_ArrayForEach(item, import_json_get(config, "model_list"))
    {
        add_deployment(&reader, item, n++);
    }
    if (n == 0)
        import_plan_note(plan, "model_list: it is empty; models that LiteLLM keeps in its database "
                               "(store_model_in_db) are not in the file");
    import_litellm_setting_read(config, plan);
}

static void
add_deployment(const struct reader *reader, const cJSON *item, int n)
{
    struct deployment deployment = {
        .name = import_json_text(item, "model_name"),
        .params = import_json_get(item, "litellm_params"),
        .info = import_json_get(item, "model_info"),
    };
    struct import_upstream upstream = {0};

    snprintf(deployment.where, sizeof(deployment.where), "model_list[%d] (%s)", n, deployment.name);
    if (strchr(deployment.name, '*') != NULL) {
        import_plan_note(reader->plan, "%s: there are no wildcards; name each model",
                         deployment.where);
        return;
    }
    if (!find_provider(reader, &deployment) || !make_upstream(reader, &deployment, &upstream))
        return;
    note_params(reader, &deployment);
    add_route(reader, &deployment, &upstream);
}

/* "groq/llama-3" is llama-3 at groq; without a provider before the slash LiteLLM guesses by the
 * name. */
static bool
find_provider(const struct reader *reader, struct deployment *deployment)
{
    const char *model = import_json_text(deployment->params, "model");
    const char *named = import_json_text(deployment->params, "custom_llm_provider");
    const char *slash = strchr(model, '/');
    struct slice prefix = slice_of(model, slash == NULL ? 0 : (size_t)(slash - model));

    deployment->model = model;
    deployment->provider = import_provider_named(slice_str(named));
    if (prefix.len > 0 && deployment->provider == NULL)
        deployment->provider = import_provider_named(prefix);
    if (deployment->provider != NULL && slice_eq_str(prefix, deployment->provider->name))
        deployment->model = slash + 1;
    if (deployment->provider == NULL && named[0] == '\0' && slash == NULL)
        deployment->provider = guess_provider(deployment);
    if (deployment->provider != NULL && deployment->model[0] != '\0')
        return true;
    import_plan_note(reader->plan, "%s: %s is with a provider that RelayOS does not speak to",
                     deployment->where, named[0] != '\0' ? named : model);
    return false;
}

static const struct import_provider *
guess_provider(const struct deployment *deployment)
{
    static const char *const begins[][2] = {
        {"gpt-", "openai"},   {"chatgpt-", "openai"},   {"o1", "openai"},
        {"o3", "openai"},     {"o4", "openai"},         {"text-embedding-", "openai"},
        {"codex-", "openai"}, {"claude-", "anthropic"},
    };

    for (size_t n = 0; n < sizeof(begins) / sizeof(begins[0]); n++) {
        if (strncmp(deployment->model, begins[n][0], strlen(begins[n][0])) == 0)
            return import_provider_named(slice_str(begins[n][1]));
    }
    bool has_base = import_json_get(deployment->params, "api_base") != NULL;
    return has_base ? import_provider_named(slice_str("custom_openai")) : NULL;
}

static bool
make_upstream(const struct reader *reader, const struct deployment *deployment,
              struct import_upstream *out)
{
    const struct import_provider *provider = deployment->provider;
    const char *base = text_or_env(reader, deployment, "api_base");

    if (base == NULL)
        return false;
    if (base[0] == '\0' && (base = text_or_env(reader, deployment, "base_url")) == NULL)
        return false;
    out->name = provider->name;
    out->protocols = provider->protocols;
    out->flavor = provider->flavor;
    out->url = import_provider_url(reader->plan, provider, base, deployment->where);
    if (out->url == NULL)
        return false;
    out->api_version =
        import_provider_version(provider, out->url, text_or_env(reader, deployment, "api_version"));
    if (out->api_version != NULL)
        out->api_version = import_plan_text(reader->plan, slice_str(out->api_version));
    take_credential(reader, deployment, out);
    return true;
}

/* NULL, with a note, where a variable is named that is not set here. */
static const char *
text_or_env(const struct reader *reader, const struct deployment *deployment, const char *name)
{
    static const struct slice prefix = {"os.environ/", 11};
    const char *text = import_json_text(deployment->params, name);

    if (!slice_starts_with(slice_str(text), prefix))
        return text;
    const char *value = reader->env(text + prefix.len);
    if (value == NULL)
        import_plan_note(reader->plan,
                         "%s: %s stands in %s, which is not set here: import again "
                         "where it is",
                         deployment->where, name, text + prefix.len);
    return value;
}

static void
take_credential(const struct reader *reader, const struct deployment *deployment,
                struct import_upstream *upstream)
{
    static const struct slice prefix = {"os.environ/", 11};
    const char *key = import_json_text(deployment->params, "api_key");
    const char *env = deployment->provider->env;

    if (slice_starts_with(slice_str(key), prefix)) {
        env = import_plan_text(reader->plan, slice_str(key + prefix.len));
        key = "";
    }
    if (key[0] == '\0' && env[0] == '\0')
        return;
    upstream->n_credentials = 1;
    upstream->credentials[0].env = key[0] == '\0' ? env : NULL;
    upstream->credentials[0].secret =
        key[0] == '\0' ? NULL : import_plan_text(reader->plan, slice_str(key));
}

/* Each parameter that nothing here stands for. */
static void
note_params(const struct reader *reader, const struct deployment *deployment)
{
    static const char *const known[] = {
        "model",
        "api_base",
        "base_url",
        "api_key",
        "api_version",
        "custom_llm_provider",
        "weight",
        "order",
        "max_parallel_requests",
        "input_cost_per_token",
        "output_cost_per_token",
        "cache_read_input_token_cost",
        "cache_creation_input_token_cost",
        "input_cost_per_request",
        "drop_params",
        "stream",
    };
    const cJSON *param;

    cJSON_ArrayForEach(param, deployment->params)
    {
        bool is_known = cJSON_IsNull(param);

        for (size_t n = 0; n < sizeof(known) / sizeof(known[0]); n++)
            is_known = is_known || strcmp(param->string, known[n]) == 0;
        bool is_rate = strcmp(param->string, "rpm") == 0 || strcmp(param->string, "tpm") == 0;
        if (!is_known)
            import_plan_note(reader->plan, "%s: litellm_params.%s%s", deployment->where,
                             param->string, is_rate ? " is no limit here" : "");
    }
}

static void
add_route(const struct reader *reader, const struct deployment *deployment,
          const struct import_upstream *upstream)
{
    struct import_model *model = import_plan_model(reader->plan, deployment->name);
    static const char *const shares[] = {"weight", "rpm", "tpm"};

    if (model == NULL)
        return;
    struct import_route route = {
        .upstream = import_plan_upstream(reader->plan, upstream),
        .model = import_plan_text(reader->plan, slice_str(deployment->model)),
        .order = import_json_count(deployment->params, "order", WEIGHT_MOST),
        .max_concurrent = import_json_count(deployment->params, "max_parallel_requests", 1000000),
        .price = find_price(reader, deployment, model),
    };
    for (size_t n = 0; n < sizeof(shares) / sizeof(shares[0]) && route.weight == 0; n++)
        route.weight = import_json_count(deployment->params, shares[n], WEIGHT_MOST);
    if (model->context_tokens == 0)
        model->context_tokens =
            import_json_count(deployment->info, "max_input_tokens", LIMIT_TOKENS);
    if (model->max_output_tokens == 0)
        model->max_output_tokens =
            import_json_count(deployment->info, "max_output_tokens", LIMIT_TOKENS);
    import_plan_route(reader->plan, model, &route);
}

/* As LiteLLM looks: the deployment, its model_info, then its list by base_model and by model. */
static struct import_price
find_price(const struct reader *reader, const struct deployment *deployment,
           struct import_model *model)
{
    const char *base = import_json_text(deployment->info, "base_model");
    const char *whole = import_json_text(deployment->params, "model");
    const char *const names[] = {base[0] == '\0' ? whole : base, whole, deployment->model, NULL};
    struct import_price price = import_price_of_litellm(deployment->params);

    if (!price.is_known)
        price = import_price_of_litellm(deployment->info);
    return price.is_known ? price : import_price_listed(reader->prices, names, model);
}
