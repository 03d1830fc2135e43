/* SPDX-License-Identifier: ISC */
#include "call_input.h"

#include <criterion/criterion.h>

static void
expect_read(const char *raw, const char *want)
{
    struct arena arena;

    arena_init(&arena, 1 << 20);
    struct slice got = call_input_read(&arena, slice_str(raw));
    cr_expect(slice_eq_str(got, want), "%s gave %.*s", raw, (int)got.len, got.ptr);
    arena_fini(&arena);
}

static void
expect_write(const char *json, const char *want)
{
    struct buf out;

    buf_init(&out, 1 << 20);
    call_input_write(&out, slice_str(json));
    cr_expect(slice_eq_str(buf_slice(&out), want), "%s gave %.*s", json, (int)out.len, out.ptr);
    buf_fini(&out);
}

Test(call_input, reads_the_object_in_an_arguments_string)
{
    expect_read("", "{}");
    expect_read(" \\n", "{}");
    expect_read("{}", "{}");
    expect_read("{\\\"b\\\": 1.50, \\\"a\\\":\\\"x\\\\ny \\u00e9\\\"}",
                "{\"b\": 1.50, \"a\":\"x\\ny \xc3\xa9\"}");
}

Test(call_input, loses_nothing_that_is_no_object)
{
    expect_read("{\\\"a\\\":", "{\"_raw\":\"{\\\"a\\\":\"}");
    expect_read("[1]", "{\"_raw\":\"[1]\"}");
    expect_read("plain\\ntext", "{\"_raw\":\"plain\\ntext\"}");
}

Test(call_input, writes_an_object_compact_and_escaped)
{
    expect_write("{}", "{}");
    expect_write("{ \"a b\" :\n\t[1, 2.50 ], \"c\" : \"x \\\"\\\\ \\n \\u00e9\" }",
                 "{\\\"a b\\\":[1,2.50],\\\"c\\\":\\\"x \\\\\\\"\\\\\\\\ \\\\n \\\\u00e9\\\"}");
}

Test(call_input, gives_back_what_it_wrote)
{
    static const char *const objects[] = {"{}", "{\"a\":\"\\\\\\\"\\/\\b\"}",
                                          "{\"k\":[{\"x\":null},-1e9],\"\":\"\xf0\x9f\x90\x9f\"}"};

    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        struct arena arena;
        struct buf out;

        arena_init(&arena, 1 << 20);
        buf_init(&out, 1 << 20);
        call_input_write(&out, slice_str(objects[i]));
        cr_expect(slice_eq_str(call_input_read(&arena, buf_slice(&out)), objects[i]));
        buf_fini(&out);
        arena_fini(&arena);
    }
}

Test(call_input, wraps_free_text_and_takes_it_out_again)
{
    struct arena arena;

    arena_init(&arena, 1 << 20);
    struct slice wrapped = call_input_wrap(&arena, SLICE_LIT("a\\n\\\"b"));
    cr_expect(slice_eq_str(wrapped, "{\"input\":\"a\\n\\\"b\"}"));
    cr_expect(slice_eq_str(call_input_unwrap(wrapped), "a\\n\\\"b"));
    cr_expect(call_input_unwrap(SLICE_LIT("{\"input\":7}")).len == 0);
    cr_expect(call_input_unwrap(SLICE_LIT("{}")).len == 0);
    arena_fini(&arena);
}
