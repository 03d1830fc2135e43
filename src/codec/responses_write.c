/* SPDX-License-Identifier: ISC */
#include "responses_write.h"

#include "call_input.h"

static uint32_t write_instructions(struct responses_writing *w);
static void write_turn(struct responses_writing *w, const struct neutral_turn *turn);
static void begin_message(struct responses_writing *w, const struct neutral_turn *turn);
static void end_message(struct responses_writing *w);
static void write_result(struct responses_writing *w, const struct neutral_part *part);
static void write_output(struct responses_writing *w, const struct neutral_part *part);
static void write_call(struct responses_writing *w, const struct neutral_part *part);
static void write_reasoning(struct responses_writing *w, const struct neutral_part *part);
static void write_part(struct responses_writing *w, const struct neutral_turn *turn,
                       const struct neutral_part *part);
static void write_text(struct responses_writing *w, const char *type, struct slice text);
static void write_image(struct responses_writing *w, const struct neutral_part *part);
static void write_file(struct responses_writing *w, const struct neutral_part *part);
static void write_data_url(struct responses_writing *w, const char *key,
                           const struct neutral_part *part);
static void begin_item(struct responses_writing *w, const char *type);
static void write_call_id(struct responses_writing *w, const struct neutral_part *part);
static bool is_item(const struct responses_writing *w, const struct neutral_part *part);
static bool is_shown(const struct neutral_part *part, enum neutral_role role);

void
responses_write_input(struct responses_writing *w)
{
    const struct neutral_request *request = w->request;
    uint32_t first = write_instructions(w);

    json_out_array(&w->json, "input");
    for (uint32_t i = first; i < request->n_turns; i++)
        write_turn(w, &request->turns[i]);
    json_out_end_array(&w->json);
}

/*
 * The first system message; those behind it are messages in their places. Gives the first turn that
 * is left. For an answer in JSON the API wants the word said in the input, and does not read the
 * instructions for it: whoever speaks chat has it there.
 */
static uint32_t
write_instructions(struct responses_writing *w)
{
    const struct neutral_request *request = w->request;
    const struct neutral_turn *turn = request->turns;
    struct buf *buf = w->json.buf;

    if (request->n_turns == 0 || turn->role != NEUTRAL_SYSTEM ||
        (request->format == NEUTRAL_FORMAT_JSON && request->protocol == PROTOCOL_OPENAI_CHAT))
        return 0;
    json_out_raw(&w->json, "instructions", SLICE_LIT("\""));
    for (uint32_t i = 0; i < turn->n_parts; i++) {
        if (i > 0)
            buf_append_slice(buf, SLICE_LIT("\\n\\n"));
        buf_append_slice(buf, request->parts[turn->first_part + i].text);
    }
    buf_append_byte(buf, '"');
    return 1;
}

/* Results, calls and reasoning are items of their own; what is said between them is messages. */
static void
write_turn(struct responses_writing *w, const struct neutral_turn *turn)
{
    const struct neutral_part *part = &w->request->parts[turn->first_part];
    const struct neutral_part *end = part + turn->n_parts;
    bool is_in_message = false;

    for (; part != end; part++) {
        bool is_own_item = is_item(w, part);

        if (!is_own_item && !is_shown(part, turn->role))
            continue;
        if (is_own_item && is_in_message)
            end_message(w);
        else if (!is_own_item && !is_in_message)
            begin_message(w, turn);
        is_in_message = !is_own_item;
        if (part->kind == NEUTRAL_RESULT)
            write_result(w, part);
        else if (part->kind == NEUTRAL_CALL)
            write_call(w, part);
        else if (part->kind == NEUTRAL_REASONING)
            write_reasoning(w, part);
        else if (is_own_item)
            json_out_raw(&w->json, NULL, part->json);
        else
            write_part(w, turn, part);
    }
    if (is_in_message)
        end_message(w);
}

/* What only this protocol knows, too. */
static bool
is_item(const struct responses_writing *w, const struct neutral_part *part)
{
    return part->kind == NEUTRAL_RESULT || part->kind == NEUTRAL_CALL ||
           part->kind == NEUTRAL_REASONING ||
           (part->kind == NEUTRAL_FOREIGN && w->request->protocol == PROTOCOL_OPENAI_RESPONSES);
}

/* Others' own parts are shown as far as there is text for them; of an assistant's images nothing.
 */
static bool
is_shown(const struct neutral_part *part, enum neutral_role role)
{
    bool is_media = part->kind == NEUTRAL_IMAGE || part->kind == NEUTRAL_FILE;

    if (part->kind == NEUTRAL_FOREIGN)
        return part->text.len > 0;
    return !is_media || role == NEUTRAL_USER;
}

static void
begin_message(struct responses_writing *w, const struct neutral_turn *turn)
{
    static const char *const roles[] = {
        [NEUTRAL_SYSTEM] = "developer", [NEUTRAL_USER] = "user", [NEUTRAL_ASSISTANT] = "assistant"};

    begin_item(w, "message");
    json_out_str(&w->json, "role", roles[turn->role]);
    json_out_array(&w->json, "content");
}

static void
end_message(struct responses_writing *w)
{
    json_out_end_array(&w->json);
    json_out_end_object(&w->json);
}

/* ---- items ---- */

