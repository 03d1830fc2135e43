/* SPDX-License-Identifier: ISC */
#include "body.h"

#include "answer.h"
#include "shape.h"

#define MAX_DEPTH 6 /* of lists and objects in one another */

static void write_value(struct frame_out *out, const char *key, const cJSON *value, int depth);

bool
body_check(struct call *call)
{
    struct shape_fault fault;
    const char *of = "", *member = "";

    if (shape_check(api_body_of(call->row), call->body, SHAPE_BODY, &fault))
        return true;
    if (fault.field != fault.member) {
        of = " of ";
        member = fault.member;
    }
    if (fault.error == SHAPE_UNKNOWN_FIELD)
        answer_problem(call, 400, "unknown_field", fault.member, "\"%.64s\"%s%.64s is not known",
                       fault.field, of, member);
    else if (fault.error == SHAPE_MISSING_FIELD)
        answer_problem(call, 400, "missing_field", fault.member, "\"%.64s\"%s%.64s is missing",
                       fault.field, of, member);
    else
        answer_problem(call, 400, "wrong_type", fault.member, "\"%.64s\"%s%.64s must be %s",
                       fault.field, of, member, fault.wanted);
    return false;
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
    } else if (shape_is_int(value)) {
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
