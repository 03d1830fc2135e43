/* SPDX-License-Identifier: ISC
 *
 * Answers of chat upstreams, official and not, as events: a line of text for each.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "translators.h"

#define LOG_CAP (1 << 20)

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

    switch (event->kind) {
    case NEUTRAL_START:
        buf_printf(log, "start %.*s", (int)event->id.len, event->id.ptr);
        break;
    case NEUTRAL_PART_BEGIN:
        buf_printf(log, "%s%s", kinds[event->part], event->is_custom ? "*" : "");
        if (event->part == NEUTRAL_CALL)
            buf_printf(log, " %.*s %.*s", (int)event->id.len, event->id.ptr, (int)event->name.len,
                       event->name.ptr);
        break;
    case NEUTRAL_PART_DELTA:
        buf_printf(log, "+%.*s", (int)event->text.len, event->text.ptr);
        break;
    case NEUTRAL_PART_END:
        buf_append_str(log, "/");
        break;
    case NEUTRAL_ANNOTATION:
        buf_printf(log, "note %.*s", (int)event->json.len, event->json.ptr);
        break;
    case NEUTRAL_USAGE:
        buf_printf(log, "usage %ld %ld", (long)event->usage->count[USAGE_INPUT],
                   (long)event->usage->count[USAGE_OUTPUT]);
        break;
    case NEUTRAL_FINISH:
        buf_printf(log, "finish %s", finishes[event->finish]);
        break;
    case NEUTRAL_END:
        buf_append_str(log, "end");
        break;
    case NEUTRAL_ERROR:
        buf_printf(log, "error %s", err_category_name(event->category));
        break;
    case NEUTRAL_PART_STATE:
        cr_expect(false, "chat has no state");
        break;
    }
    buf_append_byte(log, '\n');
}

static void
begin(struct reading *r)
{
    answer_reader_init(&r->reader, PROTOCOL_OPENAI_CHAT);
    buf_init(&r->log, LOG_CAP);
    r->err = 0;
}

static void
feed(struct reading *r, const char *data)
{
    const struct sse_event event = {.data = slice_str(data)};

    if (r->err == 0)
        r->err = chat_answer_read_event(&r->reader, &event, log_event, &r->log);
}

/* A chunk with that delta. */
static void
feed_delta(struct reading *r, const char *delta)
{
    char data[4096];

    snprintf(data, sizeof(data), "{\"id\":\"chatcmpl-1\",\"choices\":[{\"index\":0,\"delta\":%s}]}",
             delta);
    feed(r, data);
}

static void
feed_finish(struct reading *r, const char *reason)
{
    char data[256];

    snprintf(data, sizeof(data), "{\"choices\":[{\"delta\":{},\"finish_reason\":\"%s\"}]}", reason);
    feed(r, data);
}

static void
end(struct reading *r)
{
    answer_reader_fini(&r->reader);
    buf_fini(&r->log);
}

static void
expect(struct reading *r, const char *want)
{
    buf_append_byte(&r->log, '\0');
    cr_expect_str_eq(r->log.ptr, want);
    end(r);
}

Test(chat_answer_read, gives_what_one_chunk_carries_in_the_order_of_meaning)
{
    struct reading r;

    begin(&r);
    feed(&r, "{\"id\":\"\",\"choices\":[],\"prompt_filter_results\":[]}");
    feed(&r,
         "{\"id\":\"c-1\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\",\"delta\":{"
         "\"role\":\"assistant\",\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"function\":{\"name\":"
         "\"f\",\"arguments\":\"{}\"}}],\"content\":\"x\",\"reasoning_content\":\"hm\"}}],"
         "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4}}");
    feed(&r, "[DONE]");
    feed_delta(&r, "{\"content\":\"after the end\"}");
    expect(&r, "start c-1\nreasoning\n+hm\n/\ntext\n+x\n/\ncall t1 f\n+{}\n/\nusage 3 4\n"
               "finish tool_calls\nend\n");
}

