/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "probe.h"

static const char *
head_of(const struct upstream_record *upstream, const char *credential)
{
    static struct buf out;

    buf_init(&out, 4096);
    probe_write_head(upstream, slice_str(credential), &out);
    buf_append_byte(&out, '\0');
    cr_assert_not(out.overflow);
    return out.ptr;
}

Test(probe, the_question_is_a_list_of_models_with_the_key_as_the_dialect_shows_it)
{
    struct upstream_record upstream = {.host = "api.example.com",
                                       .path = "/v1",
                                       .port = 443,
                                       .is_tls = 1,
                                       .protocols = PROTOCOL_BIT(PROTOCOL_OPENAI_RESPONSES)};

    cr_assert_str_eq(
        head_of(&upstream, "sk-1"),
        "GET /v1/models HTTP/1.1\r\nhost: api.example.com\r\n"
        "authorization: Bearer sk-1\r\naccept: application/json\r\n"
        "accept-encoding: identity\r\nuser-agent: relayos\r\nconnection: close\r\n\r\n");
}

Test(probe, anthropic_gets_its_own_header_and_version)
{
    struct upstream_record upstream = {.host = "::1",
                                       .port = 8443,
                                       .is_tls = 1,
                                       .protocols = PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES)};
    const char *head = head_of(&upstream, "sk-ant-1");

    cr_assert_not_null(strstr(head, "GET /models HTTP/1.1\r\nhost: [::1]:8443\r\n"), "%s", head);
    cr_assert_not_null(strstr(head, "\r\nx-api-key: sk-ant-1\r\n"), "%s", head);
    cr_assert_not_null(strstr(head, "\r\nanthropic-version: "), "%s", head);
    cr_assert_null(strstr(head, "authorization"));
}

Test(probe, gemini_gets_its_own_header_on_its_own_path)
{
    struct upstream_record upstream = {.host = "gemini.example.com",
                                       .path = "/v1beta",
                                       .port = 443,
                                       .is_tls = 1,
                                       .protocols = PROTOCOL_BIT(PROTOCOL_GEMINI)};

    cr_assert_str_eq(
        head_of(&upstream, "AIza-1"),
        "GET /v1beta/models HTTP/1.1\r\nhost: gemini.example.com\r\n"
        "x-goog-api-key: AIza-1\r\naccept: application/json\r\n"
        "accept-encoding: identity\r\nuser-agent: relayos\r\nconnection: close\r\n\r\n");
}

Test(probe, the_first_of_several_protocols_says_how_the_key_is_shown)
{
    struct upstream_record upstream = {.host = "127.0.0.1",
                                       .port = 80,
                                       .protocols = PROTOCOL_BIT(PROTOCOL_OPENAI_RESPONSES) |
                                                    PROTOCOL_BIT(PROTOCOL_GEMINI)};

    cr_assert_not_null(strstr(head_of(&upstream, "sk-1"), "\r\nauthorization: Bearer sk-1\r\n"));
}

Test(probe, no_key_no_header)
{
    struct upstream_record upstream = {
        .host = "127.0.0.1", .port = 80, .protocols = PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT)};

    cr_assert_null(strstr(head_of(&upstream, ""), "authorization"));
}

Test(probe, azure_gets_its_version_and_its_header)
{
    struct upstream_record upstream = {.host = "r.openai.azure.com",
                                       .path = "/openai",
                                       .port = 443,
                                       .is_tls = 1,
                                       .protocols = PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT),
                                       .flavor = FLAVOR_AZURE,
                                       .has_deployments = 1,
                                       .api_version = "2024-10-21"};

    cr_assert_str_eq(
        head_of(&upstream, "az-1"),
        "GET /openai/models?api-version=2024-10-21 HTTP/1.1\r\nhost: r.openai.azure.com\r\n"
        "api-key: az-1\r\naccept: application/json\r\n"
        "accept-encoding: identity\r\nuser-agent: relayos\r\nconnection: close\r\n\r\n");
}
