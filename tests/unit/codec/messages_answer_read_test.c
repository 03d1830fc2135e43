/* SPDX-License-Identifier: ISC
 *
 * A Messages answer as neutral events, written down one a line.
 */
#include "translate_run.h"
#include "translators.h"

struct fixture {
    struct answer_reader reader;
    struct buf log;
    int err;
};

static void
note(void *ctx, const struct neutral_event *event)
{
    static const char *const kinds[] = {"start", "begin", "delta",  "state", "end",
                                        "note",  "usage", "finish", "over",  "error"};
    static const char *const parts[] = {"text",   "image",     "file",    "audio",  "call",
                                        "result", "reasoning", "refusal", "foreign"};
    struct fixture *f = ctx;
    struct buf *log = &f->log;

    buf_append_str(log, kinds[event->kind]);
    if (event->kind == NEUTRAL_PART_BEGIN)
        buf_printf(log, " %s%s", parts[event->part], event->is_redacted ? " redacted" : "");
    if (event->kind == NEUTRAL_FINISH)
        buf_printf(log, " %d", (int)event->finish);
    if (event->kind == NEUTRAL_ERROR)
        buf_printf(log, " %s", err_category_name(event->category));
    if (event->kind == NEUTRAL_PART_STATE)
        buf_printf(log, " %d", (int)event->origin);
    const struct slice texts[] = {event->id, event->name, event->stop_sequence, event->state,
                                  event->kind == NEUTRAL_ERROR ? (struct slice){0} : event->text};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].len > 0)
            buf_printf(log, " %.*s", (int)texts[i].len, texts[i].ptr);
    }
    if (event->usage != NULL)
        buf_printf(log, " %lld/%lld", (long long)event->usage->count[USAGE_INPUT],
                   (long long)event->usage->count[USAGE_OUTPUT]);
    buf_append_byte(log, '\n');
}

static struct fixture
make(void)
{
    struct fixture f = {.err = 0};

    answer_reader_init(&f.reader, PROTOCOL_ANTHROPIC_MESSAGES);
    buf_init(&f.log, 1 << 20);
    return f;
}

static void
feed(struct fixture *f, const char *data)
{
    const struct sse_event event = {.data = slice_str(data)};

    if (f->err == 0)
        f->err = messages_answer_read_event(&f->reader, &event, note, f);
}

static void
end(struct fixture *f)
{
    answer_reader_fini(&f->reader);
    buf_fini(&f->log);
}

#define EXPECT_LOG(f, text)                                                                        \
    cr_expect(slice_eq_str(buf_slice(&(f)->log), text), "got:\n%.*s\nexpected:\n%s",               \
              (int)(f)->log.len, (f)->log.ptr, text)

#define START                                                                                      \
    "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"content\":[],\"usage\":{"         \
    "\"input_tokens\":5,\"output_tokens\":1}}}"
#define BEGIN(block) "{\"type\":\"content_block_start\",\"index\":0,\"content_block\":" block "}"
#define DELTA(delta) "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":" delta "}"
#define STOP         "{\"type\":\"content_block_stop\",\"index\":0}"
#define FINISH(reason)                                                                             \
    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason                             \
    "\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":9}}"
#define OVER "{\"type\":\"message_stop\"}"

