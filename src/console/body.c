/* SPDX-License-Identifier: ISC */
#include "body.h"

#include <math.h>
#include <stdio.h>

#include "answer.h"

#define MAX_DEPTH 6                  /* of lists and objects in one another */
#define MAX_EXACT 9007199254740991.0 /* 2^53 - 1: a double holds each integer up to it */

static bool check_member(struct call *call, const cJSON *member, const struct body_field *field);
static const char *type_name(enum body_type type);
static bool is_int(const cJSON *value);
static void write_value(struct frame_out *out, const char *key, const cJSON *value, int depth);

bool
body_check(struct call *call, const struct body_field *fields, size_t n)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, call->body)
    {
        size_t i = 0;

        while (i < n && strcmp(fields[i].name, member->string) != 0)
            i++;
        if (i == n) {
            answer_problem(call, 400, "unknown_field", member->string,
                           "\"%.64s\" is no member of this request", member->string);
            return false;
        }
        if (!check_member(call, member, &fields[i]))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        const cJSON *found = cJSON_GetObjectItemCaseSensitive(call->body, fields[i].name);

        if (!fields[i].is_required || (found != NULL && !cJSON_IsNull(found)))
            continue;
        answer_problem(call, 400, "missing_field", fields[i].name, "\"%s\" is missing",
                       fields[i].name);
        return false;
    }
    return true;
}

static bool
check_member(struct call *call, const cJSON *member, const struct body_field *field)
{
    bool is_right = cJSON_IsNull(member);

    if (field->type == BODY_TEXT)
        is_right = is_right || cJSON_IsString(member);
    else if (field->type == BODY_INT)
        is_right = is_right || is_int(member);
    else if (field->type == BODY_BOOL)
        is_right = is_right || cJSON_IsBool(member);
    else
        is_right = is_right || cJSON_IsArray(member);
    if (!is_right)
        answer_problem(call, 400, "wrong_type", field->name, "\"%s\" must be %s", field->name,
                       type_name(field->type));
    return is_right;
}

static const char *
type_name(enum body_type type)
{
    static const char *const names[] = {"a string", "an integer", "true or false", "a list"};

    return names[type];
}

static bool
is_int(const cJSON *value)
{
    return cJSON_IsNumber(value) && fabs(value->valuedouble) <= MAX_EXACT &&
           floor(value->valuedouble) == value->valuedouble;
}

struct slice
body_text(const struct call *call, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(call->body, name);

    return cJSON_IsString(member) ? slice_str(member->valuestring) : SLICE_LIT("");
}

void
body_to_frame(const struct call *call, struct frame_out *out)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, call->body) body_write_json(out, member->string, member);
}

void
body_write_json(struct frame_out *out, const char *key, const cJSON *value)
{
    write_value(out, key, value, 0);
}

/* What is neither text nor integer nor bool, or lies deeper than any request of ours (a frame takes
 * 16), is nil: whoever reads it says that it is missing. */
static void
write_value(struct frame_out *out, const char *key, const cJSON *value, int depth)
{
    const cJSON *item;

    if (cJSON_IsString(value)) {
        frame_cstr(out, key, value->valuestring);
    } else if (is_int(value)) {
        frame_int(out, key, (int64_t)value->valuedouble);
    } else if (cJSON_IsBool(value)) {
        frame_bool(out, key, cJSON_IsTrue(value));
    } else if (cJSON_IsArray(value) && depth < MAX_DEPTH) {
        frame_array(out, key);
        cJSON_ArrayForEach(item, value) write_value(out, NULL, item, depth + 1);
        frame_end(out);
    } else if (cJSON_IsObject(value) && depth < MAX_DEPTH) {
        frame_map(out, key);
        cJSON_ArrayForEach(item, value) write_value(out, item->string, item, depth + 1);
        frame_end(out);
    } else {
        frame_nil(out, key);
    }
}
