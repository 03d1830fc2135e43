/* SPDX-License-Identifier: ISC
 *
 * Neutral events as a Messages client gets them.
 */
#include "translate_run.h"
#include "translators.h"

struct fixture {
    struct answer_writer writer;
    struct buf out;
    struct usage usage;
};

static struct fixture *
make(bool is_whole)
{
    const struct reply_context context = {
        .operation = OPERATION_MESSAGE,
        .public_model = SLICE_LIT("m"),
        .request_id = {{0x01, 0x9a, 0xbc, 0, 0, 0, 0x70, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
    };
    struct fixture *f = calloc(1, sizeof(*f));

    answer_writer_init(&f->writer, PROTOCOL_ANTHROPIC_MESSAGES, &context);
    f->writer.is_whole = is_whole;
    f->writer.shows_reasoning = true;
    buf_init(&f->out, 1 << 20);
    f->usage.count[USAGE_INPUT] = 7;
    f->usage.count[USAGE_OUTPUT] = 3;
    return f;
}

static void
end(struct fixture *f)
{
    answer_writer_fini(&f->writer);
    buf_fini(&f->out);
    free(f);
}

static void
give(struct fixture *f, struct neutral_event event)
{
    messages_answer_write(&f->writer, &event, &f->out);
}

static void
give_part(struct fixture *f, enum neutral_part_kind part, const char *text)
{
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN,
                                   .part = part,
                                   .id = part == NEUTRAL_CALL ? SLICE_LIT("c1") : (struct slice){0},
                                   .name = SLICE_LIT("f")});
    give(f,
         (struct neutral_event){.kind = NEUTRAL_PART_DELTA, .part = part, .text = slice_str(text)});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_END, .part = part});
}

static void
give_end(struct fixture *f, enum neutral_finish finish)
{
    give(f, (struct neutral_event){.kind = NEUTRAL_FINISH, .finish = finish});
    give(f, (struct neutral_event){.kind = NEUTRAL_USAGE, .usage = &f->usage});
    give(f, (struct neutral_event){.kind = NEUTRAL_END});
}

#define EXPECT(f, text)                                                                            \
    cr_expect(slice_eq_str(buf_slice(&(f)->out), text), "got:\n%.*s\nexpected:\n%s",               \
              (int)(f)->out.len, (f)->out.ptr, text)

#define HEAD                                                                                       \
    "\"id\":\"msg_019abc00000070010203040506070809\",\"type\":\"message\",\"role\":\"assistant\"," \
    "\"model\":\"m\","
#define USAGE(in, out)                                                                             \
    "\"usage\":{\"input_tokens\":" in ",\"cache_creation_input_tokens\":0,"                        \
    "\"cache_read_input_tokens\":0,\"output_tokens\":" out "}"
#define START                                                                                      \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{" HEAD                   \
    "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null," USAGE("0", "0") "}}\n\n"
#define BEGIN(i, block)                                                                            \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":" i             \
    ",\"content_block\":" block "}\n\n"
#define DELTA(i, delta)                                                                            \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" i             \
    ",\"delta\":" delta "}\n\n"
#define STOP(i)                                                                                    \
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":" i "}\n\n"
#define FINISH(reason)                                                                             \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"" reason \
    "\",\"stop_sequence\":null}," USAGE(                                                           \
        "7", "3") "}\n\n"                                                                          \
                  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"
#define TEXT "{\"type\":\"text\",\"text\":\"\"}"

Test(messages_answer_write, writes_the_whole_ladder)
{
    struct fixture *f = make(false);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(f, NEUTRAL_TEXT, "Hi\\n");
    give_part(f, NEUTRAL_CALL, "{}");
    give_end(f, NEUTRAL_STOP);
    EXPECT(f, START BEGIN("0", TEXT) DELTA("0",
                                           "{\"type\":\"text_delta\",\"text\":\"Hi\\n\"}") STOP("0")
                  BEGIN("1", "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{}}")
                      DELTA("1", "{\"type\":\"input_json_delta\",\"partial_json\":\"{}\"}")
                          STOP("1") FINISH("tool_use"));
    end(f);
}

