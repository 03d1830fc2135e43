/* SPDX-License-Identifier: ISC
 *
 * request_digest - what a request means, as a text: the same whatever protocol it was said in.
 */
#ifndef REQUEST_DIGEST_H
#define REQUEST_DIGEST_H

#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdlib.h>

#include "relayos/codec/json_scan.h"
#include "relayos/codec/neutral.h"

/* A raw string as text. */
static inline void
digest_text(struct buf *out, struct slice raw)
{
    struct buf quoted;

    buf_init(&quoted, 1 << 20);
    buf_append_byte(&quoted, '"');
    buf_append_slice(&quoted, raw);
    buf_append_byte(&quoted, '"');
    cr_expect_eq(json_string_decode(buf_slice(&quoted), out), 0, "%.*s", (int)raw.len, raw.ptr);
    buf_fini(&quoted);
}

static inline void
digest_compact(struct buf *out, struct slice json)
{
    cJSON *tree = cJSON_ParseWithLength(json.ptr, json.len);
    char *text = cJSON_PrintUnformatted(tree);

    buf_append_str(out, text == NULL ? "?" : text);
    cJSON_Delete(tree);
    free(text);
}

static inline void
digest_part(struct buf *out, const struct neutral_request *request, const struct neutral_part *part)
{
    buf_append_byte(out, ' ');
    if (part->kind == NEUTRAL_TEXT) {
        digest_text(out, part->text);
    } else if (part->kind == NEUTRAL_IMAGE) {
        buf_printf(out, "image(%.*s, %zu)", (int)part->media_type.len, part->media_type.ptr,
                   part->data.len);
    } else if (part->kind == NEUTRAL_CALL) {
        buf_printf(out, "call(%.*s, %.*s, ", (int)part->id.len, part->id.ptr, (int)part->name.len,
                   part->name.ptr);
        digest_compact(out, part->input);
        buf_append_byte(out, ')');
    } else if (part->kind == NEUTRAL_RESULT) {
        buf_printf(out, "result(%.*s, ", (int)part->id.len, part->id.ptr);
        digest_text(out, part->text);
        for (uint32_t i = 0; i < part->n_children; i++)
            digest_text(out, request->parts[part->first_child + i].text);
        buf_append_byte(out, ')');
    } else {
        buf_printf(out, "kind(%d)", part->kind);
    }
}

static inline void
digest_request(const struct neutral_request *request, struct buf *out)
{
    for (uint32_t i = 0; i < request->n_turns; i++) {
        const struct neutral_turn *turn = &request->turns[i];

        buf_printf(out, "%c:", "SUA"[turn->role]);
        for (uint32_t j = turn->first_part; j < turn->first_part + turn->n_parts; j++)
            digest_part(out, request, &request->parts[j]);
        buf_append_byte(out, '\n');
    }
    buf_append_str(out, "tools:");
    for (uint32_t i = 0; i < request->n_tools; i++)
        buf_printf(out, " %.*s", (int)request->tools[i].name.len, request->tools[i].name.ptr);
    buf_printf(out, "\nschema: %d effort: %d max: %d\n", request->format_schema.len > 0,
               request->effort, (int)request->max_tokens);
}

#endif
