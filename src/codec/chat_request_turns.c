/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "call_input.h"
#include "chat_request.h"
#include "json_walk.h"

/* A message's members; those that are absent have values of len 0 and are like null. */
struct message {
    struct json_member role, content, calls, call_id, name, function_call, refusal, reasoning,
        other_reasoning, cache_control;
};

static struct message find_members(struct slice object);
static int read_message(struct chat_reading *r, const struct message *message,
                        struct chat_place place);
static int read_assistant(struct chat_reading *r, const struct message *message,
                          struct chat_place place);
static int read_result(struct chat_reading *r, const struct message *message,
                       struct chat_place place);
static int read_calls(struct chat_reading *r, const struct json_member *calls,
                      struct chat_place place);
static int read_call(struct chat_reading *r, struct slice object, struct chat_place place);
static int read_function(struct chat_reading *r, struct slice function, bool is_custom,
                         struct neutral_part *call);
static struct slice function_call_id(struct chat_reading *r);
static void mark(struct chat_reading *r, const struct json_member *cache_control, uint32_t n_parts);

int
chat_request_read_messages(struct chat_reading *r, const struct json_member *m)
{
    struct chat_place place = {0};
    size_t cursor = 0;
    struct slice object;
    enum json_type type;

    r->has_messages = true;
    if (m->type != JSON_ARRAY)
        return chat_request_refuse_type(r, m, "a list");
    for (; json_array_next(m->value, &cursor, &object, &type); place.message++) {
        if (type != JSON_OBJECT)
            return chat_request_refuse(r, &place, "", "must be an object");
        const struct message message = find_members(object);
        uint32_t n_parts = r->request->n_parts;
        int err = read_message(r, &message, place);

        if (err != 0)
            return err;
        mark(r, &message.cache_control, n_parts);
    }
    return 0;
}

static struct message
find_members(struct slice object)
{
    struct json_walk walk = json_walk_in(object);
    struct json_member member;
    struct message message = {0};

    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "role"))
            message.role = member;
        else if (json_key_is(&member, "content"))
            message.content = member;
        else if (json_key_is(&member, "tool_calls"))
            message.calls = member;
        else if (json_key_is(&member, "tool_call_id"))
            message.call_id = member;
        else if (json_key_is(&member, "name"))
            message.name = member;
        else if (json_key_is(&member, "function_call"))
            message.function_call = member;
        else if (json_key_is(&member, "refusal"))
            message.refusal = member;
        else if (json_key_is(&member, "reasoning_content"))
            message.reasoning = member;
        else if (json_key_is(&member, "reasoning"))
            message.other_reasoning = member;
        else if (json_key_is(&member, "cache_control"))
            message.cache_control = member;
    }
    return message;
}

static int
read_message(struct chat_reading *r, const struct message *message, struct chat_place place)
{
    struct slice role = message->role.value;

    if (message->role.type != JSON_STRING)
        return chat_request_refuse(r, &place, "role", "must be a string");
    if (json_string_is(role, "user"))
        return chat_request_read_content(r, &message->content, place, NEUTRAL_USER, false);
    if (json_string_is(role, "assistant"))
        return read_assistant(r, message, place);
    if (json_string_is(role, "tool") || json_string_is(role, "function"))
        return read_result(r, message, place);
    bool is_developer = json_string_is(role, "developer");
    if (!is_developer && !json_string_is(role, "system"))
        return chat_request_refuse(r, &place, "role",
                                   "must be system, developer, user, assistant, tool or function");
    turns_begin_system(&r->turns, is_developer);
    return chat_request_read_content(r, &message->content, place, NEUTRAL_SYSTEM, false);
}

/* Reasoning that a client gives back is readable text: chat carries no state. */
static int
read_assistant(struct chat_reading *r, const struct message *message, struct chat_place place)
{
    struct slice reasoning = chat_request_inner(&message->reasoning);
    struct slice refusal = chat_request_inner(&message->refusal);
    struct neutral_part *part;

    if (reasoning.len == 0)
        reasoning = chat_request_inner(&message->other_reasoning);
    if (reasoning.len > 0) {
        part = turns_add(&r->turns, NEUTRAL_ASSISTANT);
        part->kind = NEUTRAL_REASONING;
        part->text = reasoning;
        part->origin = NEUTRAL_ORIGIN_TEXT;
    }
    int err = chat_request_read_content(r, &message->content, place, NEUTRAL_ASSISTANT, false);
    if (err != 0)
        return err;
    if (refusal.len > 0) {
        part = turns_add(&r->turns, NEUTRAL_ASSISTANT);
        part->kind = NEUTRAL_REFUSAL;
        part->text = refusal;
    }
    err = read_calls(r, &message->calls, place);
    if (err != 0 || message->function_call.type != JSON_OBJECT)
        return err;
    struct neutral_part call = {.kind = NEUTRAL_CALL};
    r->n_function_calls++;
    call.id = function_call_id(r);
    if (read_function(r, message->function_call.value, false, &call) != 0)
        return chat_request_refuse(r, &place, "function_call", "must have a name");
    *turns_add(&r->turns, NEUTRAL_ASSISTANT) = call;
    return 0;
}