/* Clients repeat a request whose answer has no block. */
Test(messages_answer_write, makes_a_block_when_there_is_none)
{
    struct fixture *f = make(false);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(f, NEUTRAL_TEXT, "");
    give_end(f, NEUTRAL_STOP);
    EXPECT(f, START BEGIN("0", TEXT) STOP("0") FINISH("end_turn"));
    end(f);
}

Test(messages_answer_write, signs_thinking_of_others_with_a_carrier)
{
    struct fixture *f = make(false);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(f, NEUTRAL_REASONING, "hm");
    give_end(f, NEUTRAL_STOP);
    EXPECT(f, START BEGIN("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
                  DELTA("0", "{\"type\":\"thinking_delta\",\"thinking\":\"hm\"}")
                      DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"relay1.txt.\"}")
                          STOP("0") FINISH("end_turn"));
    end(f);
}

/* To a client that did not ask for thinking the state goes alone; without state, nothing. */
Test(messages_answer_write, hides_thinking_but_not_its_state)
{
    struct fixture *f = make(false);

    f->writer.shows_reasoning = false;
    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(f, NEUTRAL_REASONING, "secret");
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_REASONING});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_DELTA, .text = SLICE_LIT("secret")});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_STATE,
                                   .origin = NEUTRAL_ORIGIN_ANTHROPIC,
                                   .state = SLICE_LIT("sig")});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_END});
    give(f, (struct neutral_event){
                .kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_REASONING, .is_redacted = true});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_STATE,
                                   .origin = NEUTRAL_ORIGIN_ANTHROPIC,
                                   .state = SLICE_LIT("red")});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_END});
    give_end(f, NEUTRAL_STOP);
    EXPECT(f, START BEGIN("0", "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}")
                  DELTA("0", "{\"type\":\"signature_delta\",\"signature\":\"sig\"}") STOP("0")
                      BEGIN("1", "{\"type\":\"redacted_thinking\",\"data\":\"red\"}") STOP("1")
                          FINISH("end_turn"));
    end(f);
}

Test(messages_answer_write, makes_a_refusal_of_a_refusal)
{
    struct fixture *f = make(false);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(f, NEUTRAL_REFUSAL, "No.");
    give_end(f, NEUTRAL_STOP);
    EXPECT(f, START BEGIN("0", TEXT) DELTA("0", "{\"type\":\"text_delta\",\"text\":\"No.\"}")
                  STOP("0") FINISH("refusal"));
    end(f);
}

Test(messages_answer_write, leaves_open_what_an_error_cuts)
{
    struct fixture *f = make(false);
    static const char tail[] = "\"request_id\":\"019abc00-0000-7001-0203-040506070809\"}\n\n";

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_TEXT});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_DELTA, .text = SLICE_LIT("Hi")});
    const size_t before = f->out.len;
    give(f, (struct neutral_event){.kind = NEUTRAL_ERROR, .category = ERR_CATEGORY_OVERLOADED});
    const struct slice error = slice_sub(buf_slice(&f->out), before, f->out.len);
    cr_expect(
        slice_starts_with(error, SLICE_LIT("event: error\ndata: {\"type\":\"error\",\"error\":{"
                                           "\"type\":\"overloaded_error\",\"message\":\"")));
    cr_expect(memmem(error.ptr, error.len, tail, sizeof(tail) - 1) ==
              error.ptr + error.len - (sizeof(tail) - 1));
    end(f);
}

