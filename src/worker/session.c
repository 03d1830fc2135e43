/* SPDX-License-Identifier: ISC
 *
 * session - a hash of eight bytes a step: system prompts are long, and this is no secret.
 */
#include "session.h"

#include "request.h"

#define TEXT_MAX 65536 /* of instructions and first turn: past that nothing new is told */

/* HEADER(name): in the order they are believed. */
#define SESSION_HEADERS(HEADER)                                                                    \
    HEADER("x-claude-code-session-id")                                                             \
    HEADER("session-id") /* Codex */                                                               \
    HEADER("x-session-id")                                                                         \
    HEADER("x-session-affinity") /* opencode */

static struct slice find_header(const struct http_request *http);
static uint64_t mix(uint64_t hash, uint64_t word);
static uint64_t mix_text(uint64_t hash, struct slice text);

uint64_t
session_conversation(const struct request *r)
{
    struct slice said = find_header(&r->http);
    struct slice texts[2];
    uint64_t hash;

    if (said.len == 0)
        said = r->facts.affinity;
    if (said.len > 0) {
        hash = mix_text(r->owner_hash, said);
        return hash == 0 ? 1 : hash;
    }
    dialect_conversation(&r->facts, texts);
    if (texts[0].len == 0 && texts[1].len == 0)
        return 0;
    hash = mix_text(mix_text(r->owner_hash, texts[0]), texts[1]);
    return hash == 0 ? 1 : hash;
}

/* One walk over the headers, whatever is looked for. */
static struct slice
find_header(const struct http_request *http)
{
    static const struct slice names[] = {
#define HEADER(name) {name, sizeof(name) - 1},
        SESSION_HEADERS(HEADER)
#undef HEADER
    };
    const size_t n_names = sizeof(names) / sizeof(names[0]);
    struct slice found = {NULL, 0};
    size_t best = n_names;

    for (size_t i = 0; i < http->n_headers; i++)
        for (size_t k = 0; k < best; k++)
            if (http->headers[i].value.len > 0 && slice_eq(http->headers[i].name, names[k])) {
                best = k;
                found = http->headers[i].value;
            }
    return found;
}

uint64_t
session_pin_key(uint64_t conversation, uint32_t model_id)
{
    uint64_t key = mix(conversation, model_id);

    return key == 0 ? 1 : key;
}

static uint64_t
mix(uint64_t hash, uint64_t word)
{
    uint64_t z = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 32) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ z >> 29;
}

static uint64_t
mix_text(uint64_t hash, struct slice text)
{
    uint64_t word;
    size_t len = text.len < TEXT_MAX ? text.len : TEXT_MAX, at = 0;

    for (; at + sizeof(word) <= len; at += sizeof(word)) {
        memcpy(&word, text.ptr + at, sizeof(word));
        hash = mix(hash, word);
    }
    word = 0;
    if (at < len)
        memcpy(&word, text.ptr + at, len - at);
    return mix(mix(hash, word), text.len);
}

void
session_note(struct request *r, uint32_t model_id, const struct affinity_pin *pin)
{
    struct worker *worker = r->worker;
    struct affinity_pin old;
    uint64_t key;

    if (r->conversation == 0)
        return;
    key = session_pin_key(r->conversation, model_id);
    if (r->keeps_pin &&
        affinity_find(worker->segment, key, worker_settings(worker)->affinity_ttl_us,
                      loop_now_us(worker->loop), &old) &&
        old.health_row != pin->health_row)
        return;
    affinity_note(worker->segment, key, pin, loop_now_us(worker->loop));
}
