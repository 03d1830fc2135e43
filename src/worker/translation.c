/* SPDX-License-Identifier: ISC
 *
 * translation - memory of a request's records goes before the first byte is sent; an answer's
 * state, a buffer or two, lives as long as its leg.
 */
#include "translation.h"

#include <stdlib.h>
#include <string.h>

#include "leg.h"
#include "pick.h"
#include "relayos/base/mem.h"
#include "relayos/codec/carrier.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"
#include "request.h"

#define MAX_RECORDS ((size_t)64 * 1024 * 1024) /* of one request, while it is written */
#define MAX_GROWTH  4                          /* of a body, in other words */
#define ALL_PROTOCOLS                                                                              \
    (PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES) | PROTOCOL_BIT(PROTOCOL_GEMINI) |                   \
     PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT) | PROTOCOL_BIT(PROTOCOL_OPENAI_RESPONSES))

struct translation {
    const struct translator *caller, *upstream;
    struct answer_reader reader;
    struct answer_writer writer;
    enum neutral_part_kind open;
    struct translate_dropped dropped;
};

/* Where an answer's events go. */
struct outlet {
    struct leg *leg;
    struct buf *out;
    struct reply_facts *facts;
};

static int write_request(struct leg *leg, const struct pick *pick, struct arena *arena,
                         struct refusal_reason *why);
static void cap_tokens(struct neutral_request *request, int64_t cap);
static bool is_openai(const char *host);
static bool ends_with(struct slice text, struct slice end);
static void take(void *ctx, const struct neutral_event *event);
static void note(const struct outlet *outlet, const struct neutral_event *event);
static bool is_shown(enum neutral_part_kind part);
static int conclude(struct leg *leg, int err, const struct reply_facts *facts);
static int64_t n_frames(const struct buf *out, size_t from);

bool
translation_can(enum operation operation)
{
    return operation == OPERATION_CHAT || operation == OPERATION_RESPONSE ||
           operation == OPERATION_MESSAGE;
}

/* State that lies upstream, and what only its own protocol has a word for, are not translated. */
uint32_t
translation_protocols(const struct request *r)
{
    return translation_can(r->facts.operation) && r->facts.n_state_ids == 0 &&
                   r->wording != WORDING_STRAIGHT
               ? ALL_PROTOCOLS
               : PROTOCOL_BIT(r->dialect->protocol);
}

/* Of several that an upstream speaks, the one that says most comes first. */
enum protocol
translation_choose(enum protocol caller, uint32_t protocols)
{
    static const enum protocol others[] = {PROTOCOL_ANTHROPIC_MESSAGES, PROTOCOL_GEMINI,
                                           PROTOCOL_OPENAI_CHAT, PROTOCOL_OPENAI_RESPONSES};

    if ((protocols & PROTOCOL_BIT(caller)) != 0)
        return caller;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if ((protocols & PROTOCOL_BIT(others[i])) != 0)
            return others[i];
    assert(!"the gate has let it through");
    return caller;
}

bool
translation_may_help(const struct leg *leg)
{
    const struct request *r = leg->request;
    struct slice mark = SLICE_LIT("\"" CARRIER_MARK);

    return leg->translation == NULL && r->wording != WORDING_TRANSLATED &&
           translation_can(r->facts.operation) && r->facts.n_state_ids == 0 &&
           memmem(r->facts.body.ptr, r->facts.body.len, mark.ptr, mark.len) != NULL;
}

/* ---- the request ---- */

int
translation_begin(struct leg *leg, const struct pick *pick, struct refusal_reason *why)
{
    struct request *r = leg->request;
    struct translation *t = mem_zalloc(sizeof(*t));
    struct arena arena;

    assert(leg->translation == NULL);
    leg->translation = t;
    t->caller = translator_of(r->dialect->protocol);
    t->upstream = translator_of(leg->protocol);
    answer_reader_init(&t->reader, leg->protocol);
    answer_writer_init(&t->writer, r->dialect->protocol, &leg->stream.context);
    buf_fini(&leg->body);
    buf_init(&leg->body, MAX_GROWTH * (size_t)r->worker->conf->max_body_bytes);

    arena_init(&arena, MAX_RECORDS);
    int err = write_request(leg, pick, &arena, why);
    if (err == 0 && (arena.is_full || leg->body.overflow))
        err = ERR_REQUEST_TOO_LARGE;
    arena_fini(&arena);
    return err;
}

static int
write_request(struct leg *leg, const struct pick *pick, struct arena *arena,
              struct refusal_reason *why)
{
    struct request *r = leg->request;
    struct translation *t = leg->translation;
    struct slice model = slice_str(pick->route.upstream_model);
    const struct translate_target target = {
        .model = model,
        .capability = capability_of(model),
        .max_output_tokens = r->worker->scratch.model.max_output_tokens,
        .is_openai = is_openai(pick->upstream.host),
    };
    struct neutral_request request;

    int err = t->caller->read_request(r->facts.operation, r->facts.body, arena, &request, why);
    if (err != 0 || arena->is_full)
        return err;
    carrier_open(&request, r->worker->seal, r->owner_hash, arena);
    cap_tokens(&request, r->facts.cap_tokens);
    answer_writer_expect(&t->writer, &request);
    return t->upstream->write_request(&request, &target, arena, &leg->body, &t->dropped, why);
}