Test(chat_answer_read, reads_the_reasoning_and_parts_of_other_servers)
{
    struct reading r;

    begin(&r);
    feed_delta(&r, "{\"content\":null,\"reasoning\":\"a\"}");
    feed_delta(&r, "{\"content\":\"\",\"reasoning_content\":\"b\",\"reasoning\":\"b\"}");
    feed_delta(&r, "{\"content\":[{\"type\":\"thinking\",\"thinking\":[{\"type\":\"text\","
                   "\"text\":\"c\"}]},{\"type\":\"text\",\"text\":\"d\"}]}");
    feed_delta(&r, "{\"annotations\":[{\"type\":\"url_citation\",\"url_citation\":{"
                   "\"url\":\"u\"}}]}");
    feed_delta(&r, "{\"refusal\":\"no\"}");
    feed_finish(&r, "content_filter");
    chat_answer_read_end(&r.reader, log_event, &r.log);
    expect(&r, "start chatcmpl-1\nreasoning\n+a\n+b\n+c\n/\ntext\n+d\n"
               "note {\"type\":\"url_citation\",\"url\":\"u\"}\n/\nrefusal\n+no\n/\nfinish "
               "content_filter\nend\n");
}

Test(chat_answer_read, opens_a_call_when_its_name_is_known)
{
    struct reading r;

    begin(&r);
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"a\"}}]}");
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"function\":{\"arguments\":"
                   "\"\\\":1\"}}]}");
    cr_expect_eq(r.log.len, strlen("start chatcmpl-1\n"));
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"function\":{\"name\":\"f\"}}]}");
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"id\":\"t1\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"}\"}}]}");
    feed_finish(&r, "tool_calls");
    feed(&r, "[DONE]");
    expect(&r, "start chatcmpl-1\ncall t1 f\n+{\\\"a\n+\\\":1\n+}\n/\nfinish tool_calls\nend\n");
}

Test(chat_answer_read, tells_calls_apart_that_are_all_numbered_0)
{
    struct reading r;

    begin(&r);
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\","
                   "\"arguments\":\"{}\"}}]}");
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"id\":\"b\",\"function\":{\"name\":\"g\","
                   "\"arguments\":\"{}\"}}]}");
    feed_finish(&r, "stop");
    feed(&r, "[DONE]");
    expect(&r, "start chatcmpl-1\ncall a f\n+{}\n/\ncall b g\n+{}\n/\nfinish tool_calls\nend\n");
}

Test(chat_answer_read, tells_calls_apart_without_numbers_or_ids)
{
    struct reading r;

    begin(&r);
    feed_delta(&r, "{\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{\"a\": [1]}}},"
                   "{\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"\"}}]}");
    feed_delta(&r, "{\"tool_calls\":[{\"function\":{\"arguments\":\"{}\"}}]}");
    feed_finish(&r, "stop");
    feed(&r, "[DONE]");
    expect(&r, "start chatcmpl-1\ncall call_0adc2896ac2cdafbbf37_0 f\n+{\\\"a\\\":[1]}\n/\ncall b "
               "g\n+{}\n/\n"
               "finish tool_calls\nend\n");
}

Test(chat_answer_read, passes_free_text_of_custom_tools)
{
    struct reading r;

    begin(&r);
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"custom\",\"custom\":{"
                   "\"name\":\"patch\",\"input\":\"\"}}]}");
    feed_delta(&r, "{\"tool_calls\":[{\"index\":0,\"custom\":{\"input\":\"*** {\"}}]}");
    feed_finish(&r, "tool_calls");
    feed(&r, "[DONE]");
    expect(&r, "start chatcmpl-1\ncall* a patch\n+*** {\n/\nfinish tool_calls\nend\n");
}

Test(chat_answer_read, never_ends_well_what_did_not)
{
    static const struct {
        const char *delta, *last, *category;
    } cases[] = {
        {"{\"content\":\"x\"}", NULL, "stream_interrupted"},
        {"{\"content\":\"x\"}", "[DONE]", "stream_interrupted"},
        {"{\"content\":\"x\"}", "{\"error\":{\"code\":503,\"message\":\"m\"}}", "overloaded"},
        {"{\"content\":\"x\"}", "{\"object\":\"error\",\"code\":503,\"message\":\"m\"}",
         "overloaded"},
        {"{\"content\":\"x\"}", "[{\"error\":{\"code\":429,\"message\":\"m\"}}]",
         "upstream_rate_limited"},
        {"{\"content\":\"x\"}", "{\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}",
         "upstream_error"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char want[128];
        struct reading r;

        begin(&r);
        feed_delta(&r, cases[i].delta);
        if (cases[i].last != NULL)
            feed(&r, cases[i].last);
        chat_answer_read_end(&r.reader, log_event, &r.log);
        cr_expect_eq(r.err, 0);
        snprintf(want, sizeof(want), "start chatcmpl-1\ntext\n+x\nerror %s\n", cases[i].category);
        expect(&r, want);
    }
}

Test(chat_answer_read, refuses_what_is_no_answer)
{
    static const char *const bodies[] = {"",
                                         "<html>",
                                         "{",
                                         "[1",
                                         "{\"choices\":[7]}",
                                         "{\"choices\":[{\"delta\":{\"tool_calls\":[7]}}]}"};

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct reading r;

        begin(&r);
        feed(&r, bodies[i]);
        cr_expect(r.err == ERR_UPSTREAM_ERROR || memchr(r.log.ptr, 'e', r.log.len) != NULL, "%s",
                  bodies[i]);
        end(&r);
    }
}

