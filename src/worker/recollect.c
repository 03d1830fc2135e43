/* SPDX-License-Identifier: ISC
 *
 * recollect - a chat client's memory holds carriers, as other clients carry them themselves: a line
 * each, and behind that of plain text the text.
 */
#include "recollect.h"

#include <stdlib.h>
#include <string.h>

#include "leg.h"
#include "pick.h"
#include "relayos/base/mem.h"
#include "relayos/codec/carrier.h"
#include "relayos/codec/flavor.h"
#include "relayos/codec/json_scan.h"
#include "relayos/codec/remembered.h"
#include "relayos/codec/translate.h"
#include "relayos/net/server_body.h"
#include "relayos/shm/recall.h"
#include "request.h"
#include "session.h"
#include "translation.h"

#define MAX_CARRIERS ((size_t)2 * CARRIER_MAX_STATE) /* of one call */

/* The answer of a straight leg, read once more beside what the caller gets. */
struct recollect_watch {
    struct answer_reader reader;
    struct recollection recollection;
};

/* Whose memory is asked. */
struct asking {
    struct request *request;
    uint64_t conversation;
    size_t n_bytes; /* found (find_measured()) */
};

static bool is_on(const struct request *r);
static remembered_find find_measured, find_call, find_open_call, find_item;
static bool find(const struct request *r, const struct recall_name *name, struct buf *out);
static void keep(struct request *r, const struct recall_name *name, struct slice bytes);
static void begin(struct recollection *recollection, const struct neutral_event *event);
static void end(struct leg *leg, struct recollection *recollection);
static void keep_call(struct request *r, struct recollection *recollection, struct slice id);
static void take(void *ctx, const struct neutral_event *event);

void
recollect_init(struct recollection *recollection)
{
    *recollection = (struct recollection){.is_open = false};
    buf_init(&recollection->text, CARRIER_MAX_STATE);
    buf_init(&recollection->state, CARRIER_MAX_STATE);
    buf_init(&recollection->id, CARRIER_MAX_STATE);
    buf_init(&recollection->carriers, MAX_CARRIERS);
}

void
recollect_fini(struct recollection *recollection)
{
    buf_fini(&recollection->text);
    buf_fini(&recollection->state);
    buf_fini(&recollection->id);
    buf_fini(&recollection->carriers);
}

static bool
is_on(const struct request *r)
{
    return segment_capacity(r->worker->segment)->recall > 0;
}

static bool
find(const struct request *r, const struct recall_name *name, struct buf *out)
{
    const struct recall_key key = recall_key_of(name);

    return recall_find(r->worker->segment, &key, r->worker->conf->recall_ttl_us,
                       loop_now_us(r->worker->loop), out);
}

static void
keep(struct request *r, const struct recall_name *name, struct slice bytes)
{
    const struct recall_key key = recall_key_of(name);

    (void)recall_keep(r->worker->segment, r->worker->slot, &key, bytes,
                      loop_now_us(r->worker->loop));
}

/* ---- reasoning behind calls ---- */

void
recollect_insert(struct request *r, struct recollection *recollection,
                 struct neutral_request *neutral, struct arena *arena)
{
    struct asking asking = {.request = r};
    const struct remembered memory = {.find = find_call, .ctx = &asking, .max = MAX_CARRIERS};

    if (r->facts.operation != OPERATION_CHAT || !is_on(r))
        return;
    recollection->conversation = asking.conversation = session_conversation(r);
    remembered_insert(neutral, &memory, arena);
}

int64_t
recollect_length(struct request *r)
{
    struct asking asking = {.request = r};
    const struct remembered memory = {.find = find_measured, .ctx = &asking, .max = MAX_CARRIERS};
    struct neutral_request neutral;
    struct refusal_reason why;
    struct arena arena;

    if (r->facts.operation != OPERATION_CHAT || !is_on(r) ||
        memmem(r->facts.body.ptr, r->facts.body.len, "call", 4) == NULL)
        return 0;
    asking.conversation = session_conversation(r);
    arena_init(&arena, TRANSLATION_MAX_RECORDS);
    int err = translator_of(r->dialect->protocol)
                  ->read_request(r->facts.operation, r->facts.body, &arena, &neutral, &why);
    if (err == 0 && !arena.is_full)
        remembered_insert(&neutral, &memory, &arena);
    arena_fini(&arena);
    return (int64_t)asking.n_bytes;
}

