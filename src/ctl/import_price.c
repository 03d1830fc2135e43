/* SPDX-License-Identifier: ISC */
#include "import_price.h"

#include <math.h>
#include <stdio.h>

#include "import_json.h"

#define NUSD_PER_USD     1e9
#define TOKENS_PER_PRICE 1e6
#define USD_PER_RATIO    2.0 /* 500,000 units of quota are a dollar; ratio 1 is a unit a token */

static int64_t to_nusd(double usd);
static int64_t per_token(const cJSON *object, const char *name);
static void take_tier(const cJSON *object, struct import_price *price);
static int64_t above(const cJSON *object, const char *name, int thousands, int64_t otherwise);

struct import_price
import_price_of_litellm(const cJSON *object)
{
    struct import_price price = {
        .input = per_token(object, "input_cost_per_token"),
        .output = per_token(object, "output_cost_per_token"),
        .cache_read = per_token(object, "cache_read_input_token_cost"),
        .cache_write = per_token(object, "cache_creation_input_token_cost"),
        .request = -1,
    };
    double request;

    if (import_json_number(object, "input_cost_per_request", &request))
        price.request = to_nusd(request);
    price.is_known = price.input >= 0 || price.output >= 0;
    if (price.input < 0)
        price.input = 0;
    if (price.output < 0)
        price.output = 0; /* embeddings have none */
    take_tier(object, &price);
    return price;
}

/* -1: no price that there can be. */
static int64_t
to_nusd(double usd)
{
    double nusd = round(usd * NUSD_PER_USD);

    return nusd >= 0 && nusd < (double)LIMIT_PRICE_NUSD ? (int64_t)nusd : -1;
}

static int64_t
per_token(const cJSON *object, const char *name)
{
    double usd;

    return import_json_number(object, name, &usd) ? to_nusd(usd * TOKENS_PER_PRICE) : -1;
}

/* input_cost_per_token_above_200k_tokens and its like; the first threshold is taken. */
static void
take_tier(const cJSON *object, struct import_price *price)
{
    const cJSON *member;
    int first = 0, thousands;

    cJSON_ArrayForEach(member, object)
    {
        bool is_tier = member->string != NULL &&
                       (sscanf(member->string, "input_cost_per_token_above_%dk", &thousands) == 1 ||
                        sscanf(member->string, "output_cost_per_token_above_%dk", &thousands) == 1);

        if (is_tier && !cJSON_IsNull(member) && thousands > 0 && thousands < 1000000 &&
            (first == 0 || thousands < first))
            first = thousands;
    }
    if (first == 0)
        return;
    price->above = first * INT64_C(1000);
    price->above_input = above(object, "input_cost_per_token", first, price->input);
    price->above_output = above(object, "output_cost_per_token", first, price->output);
    price->above_cache_read =
        above(object, "cache_read_input_token_cost", first, price->cache_read);
    price->above_cache_write =
        above(object, "cache_creation_input_token_cost", first, price->cache_write);
}

static int64_t
above(const cJSON *object, const char *name, int thousands, int64_t otherwise)
{
    char whole[96];

    snprintf(whole, sizeof(whole), "%s_above_%dk_tokens", name, thousands);
    int64_t nusd = per_token(object, whole);
    return nusd < 0 ? otherwise : nusd;
}

struct import_price
import_price_listed(const cJSON *list, const char *const *names, struct import_model *model)
{
    for (size_t n = 0; names[n] != NULL; n++) {
        const cJSON *row = import_json_get(list, names[n]);
        struct import_price price = import_price_of_litellm(row);

        if (row == NULL || !price.is_known)
            continue;
        if (model->context_tokens == 0)
            model->context_tokens = import_json_count(row, "max_input_tokens", LIMIT_TOKENS);
        if (model->max_output_tokens == 0)
            model->max_output_tokens = import_json_count(row, "max_output_tokens", LIMIT_TOKENS);
        return price;
    }
    return (struct import_price){0};
}

struct import_price
import_price_of_ratio(double ratio, double completion, double cache)
{
    double input = USD_PER_RATIO * ratio;

    return (struct import_price){
        .is_known = ratio >= 0 && completion >= 0, /* a guess would charge output as prompt */
        .input = to_nusd(input),
        .output = to_nusd(input * completion),
        .cache_read = cache < 0 ? -1 : to_nusd(input * cache),
        .cache_write = -1,
        .request = -1,
    };
}

struct import_price
import_price_of_request(double usd)
{
    return (struct import_price){
        .is_known = true, .cache_read = -1, .cache_write = -1, .request = to_nusd(usd)};
}
