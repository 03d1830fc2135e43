/* SPDX-License-Identifier: ISC
 *
 * translation - memory of a request's records goes before the first byte is sent; an answer's
 * state, a buffer or two, lives as long as its leg.
 */
#include "translation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inlined.h"
#include "leg.h"
#include "pick.h"
#include "recollect.h"
#include "relayos/base/mem.h"
#include "relayos/codec/carrier.h"
#include "relayos/codec/embedding.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/translate.h"
#include "relayos/policy/estimate.h"
#include "request.h"
#include "wording.h"

#define STRICT_HEADER "relayos-strict" /* of the caller: what is dropped is refused */
#define MAX_GROWTH    4                /* of a body, in other words */
#define ALL_PROTOCOLS                                                                              \
    (PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES) | PROTOCOL_BIT(PROTOCOL_GEMINI) |                   \
     PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT) | PROTOCOL_BIT(PROTOCOL_OPENAI_RESPONSES))
#define EMBEDDERS (PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT) | PROTOCOL_BIT(PROTOCOL_GEMINI))
#define COUNTERS  (ALL_PROTOCOLS & ~PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT)) /* translate_counts() */

struct translation {
    const struct translator *caller, *upstream;
    struct answer_reader reader;
    struct answer_writer writer;
    enum neutral_part_kind open;
    struct translate_dropped dropped;
    struct recollection recollection;
    size_t n_vectors; /* that are due, of embeddings */
};

/* Where an answer's events go. */
struct outlet {
    struct leg *leg;
    struct buf *out;
    struct reply_facts *facts;
};

static int write_request(struct leg *leg, const struct pick *pick, struct arena *arena,
                         struct refusal_reason *why);
static int ask_for_vectors(struct leg *leg, struct slice model, struct refusal_reason *why);
static int ask_for_count(struct leg *leg, struct slice model);
static int refuse_dropped(const struct leg *leg, struct refusal_reason *why);
static int64_t most_output(const struct request *r, const struct capability *capability);
static void cap_tokens(struct neutral_request *request, int64_t cap);
static int read_vectors(struct leg *leg, struct slice body, struct buf *out,
                        struct reply_facts *facts);
static int read_count(struct leg *leg, struct slice body, struct buf *out,
                      struct reply_facts *facts);
static void take(void *ctx, const struct neutral_event *event);
static void tell(const struct outlet *outlet, const struct neutral_event *event);
static void note(const struct outlet *outlet, const struct neutral_event *event);
static bool is_shown(enum neutral_part_kind part);
static int conclude(struct leg *leg, int err, const struct reply_facts *facts);
static int64_t n_frames(const struct buf *out, size_t from);

bool
translation_can(enum operation operation)
{
    return operation == OPERATION_CHAT || operation == OPERATION_COMPLETION ||
           operation == OPERATION_EMBEDDING || operation == OPERATION_RESPONSE ||
           operation == OPERATION_MESSAGE || dialect_operation_counts(operation);
}

