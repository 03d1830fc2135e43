/* SPDX-License-Identifier: ISC
 *
 * The turns of a request as Messages has them (protocols.md 7.1, 7.2).
 */
#include "call_input.h"
#include "dialect_parts.h"
#include "file_text.h"
#include "messages_parts.h"
#include "messages_write.h"

static void open_message(struct messages_writing *w, const char *role, const char **open);
static void close_message(struct messages_writing *w, const char **open);
static void write_part(struct messages_writing *w, const struct neutral_part *part);
static void write_text(struct messages_writing *w, const struct neutral_part *part);
static void write_image(struct messages_writing *w, const struct neutral_part *part);
static void write_file(struct messages_writing *w, const struct neutral_part *part);
static void write_text_source(struct messages_writing *w, const struct neutral_part *part);
static void write_source(struct messages_writing *w, const struct neutral_part *part,
                         struct slice media_type);
static void write_call(struct messages_writing *w, const struct neutral_part *part);
static void write_result(struct messages_writing *w, const struct neutral_part *part);
static void write_reasoning(struct messages_writing *w, const struct neutral_part *part);
static void refuse(struct messages_writing *w, const char *what);

void
messages_content_write(struct messages_writing *w)
{
    static const char *const roles[] = {
        [NEUTRAL_SYSTEM] = "system", [NEUTRAL_USER] = "user", [NEUTRAL_ASSISTANT] = "assistant"};
    const struct neutral_request *request = w->request;
    const char *open = NULL;
    bool is_leading = true, is_empty = true;

    json_out_array(&w->json, "messages");
    for (uint32_t i = 0; i < request->n_turns; i++) {
        const struct neutral_turn *turn = &request->turns[i];

        is_leading &= turn->role == NEUTRAL_SYSTEM;
        if (is_leading || !messages_content_write_takes_any(w, turn))
            continue;
        open_message(w, roles[turn->role], &open);
        is_empty = false;
        messages_content_write_turn(w, turn);
    }
    if (is_empty) {
        open_message(w, "user", &open);
        write_text(w, &(struct neutral_part){.text = SLICE_LIT(".")});
    }
    close_message(w, &open);
    json_out_end_array(&w->json);
}

void
messages_content_write_turn(struct messages_writing *w, const struct neutral_turn *turn)
{
    for (uint32_t k = 0; k < turn->n_parts; k++)
        write_part(w, &w->request->parts[turn->first_part + k]);
}

bool
messages_content_write_takes_any(const struct messages_writing *w, const struct neutral_turn *turn)
{
    for (uint32_t k = 0; k < turn->n_parts; k++) {
        if (messages_content_write_takes(w, &w->request->parts[turn->first_part + k]))
            return true;
    }
    return false;
}

bool
messages_content_write_takes(const struct messages_writing *w, const struct neutral_part *part)
{
    switch (part->kind) {
    case NEUTRAL_TEXT:
    case NEUTRAL_REFUSAL:
        return messages_parts_trim_end(part->text).len > 0;
    case NEUTRAL_REASONING: /* a foreign or empty signature is an error there */
        return part->origin == NEUTRAL_ORIGIN_ANTHROPIC && part->state.len > 0;
    case NEUTRAL_FOREIGN:
        return w->request->protocol == PROTOCOL_ANTHROPIC_MESSAGES || part->text.len > 0;
    case NEUTRAL_IMAGE:
    case NEUTRAL_FILE:
    case NEUTRAL_AUDIO:
    case NEUTRAL_CALL:
    case NEUTRAL_RESULT:
        break;
    }
    return true;
}

/* Turns of one role that meet because one between them was empty become one message. */
static void
open_message(struct messages_writing *w, const char *role, const char **open)
{
    if (*open == role && strcmp(role, "system") != 0)
        return;
    close_message(w, open);
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "role", role);
    json_out_array(&w->json, "content");
    *open = role;
}

static void
close_message(struct messages_writing *w, const char **open)
{
    if (*open == NULL)
        return;
    json_out_end_array(&w->json);
    json_out_end_object(&w->json);
    *open = NULL;
}

static void
write_part(struct messages_writing *w, const struct neutral_part *part)
{
    if (!messages_content_write_takes(w, part))
        return;
    switch (part->kind) {
    case NEUTRAL_TEXT:
    case NEUTRAL_REFUSAL:
        write_text(w, part);
        break;
    case NEUTRAL_IMAGE:
        write_image(w, part);
        break;
    case NEUTRAL_FILE:
        write_file(w, part);
        break;
    case NEUTRAL_AUDIO:
        refuse(w, "Audio input");
        break;
    case NEUTRAL_CALL:
        write_call(w, part);
        break;
    case NEUTRAL_RESULT:
        write_result(w, part);
        break;
    case NEUTRAL_REASONING:
        write_reasoning(w, part);
        break;
    case NEUTRAL_FOREIGN:
        if (w->request->protocol == PROTOCOL_ANTHROPIC_MESSAGES)
            json_out_raw(&w->json, NULL, part->json);
        else
            write_text(w, part);
        break;
    }
}

