/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/codec/json_out.h"
#include "relayos/codec/json_scan.h"

Test(json_out, commas_and_nesting_are_its_business)
{
    struct buf buf;
    struct json_out out;

    buf_init(&buf, 1024);
    json_out_init(&out, &buf);
    json_out_object(&out, NULL);
    json_out_str(&out, "a", "x\"y");
    json_out_array(&out, "b");
    json_out_int(&out, NULL, -5);
    json_out_object(&out, NULL);
    json_out_end_object(&out);
    json_out_array(&out, NULL);
    json_out_null(&out, NULL);
    json_out_end_array(&out);
    json_out_end_array(&out);
    json_out_bool(&out, "c", true);
    json_out_str(&out, "d", NULL);
    json_out_raw(&out, "e", SLICE_LIT("[1]"));
    json_out_end_object(&out);
    cr_expect(slice_eq_str(buf_slice(&buf), "{\"a\":\"x\\\"y\",\"b\":[-5,{},[null]],\"c\":true,"
                                            "\"d\":null,\"e\":[1]}"));
    buf_fini(&buf);
}

Test(json_out, what_is_escaped_decodes_to_itself)
{
    char text[256 + 8];
    struct buf json, back;
    enum json_type type;
    size_t len = 0;

    for (int c = 0; c < 128; c++)
        text[len++] = (char)c;
    memcpy(text + len, "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 9);
    len += 9;
    buf_init(&json, 4096);
    buf_init(&back, 4096);
    buf_append_byte(&json, '"');
    json_escape(&json, slice_of(text, len));
    buf_append_byte(&json, '"');
    cr_assert_eq(json_scan_value(buf_slice(&json), &type, NULL), 0);
    cr_assert_eq(json_string_decode(buf_slice(&json), &back), 0);
    cr_expect(slice_eq(buf_slice(&back), slice_of(text, len)));
    buf_fini(&json);
    buf_fini(&back);
}

Test(json_out, bytes_that_are_no_utf_8_become_replacement_characters)
{
    struct buf buf;

    buf_init(&buf, 64);
    json_escape(&buf, SLICE_LIT("a\xFF"
                                "b\xE2\x82"
                                "c\xC3"));
    cr_expect(slice_eq_str(buf_slice(&buf), "a\xEF\xBF\xBD"
                                            "b\xEF\xBF\xBD\xEF\xBF\xBD"
                                            "c"
                                            "\xEF\xBF\xBD"));
    buf_fini(&buf);
}
