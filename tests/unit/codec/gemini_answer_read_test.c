/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "relayos/codec/sse.h"
#include "translators.h"

#define LOG_CAP (1 << 20)

/* An answer read to its end, and its events in a line of text each. */
struct reading {
    struct answer_reader reader;
    struct buf log;
    int err;
};

static void
log_event(void *ctx, const struct neutral_event *event)
{
    static const char *const kinds[] = {"text",   "image",     "file",    "audio",  "call",
                                        "result", "reasoning", "refusal", "foreign"};
    static const char *const finishes[] = {"stop",       "stop_sequence",  "length",
                                           "tool_calls", "content_filter", "context_full"};
    struct buf *log = ctx;

    if (event->choice > 0)
        buf_printf(log, "%u:", event->choice);
    switch (event->kind) {
    case NEUTRAL_START:
        buf_printf(log, "start %.*s", (int)event->id.len, event->id.ptr);
        break;
    case NEUTRAL_PART_BEGIN:
        buf_printf(log, "%s", kinds[event->part]);
        if (event->part == NEUTRAL_CALL)
            buf_printf(log, " %.*s", (int)event->name.len, event->name.ptr);
        break;
    case NEUTRAL_PART_DELTA:
        buf_printf(log, "+%.*s", (int)event->text.len, event->text.ptr);
        break;
    case NEUTRAL_PART_STATE:
        cr_expect_eq(event->origin, NEUTRAL_ORIGIN_GEMINI);
        buf_printf(log, "state %.*s", (int)event->state.len, event->state.ptr);
        break;
    case NEUTRAL_FINISH:
        buf_printf(log, "finish %s", finishes[event->finish]);
        break;
    case NEUTRAL_END:
        buf_printf(log, "end");
        break;
    case NEUTRAL_ERROR:
        buf_printf(log, "error %s", err_category_name(event->category));
        break;
    case NEUTRAL_USAGE:
        cr_expect(event->lacks_cache_writes);
        return;
    case NEUTRAL_PART_END:
    case NEUTRAL_ANNOTATION:
        buf_printf(log, "/");
        break;
    }
    buf_append_byte(log, '\n');
}

static struct reading
begin(void)
{
    struct reading r = {0};

    buf_init(&r.log, LOG_CAP);
    answer_reader_init(&r.reader, PROTOCOL_GEMINI);
    return r;
}

/* A stream that arrives in pieces of so many bytes. */
static struct reading
read_stream(const char *text, size_t piece)
{
    const struct slice all = slice_str(text);
    struct reading r = begin();
    struct sse_event event;
    struct sse sse;

    sse_init(&sse);
    for (size_t at = 0; at < all.len && r.err == 0; at += piece) {
        sse_feed(&sse, slice_sub(all, at, at + piece < all.len ? at + piece : all.len));
        while (r.err == 0 && sse_next(&sse, &event) == 0)
            r.err = gemini_answer_read_event(&r.reader, &event, log_event, &r.log);
    }
    if (r.err == 0)
        gemini_answer_read_end(&r.reader, log_event, &r.log);
    sse_fini(&sse);
    return r;
}

static struct reading
read_reply(const char *text)
{
    struct reading r = begin();

    r.err = gemini_answer_read_reply(&r.reader, slice_str(text), log_event, &r.log);
    return r;
}

static void
end(struct reading *r)
{
    answer_reader_fini(&r->reader);
    buf_fini(&r->log);
}

#define EXPECT(r, text)                                                                            \
    cr_expect(slice_eq_str(buf_slice(&(r).log), text), "got:\n%.*s\nexpected:\n%s",                \
              (int)(r).log.len, (r).log.ptr, text)

#define CHUNK(parts, more)                                                                         \
    "data: {\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"},\"index\":0"   \
    "}]" more ",\"responseId\":\"r1\"}\n\n"
#define LAST(parts, reason, more)                                                                  \
    "data: {\"candidates\":[{\"content\":{\"parts\":[" parts "],\"role\":\"model\"},"              \
    "\"finishReason\":\"" reason "\",\"index\":0}]" more ",\"responseId\":\"r1\"}\n\n"

static const char stream[] = CHUNK("{\"text\":\"Dawn \",\"thought\":true}", "")
    CHUNK("{\"text\":\"is.\",\"thought\":true},{\"text\":\"Sail \\u00e9\"}", "")
        CHUNK("{\"text\":\"\"}", "") CHUNK("{\"text\":\" now\"}", "")
            LAST("{\"functionCall\":{\"name\":\"tide\",\"args\":{\"a\" : [1.50, \"x y\"]}},"
                 "\"thoughtSignature\":\"c2ln\"},{\"functionCall\":{\"name\":\"list\"}}",
                 "STOP", "");
