/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/codec/dialect.h"

static struct request_facts facts;

static void
read_request(enum operation operation, const char *body)
{
    struct refusal_reason why;
    const struct dialect *dialect = dialect_of(dialect_operation_protocol(operation));

    cr_assert_eq(dialect->read_request(operation, slice_str(body), &facts, &why), 0, "%s: %s", body,
                 why.detail);
}

Test(dialect_turns, a_conversation_is_known_by_its_instructions_and_first_user_turn)
{
    static const struct {
        enum operation operation;
        const char *body, *instructions, *first;
    } rows[] = {
        {OPERATION_CHAT,
         " {\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"be kind\"},"
         "{\"role\":\"assistant\",\"content\":\"a\"},{\"role\":\"user\",\"content\":\"hi\"},"
         "{\"role\":\"user\",\"content\":\"later\"}]}",
         "\"be kind\"", "\"hi\""},
        {OPERATION_CHAT,
         "{\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"dev\"}],\"role\":"
         "\"developer\"},{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"look\"},"
         "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}}]}],\"model\":\"m\"}",
         "\"dev\"", "\"look\""},
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":5,\"system\":\"S\",\"messages\":[{\"role\":\"user\","
         "\"content\":\"hi\"}]}",
         "\"S\"", "\"hi\""},
        /* The line that varies stands first; a mark of the cache moves on with the turns. */
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":5,\"system\":[{\"type\":\"text\",\"text\":"
         "\"x-anthropic-billing-header: cch=1\"},{\"type\":\"text\",\"text\":\"You are\","
         "\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[{\"role\":\"user\",\"content\""
         ":[{\"type\":\"text\",\"text\":\"<reminder>\"},{\"type\":\"text\",\"text\":\"fix it\","
         "\"cache_control\":{\"type\":\"ephemeral\"}}]}]}",
         "\"You are\"", "\"fix it\""},
        {OPERATION_MESSAGE,
         "{\"model\":\"m\",\"max_tokens\":5,\"system\":[{\"type\":\"text\",\"text\":\"only\"}],"
         "\"messages\":[]}",
         "\"only\"", ""},
        {OPERATION_RESPONSE, "{\"model\":\"m\",\"instructions\":\"I\",\"input\":\"hi\"}", "\"I\"",
         "\"hi\""},
        {OPERATION_RESPONSE,
         "{\"model\":\"m\",\"input\":[{\"role\":\"developer\",\"content\":[{\"type\":"
         "\"input_text\",\"text\":\"D\"}]},{\"type\":\"message\",\"role\":\"user\",\"content\":[{"
         "\"type\":\"input_text\",\"text\":\"q\"}]}]}",
         "\"D\"", "\"q\""},
        {OPERATION_COMPLETION, "{\"model\":\"m\",\"prompt\":\"def f\"}", "", "\"def f\""},
        {OPERATION_EMBEDDING, "{\"model\":\"m\",\"input\":\"text\"}", "", ""},
        {OPERATION_CHAT, "{\"model\":\"m\",\"messages\":[7,{},[\"x\"],{\"role\":\"user\"}]}", "",
         ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct slice found[2];

        read_request(rows[i].operation, rows[i].body);
        dialect_conversation(&facts, found);
        cr_expect(slice_eq_str(found[0], rows[i].instructions), "row %zu: %.*s", i,
                  (int)found[0].len, found[0].ptr);
        cr_expect(slice_eq_str(found[1], rows[i].first), "row %zu: %.*s", i, (int)found[1].len,
                  found[1].ptr);
    }
}

#define ASSISTANT(parts)                                                                           \
    "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"q\"},{"      \
    "\"role\":\"assistant\",\"content\":[" parts "]}]}"
#define ITEMS(items) "{\"model\":\"m\",\"input\":[" items "]}"

Test(dialect_turns, signed_reasoning_is_what_a_model_has_sealed)
{
    static const struct {
        enum operation operation;
        const char *body;
        bool is_signed;
    } rows[] = {
        {OPERATION_MESSAGE,
         ASSISTANT("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"abc\"}"), true},
        {OPERATION_MESSAGE, ASSISTANT("{\"type\":\"redacted_thinking\",\"data\":\"abc\"}"), true},
        {OPERATION_MESSAGE,
         ASSISTANT("{\"type\":\"thinking\",\"thinking\":\"t\",\"signature\":\"\"}"), false},
        {OPERATION_MESSAGE, ASSISTANT("{\"type\":\"text\",\"text\":\"the \\\"signature\\\"\"}"),
         false},
        {OPERATION_MESSAGE,
         ASSISTANT("{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{\"type\":"
                   "\"thinking\",\"signature\":\"f(x)\"}}"),
         false},
        {OPERATION_RESPONSE,
         ITEMS("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"abc\"}"), true},
        {OPERATION_RESPONSE,
         ITEMS("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":null}"), false},
        {OPERATION_RESPONSE, "{\"model\":\"m\",\"input\":\"encrypted_content\"}", false},
        {OPERATION_RESPONSE, ITEMS("{\"type\":\"compaction\",\"encrypted_content\":\"abc\"}"),
         true},
        {OPERATION_COMPACTION,
         ITEMS("{\"type\":\"reasoning\",\"summary\":[],\"encrypted_content\":\"abc\"}"), true},
        {OPERATION_CHAT,
         "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\\\"signature\\\"\"}]}",
         false},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        read_request(rows[i].operation, rows[i].body);
        cr_expect_eq(dialect_has_signed_reasoning(&facts), rows[i].is_signed, "%s", rows[i].body);
    }
}
