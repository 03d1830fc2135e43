/* SPDX-License-Identifier: ISC
 *
 * Chat's tools have their names below "function" or "custom". Some clients send those of other
 * protocols there, which have them at the top, and both in one list. Prefix: dialect_.
 */
#include "dialect_tools.h"

#include "json_walk.h"

bool
dialect_is_flat_tool(struct slice text)
{
    struct json_walk walk = json_walk_in(text);
    struct json_member member;

    while (json_walk_next(&walk, &member)) {
        if (member.type == JSON_OBJECT &&
            (json_key_is(&member, "function") || json_key_is(&member, "custom")))
            return false;
        if (member.type == JSON_STRING && json_key_is(&member, "name"))
            return true;
        json_walk_over(&walk);
    }
    return false;
}

bool
dialect_has_flat_tool(const struct request_facts *facts)
{
    size_t cursor = 0;
    struct json_member tools;
    struct slice tool;
    enum json_type type;

    if (facts->operation != OPERATION_CHAT ||
        !json_find_in(slice_trim(facts->body), "tools", &tools) || tools.type != JSON_ARRAY)
        return false;
    while (json_array_next(tools.value, &cursor, &tool, &type)) {
        if (type == JSON_OBJECT && dialect_is_flat_tool(tool))
            return true;
    }
    return false;
}
