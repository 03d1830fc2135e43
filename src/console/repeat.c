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

struct repeat_entry {
    uint8_t name[HASH_DIGEST_SIZE], body[HASH_DIGEST_SIZE];
    int64_t begun_us; /* 0 = free */
    int status;       /* 0 = under way */
    char *text;
    size_t len;
};

struct repeats {
    struct repeat_entry entries[N_ENTRIES];
};

static struct repeat_entry *find(struct repeats *repeats, const uint8_t name[HASH_DIGEST_SIZE],
                                 int64_t now_us);
static struct repeat_entry *make_room(struct repeats *repeats);
static void drop(struct repeat_entry *entry);
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
    uint8_t name[HASH_DIGEST_SIZE], body[HASH_DIGEST_SIZE];
    int64_t now_us = loop_now_us(call->console->loop);

    if (key.len == 0 || !slice_eq_str(call->http.method, "POST") || call->role == USER_NOBODY)
        return true;
    if (key.len > MAX_KEY) {
        answer_problem(call, 400, "bad_request", NULL, "an Idempotency-Key has %d bytes at most",
                       MAX_KEY);
        return false;
    }
    name_of(call, key, name);
    hash_sha256(call->http.body, body);
    struct repeat_entry *entry = find(repeats, name, now_us);
    if (entry != NULL)
        return replay(call, entry, body);
    entry = make_room(repeats);
    if (entry == NULL) {
        answer_problem(call, 429, "too_many", NULL, "too many such requests are under way");
        return false;
    }
    memcpy(entry->name, name, sizeof(name));
    memcpy(entry->body, body, sizeof(body));
    entry->begun_us = now_us;
    call->repeat = entry;
    return true;
}

/* Whose it is, what is asked, and the key: nobody is answered with what was another's. */
static void
name_of(const struct call *call, struct slice key, uint8_t out[HASH_DIGEST_SIZE])
{
    struct buf text;

    buf_init(&text, LIMIT_HEAD_BYTES);
    buf_printf(&text, "%s\n%llu\n", call->who, (unsigned long long)call->user_id);
    buf_append_slice(&text, call->http.path);
    buf_append_byte(&text, '\n');
    buf_append_slice(&text, key);
    hash_sha256(buf_slice(&text), out);
    buf_fini(&text);
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
    if (status >= 500 || call->out.len > MAX_KEPT) {
        drop(entry);
        return;
    }
    entry->status = status;
    entry->len = call->out.len;
    entry->text = mem_alloc(entry->len + 1);
    memcpy(entry->text, call->out.ptr, entry->len);
}

static struct repeat_entry *
find(struct repeats *repeats, const uint8_t name[HASH_DIGEST_SIZE], int64_t now_us)
{
    for (size_t n = 0; n < N_ENTRIES; n++) {
        struct repeat_entry *entry = &repeats->entries[n];

        if (entry->begun_us != 0 && entry->status != 0 && now_us - entry->begun_us > KEEP_US)
            drop(entry);
        if (entry->begun_us != 0 && memcmp(entry->name, name, HASH_DIGEST_SIZE) == 0)
            return entry;
    }
    return NULL;
}

/* A free one, or that of the eldest answer. */
static struct repeat_entry *
make_room(struct repeats *repeats)
{
    struct repeat_entry *eldest = NULL;

    for (size_t n = 0; n < N_ENTRIES; n++) {
        struct repeat_entry *entry = &repeats->entries[n];

        if (entry->begun_us == 0)
            return entry;
        if (entry->status != 0 && (eldest == NULL || entry->begun_us < eldest->begun_us))
            eldest = entry;
    }
    if (eldest != NULL)
        drop(eldest);
    return eldest;
}

static void
drop(struct repeat_entry *entry)
{
    if (entry->text != NULL)
        secret_wipe(entry->text, entry->len);
    free(entry->text);
    *entry = (struct repeat_entry){.begun_us = 0};
}
