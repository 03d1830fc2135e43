/* SPDX-License-Identifier: ISC
 *
 * json - see json.h.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const cJSON *
json_at(const cJSON *tree, const char *path)
{
    char part[64];

    while (tree != NULL && *path != '\0') {
        size_t len = strcspn(path, ".");

        if (len >= sizeof part)
            return NULL;
        memcpy(part, path, len);
        part[len] = '\0';
        tree = cJSON_IsArray(tree) ? cJSON_GetArrayItem(tree, (int)strtol(part, NULL, 10))
                                   : cJSON_GetObjectItemCaseSensitive(tree, part);
        path += len + (path[len] == '.');
    }
    return tree;
}

const char *
json_text(const cJSON *tree, const char *path)
{
    const cJSON *item = json_at(tree, path);

    return cJSON_IsString(item) ? item->valuestring : "";
}

int64_t
json_int(const cJSON *tree, const char *path)
{
    const cJSON *item = json_at(tree, path);

    return cJSON_IsNumber(item) ? (int64_t)item->valuedouble : -1;
}

bool
json_is_true(const cJSON *tree, const char *path)
{
    return cJSON_IsTrue(json_at(tree, path));
}

cJSON *
json_body(const struct http_reply *reply)
{
    return reply->body == NULL ? NULL : cJSON_ParseWithLength(reply->body, reply->body_len);
}

/* One line of an event; a blank one ends it. */
static void
events_take_line(cJSON *events, cJSON **event, const char *line, size_t len)
{
    if (len == 0) {
        if (*event != NULL)
            cJSON_AddItemToArray(events, *event);
        *event = NULL;
        return;
    }
    if (line[0] == ':')
        return;
    if (*event == NULL) {
        *event = cJSON_CreateObject();
        cJSON_AddStringToObject(*event, "event", "");
    }
    char *copy = strndup(line, len);

    if (strncmp(copy, "data: ", 6) == 0) {
        cJSON *data = cJSON_Parse(copy + 6);

        cJSON_AddItemToObject(*event, "data", data == NULL ? cJSON_CreateString(copy + 6) : data);
    } else if (strncmp(copy, "event: ", 7) == 0) {
        cJSON_ReplaceItemInObject(*event, "event", cJSON_CreateString(copy + 7));
    }
    free(copy);
}

cJSON *
json_events(const struct http_reply *reply)
{
    cJSON *events = cJSON_CreateArray(), *event = NULL;
    const char *at = reply->body == NULL ? "" : reply->body;

    while (*at != '\0') {
        size_t len = strcspn(at, "\n");

        if (at[len] == '\0')
            break; /* an unfinished line is no part of an event */
        events_take_line(events, &event, at, len);
        at += len + 1;
    }
    cJSON_Delete(event);
    return events;
}

int
json_n_events(const cJSON *events, const char *name)
{
    const cJSON *event;
    int n = 0;

    cJSON_ArrayForEach(event, events) n += strcmp(json_text(event, "event"), name) == 0;
    return n;
}

char *
json_stream_text(const cJSON *events)
{
    static const char *const places[] = {"data.choices.0.delta.content", "data.choices.0.text",
                                         "data.delta.text"};
    const cJSON *event;
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    cJSON_ArrayForEach(event, events)
    {
        const char *piece = "";

        for (size_t i = 0; i < sizeof places / sizeof *places && *piece == '\0'; i++)
            piece = json_text(event, places[i]);
        if (strcmp(json_text(event, "event"), "response.output_text.delta") == 0)
            piece = json_text(event, "data.delta");
        fputs(piece, stream);
    }
    fclose(stream);
    return text;
}
