/* SPDX-License-Identifier: ISC */
#include "call_input.h"
#include "chat_request_write.h"

static void write_system(struct chat_writing *w, const struct neutral_turn *turn);
static void write_user(struct chat_writing *w, const struct neutral_turn *turn);
static void write_result(struct chat_writing *w, const struct neutral_part *result);
static void write_result_part(struct chat_writing *w, const struct neutral_part *part,
                              bool is_first);
static bool has_more(const struct chat_writing *w, const struct neutral_turn *turn);
static void write_assistant(struct chat_writing *w, const struct neutral_turn *turn,
                            bool is_in_loop);
static void write_texts(struct chat_writing *w, const struct neutral_turn *turn, const char *key,
                        unsigned kinds);
static void write_calls(struct chat_writing *w, const struct neutral_turn *turn);
static void write_call(struct chat_writing *w, const struct neutral_part *call);
static unsigned kinds_in(const struct chat_writing *w, const struct neutral_turn *turn);
static bool says_something(const struct neutral_part *part);
static uint32_t loop_start(const struct chat_writing *w);

#define KIND(kind) (1u << NEUTRAL_##kind)
#define BLANK_LINE "\\n\\n" /* in a JSON string */
#define TEXTS      (KIND(TEXT) | KIND(FOREIGN))

void
chat_request_write_messages(struct chat_writing *w)
{
    const struct neutral_request *request = w->request;
    uint32_t loop = loop_start(w);

    json_out_array(&w->json, "messages");
    for (uint32_t i = 0; i < request->n_turns; i++) {
        const struct neutral_turn *turn = &request->turns[i];

        switch (turn->role) {
        case NEUTRAL_SYSTEM:
            write_system(w, turn);
            break;
        case NEUTRAL_USER:
            write_user(w, turn);
            break;
        case NEUTRAL_ASSISTANT:
            write_assistant(w, turn, i >= loop);
            break;
        }
    }
    json_out_end_array(&w->json);
}

/* Behind the last thing that the user himself said: there a tool loop may be open. */
static uint32_t
loop_start(const struct chat_writing *w)
{
    uint32_t i = w->request->n_turns;

    while (i > 0) {
        const struct neutral_turn *turn = &w->request->turns[i - 1];

        if (turn->role == NEUTRAL_USER && (kinds_in(w, turn) & ~KIND(RESULT)) != 0)
            break;
        i--;
    }
    return i;
}

static unsigned
kinds_in(const struct chat_writing *w, const struct neutral_turn *turn)
{
    unsigned kinds = 0;

    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &w->request->parts[turn->first_part + i];

        if (says_something(part))
            kinds |= 1u << part->kind;
    }
    return kinds;
}

/* To chat: another vendor's thinking is none. */
static bool
says_something(const struct neutral_part *part)
{
    if (part->kind == NEUTRAL_REASONING)
        return part->text.len > 0 && part->origin == NEUTRAL_ORIGIN_TEXT;
    return part->kind != NEUTRAL_FOREIGN || part->text.len > 0;
}

/* Models that know developer take it for all: they refuse a mixture. */
static void
write_system(struct chat_writing *w, const struct neutral_turn *turn)
{
    bool is_developer = chat_request_write_may(w, FLAVOR_TAKES_DEVELOPER) &&
                        chat_request_write_takes(w, CAP_DEVELOPER_ROLE);

    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "role", is_developer ? "developer" : "system");
    write_texts(w, turn, "content", TEXTS);
    json_out_end_object(&w->json);
}

/* Texts of these kinds as one string, a blank line between them; null if there is none. */
static void
write_texts(struct chat_writing *w, const struct neutral_turn *turn, const char *key,
            unsigned kinds)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &w->request->parts[turn->first_part + i];

        if ((kinds & 1u << part->kind) == 0 || part->text.len == 0 || !says_something(part))
            continue;
        if (n++ == 0)
            chat_request_write_open(w, key);
        else
            buf_append_str(w->json.buf, BLANK_LINE);
        buf_append_slice(w->json.buf, part->text);
    }
    if (n == 0)
        json_out_null(&w->json, key);
    else
        chat_request_write_close(w);
}

/* Each result is a message; what is not text in them goes into the user's that follows. */
static void
write_user(struct chat_writing *w, const struct neutral_turn *turn)
{
    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &w->request->parts[turn->first_part + i];

        if (part->kind == NEUTRAL_RESULT)
            write_result(w, part);
    }
    if (!has_more(w, turn))
        return;
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "role", "user");
    chat_request_write_content(w, turn);
    json_out_end_object(&w->json);
}