static void
cap_tokens(struct neutral_request *request, int64_t cap)
{
    if (cap > 0 && (request->max_tokens == 0 || request->max_tokens > cap))
        request->max_tokens = cap;
}

/* Whose newest fields a compatible server may not know. */
static bool
is_openai(const char *host)
{
    struct slice name = slice_str(host);

    return slice_eq_str(name, "api.openai.com") || ends_with(name, SLICE_LIT(".api.openai.com")) ||
           ends_with(name, SLICE_LIT(".openai.azure.com")) ||
           ends_with(name, SLICE_LIT(".services.ai.azure.com"));
}

static bool
ends_with(struct slice text, struct slice end)
{
    return text.len >= end.len && slice_eq(slice_sub(text, text.len - end.len, text.len), end);
}

void
translation_end(struct leg *leg)
{
    struct translation *t = leg->translation;

    if (t == NULL)
        return;
    leg->translation = NULL;
    answer_reader_fini(&t->reader);
    answer_writer_fini(&t->writer);
    free(t);
}

struct slice
translation_dropped(const struct leg *leg)
{
    const struct translate_dropped *dropped = &leg->translation->dropped;

    return slice_of(dropped->names, dropped->len);
}

/* ---- the answer ---- */

int
translation_read_event(struct leg *leg, const struct sse_event *event, struct buf *out,
                       struct reply_facts *facts)
{
    struct translation *t = leg->translation;
    struct outlet outlet = {leg, out, facts};
    size_t before = out->len;

    int err = t->upstream->read_event(&t->reader, event, take, &outlet);
    leg->stream.n_events += n_frames(out, before);
    return conclude(leg, err, facts);
}

int
translation_read_end(struct leg *leg, struct buf *out, struct reply_facts *facts)
{
    struct translation *t = leg->translation;
    struct outlet outlet = {leg, out, facts};
    size_t before = out->len;

    t->upstream->read_end(&t->reader, take, &outlet);
    leg->stream.n_events += n_frames(out, before);
    if (!facts->is_error)
        return conclude(leg, 0, facts);
    facts->is_error = false; /* nothing was said: it was cut short */
    return ERR_UPSTREAM_ERROR;
}

int
translation_read_reply(struct leg *leg, struct slice body, struct buf *out,
                       struct reply_facts *facts)
{
    struct translation *t = leg->translation;
    struct outlet outlet = {leg, out, facts};

    int err = t->upstream->read_reply(&t->reader, body, take, &outlet);
    if (err == 0 && !facts->is_error && !facts->is_terminal)
        err = ERR_UPSTREAM_ERROR;
    return conclude(leg, err, facts);
}

void
translation_write_error(struct leg *leg, enum err_category category, struct buf *out)
{
    struct translation *t = leg->translation;
    const struct neutral_event event = {.kind = NEUTRAL_ERROR, .category = category};
    size_t before = out->len;

    t->caller->write_event(&t->writer, &event, out);
    leg->stream.n_events += n_frames(out, before);
}

/* An error may still be another route's answer: it is told to the caller when it is none. */
static void
take(void *ctx, const struct neutral_event *event)
{
    const struct outlet *outlet = ctx;
    struct translation *t = outlet->leg->translation;

    note(outlet, event);
    if (event->kind != NEUTRAL_ERROR)
        t->caller->write_event(&t->writer, event, outlet->out);
}

static void
note(const struct outlet *outlet, const struct neutral_event *event)
{
    struct translation *t = outlet->leg->translation;
    struct reply_facts *facts = outlet->facts;

    if (event->usage != NULL) {
        outlet->leg->stream.usage = *event->usage;
        facts->has_usage = true;
    }
    switch (event->kind) {
    case NEUTRAL_PART_BEGIN:
        t->open = event->part;
        facts->is_content |= event->part == NEUTRAL_CALL;
        break;
    case NEUTRAL_PART_DELTA:
        facts->is_content |= event->text.len > 0 && is_shown(t->open);
        facts->content_bytes += (int64_t)event->text.len;
        break;
    case NEUTRAL_END:
        facts->is_terminal = true;
        break;
    case NEUTRAL_ERROR:
        facts->is_error = true;
        facts->category = event->category;
        facts->error_text = event->text;
        break;
    case NEUTRAL_START:
    case NEUTRAL_PART_STATE:
    case NEUTRAL_PART_END:
    case NEUTRAL_ANNOTATION:
    case NEUTRAL_USAGE:
    case NEUTRAL_FINISH:
        break;
    }
}

static bool
is_shown(enum neutral_part_kind part)
{
    return part == NEUTRAL_TEXT || part == NEUTRAL_CALL || part == NEUTRAL_REASONING ||
           part == NEUTRAL_REFUSAL;
}

static int
conclude(struct leg *leg, int err, const struct reply_facts *facts)
{
    if (err != 0 || facts->is_error)
        return ERR_UPSTREAM_ERROR;
    leg->stream.has_content |= facts->is_content;
    leg->stream.is_complete |= facts->is_terminal;
    return 0;
}

/* Each ends in an empty line, which no JSON text has. */
static int64_t
n_frames(const struct buf *out, size_t from)
{
    int64_t n = 0;

    for (size_t at = from; at + 1 < out->len; at++) {
        const char *end = memchr(out->ptr + at, '\n', out->len - 1 - at);

        if (end == NULL)
            break;
        at = (size_t)(end - out->ptr);
        n += end[1] == '\n';
    }
    return n;
}