static void
write_result(struct responses_writing *w, const struct neutral_part *part)
{
    begin_item(w, part->is_custom ? "custom_tool_call_output" : "function_call_output");
    write_call_id(w, part);
    if (part->n_children > 0) {
        write_output(w, part);
    } else {
        json_out_raw(&w->json, "output", SLICE_LIT("\""));
        if (part->is_error)
            buf_append_slice(w->json.buf, SLICE_LIT("Error: "));
        buf_append_slice(w->json.buf, part->text);
        buf_append_byte(w->json.buf, '"');
    }
    json_out_end_object(&w->json);
}

static void
write_output(struct responses_writing *w, const struct neutral_part *part)
{
    static const struct neutral_turn user = {.role = NEUTRAL_USER};

    json_out_array(&w->json, "output");
    if (part->is_error)
        write_text(w, "input_text", SLICE_LIT("Error:"));
    for (uint32_t i = 0; i < part->n_children; i++) {
        const struct neutral_part *child = &w->request->parts[part->first_child + i];

        if (is_shown(child, NEUTRAL_USER))
            write_part(w, &user, child);
    }
    json_out_end_array(&w->json);
}

static void
write_call(struct responses_writing *w, const struct neutral_part *part)
{
    begin_item(w, part->is_custom ? "custom_tool_call" : "function_call");
    write_call_id(w, part);
    json_out_raw_string(&w->json, "name", translate_name(w->arena, part->name));
    if (part->is_custom) {
        json_out_raw_string(&w->json, "input", part->input);
    } else {
        json_out_raw(&w->json, "arguments", SLICE_LIT("\""));
        call_input_write(w->json.buf, part->input);
        buf_append_byte(w->json.buf, '"');
    }
    json_out_end_object(&w->json);
}

/* Only its maker can read its state, and nobody here what has none. */
static void
write_reasoning(struct responses_writing *w, const struct neutral_part *part)
{
    if (part->origin != NEUTRAL_ORIGIN_OPENAI || part->state.len == 0)
        return;
    begin_item(w, "reasoning");
    if (part->id.len > 0)
        json_out_raw_string(&w->json, "id", part->id);
    json_out_array(&w->json, "summary");
    if (part->text.len > 0)
        write_text(w, "summary_text", part->text);
    json_out_end_array(&w->json);
    json_out_raw_string(&w->json, "encrypted_content", part->state);
    json_out_end_object(&w->json);
}

static void
begin_item(struct responses_writing *w, const char *type)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", type);
}

static void
write_call_id(struct responses_writing *w, const struct neutral_part *part)
{
    json_out_raw_string(&w->json, "call_id", translate_ids_of(&w->ids, part->id));
}

/* ---- parts of a message ---- */

static void
write_part(struct responses_writing *w, const struct neutral_turn *turn,
           const struct neutral_part *part)
{
    bool is_assistant = turn->role == NEUTRAL_ASSISTANT;

    switch (part->kind) {
    case NEUTRAL_IMAGE:
        write_image(w, part);
        break;
    case NEUTRAL_FILE:
        write_file(w, part);
        break;
    case NEUTRAL_REFUSAL:
        json_out_object(&w->json, NULL);
        json_out_str(&w->json, "type", "refusal");
        json_out_raw_string(&w->json, "refusal", part->text);
        json_out_end_object(&w->json);
        break;
    case NEUTRAL_TEXT:
    case NEUTRAL_FOREIGN:
        write_text(w, is_assistant ? "output_text" : "input_text", part->text);
        break;
    case NEUTRAL_AUDIO: /* refused before */
    case NEUTRAL_CALL:
    case NEUTRAL_RESULT:
    case NEUTRAL_REASONING:
        break;
    }
}

static void
write_text(struct responses_writing *w, const char *type, struct slice text)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", type);
    json_out_raw_string(&w->json, "text", text);
    json_out_end_object(&w->json);
}

static void
write_image(struct responses_writing *w, const struct neutral_part *part)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "input_image");
    if (part->source == NEUTRAL_INLINE)
        write_data_url(w, "image_url", part);
    else
        json_out_raw_string(&w->json, "image_url", part->data);
    if (part->detail.len > 0)
        json_out_raw_string(&w->json, "detail", part->detail);
    json_out_end_object(&w->json);
}

/* Bytes want a name beside them. */
static void
write_file(struct responses_writing *w, const struct neutral_part *part)
{
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "type", "input_file");
    if (part->source == NEUTRAL_URL) {
        json_out_raw_string(&w->json, "file_url", part->data);
    } else {
        bool is_text = slice_starts_with(part->media_type, SLICE_LIT("text/"));
        struct slice name = is_text ? SLICE_LIT("document.txt") : SLICE_LIT("document.pdf");

        json_out_raw_string(&w->json, "filename", part->name.len > 0 ? part->name : name);
        write_data_url(w, "file_data", part);
    }
    json_out_end_object(&w->json);
}

static void
write_data_url(struct responses_writing *w, const char *key, const struct neutral_part *part)
{
    struct buf *buf = w->json.buf;

    json_out_raw(&w->json, key, SLICE_LIT("\"data:"));
    buf_append_slice(buf, part->media_type);
    buf_append_slice(buf, SLICE_LIT(";base64,"));
    buf_append_slice(buf, part->data);
    buf_append_byte(buf, '"');
}
