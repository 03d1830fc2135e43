/* SPDX-License-Identifier: ISC */
#include "relayos/codec/translate.h"

#include <criterion/criterion.h>

Test(translate, each_row_is_whole)
{
    for (int protocol = 0; protocol <= PROTOCOL_GEMINI; protocol++) {
        const struct translator *translator = translator_of((enum protocol)protocol);

        cr_assert_not_null(translator);
        cr_expect_eq(translator->protocol, protocol);
        cr_expect(translator->write_request && translator->read_event && translator->read_reply &&
                  translator->read_end);
        cr_expect_eq(translator->read_request == NULL, translator->write_event == NULL);
        cr_expect_eq(translator->read_request == NULL, protocol == PROTOCOL_GEMINI);
    }
    cr_expect_null(translator_of((enum protocol)(PROTOCOL_GEMINI + 1)));
}

Test(translate, names_of_what_was_dropped_are_cut_between_names)
{
    struct translate_dropped dropped = {.len = 0};

    translate_drop(&dropped, "seed");
    translate_drop(&dropped, "top_k");
    translate_drop(&dropped, "seed");
    cr_expect(slice_eq_str(slice_of(dropped.names, dropped.len), "seed, top_k"));
    for (int i = 0; i < 100; i++) {
        const char name[] = {'a', (char)('a' + i / 10), (char)('0' + i % 10), '\0'};

        translate_drop(&dropped, name);
    }
    cr_expect_leq(dropped.len, sizeof(dropped.names));
    cr_expect_gt(dropped.len, sizeof(dropped.names) - 5);
    cr_expect_eq(dropped.names[dropped.len - 5], ',');
}

Test(translate, an_answer_is_dated_by_its_request)
{
    const struct reply_context context = {.request_id =
                                              text_uuid_new(1760000000 * INT64_C(1000000))};
    struct answer_writer writer;

    answer_writer_init(&writer, PROTOCOL_OPENAI_CHAT, &context);
    cr_expect_eq(writer.created_s, 1760000000);
    answer_writer_fini(&writer);
}
