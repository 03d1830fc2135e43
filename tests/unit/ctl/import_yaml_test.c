/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import_json.h"
#include "import_yaml.h"
#include "relayos/base/buf.h"

static void
expect(const char *yaml, const char *json)
{
    struct errmsg why;
    cJSON *tree = NULL;

    cr_assert_eq(import_yaml_parse(slice_str(yaml), &tree, &why), 0, "%s: %s", yaml, why.text);
    char *text = cJSON_PrintUnformatted(tree);
    cr_expect_str_eq(text, json, "%s", yaml);
    free(text);
    cJSON_Delete(tree);
}

static void
expect_refused(const char *yaml)
{
    struct errmsg why;
    cJSON *tree = NULL;

    cr_expect_eq(import_yaml_parse(slice_str(yaml), &tree, &why), ERR_SYNTAX, "%s", yaml);
}

Test(import_yaml, scalars_have_the_types_that_people_mean)
{
    expect("a: 1.5e-06\nb: \"1\"\nc: true\nd: ~\ne:\nf: sk-1234\ng: 2024-10-21\nh: 1-2",
           "{\"a\":1.5e-06,\"b\":\"1\",\"c\":true,\"d\":null,\"e\":null,\"f\":\"sk-1234\","
           "\"g\":\"2024-10-21\",\"h\":\"1-2\"}");
    expect("", "{}");
}

Test(import_yaml, anchors_are_followed_and_maps_merged)
{
    expect("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {b: 4, <<: [*x]}",
           "{\"x\":{\"a\":1,\"b\":2},\"y\":{\"b\":3,\"a\":1},\"z\":{\"b\":4,\"a\":1}}");
}

Test(import_yaml, what_has_no_end_is_refused)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    buf_append_str(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int n = 1; n < 9; n++) {
        buf_printf(&text, "a%d: &a%d [", n, n);
        for (int i = 0; i < 10; i++)
            buf_printf(&text, "%s*a%d", i == 0 ? "" : ", ", n - 1);
        buf_append_str(&text, "]\n");
    }
    buf_append_byte(&text, '\0');
    expect_refused(text.ptr);
    buf_clear(&text);
    for (int n = 0; n < 100; n++)
        buf_append_byte(&text, '[');
    for (int n = 0; n < 100; n++)
        buf_append_byte(&text, ']');
    buf_append_byte(&text, '\0');
    expect_refused(text.ptr);
    expect_refused("a: &a [*a]");
    expect_refused("a: [1");
    buf_fini(&text);
}

Test(import_yaml, lists_are_read_however_they_are_written)
{
    static const char *const written[] = {"[\"a\",\"b c\"]", "\"{a,\\\"b c\\\"}\"", "\"a, b c\"",
                                          "\"[\\\"a\\\",\\\"b c\\\"]\"", "\"a\\nb c\\n\""};

    for (size_t n = 0; n < sizeof(written) / sizeof(written[0]); n++) {
        char text[128];

        snprintf(text, sizeof(text), "{\"l\":%s}", written[n]);
        cJSON *object = cJSON_Parse(text), *list = import_json_list(object, "l");
        char *printed = cJSON_PrintUnformatted(list);
        cr_expect_str_eq(printed, "[\"a\",\"b c\"]", "%s", text);
        free(printed);
        cJSON_Delete(list);
        cJSON_Delete(object);
    }
}
