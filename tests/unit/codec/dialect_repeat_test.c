/* SPDX-License-Identifier: ISC */
#include "stream_run.h"

#include <stdlib.h>

#include "dialect_parts.h"

static struct reply_facts facts;
static struct buf out;

static void
begin(struct reply_stream *stream, enum operation operation)
{
    const struct reply_context context = run_context(operation, true);

    reply_stream_init(stream, &context);
    buf_init(&out, 1 << 16);
}

static void
end(struct reply_stream *stream)
{
    reply_stream_fini(stream);
    buf_fini(&out);
}

/* One event; what the caller gets for it is left in out. */
static int
read_data(struct reply_stream *stream, const char *data)
{
    const struct sse_event event = {.data = slice_str(data)};

    buf_clear(&out);
    return dialect_of(dialect_operation_protocol(stream->context.operation))
        ->read_event(stream, &event, &out, &facts);
}

#define HEAD                                                                                       \
    "{\"id\":\"canary\",\"model\":\"canary\",\"provider\":\"canary\",\"choices\":[{\"delta\":{"
#define TAIL "},\"logprobs\":null}],\"usage\":null"
#define OUT                                                                                        \
    "data: {\"id\":\"chatcmpl-" RUN_HEX "\",\"model\":\"public-model\",\"choices\":[{\"delta\":{"
#define OUT_END "},\"logprobs\":null}]"

#define EXPECT(text)                                                                               \
    cr_expect(slice_eq_str(buf_slice(&out), text), "got:\n%.*s", (int)out.len, out.ptr)

Test(dialect_repeat, an_event_like_the_one_before_is_read_by_its_pattern)
{
    struct reply_stream stream;

    begin(&stream, OPERATION_CHAT);
    cr_assert_eq(read_data(&stream, HEAD "\"content\":\"a\"" TAIL ",\"obfuscation\":\"xx\"}"), 0);
    cr_expect_eq(stream.pattern.n_holes, 2);
    EXPECT(OUT "\"content\":\"a\"" OUT_END ",\"obfuscation\":\"xx\"}\n\n");

    /* What lies between the texts comes from the pattern alone. */
    size_t kept = stream.kept.model_len + stream.kept.id_len + stream.kept.pattern_len;
    char *mark = memmem(stream.scratch.ptr, kept, "public-model\",\"choices", 21);
    cr_assert_not_null(mark);
    *mark = 'P';
    cr_assert_eq(
        read_data(&stream, HEAD "\"content\":\"\\u00e9\\n\"" TAIL ",\"obfuscation\":\"\"}"), 0);
    mark = memmem(out.ptr, out.len, "Public-model", 12);
    cr_assert_not_null(mark);
    *mark = 'p';
    EXPECT(OUT "\"content\":\"\\u00e9\\n\"" OUT_END ",\"obfuscation\":\"\"}\n\n");
    cr_expect(facts.content_bytes == 3 && facts.is_content);
    cr_assert_eq(read_data(&stream, HEAD "\"content\":\"\"" TAIL ",\"obfuscation\":\"\"}"), 0);
    cr_expect(facts.content_bytes == 0 && !facts.is_content);
    cr_expect_eq(stream.n_events, 3);
    cr_expect_eq(stream.content_bytes, 4);
    end(&stream);
}

Test(dialect_repeat, what_does_not_fit_is_read_the_slow_way)
{
    static const char *const rows[] = {
        HEAD "\"content\":\"b\"" TAIL ",\"obfuscation\":\"x\"}",
        HEAD "\"content\":\"b\"},\"logprobs\":null}],\"usage\":{\"prompt_tokens\":1}}",
        HEAD "\"content\":\"b\",\"refusal\":\"c\"" TAIL "}",
        HEAD "\"content\":null" TAIL "}",
        HEAD "\"content\":[\"x\"]" TAIL "}",
        HEAD "\"reasoning\":\"b\"" TAIL "}",
        HEAD TAIL "}",
    };
    struct reply_stream stream, fresh;
    char text[1024];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(&fresh, OPERATION_CHAT);
        cr_assert_eq(read_data(&fresh, rows[i]), 0);
        snprintf(text, sizeof(text), "%.*s", (int)out.len, out.ptr);
        end(&fresh);
        begin(&stream, OPERATION_CHAT);
        cr_assert_eq(read_data(&stream, HEAD "\"content\":\"a\"" TAIL "}"), 0);
        cr_expect_eq(stream.pattern.n_holes, 1);
        cr_assert_eq(read_data(&stream, rows[i]), 0);
        EXPECT(text);
        cr_expect_eq(facts.has_usage, i == 1);
        end(&stream);
    }
}

