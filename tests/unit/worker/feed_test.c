/* SPDX-License-Identifier: ISC
 *
 * What a stream has said of its output when it ends, by the order in which it said it.
 */
#include "feed.h"
#include "scene.h"
#include "translation.h"

#define BOTH      (USAGE_SAID_INPUT | USAGE_SAID_OUTPUT)
#define CHAT(...) "data: {\"choices\":[" __VA_ARGS__ "}\n\n"
#define EARLY     CHAT("],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":0}")
#define LATE      CHAT("],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}")
#define TEXT(end) CHAT("{\"index\":0,\"delta\":{\"content\":\"lorem ipsum\"}}]" end)
#define REASON    CHAT("{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]")
#define DONE      "data: [DONE]\n\n"
#define WITH      ",\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}"

#define MESSAGE(type, ...) "data: {\"type\":\"" type "\"" __VA_ARGS__ "}\n\n"
#define MESSAGE_START                                                                              \
    MESSAGE("message_start", ",\"message\":{\"id\":\"m\",\"model\":\"m\",\"content\":[],"          \
                             "\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}")
#define MESSAGE_TEXT                                                                               \
    MESSAGE("content_block_start", ",\"index\":0,\"content_block\":{\"type\":\"text\","            \
                                   "\"text\":\"\"}")                                               \
    MESSAGE("content_block_delta", ",\"index\":0,\"delta\":{\"type\":\"text_delta\","              \
                                   "\"text\":\"lorem ipsum\"}")                                    \
    MESSAGE("content_block_stop", ",\"index\":0")
#define MESSAGE_END                                                                                \
    MESSAGE("message_delta", ",\"delta\":{\"stop_reason\":\"end_turn\"},"                          \
                             "\"usage\":{\"output_tokens\":2}")                                    \
    MESSAGE("message_stop")

/* One stream of the upstream's, fed whole to a caller who gets it already. */
static void
check(enum protocol upstream, const char *text, uint8_t totals, int64_t unmetered, const char *what)
{
    static const enum protocol callers[] = {PROTOCOL_OPENAI_CHAT, PROTOCOL_ANTHROPIC_MESSAGES};

    struct server *server = calloc(1, 1 << 16); /* none of its bodies is a big one */

    for (size_t i = 0; i < 2; i++) {
        struct scene *s = scene_new();
        struct request *r = &s->request;
        struct leg other = {0}, *leg = &r->own_leg;
        struct reply_facts facts;

        link_init_list(&s->worker.unsent);
        s->worker.server = server;
        s->conf.max_body_bytes = s->conf.stream_buffer_bytes = 1 << 16;
        r->dialect = dialect_of(callers[i]);
        r->facts.operation = i == 0 ? OPERATION_CHAT : OPERATION_MESSAGE;
        r->facts.is_stream = true;
        r->facts.body = SLICE_LIT("{\"model\":\"big\",\"max_tokens\":9,\"stream\":true,"
                                  "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]}");
        r->http.body = slice_of(text, 1 << 16); /* nothing grows beyond it */
        r->is_flowing = true;
        r->step = REQUEST_STREAM;
        r->leg = &other; /* there is no flight to note it in */
        leg->protocol = upstream;
        leg_open(leg);
        if (upstream != callers[i]) {
            cr_assert_eq(translation_begin(leg, &s->worker.scratch.pick, &s->why), 0);
        }
        cr_assert_eq(feed_bytes(leg, slice_str(text), &facts), 0, "%s", what);
        cr_expect(leg->stream.is_complete, "%s to %zu", what, i);
        cr_expect_eq(leg->stream.usage.totals, totals, "%s to %zu: %u", what, i,
                     leg->stream.usage.totals);
        cr_expect_eq(leg->unmetered_bytes, unmetered, "%s to %zu: %lld", what, i,
                     (long long)leg->unmetered_bytes);
        if (r->timer.heap_idx != 0)
            timer_unset(s->worker.loop, &r->timer);
        leg_close(leg);
        buf_fini(&r->out);
        scene_free(s);
    }
    free(server);
}

Test(feed, what_was_said_of_the_output_is_not_of_what_comes_later)
{
    check(PROTOCOL_OPENAI_CHAT, EARLY TEXT("") REASON DONE, USAGE_SAID_INPUT, 11, "early");
    check(PROTOCOL_OPENAI_CHAT, LATE TEXT("") TEXT("") REASON DONE, USAGE_SAID_INPUT, 22, "twice");
    check(PROTOCOL_OPENAI_CHAT, TEXT(WITH) TEXT("") REASON DONE, USAGE_SAID_INPUT, 11, "middle");
    check(PROTOCOL_ANTHROPIC_MESSAGES, MESSAGE_START MESSAGE_TEXT MESSAGE("message_stop"),
          USAGE_SAID_INPUT, 11, "start");
}

Test(feed, what_is_said_with_the_last_of_it_or_behind_it_is_of_all)
{
    check(PROTOCOL_OPENAI_CHAT, TEXT("") REASON LATE DONE, BOTH, 0, "behind");
    check(PROTOCOL_OPENAI_CHAT, EARLY TEXT("") REASON LATE DONE, BOTH, 0, "early and behind");
    check(PROTOCOL_OPENAI_CHAT, TEXT(WITH) TEXT(WITH) REASON DONE, BOTH, 0, "each");
    check(PROTOCOL_OPENAI_CHAT, TEXT("") LATE REASON DONE, BOTH, 0, "before the reason");
    check(PROTOCOL_ANTHROPIC_MESSAGES, MESSAGE_START MESSAGE_TEXT MESSAGE_END, BOTH, 0, "delta");
}
