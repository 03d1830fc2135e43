/* SPDX-License-Identifier: ISC */
#include "session.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "console.h"
#include "cookie.h"
#include "relayos/base/clock.h"
#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/store/store_session.h"

#define COOKIE       "relayos"
#define ID_TEXT_SIZE 43 /* base64url of the id */
#define TOUCH_US     (INT64_C(60) * 1000000)

/* What begins when the ledger has it. */
struct beginning {
    char id[ID_TEXT_SIZE + 1];
    struct user_record user;
    void (*on_open)(struct call *call);
};

static bool find_cookie(const struct call *call, uint8_t out[SESSION_ID_SIZE]);
static void touch(struct call *call, int64_t now_us);
static void derive(const uint8_t id[SESSION_ID_SIZE], struct call *call);
static void begun(struct call *call, const struct frame_value *result);

int
session_find(struct call *call)
{
    uint8_t id[SESSION_ID_SIZE];
    int64_t now_us = clock_real_us();
    int rc = ERR_MISSING;

    if (!find_cookie(call, id))
        return ERR_MISSING;
    derive(id, call);
    secret_wipe(id, sizeof(id));
    rc = store_session_get(call->console->store, call->session.hash, &call->session);
    if (rc != 0)
        return rc;
    if (now_us - call->session.seen_us > SESSION_IDLE_US ||
        now_us - call->session.created_us > SESSION_LIFE_US)
        return ERR_MISSING;
    touch(call, now_us);
    return 0;
}

/* The token follows from the id; the store knows the hash alone. */
static void
derive(const uint8_t id[SESSION_ID_SIZE], struct call *call)
{
    struct secret *key = secret_new(id, SESSION_ID_SIZE);
    uint8_t token[HASH_DIGEST_SIZE];

    hash_derive(key, "csrf", token);
    secret_free(&key);
    text_hex(token, sizeof(token), call->csrf);
    call->csrf[2 * sizeof(token)] = '\0';
    hash_sha256(slice_of(id, SESSION_ID_SIZE), call->session.hash);
}

static bool
find_cookie(const struct call *call, uint8_t out[SESSION_ID_SIZE])
{
    struct slice text;

    return cookie_find(call, COOKIE, &text) && text.len == ID_TEXT_SIZE &&
           text_base64url_parse(text, out, SESSION_ID_SIZE) == SESSION_ID_SIZE;
}

/* Once a minute is often enough to tell who is idle; a page that polls by itself is no sign of
 * life. */
static void
touch(struct call *call, int64_t now_us)
{
    struct frame_out *out;

    if (now_us - call->session.seen_us < TOUCH_US ||
        http_header_find(&call->http, "x-background").len > 0 ||
        (out = link_begin(&call->console->link, "session.touch")) == NULL)
        return;
    frame_bin(out, "hash", call->session.hash, HASH_DIGEST_SIZE);
    (void)!link_send(&call->console->link, NULL, NULL);
}

void
session_begin(struct call *call, const struct user_record *user, void (*on_open)(struct call *call))
{
    uint8_t id[SESSION_ID_SIZE], replaced[HASH_DIGEST_SIZE], old[SESSION_ID_SIZE];
    bool is_rotation = call->exchange != NULL && find_cookie(call, old);
    struct slice agent =
        call->exchange == NULL ? SLICE_LIT("") : http_header_find(&call->http, "user-agent");
    struct frame_out *out;
    struct buf text;

    snprintf(call->who, sizeof(call->who), "%s", user->name);
    if (getrandom(id, sizeof(id), 0) != sizeof(id) ||
        (out = call_command(call, "session.open")) == NULL)
        return;
    if (is_rotation)
        hash_sha256(slice_of(old, sizeof(old)), replaced);
    derive(id, call);
    frame_bin(out, "hash", call->session.hash, HASH_DIGEST_SIZE);
    frame_int(out, "user", (int64_t)user->id);
    frame_cstr(out, "address", call->address);
    frame_str(out, "user_agent",
              agent.len < USER_AGENT_SIZE ? agent : slice_sub(agent, 0, USER_AGENT_SIZE - 1));
    if (is_rotation)
        frame_bin(out, "replaces", replaced, sizeof(replaced));

    struct beginning *beginning = mem_zalloc(sizeof(*beginning));
    beginning->user = *user;
    beginning->on_open = on_open;
    buf_init(&text, sizeof(beginning->id));
    text_base64url(slice_of(id, sizeof(id)), &text);
    memcpy(beginning->id, text.ptr, text.len);
    buf_fini(&text);
    secret_wipe(id, sizeof(id));
    free(call->opening);
    call->opening = beginning;
    call_send(call, begun);
}

static void
begun(struct call *call, const struct frame_value *result)
{
    struct beginning *beginning = call->opening;

    (void)result;
    call->user_id = beginning->user.id;
    call->role = beginning->user.role;
    snprintf(call->name, sizeof(call->name), "%s", beginning->user.name);
    cookie_set(call, COOKIE, beginning->id, SESSION_LIFE_US, COOKIE_STRICT);
    secret_wipe(beginning->id, sizeof(beginning->id));
    beginning->on_open(call);
}

void
session_forget(struct call *call)
{
    cookie_set(call, COOKIE, "", 0, COOKIE_STRICT);
}
