/* SPDX-License-Identifier: ISC
 *
 * Counting the tokens of a request at an upstream that speaks Gemini. Prefix: translate_.
 */
#include "relayos/codec/json_out.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"

void
translate_count_request(struct slice model, struct slice body, struct buf *out)
{
    const bool is_path = model.len > 0 && memchr(model.ptr, '/', model.len) != NULL;

    buf_append_str(out, "{\"generateContentRequest\":{\"model\":\"");
    buf_append_str(out, is_path ? "" : "models/");
    json_escape(out, model);
    buf_append_str(out, "\",");
    buf_append_slice(out, slice_sub(body, 1, body.len)); /* its opening bracket is written */
    buf_append_byte(out, '}');
}

int
translate_count_reply(struct slice body, int64_t *out_tokens)
{
    struct json_object object;
    struct json_error error;

    if (json_scan_object(body, &object, &error) != 0)
        return ERR_UPSTREAM_ERROR;
    const struct json_member *total = json_find(&object, "totalTokens");
    if (total == NULL || json_int(total->value, out_tokens) != 0 || *out_tokens < 0)
        return ERR_UPSTREAM_ERROR;
    return 0;
}