static int
read_calls(struct chat_reading *r, const struct json_member *calls, struct chat_place place)
{
    size_t cursor = 0;
    struct slice call;
    enum json_type type;

    if (calls->type == JSON_NULL)
        return 0;
    if (calls->type != JSON_ARRAY)
        return chat_request_refuse(r, &place, "tool_calls", "must be a list");
    while (json_array_next(calls->value, &cursor, &call, &type)) {
        if (type != JSON_OBJECT || read_call(r, call, place) != 0)
            return chat_request_refuse(r, &place, "tool_calls",
                                       "must hold calls of functions or custom tools, with names");
    }
    return 0;
}

static int
read_call(struct chat_reading *r, struct slice object, struct chat_place place)
{
    struct neutral_part call = {.kind = NEUTRAL_CALL};
    struct json_walk walk = json_walk_in(object);
    struct json_member member, function = {0};

    (void)place;
    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "id"))
            call.id = chat_request_plain(r, &member);
        else if (json_key_is(&member, "function") || json_key_is(&member, "custom"))
            function = member;
        else if (json_key_is(&member, "cache_control") && member.type == JSON_OBJECT)
            call.cache_control = member.value;
    }
    if (function.type != JSON_OBJECT ||
        read_function(r, function.value, json_key_is(&function, "custom"), &call) != 0)
        return ERR_INVALID_REQUEST;
    *turns_add(&r->turns, NEUTRAL_ASSISTANT) = call;
    return 0;
}

static int
read_function(struct chat_reading *r, struct slice function, bool is_custom,
              struct neutral_part *call)
{
    struct json_walk walk = json_walk_in(function);
    struct json_member member;

    call->is_custom = is_custom;
    if (!is_custom)
        call->input = SLICE_LIT("{}");
    while (json_walk_member(&walk, &member)) {
        if (json_key_is(&member, "name"))
            call->name = chat_request_plain(r, &member);
        else if (is_custom && json_key_is(&member, "input"))
            call->input = chat_request_inner(&member);
        else if (!is_custom && json_key_is(&member, "arguments"))
            call->input = member.type == JSON_OBJECT
                              ? member.value
                              : call_input_read(r->arena, chat_request_inner(&member));
    }
    return call->name.len > 0 ? 0 : ERR_INVALID_REQUEST;
}

/* The old form has one call at a time, whose result comes next: its place is its id. */
static struct slice
function_call_id(struct chat_reading *r)
{
    char id[32];

    snprintf(id, sizeof(id), "call_function_%u", r->n_function_calls);
    return arena_copy(r->arena, slice_str(id));
}

/* A string is the result's text, parts are its children. */
static int
read_result(struct chat_reading *r, const struct message *message, struct chat_place place)
{
    struct neutral_part *result = turns_add(&r->turns, NEUTRAL_USER);

    result->kind = NEUTRAL_RESULT;
    result->name = chat_request_plain(r, &message->name);
    result->id = json_string_is(message->role.value, "function")
                     ? function_call_id(r)
                     : chat_request_plain(r, &message->call_id);
    if (result->id.len == 0)
        return chat_request_refuse(r, &place, "tool_call_id", "must be the id of a call");
    if (message->content.type == JSON_STRING) {
        result->text = chat_request_inner(&message->content);
        return 0;
    }
    return chat_request_read_content(r, &message->content, place, NEUTRAL_USER, true);
}

/* cache_control of a message means its end. */
static void
mark(struct chat_reading *r, const struct json_member *cache_control, uint32_t n_parts)
{
    struct neutral_request *request = r->request;

    if (cache_control->type != JSON_OBJECT || request->n_parts == n_parts)
        return;
    struct neutral_part *last = &request->parts[request->n_parts - 1];
    if (last->cache_control.len == 0)
        last->cache_control = cache_control->value;
}