Test(messages_answer_read, gives_each_part_in_order)
{
    struct fixture f = make();

    feed(&f, START);
    feed(&f, "{\"type\":\"ping\"}");
    feed(&f, BEGIN("{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}"));
    feed(&f, DELTA("{\"type\":\"thinking_delta\",\"thinking\":\"h\\u006d\"}"));
    feed(&f, DELTA("{\"type\":\"signature_delta\",\"signature\":\"sig=\"}"));
    feed(&f, STOP);
    feed(&f, BEGIN("{\"type\":\"redacted_thinking\",\"data\":\"red\"}"));
    feed(&f, STOP);
    feed(&f, BEGIN("{\"type\":\"text\",\"text\":\"\"}"));
    feed(&f, DELTA("{\"type\":\"text_delta\",\"text\":\"Hi\"}"));
    feed(&f, STOP);
    feed(&f, BEGIN("{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{}}"));
    feed(&f, DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"\"}"));
    feed(&f, DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}"));
    feed(&f, DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}"));
    feed(&f, STOP);
    feed(&f, FINISH("tool_use"));
    feed(&f, OVER);
    feed(&f, "{\"type\":\"ping\"}");
    cr_expect(f.err == 0);
    EXPECT_LOG(&f,
               "start msg_1 5/1\nbegin reasoning\ndelta h\\u006d\nstate 1 sig=\nend\n"
               "begin reasoning redacted\nstate 1 red\nend\nbegin text\ndelta Hi\nend\n"
               "begin call c1 f\ndelta {\\\"a\\\":\ndelta 1}\nend\nusage 5/9\nfinish 3\nover\n");
    end(&f);
}

Test(messages_answer_read, a_start_that_says_zero_has_not_counted_the_prompt_yet)
{
    struct fixture f = make();

    feed(&f, "{\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"content\":[],"
             "\"usage\":{\"input_tokens\":0,\"output_tokens\":0}}}");
    cr_expect_eq(f.reader.usage.totals, USAGE_SAID_EMPTY);
    end(&f);
    f = make();
    feed(&f, START);
    cr_expect_eq(f.reader.usage.totals, USAGE_SAID_INPUT);
    end(&f);
}

/* Its input stands in the block's start, or nowhere. */
Test(messages_answer_read, gives_a_call_without_fragments_its_input)
{
    struct fixture f = make();

    feed(&f, START);
    feed(&f,
         BEGIN(
             "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{ \"a\" : \"\\n\" }}"));
    feed(&f, STOP);
    feed(&f, BEGIN("{\"type\":\"tool_use\",\"id\":\"c2\",\"name\":\"g\"}"));
    feed(&f, STOP);
    feed(&f, FINISH("end_turn"));
    feed(&f, OVER);
    EXPECT_LOG(&f, "start msg_1 5/1\nbegin call c1 f\ndelta {\\\"a\\\":\\\"\\\\n\\\"}\nend\n"
                   "begin call c2 g\ndelta {}\nend\nusage 5/9\nfinish 3\nover\n");
    end(&f);
}

Test(messages_answer_read, passes_over_what_the_provider_did_itself)
{
    struct fixture f = make();

    feed(&f, START);
    feed(&f,
         BEGIN("{\"type\":\"server_tool_use\",\"id\":\"s\",\"name\":\"web_search\",\"input\":{}}"));
    feed(&f, DELTA("{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}"));
    feed(&f, STOP);
    feed(&f, BEGIN("{\"type\":\"web_search_tool_result\",\"content\":[]}"));
    feed(&f, STOP);
    feed(&f, BEGIN("{\"type\":\"text\",\"text\":\"Hi\"}"));
    feed(&f, DELTA("{\"type\":\"citations_delta\",\"citation\":{\"text\":\"no\"}}"));
    feed(&f, STOP);
    feed(&f, FINISH("pause_turn"));
    EXPECT_LOG(&f, "start msg_1 5/1\nbegin text\ndelta Hi\nend\nusage 5/9\nfinish 0\n");
    end(&f);
}

/* Servers that leave out steps of the ladder. */
Test(messages_answer_read, makes_up_for_missing_steps)
{
    struct fixture f = make();

    feed(&f, DELTA("{\"type\":\"text_delta\",\"text\":\"Hi\"}"));
    feed(&f, BEGIN("{\"type\":\"thinking\",\"thinking\":\"\"}"));
    feed(&f, DELTA("{\"type\":\"text_delta\",\"text\":\"lost\"}"));
    feed(&f, START);
    feed(&f, OVER);
    EXPECT_LOG(&f, "start\nbegin text\ndelta Hi\nend\nbegin reasoning\nend\nfinish 0\nover\n");
    end(&f);
}

