/* SPDX-License-Identifier: ISC
 *
 * The tables of the API hang together, and what is checked by them is refused for each way in which
 * it can be wrong.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "shape.h"

#define MAX_DEPTH 6 /* of what body_to_frame() hands on */

static const struct shape *
find(const char *name)
{
    const struct shape *shape;

    for (size_t n = 0; (shape = shape_at(n)) != NULL && strcmp(shape->name, name) != 0;)
        n++;
    return shape;
}

static bool
is_there(const char *type_text)
{
    struct shape_type type = shape_type_of(type_text);

    return shape_type_is_plain(&type) || find(type.base) != NULL;
}

/* How deep its objects lie in one another; past MAX_DEPTH there is a circle. */
static int
depth(const char *shape, int so_far)
{
    const struct shape_field *field;
    int deepest = so_far;

    for (size_t n = 0; so_far <= MAX_DEPTH && (field = shape_field_at(n)) != NULL; n++) {
        struct shape_type type = shape_type_of(field->type);

        if (strcmp(field->shape, shape) != 0 || shape_type_is_plain(&type))
            continue;
        int below = depth(type.base, so_far + 1);
        deepest = below > deepest ? below : deepest;
    }
    return deepest;
}

Test(shape, each_name_in_the_tables_is_one_of_them_and_there_are_no_circles)
{
    const struct shape_field *field;
    const struct shape *shape;

    for (size_t n = 0; (field = shape_field_at(n)) != NULL; n++) {
        cr_expect_not_null(find(field->shape), "%s of no shape", field->name);
        cr_expect(is_there(field->type), "%s.%s is %s", field->shape, field->name, field->type);
        for (size_t i = 0; i < n; i++)
            cr_expect(strcmp(shape_field_at(i)->shape, field->shape) != 0 ||
                          strcmp(shape_field_at(i)->name, field->name) != 0,
                      "%s.%s twice", field->shape, field->name);
    }
    for (size_t n = 0; (shape = shape_at(n)) != NULL; n++) {
        cr_expect_eq(find(shape->name), shape, "%s twice", shape->name);
        cr_expect_leq(depth(shape->name, 1), MAX_DEPTH, "%s", shape->name);
    }
}

Test(shape, each_call_says_what_it_takes_and_answers)
{
    const struct api_query *query;
    const struct api_row *row;

    for (size_t n = 0; (row = api_row_at(n)) != NULL; n++) {
        const struct api_answer *answer = api_answer_of(row);
        const char *body = api_body_of(row);
        size_t n_cursors = 0;

        for (size_t i = 0; i < n; i++)
            cr_expect(api_row_at(i)->handler != row->handler, "%s has another's", row->path);
        cr_assert_not_null(answer, "%s %s", row->method, row->path);
        cr_expect(strcmp(answer->shape, "csv") == 0 || strcmp(answer->shape, "text") == 0 ||
                      is_there(answer->shape),
                  "%s", answer->shape);
        cr_expect(body == NULL || find(body) != NULL, "%s", row->path);
        cr_expect(body == NULL || strcmp(row->method, "GET") != 0, "%s", row->path);
        for (size_t i = 0; (query = api_query_at(row, i)) != NULL; i++) {
            cr_expect(is_there(query->type));
            n_cursors += strcmp(query->name, "cursor") == 0;
        }
        cr_expect(n_cursors == 0 || (answer->shape[0] == '[' && api_limit_of(row) != NULL),
                  "%s has pages", row->path);
    }
}

static void
expect(const char *shape, enum shape_use use, const char *text, enum shape_error error,
       const char *member)
{
    struct tree *object = tree_parse(slice_str(text));
    struct shape_fault fault = {.error = SHAPE_OK};

    cr_assert_not_null(object);
    cr_expect_eq(shape_check(shape, object, use, &fault), error == SHAPE_OK, "%s", text);
    cr_expect_eq(fault.error, error, "%s: %d", text, fault.error);
    if (error != SHAPE_OK && fault.error == error)
        cr_expect_str_eq(fault.member, member, "%s", text);
    tree_free(&object);
}

Test(shape, what_is_unknown_missing_or_of_another_type_is_named)
{
    static const char quotas[] =
        "{\"quotas\":[{\"unit\":\"usd\",\"period\":\"day\",\"amount\":%s}]}";
    char text[256];

    expect("credentials", SHAPE_BODY, "{\"name\":\"a\",\"password\":\"b\"}", SHAPE_OK, NULL);
    expect("credentials", SHAPE_BODY, "{\"name\":\"a\"}", SHAPE_MISSING_FIELD, "password");
    expect("credentials", SHAPE_BODY, "{\"name\":\"a\",\"password\":null}", SHAPE_MISSING_FIELD,
           "password");
    expect("credentials", SHAPE_BODY, "{\"name\":1,\"password\":\"b\"}", SHAPE_WRONG_TYPE, "name");
    expect("key_settings", SHAPE_BODY, "{\"digest\":\"x\"}", SHAPE_UNKNOWN_FIELD, "digest");
    expect("key_settings", SHAPE_BODY, "{\"expires_us\":null}", SHAPE_OK, NULL);
    expect("key_settings", SHAPE_BODY, "{\"expires_us\":1.5}", SHAPE_WRONG_TYPE, "expires_us");
    expect("key_settings", SHAPE_BODY, "{\"expires_us\":9007199254740993}", SHAPE_OK, NULL);
    expect("key_settings", SHAPE_BODY, "{\"expires_us\":9223372036854775808}", SHAPE_WRONG_TYPE,
           "expires_us");
    expect("key_settings", SHAPE_BODY, "{\"models\":[5]}", SHAPE_WRONG_TYPE, "models");
    expect("key_settings", SHAPE_BODY, "{\"models\":\"a\"}", SHAPE_WRONG_TYPE, "models");
    expect("key_settings", SHAPE_BODY, "{\"quotas\":[[1]]}", SHAPE_WRONG_TYPE, "quotas");
    expect("key_settings", SHAPE_BODY, "{\"quotas\":[{\"used\":0}]}", SHAPE_UNKNOWN_FIELD,
           "quotas");
    expect("key_settings", SHAPE_BODY, "{\"quotas\":[{\"unit\":\"usd\"}]}", SHAPE_MISSING_FIELD,
           "quotas");
    snprintf(text, sizeof text, quotas, "5");
    expect("key_settings", SHAPE_BODY, text, SHAPE_OK, NULL);
    snprintf(text, sizeof text, quotas, "\"5\"");
    expect("key_settings", SHAPE_BODY, text, SHAPE_WRONG_TYPE, "quotas");
    expect(NULL, SHAPE_BODY, "{}", SHAPE_OK, NULL);
    expect(NULL, SHAPE_BODY, "{\"a\":1}", SHAPE_UNKNOWN_FIELD, "a");
}

Test(shape, an_answer_has_null_only_where_it_is_said)
{
    expect("probe", SHAPE_ANSWER,
           "{\"kind\":null,\"is_ok\":true,\"status\":0,\"latency_us\":0,\"probed_us\":null}",
           SHAPE_OK, NULL);
    expect("probe", SHAPE_ANSWER,
           "{\"kind\":null,\"is_ok\":null,\"status\":0,\"latency_us\":0,\"probed_us\":null}",
           SHAPE_WRONG_TYPE, "is_ok");
}