static const char stream_log[] = "start r1\nreasoning\n+Dawn \n+is.\n/\ntext\n+Sail \\u00e9\n"
                                 "+ now\n/\nreasoning\nstate c2ln\n/\n"
                                 "call tide\n+{\\\"a\\\":[1.50,\\\"x y\\\"]}\n/\n"
                                 "call list\n+{}\n/\nfinish tool_calls\nend\n";

Test(gemini_answer_read, any_chunking_of_a_stream_gives_the_same_events)
{
    for (size_t piece = 1; piece <= sizeof(stream); piece++) {
        struct reading r = read_stream(stream, piece);

        cr_assert_eq(r.err, 0);
        EXPECT(r, stream_log);
        end(&r);
    }
}

Test(gemini_answer_read, a_signature_stays_with_the_reasoning_in_front_of_its_part)
{
    struct reading r =
        read_stream(CHUNK("{\"text\":\"Hm.\",\"thought\":true}", "")
                        LAST("{\"functionCall\":{\"name\":\"a\"},\"thoughtSignature\":\"czE=\"},"
                             "{\"functionCall\":{\"name\":\"b\"},\"thoughtSignature\":\"czI=\"}",
                             "STOP", ""),
                    4096);

    EXPECT(r, "start r1\nreasoning\n+Hm.\nstate czE=\n/\ncall a\n+{}\n/\n"
              "reasoning\nstate czI=\n/\ncall b\n+{}\n/\nfinish tool_calls\nend\n");
    end(&r);
}

Test(gemini_answer_read, a_text_is_signed_only_if_there_is_reasoning_to_keep_it)
{
    struct reading r = read_stream(CHUNK("{\"text\":\"Hm.\",\"thought\":true}", "")
                                       CHUNK("{\"text\":\"\",\"thoughtSignature\":\"czE=\"}", "")
                                           LAST("{\"text\":\"Yes.\"},{\"text\":\"\","
                                                "\"thoughtSignature\":\"czI=\"}",
                                                "STOP", ""),
                                   4096);

    EXPECT(r, "start r1\nreasoning\n+Hm.\nstate czE=\n/\ntext\n+Yes.\n/\nfinish stop\nend\n");
    end(&r);
}

Test(gemini_answer_read, calls_get_ids_that_are_the_same_every_time_and_no_others)
{
    static char ids[4][64];
    static const char *const bodies[] = {
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}}],"
        "\"responseId\":\"one\"}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\"}}]}}],"
        "\"responseId\":\"two\"}"};

    for (int i = 0; i < 4; i++) {
        struct answer_reader reader;
        struct buf out;

        answer_reader_init(&reader, PROTOCOL_GEMINI);
        buf_init(&out, LOG_CAP);
        cr_assert_eq(gemini_answer_read_reply(&reader, slice_str(bodies[i % 2]), log_event, &out),
                     0);
        snprintf(ids[i], sizeof(ids[i]), "%.*s", 27, reader.scratch.ptr);
        answer_reader_fini(&reader);
        buf_fini(&out);
    }
    cr_expect_str_eq(ids[0], ids[2]);
    cr_expect_str_eq(ids[1], ids[3]);
    cr_expect_str_neq(ids[0], ids[1]);
    cr_expect_eq(strncmp(ids[0], "call_", 5), 0);
    cr_expect_eq(ids[0][25], '_');
}

struct reason {
    const char *said, *events;
};

Test(gemini_answer_read, finish_reasons_are_those_of_the_table)
{
    static const struct reason reasons[] = {
        {"STOP", "finish stop\nend\n"},
        {"MAX_TOKENS", "finish length\nend\n"},
        {"CONTINUATION", "finish length\nend\n"},
        {"SAFETY", "finish content_filter\nend\n"},
        {"RECITATION", "finish content_filter\nend\n"},
        {"IMAGE_SAFETY", "finish content_filter\nend\n"},
        {"OTHER", "finish stop\nend\n"},
        {"LANGUAGE", "finish stop\nend\n"},
        {"OF_TOMORROW", "finish stop\nend\n"},
        {"MALFORMED_FUNCTION_CALL", "error upstream_error\n"},
        {"TOO_MANY_TOOL_CALLS", "error upstream_error\n"},
    };

    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        char text[256], want[128];

        snprintf(text, sizeof(text), LAST("", "%s", ""), reasons[i].said);
        snprintf(want, sizeof(want), "start r1\n%s", reasons[i].events);
        struct reading r = read_stream(text, 4096);

        EXPECT(r, want);
        end(&r);
    }
}

Test(gemini_answer_read, a_blocked_prompt_is_a_refusal)
{
    struct reading r = read_reply("{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},"
                                  "\"usageMetadata\":{\"promptTokenCount\":6}}");

    EXPECT(r, "start \nrefusal\n+Blocked by the provider: SAFETY\n/\nfinish content_filter\nend\n");
    cr_expect_eq(r.reader.usage.count[USAGE_INPUT], 6);
    end(&r);
}

