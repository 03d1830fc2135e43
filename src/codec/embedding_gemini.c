/* SPDX-License-Identifier: ISC
 *
 * ":batchEmbedContents": one request for each text, one vector for each request. Tokens mean
 * something to the model they were made for only.
 */
#include "dialect_parts.h"
#include "embedding_vector.h"
#include "gemini_usage.h"
#include "relayos/codec/embedding.h"
#include "relayos/codec/json_out.h"

static int check(const struct json_object *body, struct refusal_reason *why);
static int check_input(const struct json_member *input, struct refusal_reason *why);
static bool next_text(const struct json_member *input, size_t *cursor, struct slice *out,
                      enum json_type *out_type);
static void write_one(struct json_out *json, struct slice model, struct slice text,
                      const struct json_member *dimensions);
static int write_vectors(struct slice embeddings, const struct embedding_answer *answer,
                         struct buf *out);

/* ---- the request ---- */

int
embedding_gemini_request(struct embedding_question *question, struct buf *out,
                         struct translate_dropped *dropped, struct refusal_reason *why)
{
    struct json_object object;
    struct json_error error;
    struct json_out json;
    struct slice text;
    enum json_type type;
    size_t cursor = 0;

    if (json_scan_object(question->body, &object, &error) != 0)
        return dialect_refuse(why, ERR_INVALID_REQUEST, "", "it cannot be read");
    int err = check(&object, why);
    if (err != 0)
        return err;
    const struct json_member *input = json_find(&object, "input");
    const struct json_member *user = json_find(&object, "user");
    if (user != NULL && user->type == JSON_STRING)
        translate_drop(dropped, "user");
    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_array(&json, "requests");
    for (; next_text(input, &cursor, &text, &type); question->n_texts++)
        write_one(&json, question->model, text, json_find(&object, "dimensions"));
    json_out_end_array(&json);
    json_out_end_object(&json);
    return 0;
}

static int
check(const struct json_object *body, struct refusal_reason *why)
{
    const struct json_member *dimensions = json_find(body, "dimensions");
    const struct json_member *encoding = json_find(body, "encoding_format");
    int64_t n;

    if (encoding != NULL && encoding->type == JSON_STRING &&
        !json_string_is(encoding->value, "float") && !json_string_is(encoding->value, "base64"))
        return dialect_refuse(why, ERR_UNSUPPORTED_PARAMETER, "encoding_format", "encoding_format");
    if (dimensions != NULL && dimensions->type != JSON_NULL &&
        (json_int(dimensions->value, &n) != 0 || n < 1 || n > INT32_MAX))
        return dialect_refuse(why, ERR_INVALID_REQUEST, "dimensions",
                              "dimensions must be a whole number above 0");
    return check_input(json_find(body, "input"), why);
}

static int
check_input(const struct json_member *input, struct refusal_reason *why)
{
    size_t cursor = 0, n = 0;
    struct slice text;
    enum json_type type;

    for (; next_text(input, &cursor, &text, &type); n++) {
        if (type == JSON_NUMBER || type == JSON_ARRAY)
            return dialect_refuse(why, ERR_INVALID_REQUEST, "input",
                                  "input must be text for this model: tokens are of another's");
        if (type != JSON_STRING)
            return dialect_refuse(why, ERR_INVALID_REQUEST, "input",
                                  "input must be a string or a list of strings");
    }
    if (n == 0 || n > EMBEDDING_MAX_GEMINI)
        return dialect_refuse(why, ERR_INVALID_REQUEST, "input",
                              "input must be 1 to %d texts for this model", EMBEDDING_MAX_GEMINI);
    return 0;
}

/* A single string is a list of one. */
static bool
next_text(const struct json_member *input, size_t *cursor, struct slice *out,
          enum json_type *out_type)
{
    if (input == NULL || input->type == JSON_ARRAY)
        return input != NULL && json_array_next(input->value, cursor, out, out_type);
    *out = input->value;
    *out_type = input->type;
    return (*cursor)++ == 0;
}

static void
write_one(struct json_out *json, struct slice model, struct slice text,
          const struct json_member *dimensions)
{
    const bool is_path = model.len > 0 && memchr(model.ptr, '/', model.len) != NULL;

    json_out_object(json, NULL);
    json_out_raw(json, "model", SLICE_LIT("\""));
    buf_append_str(json->buf, is_path ? "" : "models/");
    json_escape(json->buf, model);
    buf_append_byte(json->buf, '"');
    json_out_object(json, "content");
    json_out_array(json, "parts");
    json_out_object(json, NULL);
    json_out_raw(json, "text", text);
    json_out_end_object(json);
    json_out_end_array(json);
    json_out_end_object(json);
    if (dimensions != NULL && dimensions->type == JSON_NUMBER)
        json_out_raw(json, "outputDimensionality", dimensions->value);
    json_out_end_object(json);
}

/* ---- the answer ---- */

int
embedding_gemini_reply(struct slice body, const struct embedding_answer *answer, struct buf *out,
                       struct usage *usage)
{
    struct json_object object;
    struct json_error error;

    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *embeddings = json_find(&object, "embeddings");
    const struct json_member *metadata = json_find(&object, "usageMetadata");
    if (embeddings == NULL || embeddings->type != JSON_ARRAY)
        return ERR_UPSTREAM_ERROR;
    dialect_usage_clear(usage);
    usage->count[USAGE_REQUEST] = 1;
    if (metadata != NULL && metadata->type == JSON_OBJECT)
        gemini_usage_read(metadata->value, usage);

    buf_append_str(out, "{\"object\":\"list\",\"data\":[");
    int err = write_vectors(embeddings->value, answer, out);
    buf_append_str(out, "],\"model\":\"");
    json_escape(out, answer->model);
    bool has_input = (usage->totals & USAGE_SAID_INPUT) != 0;
    int64_t tokens = has_input ? usage->count[USAGE_INPUT] : answer->prompt_tokens;
    buf_printf(out, "\",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}",
               (long long)tokens, (long long)tokens);
    return err;
}

/* In the order of the texts: one too few would give others the vectors of their neighbours. */
static int
write_vectors(struct slice embeddings, const struct embedding_answer *answer, struct buf *out)
{
    size_t cursor = 0, n = 0;
    struct slice item;
    enum json_type type;
    struct json_member values;

    for (; json_array_next(embeddings, &cursor, &item, &type); n++) {
        int err = 0;

        if (type != JSON_OBJECT || !json_find_in(item, "values", &values) ||
            values.type != JSON_ARRAY)
            return ERR_UPSTREAM_ERROR;
        buf_printf(
            out, "%s{\"object\":\"embedding\",\"index\":%zu,\"embedding\":", n == 0 ? "" : ",", n);
        if (answer->encoding == EMBEDDING_BASE64)
            err = embedding_vector_pack(values.value, out);
        else
            buf_append_slice(out, values.value);
        if (err != 0)
            return ERR_UPSTREAM_ERROR;
        buf_append_byte(out, '}');
    }
    return n == answer->n_texts ? 0 : ERR_UPSTREAM_ERROR;
}