Test(dialect_repeat, what_is_no_json_is_none_in_a_pattern)
{
    static const char *const bad[] = {
        HEAD "\"content\":\"b" TAIL "}",
        HEAD "\"content\":\"\x01\"" TAIL "}",
        HEAD "\"content\":\"\\x\"" TAIL "}",
        HEAD "\"content\":\"\xff\"" TAIL "}",
        HEAD "\"content\":\"a\"" TAIL,
        HEAD "\"content\":\"a\"" TAIL "}}",
        HEAD "\"content\":",
        HEAD "\"content\":\"a\"\"a\"" TAIL "}",
        HEAD "\"content\":\"\\ud800\"" TAIL "}",
    };
    struct reply_stream stream;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin(&stream, OPERATION_CHAT);
        cr_assert_eq(read_data(&stream, HEAD "\"content\":\"a\"" TAIL "}"), 0);
        cr_expect_eq(read_data(&stream, bad[i]), ERR_UPSTREAM_ERROR, "%s", bad[i]);
        end(&stream);
    }
}

Test(dialect_repeat, only_an_event_that_says_one_text_and_nothing_else_is_learnt)
{
    static const struct {
        enum operation operation;
        const char *data;
    } rows[] = {
        {OPERATION_CHAT, "{\"choices\":[{\"delta\":{\"content\":\"a\",\"reasoning\":\"b\"}}]}"},
        {OPERATION_CHAT, "{\"choices\":[{\"delta\":{\"content\":\"a\",\"name\":\"b\"}}]}"},
        {OPERATION_CHAT, "{\"choices\":[{\"text\":\"a\"}],\"usage\":{\"prompt_tokens\":1}}"},
        {OPERATION_CHAT, "{\"choices\":[{\"text\":\"a\"}],\n\"x\":1}"},
        {OPERATION_MESSAGE,
         "{\"type\":\"content_block_start\",\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"},
        {OPERATION_MESSAGE, "{\"type\":\"content_block_delta\",\"container\":{\"text\":\"a\"}}"},
        {OPERATION_MESSAGE, "{\"type\":\"content_block_delta\",\"delta\":{\"signature\":\"a\"}}"},
        {OPERATION_RESPONSE, "{\"type\":\"response.output_item.done\",\"delta\":\"a\"}"},
        {OPERATION_RESPONSE,
         "{\"type\":\"response.output_text.delta\",\"delta\":{\"text\":\"a\"}}"},
        {OPERATION_RESPONSE,
         "{\"type\":\"response.output_text.delta\",\"delta\":\"a\",\"response\":{}}"},
    };
    struct reply_stream stream;

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        begin(&stream, rows[i].operation);
        cr_assert_eq(read_data(&stream, rows[i].data), 0, "%s", rows[i].data);
        cr_expect_eq(stream.pattern.n_holes, 0, "%s", rows[i].data);
        end(&stream);
    }
}

Test(dialect_repeat, an_error_event_leaves_nothing_of_the_names)
{
    struct reply_stream stream;

    begin(&stream, OPERATION_CHAT);
    cr_assert_eq(read_data(&stream, HEAD "\"content\":\"a\"" TAIL "}"), 0);
    cr_assert_eq(read_data(&stream, "{\"error\":{\"message\":\"canary canary canary canary\"}}"),
                 0);
    cr_expect(facts.is_error);
    cr_assert_eq(read_data(&stream, HEAD "\"content\":\"b\"" TAIL "}"), 0);
    EXPECT(OUT "\"content\":\"b\"" OUT_END "}\n\n");
    end(&stream);
}

/* ---- random streams: with and without patterns ---- */

