/* SPDX-License-Identifier: ISC
 *
 * ways - see ways.h.
 */
#include "ways.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "json.h"

static const char *const ways_models[] = {"from-chat", "from-responses", "from-messages",
                                          "from-gemini"};
#define WAYS_N_MODELS (sizeof ways_models / sizeof *ways_models)
static const enum operation ways_operations[] = {OPERATION_CHAT, OPERATION_RESPONSE,
                                                 OPERATION_MESSAGE};

bool
ways_at(size_t n, struct way *out)
{
    size_t operation = n / (2 * WAYS_N_MODELS);

    if (operation == sizeof ways_operations / sizeof *ways_operations)
        return false;
    *out = (struct way){.call = call_of(ways_operations[operation]),
                        .model = ways_models[n / 2 % WAYS_N_MODELS],
                        .is_stream = n % 2 == 1};
    return true;
}

bool
ways_stream_at(size_t n, struct way *out)
{
    return ways_at(2 * n + 1, out);
}

int
ways_begin(const struct gateway *gateway, const struct way *way, const char *key, const char *text)
{
    char *body = call_body(way->call, way->model, way->is_stream, text);
    int fd = http_connect(gateway->port);

    cr_assert(fd >= 0 && http_request(fd, way->call->path, key, NULL, body));
    free(body);
    return fd;
}

char *
ways_text(const struct way *way, const struct http_reply *reply)
{
    cJSON *answer = way->is_stream ? json_events(reply) : json_body(reply);
    char *text =
        way->is_stream ? json_stream_text(answer) : strdup(json_text(answer, way->call->text_path));

    cJSON_Delete(answer);
    return text;
}

const char *
ways_fault(const struct way *way, const struct http_reply *reply, bool *out_is_error)
{
    *out_is_error = true;
    if (reply->end != HTTP_END_COMPLETE)
        return "the connection ended in mid-answer";
    if (reply->status != 200) {
        cJSON *body = json_body(reply);
        const char *fault = reply->status < 400                        ? "a status that is none"
                            : json_text(body, "error.message")[0] == 0 ? "an error without words"
                                                                       : NULL;

        cJSON_Delete(body);
        return fault;
    }
    if (way->is_stream) {
        struct ladder ladder =
            ladder_climb(way->call->protocol, (struct slice){reply->body, reply->body_len});

        *out_is_error = ladder.is_error;
        return ladder.fault;
    }
    cJSON *body = json_body(reply);
    const char *fault = cJSON_IsObject(body) ? NULL : "a body that is no object";

    *out_is_error = false;
    cJSON_Delete(body);
    return fault;
}
