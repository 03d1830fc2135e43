/* SPDX-License-Identifier: ISC
 *
 * ladder - is a stream what the protocol's clients insist on (protocols.md 1.3, 2.3, 3.4, 10.4)?
 * The whole ladder of events and nothing else, one thing open at a time, numbers without gaps, and
 * at the end either a good end or an error, never both and never neither.
 */
#ifndef SUPPORT_LADDER_H
#define SUPPORT_LADDER_H

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/codec/dialect.h"
#include "relayos/codec/sse.h"

struct ladder {
    const char *fault; /* the first; NULL = it is good */
    char why[160];
    int n_frames;
    bool is_begun, is_finished, is_over, is_error;
    /* Messages, Responses: what is open, and its number. */
    char open[48];
    int index;
    bool has_part;
    char *text;      /* of the open part */
    char *id;        /* of the open item, chat: of the chunks */
    cJSON *finished; /* Responses: items */
    int n_calls;     /* chat */
};

static inline void
ladder_fault(struct ladder *l, const char *fault, const cJSON *data)
{
    char *text;

    if (l->fault != NULL)
        return;
    text = cJSON_PrintUnformatted(data);
    l->fault = fault;
    snprintf(l->why, sizeof(l->why), "frame %d: %.120s", l->n_frames, text == NULL ? "?" : text);
    free(text);
}
#define LADDER_CHECK(l, data, condition)                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            ladder_fault(l, #condition, data);                                                     \
    } while (0)

static inline const cJSON *
ladder_at(const cJSON *tree, const char *a, const char *b)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(tree, a);

    return b == NULL ? member : cJSON_GetObjectItemCaseSensitive(member, b);
}

static inline const char *
ladder_text(const cJSON *tree, const char *a, const char *b)
{
    const char *text = cJSON_GetStringValue(ladder_at(tree, a, b));

    return text == NULL ? "" : text;
}

static inline int
ladder_int(const cJSON *tree, const char *a)
{
    const cJSON *member = ladder_at(tree, a, NULL);

    return cJSON_IsNumber(member) ? member->valueint : -1;
}