Test(messages_answer_read, tells_why_it_ended)
{
    static const struct {
        const char *data, *line;
    } cases[] = {
        {FINISH("max_tokens"), "finish 2"},
        {FINISH("model_context_window_exceeded"), "finish 5"},
        {"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"stop_sequence\",\"stop_"
         "sequence\":\"E\"}}",
         "finish 1 E"},
        {"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"refusal\",\"stop_details\":{"
         "\"explanation\":\"No.\"}}}",
         "finish 4 No."},
        {FINISH("something_new"), "finish 0"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fixture f = make();

        feed(&f, START);
        feed(&f, cases[i].data);
        feed(&f, FINISH("end_turn")); /* the first word counts */
        messages_answer_read_end(&f.reader, note, &f);
        cr_expect(memmem(f.log.ptr, f.log.len, cases[i].line, strlen(cases[i].line)) != NULL,
                  "%.*s lacks %s", (int)f.log.len, f.log.ptr, cases[i].line);
        cr_expect(memcmp(f.log.ptr + f.log.len - 5, "over\n", 5) == 0);
        end(&f);
    }
}

Test(messages_answer_read, never_ends_a_cut_answer_well)
{
    struct fixture f = make();

    feed(&f, START);
    feed(&f, BEGIN("{\"type\":\"text\",\"text\":\"Hi\"}"));
    messages_answer_read_end(&f.reader, note, &f);
    messages_answer_read_end(&f.reader, note, &f);
    feed(&f, OVER);
    EXPECT_LOG(&f, "start msg_1 5/1\nbegin text\ndelta Hi\nerror stream_interrupted\n");
    end(&f);
}

Test(messages_answer_read, tells_an_error_and_nothing_after_it)
{
    struct fixture f = make();

    feed(&f, START);
    feed(&f, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":"
             "\"Overloaded\"}}");
    feed(&f, FINISH("end_turn"));
    feed(&f, OVER);
    cr_expect(f.err == 0);
    EXPECT_LOG(&f, "start msg_1 5/1\nerror overloaded\n");
    feed(&f, "not json");
    cr_expect(f.err == 0); /* nobody listens any more */
    end(&f);
    f = make();
    feed(&f, "not json");
    cr_expect(f.err == ERR_UPSTREAM_ERROR);
    end(&f);
    f = make();
    feed(&f, BEGIN("{\"type\":\"tool_use\",\"id\":\"c\",\"input\":{}}")); /* of which tool? */
    cr_expect(f.err == ERR_UPSTREAM_ERROR);
    end(&f);
}

Test(messages_answer_read, gives_a_whole_answer_as_the_same_events)
{
    struct fixture f = make();

    f.err = messages_answer_read_reply(
        &f.reader,
        SLICE_LIT("{\"id\":\"msg_1\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\","
                  "\"signature\":"
                  "\"s\"},{\"type\":\"text\",\"text\":\"Hi\"},{\"type\":\"tool_use\",\"id\":\"c\","
                  "\"name\":\"f\","
                  "\"input\":{\"a\": 1}}],\"stop_reason\":\"tool_use\",\"stop_sequence\":null,"
                  "\"usage\":{\"input_tokens\":5,\"output_tokens\":9}}"),
        note, &f);
    cr_expect(f.err == 0);
    EXPECT_LOG(&f,
               "start msg_1 5/9\nbegin reasoning\ndelta hm\nstate 1 s\nend\nbegin text\ndelta Hi\n"
               "end\nbegin call c f\ndelta {\\\"a\\\":1}\nend\nusage 5/9\nfinish 3\nover\n");
    end(&f);
    f = make();
    f.err = messages_answer_read_reply(
        &f.reader, SLICE_LIT("{\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\"}}"),
        note, &f);
    cr_expect(f.err == 0);
    EXPECT_LOG(&f, "error upstream_rate_limited\n");
    end(&f);
    f = make();
    cr_expect(messages_answer_read_reply(&f.reader, SLICE_LIT("{\"choices\":[]}"), note, &f) ==
              ERR_UPSTREAM_ERROR);
    end(&f);
}
