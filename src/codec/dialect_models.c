/* SPDX-License-Identifier: ISC
 *
 * The list of models in the shape of either vendor. Prefix: dialect_.
 */
#include <time.h>

#include "dialect_parts.h"
#include "relayos/codec/json_out.h"

static void write_openai(const struct model_record *model, struct json_out *json);
static void write_anthropic(const struct model_record *model, struct json_out *json);
static void write_limit(struct json_out *json, const char *key, int64_t tokens);
static void write_one(enum protocol protocol, const struct model_record *model,
                      struct json_out *json);

void
dialect_write_model(enum protocol protocol, const struct model_record *model, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    write_one(protocol, model, &json);
}

void
dialect_write_model_list(enum protocol protocol, const struct model_record *const *models,
                         size_t n_models, bool has_more, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_out_object(&json, NULL);
    if (protocol != PROTOCOL_ANTHROPIC_MESSAGES)
        json_out_str(&json, "object", "list");
    json_out_array(&json, "data");
    for (size_t i = 0; i < n_models; i++)
        write_one(protocol, models[i], &json);
    json_out_end_array(&json);
    if (protocol == PROTOCOL_ANTHROPIC_MESSAGES) {
        json_out_bool(&json, "has_more", has_more);
        json_out_str(&json, "first_id", n_models == 0 ? NULL : models[0]->name);
        json_out_str(&json, "last_id", n_models == 0 ? NULL : models[n_models - 1]->name);
    }
    json_out_end_object(&json);
}

static void
write_one(enum protocol protocol, const struct model_record *model, struct json_out *json)
{
    json_out_object(json, NULL);
    if (protocol == PROTOCOL_ANTHROPIC_MESSAGES)
        write_anthropic(model, json);
    else
        write_openai(model, json);
    json_out_end_object(json);
}

static void
write_openai(const struct model_record *model, struct json_out *json)
{
    json_out_str(json, "id", model->name);
    json_out_str(json, "object", "model");
    json_out_int(json, "created", model->created_s);
    json_out_str(json, "owned_by", model->owned_by);
}

static void
write_anthropic(const struct model_record *model, struct json_out *json)
{
    time_t created = (time_t)model->created_s;
    char text[64] = "1970-01-01T00:00:00Z";
    struct tm tm;

    if (gmtime_r(&created, &tm) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_out_str(json, "type", "model");
    json_out_str(json, "id", model->name);
    json_out_str(json, "display_name",
                 model->display_name[0] == '\0' ? model->name : model->display_name);
    json_out_str(json, "created_at", text);
    write_limit(json, "max_input_tokens", model->context_tokens);
    write_limit(json, "max_tokens", model->max_output_tokens);
}

static void
write_limit(struct json_out *json, const char *key, int64_t tokens)
{
    if (tokens > 0)
        json_out_int(json, key, tokens);
    else
        json_out_null(json, key);
}