Test(messages_answer_write, writes_one_document)
{
    struct fixture *f = make(true);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_REASONING});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_STATE,
                                   .origin = NEUTRAL_ORIGIN_ANTHROPIC,
                                   .state = SLICE_LIT("sig")});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_DELTA, .text = SLICE_LIT("hm")});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_END});
    give_part(f, NEUTRAL_TEXT, "Hi");
    give_part(f, NEUTRAL_CALL, "{\\\"a\\\":1.50}");
    give_part(f, NEUTRAL_CALL, "");
    give_part(f, NEUTRAL_CALL, "oops");
    cr_expect(f->out.len == 0);
    f->usage.reasoning_tokens = 2;
    f->usage.count[USAGE_CACHE_WRITE_1H] = 4;
    give_end(f, NEUTRAL_TOOL_CALLS);
    EXPECT(f,
           "{" HEAD
           "\"content\":[{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"sig\"},"
           "{\"type\":\"text\",\"text\":\"Hi\"},"
           "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"a\":1.50}},"
           "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{}},"
           "{\"type\":\"tool_use\",\"id\":\"c1\",\"name\":\"f\",\"input\":{\"_raw\":\"oops\"}}],"
           "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":{\"input_tokens\":7,"
           "\"cache_creation_input_tokens\":4,\"cache_read_input_tokens\":0,\"output_tokens\":3,"
           "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":4},"
           "\"output_tokens_details\":{\"thinking_tokens\":2}}}");
    end(f);
}

Test(messages_answer_write, says_what_stopped_it)
{
    struct fixture *f = make(true);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give_part(f, NEUTRAL_TEXT, "Hi");
    give(f, (struct neutral_event){.kind = NEUTRAL_FINISH,
                                   .finish = NEUTRAL_CONTENT_FILTER,
                                   .text = SLICE_LIT("Why.")});
    give(f, (struct neutral_event){.kind = NEUTRAL_END});
    EXPECT(f,
           "{" HEAD "\"content\":[{\"type\":\"text\",\"text\":\"Hi\"}],\"stop_reason\":\"refusal\","
           "\"stop_sequence\":null,\"stop_details\":{\"type\":\"refusal\",\"category\":null,"
           "\"explanation\":\"Why.\"}," USAGE("0", "0") "}");
    end(f);
    f = make(true);
    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give(f, (struct neutral_event){.kind = NEUTRAL_FINISH,
                                   .finish = NEUTRAL_STOP_SEQUENCE,
                                   .stop_sequence = SLICE_LIT("E\\n")});
    give(f, (struct neutral_event){.kind = NEUTRAL_END});
    EXPECT(f, "{" HEAD
              "\"content\":[{\"type\":\"text\",\"text\":\"\"}],\"stop_reason\":\"stop_sequence\","
              "\"stop_sequence\":\"E\\n\"," USAGE("0", "0") "}");
    end(f);
}

/* Calls that the upstream did not name. */
Test(messages_answer_write, names_calls_without_a_name)
{
    struct fixture *f = make(true);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    for (int i = 0; i < 2; i++) {
        give(f, (struct neutral_event){
                    .kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_CALL, .name = SLICE_LIT("f")});
        give(f, (struct neutral_event){.kind = NEUTRAL_PART_END});
    }
    give_end(f, NEUTRAL_LENGTH);
    cr_expect(memmem(f->out.ptr, f->out.len, "\"toolu_019abc00000070010203040506070809_0\"", 41));
    cr_expect(memmem(f->out.ptr, f->out.len, "\"toolu_019abc00000070010203040506070809_1\"", 41));
    cr_expect(memmem(f->out.ptr, f->out.len, "\"stop_reason\":\"max_tokens\"", 26));
    end(f);
}

/* Once its buffers have grown, an event of a stream allocates nothing. */
Test(messages_answer_write, keeps_no_text_of_a_stream)
{
    struct fixture *f = make(false);

    give(f, (struct neutral_event){.kind = NEUTRAL_START});
    give(f, (struct neutral_event){.kind = NEUTRAL_PART_BEGIN, .part = NEUTRAL_TEXT});
    for (int i = 0; i < 1000; i++) {
        buf_clear(&f->out);
        give(f,
             (struct neutral_event){.kind = NEUTRAL_PART_DELTA, .text = SLICE_LIT("0123456789")});
    }
    cr_expect(f->writer.items.capacity + f->writer.text.capacity + f->writer.scratch.capacity == 0);
    end(f);
}