static const char *
pick(const char *const *list, size_t n)
{
    return list[(size_t)rand() % n];
}
#define PICK(...)                                                                                  \
    pick((const char *const[]){__VA_ARGS__},                                                       \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Some are none: half a pair, no UTF-8, a control character. */
#define STRING                                                                                     \
    PICK("\"\"", "\"a\"", "\"two words\"", "\"\\\"\\\\\"", "\"h\\u00e9\"", "\"\xC3\xA9\"", "null", \
         "\"a text of more than sixteen and of more than thirty-two bytes\"", "\"}\"", "1e3",      \
         "\"\\\"model\\\":\\\"m\\\"\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\xFF\"",           \
         "\"\x01\"", "\"\xE2\x82\"")

static void
append_event(enum operation operation, int number, struct buf *text)
{
    buf_clear(text);
    if (operation == OPERATION_CHAT) {
        buf_printf(text, "{\"id\":%s,\"choices\":[{\"index\":%s,\"delta\":{%s:%s}}]",
                   PICK("\"c1\"", "\"c1\"", "\"c2\""), PICK("0", "0", "0", "1"),
                   PICK("\"content\"", "\"content\"", "\"refusal\"", "\"role\""), STRING);
        buf_printf(text, "%s%s,\"obfuscation\":%s}",
                   PICK("", "", "", ",\"x_groq\":{\"text\":\"x\"}", ",\"id\":\"again\""),
                   PICK("", "", "", ",\"usage\":null", ",\"usage\":{\"prompt_tokens\":7}"), STRING);
    } else if (operation == OPERATION_MESSAGE) {
        buf_printf(text, "{\"type\":\"%s\",\"index\":0,\"delta\":{\"type\":\"t\",\"%s\":%s}%s}",
                   PICK("content_block_delta", "content_block_delta", "ping"),
                   PICK("text", "text", "partial_json", "signature"), STRING,
                   PICK("", "", "", ",\"provider\":\"x\"", ",\"provider\":{\"text\":\"x\"}"));
    } else {
        buf_printf(text, "{\"type\":\"response.%s\",\"sequence_number\":%d,%s\"delta\":%s,\"n\":1",
                   PICK("output_text.delta", "output_text.delta", "x.delta", "created"), number,
                   PICK("", "", "", "\"response_id\":\"r\",", "\"response\":{\"id\":\"r\"},"),
                   STRING);
        buf_printf(text, ",\"obfuscation\":%s}", STRING);
    }
    buf_append_byte(text, '\0');
}

Test(dialect_repeat, a_stream_reads_the_same_with_and_without_patterns)
{
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_MESSAGE,
                                                OPERATION_RESPONSE};
    struct reply_stream quick, slow;
    struct buf text, got;
    int n_patterns = 0, n_refused = 0;

    srand(3);
    buf_init(&text, 1 << 12);
    buf_init(&got, 1 << 16);
    for (int round = 0; round < 600; round++) {
        begin(&quick, operations[round % 3]);
        buf_fini(&out);
        begin(&slow, operations[round % 3]);
        for (int i = 0; i < 20; i++) {
            append_event(operations[round % 3], i, &text);
            int err = read_data(&quick, text.ptr);
            struct reply_facts quick_facts = facts;
            buf_clear(&got);
            buf_append_slice(&got, buf_slice(&out));
            n_patterns += quick.pattern.n_holes > 0;

            dialect_repeat_forget(&slow);
            cr_assert_eq(read_data(&slow, text.ptr), err, "%s", text.ptr);
            n_refused += err != 0;
            if (err != 0)
                continue;
            cr_assert(slice_eq(buf_slice(&got), buf_slice(&out)), "%s\n%.*s\n%.*s", text.ptr,
                      (int)got.len, got.ptr, (int)out.len, out.ptr);
            cr_assert(quick_facts.content_bytes == facts.content_bytes &&
                      quick_facts.is_content == facts.is_content &&
                      quick_facts.has_usage == facts.has_usage);
            cr_assert(quick.content_bytes == slow.content_bytes &&
                      quick.has_content == slow.has_content && quick.n_events == slow.n_events &&
                      quick.next_sequence == slow.next_sequence &&
                      memcmp(&quick.usage, &slow.usage, sizeof(slow.usage)) == 0);
        }
        reply_stream_fini(&quick);
        end(&slow);
    }
    cr_expect(n_patterns > 3000 && n_refused > 3000, "%d, %d", n_patterns, n_refused);
    buf_fini(&got);
    buf_fini(&text);
}
