/* SPDX-License-Identifier: ISC */
#include "repeat.h"

#include <stdlib.h>

#include "answer.h"
#include "console.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define N_ENTRIES 256
#define KEEP_US   (INT64_C(600) * 1000000)
#define MAX_KEY   128
#define MAX_KEPT  65536 /* of one answer */
#define MAX_OWN   32    /* of one caller: their eldest goes before anybody else's */

struct repeat_entry {
    uint8_t name[HASH_DIGEST_SIZE], body[HASH_DIGEST_SIZE];
    uint8_t caller[HASH_DIGEST_SIZE];
    int64_t begun_us; /* 0 = free */
    int status;       /* 0 = under way */
    char *text;
    size_t len;
};

struct repeats {
    struct repeat_entry entries[N_ENTRIES];
};

static struct repeat_entry *find(struct repeats *repeats, const uint8_t name[HASH_DIGEST_SIZE]);
static struct repeat_entry *make_room(struct repeats *repeats,
                                      const uint8_t caller[HASH_DIGEST_SIZE]);
static void drop(struct repeat_entry *entry);
static void caller_of(const struct call *call, uint8_t out[HASH_DIGEST_SIZE]);
static void name_of(const struct call *call, struct slice key, uint8_t out[HASH_DIGEST_SIZE]);
static bool replay(struct call *call, const struct repeat_entry *entry,
                   const uint8_t body[HASH_DIGEST_SIZE]);

struct repeats *
repeat_new(void)
{
    return mem_zalloc(sizeof(struct repeats));
}

void
repeat_free(struct repeats **repeats)
{
    for (size_t n = 0; n < N_ENTRIES; n++)
        drop(&(*repeats)->entries[n]);
    free(*repeats);
    *repeats = NULL;
}

bool
repeat_begin(struct call *call)
{
    struct repeats *repeats = call->console->repeats;
    struct slice key = http_header_find(&call->http, "idempotency-key");
    uint8_t name[HASH_DIGEST_SIZE], body[HASH_DIGEST_SIZE], caller[HASH_DIGEST_SIZE];
    int64_t now_us = loop_now_us(call->console->loop);

    /* Signing in is nobody's call: what it answers is of whom it lets in. */
    if (key.len == 0 || !slice_eq_str(call->http.method, "POST") || call->row->role == USER_NOBODY)
        return true;
    if (key.len > MAX_KEY) {
        answer_problem(call, 400, "bad_request", NULL, "an Idempotency-Key has %d bytes at most",
                       MAX_KEY);
        return false;
    }
    repeat_expire(repeats, now_us);
    name_of(call, key, name);
    caller_of(call, caller);
    /* With the pepper: the ledger keeps it for a day, and a body may hold a password. */
    hash_hmac(call->console->pepper, call->http.body, body);
    struct repeat_entry *entry = find(repeats, name);
    if (entry != NULL)
        return replay(call, entry, body);
    entry = make_room(repeats, caller);
    if (entry == NULL) {
        answer_problem(call, 429, "too_many", NULL, "too many such requests are under way");
        return false;
    }
    memcpy(entry->name, name, sizeof(name));
    memcpy(entry->body, body, sizeof(body));
    memcpy(entry->caller, caller, sizeof(caller));
    entry->begun_us = now_us;
    call->repeat = entry;
    return true;
}

/* Whose it is, what is asked, and the key: nobody is answered with what was another's. */
static void
name_of(const struct call *call, struct slice key, uint8_t out[HASH_DIGEST_SIZE])
{
    uint8_t caller[HASH_DIGEST_SIZE];
    struct buf text;

    caller_of(call, caller);
    buf_init(&text, LIMIT_HEAD_BYTES);
    buf_append(&text, caller, sizeof(caller));
    buf_append_slice(&text, call->http.path);
    buf_append_byte(&text, '\n');
    buf_append_slice(&text, key);
    hash_sha256(buf_slice(&text), out);
    buf_fini(&text);
}

