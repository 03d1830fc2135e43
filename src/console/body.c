/* SPDX-License-Identifier: ISC */
#include "body.h"

#include "answer.h"
#include "shape.h"

#define MAX_DEPTH 6 /* of lists and objects in one another */

static void write_value(struct frame_out *out, const char *key, const struct tree *value,
                        int depth);

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
    return slice_str(tree_text(call->body, name));
}

void
body_to_frame(const struct call *call, struct frame_out *out)
{
    const struct tree *member;

    tree_each(member, call->body) body_write_json(out, member->name, member);
}

void
body_write_json(struct frame_out *out, const char *key, const struct tree *value)
{
    write_value(out, key, value, 0);
}

/* What is neither text nor integer nor bool, or lies deeper than any request of ours (a frame takes
 * 16), is nil: whoever reads it says that it is missing. */
static void
write_value(struct frame_out *out, const char *key, const struct tree *value, int depth)
{
    const struct tree *item;
    int64_t n;

    if (tree_is(value, TREE_STRING)) {
        frame_cstr(out, key, value->text);
    } else if (tree_is_int(value, &n)) {
        frame_int(out, key, n);
    } else if (tree_is(value, TREE_TRUE) || tree_is(value, TREE_FALSE)) {
        frame_bool(out, key, tree_is(value, TREE_TRUE));
    } else if (tree_is(value, TREE_ARRAY) && depth < MAX_DEPTH) {
        frame_array(out, key);
        tree_each(item, value) write_value(out, NULL, item, depth + 1);
        frame_end(out);
    } else if (tree_is(value, TREE_OBJECT) && depth < MAX_DEPTH) {
        frame_map(out, key);
        tree_each(item, value) write_value(out, item->name, item, depth + 1);
        frame_end(out);
    } else {
        frame_nil(out, key);
    }
}