static bool
find_measured(void *ctx, struct slice id, struct buf *out)
{
    struct asking *asking = ctx;
    bool is_found = find_call(ctx, id, out);

    asking->n_bytes += out->len;
    return is_found;
}

/* Ids of calls with a vendor's state are its own and told from all others. Servers that think in
 * the open may count from 0 in each conversation. */
static bool
find_call(void *ctx, struct slice id, struct buf *out)
{
    const struct asking *asking = ctx;
    const struct recall_name name = {RECALL_CALL, asking->request->owner_hash, 0, id};

    return find(asking->request, &name, out) || find_open_call(ctx, id, out);
}

static bool
find_open_call(void *ctx, struct slice id, struct buf *out)
{
    const struct asking *asking = ctx;
    const struct recall_name name = {RECALL_CALL, asking->request->owner_hash, asking->conversation,
                                     id};

    return asking->conversation != 0 && find(asking->request, &name, out);
}

/* Of several answers only the first: their parts take turns. */
void
recollect_note(struct leg *leg, struct recollection *recollection,
               const struct neutral_event *event)
{
    struct request *r = leg->request;

    if (event->choice != 0 || r->facts.operation != OPERATION_CHAT || !is_on(r))
        return;
    switch (event->kind) {
    case NEUTRAL_PART_BEGIN:
        if (event->part == NEUTRAL_CALL)
            keep_call(r, recollection, event->id);
        if (event->part == NEUTRAL_REASONING)
            begin(recollection, event);
        break;
    case NEUTRAL_PART_DELTA:
        if (recollection->is_open)
            buf_append_slice(&recollection->text, event->text);
        break;
    case NEUTRAL_PART_STATE:
        if (!recollection->is_open)
            break;
        buf_clear(&recollection->state);
        buf_append_slice(&recollection->state, event->state);
        recollection->origin = event->origin;
        recollection->is_redacted |= event->is_redacted;
        break;
    case NEUTRAL_PART_END:
        if (recollection->is_open)
            end(leg, recollection);
        break;
    case NEUTRAL_START:
    case NEUTRAL_ANNOTATION:
    case NEUTRAL_USAGE:
    case NEUTRAL_FINISH:
    case NEUTRAL_END:
    case NEUTRAL_ERROR:
        break;
    }
}

static void
begin(struct recollection *recollection, const struct neutral_event *event)
{
    recollection->is_open = true;
    recollection->is_redacted = event->is_redacted;
    recollection->origin = NEUTRAL_ORIGIN_TEXT;
    buf_clear(&recollection->text);
    buf_clear(&recollection->state);
    buf_clear(&recollection->id);
    buf_append_slice(&recollection->id, event->id);
}

/* What is too long to be carried is not remembered. */
static void
end(struct leg *leg, struct recollection *recollection)
{
    struct buf *out = &recollection->carriers;
    const struct carrier carrier = {.origin = recollection->origin,
                                    .id = buf_slice(&recollection->id),
                                    .text = buf_slice(&recollection->text),
                                    .state = buf_slice(&recollection->state),
                                    .is_redacted = recollection->is_redacted};
    bool is_text = carrier.state.len == 0 || carrier.origin == NEUTRAL_ORIGIN_TEXT;

    recollection->is_open = false;
    if (recollection->text.overflow || recollection->state.overflow ||
        (is_text && carrier.text.len == 0))
        return;
    carrier_write(&leg->stream.context, &carrier, out);
    if (is_text)
        buf_append_slice(out, carrier.text);
    recollection->has_text |= is_text;
    buf_append_byte(out, '\n');
}

static void
keep_call(struct request *r, struct recollection *recollection, struct slice id)
{
    struct buf *carriers = &recollection->carriers;
    const struct recall_name name = {RECALL_CALL, r->owner_hash,
                                     recollection->has_text ? recollection->conversation : 0, id};

    if (carriers->len > 0 && !carriers->overflow && id.len > 0 &&
        (name.conversation != 0 || !recollection->has_text))
        keep(r, &name, buf_slice(carriers));
    buf_clear(carriers);
    recollection->has_text = false;
}