static void
take_usage(void *ctx, const struct neutral_event *event)
{
    struct usage *usage = ctx;

    if (event->usage != NULL)
        *usage = *event->usage;
}

/* The sentence is ours, whether the provider counts what it has blocked or not. */
Test(gemini_answer_read, what_a_block_is_told_in_is_nothing_to_be_estimated)
{
    static const char *const texts[] = {
        "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}",
        "{\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{}}"};

    for (size_t i = 0; i < 2; i++) {
        struct reading r = begin();
        struct usage usage = {0};

        r.err = gemini_answer_read_reply(&r.reader, slice_str(texts[i]), take_usage, &usage);
        cr_expect_eq(r.err, 0);
        cr_expect_eq(usage.totals, USAGE_SAID_OUTPUT, "%s", texts[i]);
        cr_expect_eq(usage.is_reported, 0);
        end(&r);
    }
}

Test(gemini_answer_read, a_stream_without_a_finish_is_interrupted)
{
    struct reading r = read_stream(CHUNK("{\"text\":\"Hel\"}", ""), 4096);

    EXPECT(r, "start r1\ntext\n+Hel\nerror stream_interrupted\n");
    end(&r);
    r = read_stream("", 1);
    EXPECT(r, "error stream_interrupted\n");
    end(&r);
}

Test(gemini_answer_read, errors_are_told_whatever_they_are_wrapped_in)
{
    static const char *const errors[] = {
        "{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}",
        "[{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}]",
    };

    for (size_t i = 0; i < 2; i++) {
        struct reading r = read_reply(errors[i]);

        cr_expect_eq(r.err, 0);
        EXPECT(r, "error overloaded\n");
        end(&r);
    }
    struct reading r = read_stream(
        CHUNK("{\"text\":\"Hel\"}",
              "") "data: {\"error\":{\"code\":429,\"message\":\"m\","
                  "\"status\":\"RESOURCE_EXHAUSTED\"}}\n\n" CHUNK("{\"text\":\"lo\"}", ""),
        4096);
    EXPECT(r, "start r1\ntext\n+Hel\nerror upstream_rate_limited\n");
    end(&r);
}

Test(gemini_answer_read, a_stream_may_come_as_an_array)
{
    struct reading r =
        read_reply(" [ {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]},\n"
                   "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":"
                   "\"STOP\"}]} ]");

    cr_expect_eq(r.err, 0);
    EXPECT(r, "start \ntext\n+a\n+b\n/\nfinish stop\nend\n");
    end(&r);
}

Test(gemini_answer_read, what_is_not_of_this_protocol_is_said_to_be_so)
{
    static const char *const others[] = {
        "",
        "{",
        "[]",
        "[1]",
        "7",
        "{}",
        "{\"choices\":[]}",
        "{\"candidates\":[1]}",
        "{\"candidates\":[{\"index\":64}]}",
        "{\"candidates\":[{\"index\":-1}]}",
        "{\"candidates\":[{\"index\":\"0\"}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[[]]}}]}",
        "{\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"args\":{}}}]}}]}",
    };

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        struct reading r = read_reply(others[i]);

        cr_expect_eq(r.err, ERR_UPSTREAM_ERROR, "%s", others[i]);
        end(&r);
    }
}

Test(gemini_answer_read, several_candidates_are_told_apart)
{
    struct reading r = read_reply(
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]},\"finishReason\":\"STOP\"},"
        "{\"content\":{\"parts\":[{\"text\":\"b\"}]},\"finishReason\":\"MAX_TOKENS\","
        "\"index\":1}],\"responseId\":\"r1\"}");

    EXPECT(r, "start r1\ntext\n+a\n/\nfinish stop\n1:text\n1:+b\n1:/\n1:finish length\nend\n");
    end(&r);
}

Test(gemini_answer_read, usage_is_cumulative_and_disjoint)
{
    struct reading r = read_stream(
        CHUNK("{\"text\":\"a\"}", ",\"usageMetadata\":{\"promptTokenCount\":100,"
                                  "\"cachedContentTokenCount\":60,\"candidatesTokenCount\":1}")
            LAST("", "STOP",
                 ",\"usageMetadata\":{\"promptTokenCount\":100,\"cachedContentTokenCount\":60,"
                 "\"toolUsePromptTokenCount\":5,\"candidatesTokenCount\":9,"
                 "\"thoughtsTokenCount\":20,\"totalTokenCount\":134}"),
        4096);
    const struct usage *usage = &r.reader.usage;

    cr_expect_eq(usage->count[USAGE_INPUT], 45);
    cr_expect_eq(usage->count[USAGE_CACHE_READ], 60);
    cr_expect_eq(usage->count[USAGE_OUTPUT], 29);
    cr_expect_eq(usage->reasoning_tokens, 20);
    cr_expect_eq(usage->count[USAGE_REQUEST], 1);
    cr_expect(usage->is_reported && !usage->is_invalid);
    end(&r);
}