static bool
has_more(const struct chat_writing *w, const struct neutral_turn *turn)
{
    if ((kinds_in(w, turn) & ~KIND(RESULT)) != 0)
        return true;
    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &w->request->parts[turn->first_part + i];

        for (uint32_t k = 0; k < part->n_children; k++) {
            if (chat_request_write_is_media(&w->request->parts[part->first_child + k]))
                return true;
        }
    }
    return false;
}

static void
write_result(struct chat_writing *w, const struct neutral_part *result)
{
    struct buf *out = w->json.buf;
    bool is_first = true;

    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "role", "tool");
    json_out_raw_string(&w->json, "tool_call_id", translate_ids_of(&w->ids, result->id));
    chat_request_write_open(w, "content");
    if (result->is_error)
        buf_append_str(out, "Error: ");
    if (result->n_children == 0)
        buf_append_slice(out, result->text);
    for (uint32_t i = 0; i < result->n_children; i++) {
        const struct neutral_part *part = &w->request->parts[result->first_child + i];

        if (part->kind == NEUTRAL_FOREIGN && part->text.len == 0)
            continue;
        write_result_part(w, part, is_first);
        is_first = false;
    }
    chat_request_write_close(w);
    json_out_end_object(&w->json);
}

static void
write_result_part(struct chat_writing *w, const struct neutral_part *part, bool is_first)
{
    struct buf *out = w->json.buf;

    if (!is_first)
        buf_append_str(out, "\\n");
    if (part->kind == NEUTRAL_IMAGE)
        buf_append_str(out, "[image: attached below]");
    else if (chat_request_write_is_media(part))
        buf_append_str(out, "[file: attached below]");
    else
        buf_append_slice(out, part->text);
}

static void
write_assistant(struct chat_writing *w, const struct neutral_turn *turn, bool is_in_loop)
{
    unsigned kinds = kinds_in(w, turn);
    bool has_refusal = (kinds & KIND(REFUSAL)) != 0;
    bool may_refuse = chat_request_write_may(w, FLAVOR_TAKES_REFUSAL);
    const char *reasoning = flavor_reasoning(w->target->flavor);
    unsigned texts = TEXTS | (may_refuse ? 0 : KIND(REFUSAL));

    if ((kinds & (TEXTS | KIND(REFUSAL) | KIND(CALL))) == 0)
        return; /* thinking alone says nothing to chat */
    json_out_object(&w->json, NULL);
    json_out_str(&w->json, "role", "assistant");
    write_texts(w, turn, "content", texts);
    if (has_refusal && may_refuse)
        write_texts(w, turn, "refusal", KIND(REFUSAL));
    /* Models that think in the open want it back while their tool loop runs, and only then. */
    if (is_in_loop && (kinds & KIND(REASONING)) != 0 && (kinds & KIND(CALL)) != 0 &&
        reasoning != NULL)
        write_texts(w, turn, reasoning, KIND(REASONING));
    if ((kinds & KIND(CALL)) != 0)
        write_calls(w, turn);
    json_out_end_object(&w->json);
}

static void
write_calls(struct chat_writing *w, const struct neutral_turn *turn)
{
    json_out_array(&w->json, "tool_calls");
    for (uint32_t i = 0; i < turn->n_parts; i++) {
        const struct neutral_part *part = &w->request->parts[turn->first_part + i];

        if (part->kind == NEUTRAL_CALL)
            write_call(w, part);
    }
    json_out_end_array(&w->json);
}

static void
write_call(struct chat_writing *w, const struct neutral_part *call)
{
    bool is_custom = call->is_custom && chat_request_write_may(w, FLAVOR_TAKES_CUSTOM_TOOLS);
    const char *kind = is_custom ? "custom" : "function";
    struct slice input = call->is_custom ? call_input_wrap(w->arena, call->input) : call->input;

    json_out_object(&w->json, NULL);
    json_out_raw_string(&w->json, "id", translate_ids_of(&w->ids, call->id));
    json_out_str(&w->json, "type", kind);
    json_out_object(&w->json, kind);
    json_out_raw_string(&w->json, "name", translate_name(w->arena, call->name));
    if (is_custom) {
        json_out_raw_string(&w->json, "input", call->input);
    } else {
        chat_request_write_open(w, "arguments");
        call_input_write(w->json.buf, input.len > 0 ? input : SLICE_LIT("{}"));
        chat_request_write_close(w);
    }
    json_out_end_object(&w->json);
    json_out_end_object(&w->json);
}