/* State that lies upstream, and what only its own protocol has a word for, are not translated. */
uint32_t
translation_protocols(const struct request *r)
{
    if (!translation_can(r->facts.operation) || r->facts.n_state_ids > 0 ||
        r->wording == WORDING_STRAIGHT)
        return PROTOCOL_BIT(r->dialect->protocol);
    if (r->facts.operation == OPERATION_EMBEDDING)
        return EMBEDDERS;
    return dialect_operation_counts(r->facts.operation) ? COUNTERS : ALL_PROTOCOLS;
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
translation_is_needed(const struct leg *leg)
{
    const struct request *r = leg->request;

    /* Not all servers that speak chat fetch images: their bytes are put in on the way. */
    bool may_lack_urls = r->facts.is_unbounded && r->worker->fetcher != NULL &&
                         r->facts.operation == OPERATION_CHAT &&
                         leg->protocol == PROTOCOL_OPENAI_CHAT &&
                         !flavor_takes(leg->flavor, FLAVOR_TAKES_URLS);

    return leg->protocol != r->dialect->protocol || r->wording >= WORDING_TRANSLATED ||
           may_lack_urls;
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
    recollect_init(&t->recollection);
    buf_fini(&leg->body);
    buf_init(&leg->body, MAX_GROWTH * (size_t)r->worker->conf->max_body_bytes);

    arena_init(&arena, TRANSLATION_MAX_RECORDS);
    int err = write_request(leg, pick, &arena, why);
    if (err == 0 && (arena.is_full || leg->body.overflow))
        err = ERR_REQUEST_TOO_LARGE;
    arena_fini(&arena);
    return err == 0 ? leg_count_body(leg) : err;
}

static int
write_request(struct leg *leg, const struct pick *pick, struct arena *arena,
              struct refusal_reason *why)
{
    struct request *r = leg->request;
    struct translation *t = leg->translation;
    const struct translate_target target = {
        .model = slice_str(pick->route.upstream_model),
        .capability = &pick->route.capability,
        .max_output_tokens = most_output(r, &pick->route.capability),
        .flavor = (enum upstream_flavor)pick->upstream.flavor,
        .cache_prompts = pick->upstream.cache_prompts,
    };
    struct neutral_request request;

    if (r->facts.operation == OPERATION_EMBEDDING)
        return ask_for_vectors(leg, target.model, why);
    int err = t->caller->read_request(r->facts.operation, r->facts.body, arena, &request, why);
    if (err != 0 || arena->is_full)
        return err;
    recollect_insert(r, &t->recollection, &request, arena);
    carrier_open(&request, r->worker->seal, r->owner_hash, arena);
    if (r->wording == WORDING_STRIPPED)
        carrier_strip(&request);
    err = inlined_apply(leg, &request, arena, why);
    if (err != 0)
        return err;
    cap_tokens(&request, r->facts.cap_tokens);
    answer_writer_expect(&t->writer, &request);
    err = translate_fit(&request, leg->protocol, target.capability, &t->dropped, why);
    if (err == 0)
        err = t->upstream->write_request(&request, &target, arena, &leg->body, &t->dropped, why);
    if (err == 0)
        err = refuse_dropped(leg, why);
    return err == 0 && dialect_operation_counts(r->facts.operation)
               ? ask_for_count(leg, target.model)
               : err;
}

static int
ask_for_vectors(struct leg *leg, struct slice model, struct refusal_reason *why)
{
    struct translation *t = leg->translation;
    struct embedding_question question = {.body = leg->request->facts.body, .model = model};

    int err = embedding_gemini_request(&question, &leg->body, &t->dropped, why);
    t->n_vectors = question.n_texts;
    return err != 0 ? err : refuse_dropped(leg, why);
}

static int
ask_for_count(struct leg *leg, struct slice model)
{
    struct buf request = leg->body;
    int err = ERR_REQUEST_TOO_LARGE;

    buf_init(&leg->body, request.cap);
    if (!request.overflow)
        err = translate_count_request(leg->protocol, model, buf_slice(&request), &leg->body);
    buf_fini(&request);
    return err;
}

/* What is dropped is told with the answer, or is the answer for those who want all or nothing. */
static int
refuse_dropped(const struct leg *leg, struct refusal_reason *why)
{
    const struct translate_dropped *dropped = &leg->translation->dropped;

    struct slice strict = http_header_find(&leg->request->http, STRICT_HEADER);

    if (dropped->len == 0 || strict.len == 0 || slice_eq_str(strict, "0") ||
        slice_eq_nocase(strict, SLICE_LIT("false")))
        return 0;
    snprintf(why->detail, sizeof(why->detail), "%.*s", (int)dropped->len, dropped->names);
    snprintf(why->param, sizeof(why->param), "%.*s", (int)strcspn(why->detail, ","), why->detail);
    return ERR_UNSUPPORTED_PARAMETER;
}

/* Also what thinking may raise it to. */
static int64_t
most_output(const struct request *r, const struct capability *capability)
{
    const int64_t cap = r->facts.cap_tokens;
    int64_t most = r->worker->scratch.model.max_output_tokens;

    if (most == 0 && cap > 0)
        most = capability->max_output_tokens;
    return most == 0 || (cap > 0 && cap < most) ? cap : most;
}

static void
cap_tokens(struct neutral_request *request, int64_t cap)
{
    if (cap > 0 && (request->max_tokens == 0 || request->max_tokens > cap))
        request->max_tokens = cap;
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
    recollect_fini(&t->recollection);
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

    if (dialect_operation_counts(leg->request->facts.operation))
        return read_count(leg, body, out, facts);
    if (leg->request->facts.operation == OPERATION_EMBEDDING)
        return read_vectors(leg, body, out, facts);
    int err = t->upstream->read_reply(&t->reader, body, take, &outlet);
    if (err == 0 && !facts->is_error && !facts->is_terminal)
        err = ERR_UPSTREAM_ERROR;
    return conclude(leg, err, facts);
}

static int
read_vectors(struct leg *leg, struct slice body, struct buf *out, struct reply_facts *facts)
{
    const struct request_facts *asked = &leg->request->facts;
    const struct embedding_answer answer = {
        .model = leg->stream.context.public_model,
        .encoding = (enum embedding_encoding)asked->encoding,
        .n_texts = leg->translation->n_vectors,
        .prompt_tokens =
            estimate_input_tokens(leg->request->record->body_bytes, leg->request->input_bound),
    };

    if (embedding_gemini_reply(body, &answer, out, &leg->stream.usage) != 0)
        return ERR_UPSTREAM_ERROR;
    facts->has_usage = leg->stream.usage.is_reported;
    leg->request->is_estimated = !facts->has_usage;
    facts->is_content = facts->is_terminal = true;
    return conclude(leg, 0, facts);
}

void
translation_forget_output(struct leg *leg)
{
    leg->translation->reader.usage.totals &= (uint8_t)~USAGE_SAID_OUTPUT;
}

/* It is the answer, not what it took. */
static int
read_count(struct leg *leg, struct slice body, struct buf *out, struct reply_facts *facts)
{
    int64_t tokens;

    if (translate_count_read(leg->protocol, body, &tokens) != 0)
        return ERR_UPSTREAM_ERROR;
    translate_count_write(leg->request->dialect->protocol, tokens, out);
    leg->stream.usage.is_reported = true;
    facts->is_content = facts->is_terminal = true;
    return conclude(leg, 0, facts);
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
    recollect_note(outlet->leg, &t->recollection, event);
    if (event->kind != NEUTRAL_ERROR)
        tell(outlet, event);
}

/* What the writer has finished of a Responses answer stands in its items. */
static void
tell(const struct outlet *outlet, const struct neutral_event *event)
{
    struct request *r = outlet->leg->request;
    struct translation *t = outlet->leg->translation;
    const struct buf *items = &t->writer.items;
    size_t before = items->len;

    t->caller->write_event(&t->writer, event, outlet->out);
    if (r->is_watched && r->facts.operation == OPERATION_RESPONSE && items->len > before &&
        !items->overflow)
        recollect_item(r, slice_sub(buf_slice(items), before + (before > 0), items->len));
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
