/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include "relayos/codec/translate.h"

Test(translate_count, a_request_is_counted_with_all_that_belongs_to_it)
{
    struct buf out;

    buf_init(&out, 4096);
    translate_count_request(SLICE_LIT("gemini-2.5-pro"), SLICE_LIT("{\"contents\":[]}"), &out);
    cr_expect(slice_eq_str(buf_slice(&out), "{\"generateContentRequest\":{\"model\":"
                                            "\"models/gemini-2.5-pro\",\"contents\":[]}}"));
    buf_fini(&out);
}

Test(translate_count, only_a_number_is_an_answer)
{
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"totalTokens\":\"7\"}",
                                      "{\"totalTokens\":-7}",
                                      "{\"totalTokens\":1.5}",
                                      "[{\"totalTokens\":7}]"};
    int64_t tokens = 0;

    cr_assert_eq(translate_count_reply(SLICE_LIT("{\"totalTokens\": 31}"), &tokens), 0);
    cr_expect_eq(tokens, 31);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(translate_count_reply(slice_str(bad[i]), &tokens), ERR_UPSTREAM_ERROR, "%s",
                     bad[i]);
}