static inline bool
ladder_is(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static inline void
ladder_set(char **text, const char *value)
{
    free(*text);
    *text = strdup(value);
}

static inline void
ladder_add(char **text, const char *more)
{
    char *joined = malloc(strlen(*text) + strlen(more) + 1);

    strcpy(joined, *text);
    strcat(joined, more);
    free(*text);
    *text = joined;
}

/* ---- Messages ---- */

static inline bool
ladder_suits(const char *block, const char *delta)
{
    return (ladder_is(block, "text") &&
            (ladder_is(delta, "text_delta") || ladder_is(delta, "citations_delta"))) ||
           (ladder_is(block, "thinking") &&
            (ladder_is(delta, "thinking_delta") || ladder_is(delta, "signature_delta"))) ||
           (ladder_is(block, "tool_use") && ladder_is(delta, "input_json_delta"));
}

static inline void
ladder_messages_block(struct ladder *l, const char *type, const cJSON *data)
{
    LADDER_CHECK(l, data, l->is_begun && !l->is_finished);
    LADDER_CHECK(l, data, ladder_int(data, "index") == l->index);
    if (ladder_is(type, "content_block_start")) {
        LADDER_CHECK(l, data, l->open[0] == '\0');
        snprintf(l->open, sizeof(l->open), "%s", ladder_text(data, "content_block", "type"));
        LADDER_CHECK(l, data, l->open[0] != '\0');
        if (ladder_is(l->open, "tool_use"))
            LADDER_CHECK(l, data,
                         ladder_text(data, "content_block", "id")[0] != '\0' &&
                             ladder_text(data, "content_block", "name")[0] != '\0');
    } else if (ladder_is(type, "content_block_delta")) {
        LADDER_CHECK(l, data, ladder_suits(l->open, ladder_text(data, "delta", "type")));
    } else {
        LADDER_CHECK(l, data, l->open[0] != '\0');
        l->open[0] = '\0';
        l->index++;
    }
}

static inline void
ladder_messages(struct ladder *l, struct slice name, const cJSON *data)
{
    const char *type = ladder_text(data, "type", NULL);

    LADDER_CHECK(l, data, slice_eq_str(name, type));
    if (ladder_is(type, "message_start")) {
        LADDER_CHECK(l, data, !l->is_begun);
        LADDER_CHECK(l, data, cJSON_IsObject(ladder_at(data, "message", "usage")));
        LADDER_CHECK(l, data, cJSON_IsArray(ladder_at(data, "message", "content")));
        l->is_begun = true;
    } else if (strncmp(type, "content_block_", 14) == 0) {
        ladder_messages_block(l, type, data);
    } else if (ladder_is(type, "message_delta")) {
        LADDER_CHECK(l, data, l->is_begun && l->open[0] == '\0' && !l->is_finished);
        LADDER_CHECK(l, data, l->index > 0);
        LADDER_CHECK(l, data, cJSON_IsString(ladder_at(data, "delta", "stop_reason")));
        LADDER_CHECK(l, data, cJSON_IsNumber(ladder_at(data, "usage", "output_tokens")));
        l->is_finished = true;
    } else if (ladder_is(type, "message_stop")) {
        LADDER_CHECK(l, data, l->is_finished);
        l->is_over = true;
    } else if (ladder_is(type, "error")) {
        LADDER_CHECK(l, data, ladder_text(data, "error", "type")[0] != '\0');
        l->is_over = l->is_error = true;
    } else {
        LADDER_CHECK(l, data, ladder_is(type, "ping"));
    }
}

/* ---- Responses ---- */

static inline void
ladder_responses_item(struct ladder *l, const char *type, const cJSON *data)
{
    const char *id = ladder_text(data, "item", "id");

    if (ladder_is(type, "response.output_item.added")) {
        LADDER_CHECK(l, data, l->open[0] == '\0' && id[0] != '\0');
        snprintf(l->open, sizeof(l->open), "%s", ladder_text(data, "item", "type"));
        if (strstr(l->open, "_call") != NULL)
            LADDER_CHECK(l, data,
                         ladder_text(data, "item", "call_id")[0] != '\0' &&
                             ladder_text(data, "item", "name")[0] != '\0');
        ladder_set(&l->id, id);
        ladder_set(&l->text, "");
        l->has_part = false;
        return;
    }
    LADDER_CHECK(l, data, ladder_is(ladder_text(data, "item", "type"), l->open));
    LADDER_CHECK(l, data, l->id != NULL && ladder_is(id, l->id));
    LADDER_CHECK(l, data, !l->has_part);
    if (ladder_is(l->open, "function_call"))
        LADDER_CHECK(l, data, ladder_is(ladder_text(data, "item", "arguments"), l->text));
    if (ladder_is(l->open, "custom_tool_call"))
        LADDER_CHECK(l, data, ladder_is(ladder_text(data, "item", "input"), l->text));
    cJSON_AddItemToArray(l->finished, cJSON_Duplicate(ladder_at(data, "item", NULL), true));
    l->open[0] = '\0';
    l->index++;
}

/* What is inside an item: parts, their deltas, and their ends, which say it all again. */
static inline void
ladder_responses_inside(struct ladder *l, const char *type, const cJSON *data)
{
    static const struct {
        const char *event, *item;
    } insides[] = {{"response.content_part.", "message"},
                   {"response.output_text.", "message"},
                   {"response.refusal.", "message"},
                   {"response.function_call_arguments.", "function_call"},
                   {"response.custom_tool_call_input.", "custom_tool_call"},
                   {"response.reasoning_summary_part.", "reasoning"},
                   {"response.reasoning_summary_text.", "reasoning"}};
    const char *last = strrchr(type, '.') + 1, *whole = NULL;
    const char *const names[] = {"text", "refusal", "arguments", "input"};
    bool is_known = false;

    for (size_t i = 0; i < sizeof(insides) / sizeof(insides[0]); i++) {
        if (strncmp(type, insides[i].event, strlen(insides[i].event)) == 0) {
            LADDER_CHECK(l, data, ladder_is(l->open, insides[i].item));
            is_known = true;
        }
    }
    LADDER_CHECK(l, data, is_known);
    LADDER_CHECK(l, data, l->id != NULL && ladder_is(ladder_text(data, "item_id", NULL), l->id));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && whole == NULL; i++)
        whole = cJSON_GetStringValue(ladder_at(data, names[i], NULL));
    if (strstr(type, "_part.") != NULL) {
        LADDER_CHECK(l, data, l->has_part == ladder_is(last, "done"));
        l->has_part = ladder_is(last, "added");
        if (l->has_part)
            ladder_set(&l->text, "");
    } else if (ladder_is(last, "delta")) {
        LADDER_CHECK(l, data, l->has_part || strstr(l->open, "_call") != NULL);
        if (l->text != NULL)
            ladder_add(&l->text, ladder_text(data, "delta", NULL));
    } else if (ladder_is(last, "done")) {
        /* Calls may come whole, without deltas. */
        LADDER_CHECK(l, data,
                     whole != NULL && l->text != NULL &&
                         (ladder_is(whole, l->text) || l->text[0] == '\0'));
        if (whole != NULL)
            ladder_set(&l->text, whole);
    }
}