Test(chat_answer_read, reads_a_whole_answer)
{
    const char *body =
        "{\"id\":\"c-1\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
        "\"x\",\"refusal\":null,\"tool_calls\":[{\"id\":\"t\",\"type\":\"function\",\"function\":{"
        "\"name\":\"f\",\"arguments\":\"{}\"}},{\"id\":\"t\",\"type\":\"function\",\"function\":{"
        "\"name\":\"g\",\"arguments\":\"\"}}]},\"finish_reason\":\"length\"}],\"usage\":{"
        "\"prompt_tokens\":3,\"completion_tokens\":4}}";
    struct reading r;

    begin(&r);
    cr_expect_eq(chat_answer_read_reply(&r.reader, slice_str(body), log_event, &r.log), 0);
    expect(&r, "start c-1\ntext\n+x\n/\ncall t f\n+{}\n/\ncall t g\n/\nusage 3 4\nfinish length\n"
               "end\n");
    begin(&r);
    cr_expect_eq(
        chat_answer_read_reply(&r.reader, slice_str("{\"choices\":[]}"), log_event, &r.log),
        ERR_UPSTREAM_ERROR);
    end(&r);
}

/* What comes of the fragments of three calls however they are mixed. */
static void
feed_mixed(struct reading *r, unsigned seed)
{
    static const char *const fragments[3][4] = {
        {"{\\\"a\\\":", "\\\"}{\\\\\\\"", "\\\"", "}"},
        {"{", "\\\"b\\\"", ":[{}", "]}"},
        {"", "{}", "", ""},
    };
    int next[3] = {0};

    while (next[0] + next[1] + next[2] < 12) {
        char delta[256];
        unsigned call = (unsigned)rand_r(&seed) % 3;
        int n = next[call];

        if (n == 4)
            continue;
        next[call]++;
        snprintf(
            delta, sizeof(delta),
            "{\"tool_calls\":[{\"index\":%u%s%u%s,\"function\":{%s%u%s\"arguments\":\"%s\"}}]}",
            call, n == 0 ? ",\"id\":\"t" : ",\"pad\":\"", call, "\"",
            n == 0 ? "\"name\":\"f" : "\"pad\":\"", call, "\",", fragments[call][n]);
        feed_delta(r, delta);
    }
}

/* The joined arguments of the call with that id in a log, or NULL. */
static bool
has_call(const char *log, const char *id, const char *want)
{
    char begin[32], joined[256] = "";
    const char *at;

    snprintf(begin, sizeof(begin), "call %s ", id);
    at = strstr(log, begin);
    if (at == NULL)
        return false;
    for (at = strchr(at, '\n') + 1; *at == '+'; at = strchr(at, '\n') + 1)
        strncat(joined, at + 1, strcspn(at + 1, "\n"));
    return *at == '/' && strcmp(joined, want) == 0;
}

Test(chat_answer_read, puts_mixed_calls_in_order_without_losing_any_of_them)
{
    for (unsigned seed = 1; seed <= 500; seed++) {
        struct reading r;

        begin(&r);
        feed_mixed(&r, seed);
        feed_finish(&r, "tool_calls");
        feed(&r, "[DONE]");
        buf_append_byte(&r.log, '\0');
        cr_assert_eq(r.err, 0, "seed %u", seed);
        cr_expect(has_call(r.log.ptr, "t0", "{\\\"a\\\":\\\"}{\\\\\\\"\\\"}"), "seed %u: %s", seed,
                  r.log.ptr);
        cr_expect(has_call(r.log.ptr, "t1", "{\\\"b\\\":[{}]}"), "seed %u: %s", seed, r.log.ptr);
        cr_expect(has_call(r.log.ptr, "t2", "{}"), "seed %u: %s", seed, r.log.ptr);
        end(&r);
    }
}
