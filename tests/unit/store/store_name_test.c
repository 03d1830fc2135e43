/* SPDX-License-Identifier: ISC */
#include "relayos/store/store_name.h"

#include <criterion/criterion.h>

#include "relayos/model/catalog.h"

Test(store_name, each_protocol_has_its_word_and_is_found_by_it)
{
    static const struct {
        enum protocol protocol;
        const char *name;
    } cases[] = {{PROTOCOL_OPENAI_CHAT, "openai_chat"},
                 {PROTOCOL_OPENAI_RESPONSES, "openai_responses"},
                 {PROTOCOL_ANTHROPIC_MESSAGES, "anthropic_messages"},
                 {PROTOCOL_GEMINI, "gemini"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t found;

        cr_expect_str_eq(store_name(STORE_NAME_PROTOCOL, (uint8_t)cases[i].protocol),
                         cases[i].name);
        cr_expect_eq(store_name_find(STORE_NAME_PROTOCOL, slice_str(cases[i].name), &found), 0);
        cr_expect_eq(found, cases[i].protocol);
    }
}

Test(store_name, a_word_or_value_of_a_newer_version_is_unknown)
{
    uint8_t found;

    cr_expect_str_eq(store_name(STORE_NAME_PROTOCOL, 200), "unknown");
    cr_expect_eq(store_name_find(STORE_NAME_PROTOCOL, SLICE_LIT("grpc"), &found), ERR_MISSING);
    cr_expect_str_eq(store_name(STORE_NAME_PROTOCOL, store_name_value(STORE_NAME_PROTOCOL, "grpc")),
                     "unknown");
}
