/* SPDX-License-Identifier: ISC
 *
 * once - see the header; the table is shm/idempotency.h.
 */
#include "once.h"

#include <stdio.h>

#include "admit.h"
#include "relayos/base/hash.h"
#include "relayos/shm/idempotency.h"
#include "reply.h"
#include "request.h"

#define HEADER     "idempotency-key"
#define KEY_MAX    255
#define READ_TRIES 3 /* what was found may be evicted before it is read */

static bool find_header(const struct http_request *http, struct slice *out);
static bool is_valid(const struct http_request *http, struct slice key);
static void digest(struct request *r, struct slice key, struct idempotency_claim *out);
static int replay(struct request *r, const struct idempotency_found *found);
static struct idempotency_found claimed(const struct request *r);

int
once_check(struct request *r, struct refusal_reason *why)
{
    struct worker *worker = r->worker;
    struct slice key;

    if (!find_header(&r->http, &key) || segment_capacity(worker->segment)->idempotency == 0)
        return 0;
    if (!is_valid(&r->http, key)) {
        snprintf(why->detail, sizeof(why->detail),
                 "Idempotency-Key must be one header of 1 to %d printable ASCII characters",
                 KEY_MAX);
        return ERR_INVALID_REQUEST;
    }
    struct idempotency_claim claim = {.request_id = r->id,
                                      .slot = worker->slot,
                                      .generation = worker->heritage->generation,
                                      .now_us = loop_now_us(worker->loop),
                                      .ttl_us = worker->conf->idempotency_ttl_us};
    struct idempotency_found found;
    char original[TEXT_UUID_SIZE];

    digest(r, key, &claim);
    for (int i = 0; i < READ_TRIES; i++) {
        idempotency_find_or_claim(worker->segment, &claim, &found);
        text_uuid_format(found.original, original);
        snprintf(why->detail, sizeof(why->detail), "request_id %.*s", (int)sizeof(original),
                 original);
        switch (found.verdict) {
        case IDEMPOTENCY_CLAIMED:
            r->once_entry = found.entry + 1;
            r->once_owner = found.owner;
            return 0;
        case IDEMPOTENCY_RUNNING:
            return ERR_IN_PROGRESS;
        case IDEMPOTENCY_FINISHED:
            return ERR_IDEMPOTENCY_FINISHED;
        case IDEMPOTENCY_CONFLICT:
            return ERR_IDEMPOTENCY_CONFLICT;
        case IDEMPOTENCY_FULL:
            return ERR_OVERLOADED;
        case IDEMPOTENCY_ANSWERED:
            break;
        }
        int rc = replay(r, &found);
        if (rc != ERR_CONFLICT)
            return rc;
    }
    return ERR_OVERLOADED;
}

/* Most requests have none, and pay for a look at the lengths of their headers' names. */
static bool
find_header(const struct http_request *http, struct slice *out)
{
    for (size_t i = 0; i < http->n_headers; i++) {
        const struct slice *name = &http->headers[i].name;

        if (name->len == sizeof(HEADER) - 1 && memcmp(name->ptr, HEADER, name->len) == 0) {
            *out = http->headers[i].value;
            return true;
        }
    }
    return false;
}

static bool
is_valid(const struct http_request *http, struct slice key)
{
    if (key.len == 0 || key.len > KEY_MAX || http_header_count(http, HEADER) > 1)
        return false;
    for (size_t i = 0; i < key.len; i++)
        if (key.ptr[i] < 0x20 || key.ptr[i] > 0x7e)
            return false;
    return true;
}

/* The key is its group's own. The same request: endpoint, model and body. */
static void
digest(struct request *r, struct slice key, struct idempotency_claim *out)
{
    const struct worker_scratch *scratch = &r->worker->scratch;
    uint8_t text[sizeof(uint64_t) + KEY_MAX];
    struct {
        uint8_t body[HASH_DIGEST_SIZE];
        uint32_t model_id, endpoint;
    } all = {.model_id = scratch->model.id, .endpoint = endpoint_row(r->endpoint)};

    memcpy(text, &scratch->key.group_id, sizeof(uint64_t));
    memcpy(text + sizeof(uint64_t), key.ptr, key.len);
    hash_sha256(slice_of(text, sizeof(uint64_t) + key.len), out->key);
    hash_sha256(r->facts.body, all.body);
    hash_sha256(slice_of(&all, sizeof(all)), out->body);
}

/* A call of its own, with a trace and a row that costs nothing, but no call of a model. */
static int
replay(struct request *r, const struct idempotency_found *found)
{
    struct worker *worker = r->worker;
    struct buf answer;

    buf_pool_take(&worker->bufs, &answer, BUF_POOL_KEEP_SIZE + found->answer_len);
    char *room = buf_reserve(&answer, found->answer_len);
    if (!idempotency_read(worker->segment, found, room)) {
        buf_pool_give(&worker->bufs, &answer);
        return ERR_CONFLICT;
    }
    buf_commit(&answer, found->answer_len);
    int err = admit_replay(r, found->original);
    if (err != 0) {
        buf_pool_give(&worker->bufs, &answer);
        return err;
    }
    r->out = answer;
    r->is_replay = true;
    r->original = found->original;
    reply_send(r, 200, SLICE_LIT("application/json"), ERR_CATEGORY_NONE, "");
    return 1;
}

void
once_end(struct request *r, enum err_category category, bool is_charged)
{
    struct idempotency_found found = claimed(r);
    const struct slice none = {NULL, 0};
    bool is_whole = category == ERR_CATEGORY_NONE && !r->facts.is_stream;

    r->once_entry = 0;
    if (is_charged)
        idempotency_finish(r->worker->segment, &found, is_whole ? buf_slice(&r->out) : none,
                           loop_now_us(r->worker->loop));
    else
        idempotency_give_up(r->worker->segment, &found);
}

static struct idempotency_found
claimed(const struct request *r)
{
    assert(r->once_entry != 0);
    return (struct idempotency_found){
        .verdict = IDEMPOTENCY_CLAIMED, .entry = r->once_entry - 1, .owner = r->once_owner};
}