static inline void
ladder_responses(struct ladder *l, struct slice name, const cJSON *data)
{
    const char *type = ladder_text(data, "type", NULL);
    const char *status = ladder_text(data, "response", "status");

    LADDER_CHECK(l, data, slice_eq_str(name, type));
    LADDER_CHECK(l, data, ladder_int(data, "sequence_number") == l->n_frames);
    LADDER_CHECK(l, data, ladder_is(type, "response.created") == (l->n_frames == 0));
    LADDER_CHECK(l, data, ladder_is(type, "response.in_progress") == (l->n_frames == 1));
    if (l->n_frames < 2)
        return;
    if (ladder_is(type, "response.failed")) {
        LADDER_CHECK(l, data, ladder_is(status, "failed"));
        LADDER_CHECK(l, data, cJSON_IsObject(ladder_at(data, "response", "error")));
        l->is_over = l->is_error = true;
        return;
    }
    if (ladder_is(type, "response.completed") || ladder_is(type, "response.incomplete")) {
        LADDER_CHECK(l, data, l->open[0] == '\0' && ladder_is(status, type + 9));
        LADDER_CHECK(l, data,
                     cJSON_Compare(ladder_at(data, "response", "output"), l->finished, true));
        l->is_over = true;
        return;
    }
    LADDER_CHECK(l, data, ladder_int(data, "output_index") == l->index);
    if (strncmp(type, "response.output_item.", 21) == 0)
        ladder_responses_item(l, type, data);
    else
        ladder_responses_inside(l, type, data);
}

/* ---- chat, of one choice ---- */

static inline void
ladder_chat_calls(struct ladder *l, const cJSON *data, const cJSON *calls)
{
    const cJSON *call;

    cJSON_ArrayForEach(call, calls)
    {
        const int index = ladder_int(call, "index");

        if (index == l->n_calls) {
            LADDER_CHECK(l, data, ladder_text(call, "id", NULL)[0] != '\0');
            LADDER_CHECK(l, data,
                         cJSON_IsString(ladder_at(call, "function", "name")) ||
                             cJSON_IsString(ladder_at(call, "custom", "name")));
            l->n_calls++;
        } else {
            LADDER_CHECK(l, data, index == l->n_calls - 1);
            LADDER_CHECK(l, data, ladder_at(call, "id", NULL) == NULL);
        }
    }
}

static inline void
ladder_chat(struct ladder *l, struct slice name, const cJSON *data)
{
    const cJSON *choice = cJSON_GetArrayItem(ladder_at(data, "choices", NULL), 0);
    const cJSON *delta = ladder_at(choice, "delta", NULL);

    LADDER_CHECK(l, data, name.len == 0);
    if (ladder_at(data, "error", NULL) != NULL) {
        LADDER_CHECK(l, data, ladder_text(data, "error", "type")[0] != '\0');
        l->is_over = l->is_error = true;
        return;
    }
    if (l->id == NULL)
        ladder_set(&l->id, ladder_text(data, "id", NULL));
    LADDER_CHECK(l, data, ladder_is(ladder_text(data, "id", NULL), l->id));
    LADDER_CHECK(l, data, ladder_is(ladder_text(data, "object", NULL), "chat.completion.chunk"));
    if (choice == NULL) {
        LADDER_CHECK(l, data, l->is_finished && cJSON_IsObject(ladder_at(data, "usage", NULL)));
        return;
    }
    LADDER_CHECK(l, data, l->is_begun || ladder_is(ladder_text(delta, "role", NULL), "assistant"));
    LADDER_CHECK(l, data, !l->is_finished);
    l->is_begun = true;
    ladder_chat_calls(l, data, ladder_at(delta, "tool_calls", NULL));
    l->is_finished = cJSON_IsString(ladder_at(choice, "finish_reason", NULL));
}

/* ---- all ---- */

/* A stream that has come to its end, as a client of the protocol got it. */
static inline struct ladder
ladder_climb(enum protocol protocol, struct slice text)
{
    struct ladder l = {.finished = cJSON_CreateArray()};
    struct sse_event event;
    struct sse sse;

    sse_init(&sse);
    sse_feed(&sse, text);
    for (; sse_next(&sse, &event) == 0; l.n_frames++) {
        cJSON *data = cJSON_ParseWithLength(event.data.ptr, event.data.len);

        LADDER_CHECK(&l, data, !l.is_over);
        if (protocol == PROTOCOL_OPENAI_CHAT && slice_eq_str(event.data, "[DONE]")) {
            LADDER_CHECK(&l, data, l.is_finished);
            l.is_over = true;
        } else if (protocol == PROTOCOL_OPENAI_CHAT) {
            ladder_chat(&l, event.name, data);
        } else if (protocol == PROTOCOL_OPENAI_RESPONSES) {
            ladder_responses(&l, event.name, data);
        } else {
            ladder_messages(&l, event.name, data);
        }
        cJSON_Delete(data);
    }
    LADDER_CHECK(&l, NULL, l.is_over);
    sse_fini(&sse);
    cJSON_Delete(l.finished);
    free(l.text);
    free(l.id);
    l.text = l.id = NULL;
    l.finished = NULL;
    return l;
}

#endif
