/* SPDX-License-Identifier: ISC
 *
 * reading - see reading.h.
 */
#include "reading.h"

#include <string.h>
#include <strings.h>

static bool reading_is_in(const char *const *names, const char *name);
static void reading_value(const cJSON *property, const char *path, struct text *out);

/* Claude Code and opencode have one for files, Codex only a shell. */
static const char *const tools[] = {"read",          "read_file", "exec_command",
                                    "shell_command", "shell",     NULL};
static const char *const commands[] = {"cmd", "command", NULL};
static const char *const paths[] = {"file_path", "filePath", "path", NULL};

bool
reading_is_by(const char *tool_name)
{
    return reading_is_in(tools, tool_name);
}

static bool
reading_is_in(const char *const *names, const char *name)
{
    for (; *names != NULL; names++)
        if (strcasecmp(*names, name) == 0)
            return true;
    return false;
}

/* Nothing but the file: what else there is, a model leaves out, too. */
void
reading_arguments(const cJSON *schema, const char *path, struct text *out)
{
    const cJSON *property;
    const char *comma = "";

    text_str(out, "{");
    cJSON_ArrayForEach(property, cJSON_GetObjectItem(schema, "properties"))
    {
        if (!reading_is_in(commands, property->string) && !reading_is_in(paths, property->string))
            continue;
        text_str(out, comma);
        text_json(out, property->string, strlen(property->string));
        text_str(out, ":");
        reading_value(property, path, out);
        comma = ",";
    }
    text_str(out, "}");
}

/* A path, a command, or a command in words. */
static void
reading_value(const cJSON *property, const char *path, struct text *out)
{
    struct text command = {0};
    bool is_list = cJSON_HasObjectItem(property, "items");

    if (reading_is_in(commands, property->string) && !is_list)
        text_str(&command, "cat ");
    text_str(&command, path);
    text_str(out, is_list ? "[\"cat\"," : "");
    text_json(out, command.ptr, command.len);
    text_str(out, is_list ? "]" : "");
    text_free(&command);
}