static void
write_text(struct messages_writing *w, const struct neutral_part *part)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "text");
    json_out_raw_string(&w->json, "text",
                        part == w->prefill ? messages_parts_trim_end(part->text) : part->text);
    messages_content_write_cache(w, part->cache_control);
    json_out_end_object(&w->json);
}

void
messages_content_write_cache(struct messages_writing *w, struct slice cache_control)
{
    if (cache_control.len == 0)
        return;
    if (w->n_surplus > 0)
        w->n_surplus--;
    else
        json_out_raw(&w->json, "cache_control", cache_control);
}

static void
write_image(struct messages_writing *w, const struct neutral_part *part)
{
    if (!messages_write_takes(w, CAP_IMAGES))
        refuse(w, "Image input");
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "image");
    write_source(w, part, part->media_type);
    messages_content_write_cache(w, part->cache_control);
    json_out_end_object(&w->json);
}

static void
write_file(struct messages_writing *w, const struct neutral_part *part)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "document");
    if (part->source == NEUTRAL_INLINE && slice_starts_with(part->media_type, SLICE_LIT("text")))
        write_text_source(w, part);
    else
        write_source(w, part,
                     part->media_type.len > 0 ? part->media_type : SLICE_LIT("application/pdf"));
    if (part->name.len > 0)
        json_out_raw_string(&w->json, "title", part->name);
    messages_content_write_cache(w, part->cache_control);
    json_out_end_object(&w->json);
}

static void
write_text_source(struct messages_writing *w, const struct neutral_part *part)
{
    json_out_object(&w->json, "source");
    json_out_str(&w->json, "type", "text");
    json_out_str(&w->json, "media_type", "text/plain");
    json_out_string(&w->json, "data", file_text_decode(w->arena, part->data));
    json_out_end_object(&w->json);
}

static void
write_source(struct messages_writing *w, const struct neutral_part *part, struct slice media_type)
{
    if (part->source == NEUTRAL_ID && w->request->protocol != PROTOCOL_ANTHROPIC_MESSAGES)
        refuse(w, "A file id of another provider"); /* its store is not ours */
    json_out_object(&w->json, "source");
    if (part->source == NEUTRAL_ID) {
        json_out_str(&w->json, "type", "file");
        json_out_raw_string(&w->json, "file_id", part->data);
    } else if (part->source == NEUTRAL_URL) {
        json_out_str(&w->json, "type", "url");
        json_out_raw_string(&w->json, "url", part->data);
    } else {
        json_out_str(&w->json, "type", "base64");
        json_out_raw_string(&w->json, "media_type", media_type);
        json_out_raw_string(&w->json, "data", part->data);
    }
    json_out_end_object(&w->json);
}

static void
write_call(struct messages_writing *w, const struct neutral_part *part)
{
    struct slice input = part->input;

    if (part->is_custom)
        input = call_input_wrap(w->arena, input);
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "tool_use");
    json_out_raw_string(&w->json, "id", translate_ids_of(&w->ids, part->id));
    json_out_raw_string(&w->json, "name", translate_name(w->arena, part->name));
    json_out_raw(&w->json, "input", input.len > 0 ? input : SLICE_LIT("{}"));
    messages_content_write_cache(w, part->cache_control);
    json_out_end_object(&w->json);
}

static void
write_result(struct messages_writing *w, const struct neutral_part *part)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "tool_result");
    json_out_raw_string(&w->json, "tool_use_id", translate_ids_of(&w->ids, part->id));
    if (part->n_children > 0) {
        json_out_array(&w->json, "content");
        for (uint32_t i = 0; i < part->n_children; i++)
            write_part(w, &w->request->parts[part->first_child + i]);
        json_out_end_array(&w->json);
    } else if (part->text.len > 0) {
        json_out_raw_string(&w->json, "content", part->text);
    }
    if (part->is_error)
        json_out_bool(&w->json, "is_error", true);
    messages_content_write_cache(w, part->cache_control);
    json_out_end_object(&w->json);
}

static void
write_reasoning(struct messages_writing *w, const struct neutral_part *part)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", part->is_redacted ? "redacted_thinking" : "thinking");
    if (!part->is_redacted)
        json_out_raw_string(&w->json, "thinking", part->text);
    json_out_raw_string(&w->json, part->is_redacted ? "data" : "signature", part->state);
    json_out_end_object(&w->json);
}

static void
refuse(struct messages_writing *w, const char *what)
{
    if (w->err == 0)
        w->err = dialect_refuse(w->why, ERR_UNSUPPORTED_PARAMETER, "messages", "%s", what);
}