/* Names come again (of an admin key, once its namesake is revoked), ids do not. */
static void
caller_of(const struct call *call, uint8_t out[HASH_DIGEST_SIZE])
{
    uint64_t ids[] = {call->user_id, call->key_id};

    hash_sha256(slice_of(ids, sizeof(ids)), out);
}

static bool
replay(struct call *call, const struct repeat_entry *entry, const uint8_t body[HASH_DIGEST_SIZE])
{
    if (memcmp(entry->body, body, HASH_DIGEST_SIZE) != 0) {
        answer_problem(call, 422, "idempotency_mismatch", NULL,
                       "this Idempotency-Key was used with another body");
    } else if (entry->status == 0) {
        answer_problem(call, 409, "in_progress", NULL, "the same request is still under way");
    } else {
        answer_header(call, "idempotent-replayed", "true");
        answer_json(call, entry->status, slice_of(entry->text, entry->len));
    }
    return false;
}

void
repeat_end(struct call *call, int status)
{
    struct repeat_entry *entry = call->repeat;

    call->repeat = NULL;
    if (entry == NULL)
        return;
    if (status >= 500 || status == 429 || call->out.len > MAX_KEPT) {
        drop(entry);
        return;
    }
    entry->status = status;
    entry->len = call->out.len;
    entry->text = mem_alloc(entry->len + 1);
    memcpy(entry->text, call->out.ptr, entry->len);
}

bool
repeat_digests(const struct call *call, const char *cmd, uint8_t out[2 * HASH_DIGEST_SIZE])
{
    struct buf text;

    if (call->repeat == NULL)
        return false;
    buf_init(&text, HASH_DIGEST_SIZE + LIMIT_NAME);
    buf_append(&text, call->repeat->name, HASH_DIGEST_SIZE);
    buf_append_str(&text, cmd);
    hash_sha256(buf_slice(&text), out);
    buf_fini(&text);
    memcpy(out + HASH_DIGEST_SIZE, call->repeat->body, HASH_DIGEST_SIZE);
    return true;
}

void
repeat_expire(struct repeats *repeats, int64_t now_us)
{
    for (size_t n = 0; n < N_ENTRIES; n++) {
        struct repeat_entry *entry = &repeats->entries[n];

        if (entry->begun_us != 0 && entry->status != 0 && now_us - entry->begun_us > KEEP_US)
            drop(entry);
    }
}

static struct repeat_entry *
find(struct repeats *repeats, const uint8_t name[HASH_DIGEST_SIZE])
{
    for (size_t n = 0; n < N_ENTRIES; n++) {
        struct repeat_entry *entry = &repeats->entries[n];

        if (entry->begun_us != 0 && memcmp(entry->name, name, HASH_DIGEST_SIZE) == 0)
            return entry;
    }
    return NULL;
}

/* A free one, or that of the eldest answer: of the caller's own where they have many. NULL: all
 * that could go are still under way. */
static struct repeat_entry *
make_room(struct repeats *repeats, const uint8_t caller[HASH_DIGEST_SIZE])
{
    struct repeat_entry *free_one = NULL, *eldest = NULL, *own = NULL;
    size_t n_own = 0;

    for (size_t n = 0; n < N_ENTRIES; n++) {
        struct repeat_entry *entry = &repeats->entries[n];
        bool is_own = entry->begun_us != 0 && memcmp(entry->caller, caller, HASH_DIGEST_SIZE) == 0;

        n_own += is_own;
        if (entry->begun_us == 0)
            free_one = entry;
        else if (entry->status == 0)
            continue;
        else if (eldest == NULL || entry->begun_us < eldest->begun_us)
            eldest = entry;
        if (is_own && (own == NULL || entry->begun_us < own->begun_us))
            own = entry;
    }
    struct repeat_entry *room = n_own >= MAX_OWN ? own : free_one != NULL ? free_one : eldest;
    if (room != NULL)
        drop(room);
    return room;
}

static void
drop(struct repeat_entry *entry)
{
    if (entry->text != NULL)
        secret_wipe(entry->text, entry->len);
    free(entry->text);
    *entry = (struct repeat_entry){.begun_us = 0};
}