/* ---- models that think in the open, reached straight ---- */

/* Longer than its caller could have made it, or than there is room for, it goes as it is. */
void
recollect_open(struct leg *leg, const struct pick *pick)
{
    struct request *r = leg->request;
    const char *member = flavor_reasoning((enum upstream_flavor)pick->upstream.flavor);
    struct asking asking = {.request = r};
    const struct remembered memory = {.find = find_open_call, .ctx = &asking, .max = MAX_CARRIERS};
    struct buf opened;

    if (r->facts.operation != OPERATION_CHAT || member == NULL || !is_on(r))
        return;
    leg->watch = mem_zalloc(sizeof(*leg->watch));
    answer_reader_init(&leg->watch->reader, PROTOCOL_OPENAI_CHAT);
    recollect_init(&leg->watch->recollection);
    asking.conversation = leg->watch->recollection.conversation = session_conversation(r);
    r->is_watched = true;
    buf_init(&opened, leg->body.len + (size_t)r->worker->conf->max_body_bytes);
    remembered_open(buf_slice(&leg->body), member, &memory, &opened);
    if (opened.len > 0 && !opened.overflow) {
        const struct buf closed = leg->body;

        leg->body = opened;
        opened = closed;
        if (leg_count_body(leg) != 0) {
            opened = leg->body;
            leg->body = closed;
        }
    }
    buf_fini(&opened);
}

void
recollect_close(struct leg *leg)
{
    answer_reader_fini(&leg->watch->reader);
    recollect_fini(&leg->watch->recollection);
    free(leg->watch);
    leg->watch = NULL;
}

static void
take(void *ctx, const struct neutral_event *event)
{
    struct leg *leg = ctx;

    recollect_note(leg, &leg->watch->recollection, event);
}

/* ---- items ---- */

bool
recollect_wants_items(const struct request *r)
{
    return !r->facts.is_unstored && is_on(r);
}

int
recollect_expand(struct request *r, struct refusal_reason *why)
{
    size_t max = (size_t)r->worker->conf->max_body_bytes;
    const struct remembered memory = {.find = find_item, .ctx = r, .max = max};
    struct buf expanded;

    if (!is_on(r))
        return ERR_UNSUPPORTED_PARAMETER;
    buf_init(&expanded, max);
    int err = dialect_expand_references(r->http.body, &memory, &expanded, why);
    if (err == 0 && !server_count_body(r->worker->server, &r->n_grown, expanded.len))
        err = ERR_OVERLOADED;
    buf_fini(&r->own_body);
    r->own_body = expanded;
    r->http.body = buf_slice(&r->own_body);
    return err;
}

static bool
find_item(void *ctx, struct slice id, struct buf *out)
{
    const struct request *r = ctx;
    const struct recall_name name = {RECALL_ITEM, r->owner_hash, 0, id};

    return find(r, &name, out);
}

void
recollect_item(struct request *r, struct slice item)
{
    struct json_member id;

    if (!json_find_in(item, "id", &id) || id.type != JSON_STRING || id.value.len <= 2)
        return;
    const struct recall_name name = {RECALL_ITEM, r->owner_hash, 0,
                                     slice_sub(id.value, 1, id.value.len - 1)};
    keep(r, &name, item);
}

/* ---- straight answers ---- */

/* What a watched answer says in ways that its reader does not know is not remembered. */
void
recollect_event(struct leg *leg, const struct sse_event *event, struct slice item)
{
    if (leg->watch != NULL)
        (void)translator_of(PROTOCOL_OPENAI_CHAT)
            ->read_event(&leg->watch->reader, event, take, leg);
    else if (item.len > 0)
        recollect_item(leg->request, item);
}

void
recollect_reply(struct leg *leg, struct slice body, struct slice items)
{
    size_t cursor = 0;
    struct slice item;
    enum json_type type;

    if (leg->watch != NULL) {
        (void)translator_of(PROTOCOL_OPENAI_CHAT)->read_reply(&leg->watch->reader, body, take, leg);
        return;
    }
    while (items.len > 0 && json_array_next(items, &cursor, &item, &type))
        if (type == JSON_OBJECT)
            recollect_item(leg->request, item);
}
