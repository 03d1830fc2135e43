/* SPDX-License-Identifier: ISC */
#include "identity.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "answer.h"
#include "console.h"
#include "relayos/base/clock.h"
#include "relayos/base/secret.h"
#include "relayos/store/store_admin_key.h"
#include "relayos/store/store_user.h"
#include "session.h"

#define BEARER     "Bearer "
#define ADMIN_KEY  "sk-admin-"
#define MAX_SECRET 128

static bool is_literal(struct slice host);
static struct slice without_port(struct slice host);
static bool find_admin_key(struct call *call, struct slice token);
static int check_key(struct store *store, const struct admin_key_record *key);
static bool find_user(struct call *call, struct store *store);
static void become(struct call *call, const char *name, enum user_role role);
static bool refuse(struct call *call);
static bool is_own_origin(const struct call *call, struct slice origin);

/* ---- where they are ---- */

/* The server has asked its trusted proxies where. */
void
identity_place(struct call *call)
{
    const struct http_request *http = &call->http;

    snprintf(call->address, sizeof(call->address), "%s", http->client_address);
    call->is_secure =
        http->is_tls ||
        slice_starts_with(slice_str(call->console->origin), SLICE_LIT("https://")) ||
        (http->is_by_proxy && slice_eq_str(http_header_find(http, "x-forwarded-proto"), "https"));
}

/* An address is nobody's name, so nobody can have pointed it at us. */
bool
identity_host(struct call *call)
{
    struct slice host = http_header_find(&call->http, "host");
    struct slice name = without_port(host);
    const char *origin = call->console->origin;
    const char *authority = strstr(origin, "://");

    if (slice_eq_nocase(name, SLICE_LIT("localhost")) || is_literal(name) ||
        (authority != NULL && slice_eq_nocase(host, slice_str(authority + 3))))
        return true;
    answer_problem(call, 421, "wrong_host", NULL,
                   "this console is not reached under that name; console.public_url says under "
                   "which it is");
    return false;
}

static struct slice
without_port(struct slice host)
{
    size_t len = host.len;

    if (len > 0 && host.ptr[0] == '[') {
        const char *end = memchr(host.ptr, ']', len);
        return end == NULL ? host : slice_of(host.ptr + 1, (size_t)(end - host.ptr) - 1);
    }
    const char *colon = memchr(host.ptr == NULL ? "" : host.ptr, ':', len);
    return colon == NULL ? host : slice_of(host.ptr, (size_t)(colon - host.ptr));
}

static bool
is_literal(struct slice host)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t bytes[sizeof(struct in6_addr)];

    if (host.len >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)host.len, host.ptr);
    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* ---- who they are ---- */

bool
identity_find(struct call *call)
{
    struct slice authorization = http_header_find(&call->http, "authorization");
    struct store *store;

    call->role = USER_NOBODY;
    if (authorization.len > 0) {
        if (!slice_starts_with(authorization, SLICE_LIT(BEARER ADMIN_KEY)) ||
            authorization.len > MAX_SECRET)
            return refuse(call);
        return find_admin_key(call,
                              slice_sub(authorization, sizeof(BEARER) - 1, authorization.len));
    }
    if (http_header_find(&call->http, "cookie").len == 0)
        return true;
    if ((store = call_store(call)) == NULL)
        return false;
    int rc = session_find(call);
    if (rc == 0)
        return find_user(call, store);
    if (rc == ERR_MISSING)
        return true;
    answer_err(call, rc, SLICE_LIT("the session cannot be read"));
    return false;
}

/* One answer for all that may be wrong with it. */
static bool
find_admin_key(struct call *call, struct slice token)
{
    struct store *store = call_store(call);
    struct admin_key_record key;
    uint8_t digest[HASH_DIGEST_SIZE];

    if (store == NULL)
        return false;
    hash_hmac(call->console->pepper, token, digest);
    int rc = store_admin_key_find(store, digest, &key);
    if (rc == 0)
        rc = check_key(store, &key);
    if (rc == ERR_MISSING)
        return refuse(call);
    if (rc != 0) {
        answer_err(call, rc, SLICE_LIT("the admin key cannot be read"));
        return false;
    }
    /* A member's key sees what its maker's keys do. */
    become(call, key.role == USER_MEMBER ? key.created_by : key.name, key.role);
    call->key_id = key.id;
    snprintf(call->who, sizeof(call->who), "admin key %s", key.name);
    return true;
}

/* ERR_MISSING: it is over. No key can do more than the account that made it can now: or who is
 * shown the door would have left it open. */
static int
check_key(struct store *store, const struct admin_key_record *key)
{
    struct user_record maker;

    if (key->revoked_us != 0 || (key->expires_us != 0 && key->expires_us <= clock_real_us()))
        return ERR_MISSING;
    int rc = store_user_find(store, slice_str(key->created_by), &maker);
    if (rc == ERR_MISSING)
        return 0; /* relayosctl's */
    return rc == 0 && (maker.is_disabled || maker.role < key->role) ? ERR_MISSING : rc;
}

static bool
refuse(struct call *call)
{
    refusals_note(call, "", REFUSALS_ADMIN_KEY);
    answer_problem(call, 401, "bad_key", NULL, "this is no admin key of ours, or not any more");
    return false;
}

/* A closed account is nobody's, at once. */
static bool
find_user(struct call *call, struct store *store)
{
    struct user_record user;
    int rc = store_user_get(store, call->session.user_id, &user);

    if (rc == 0 && !user.is_disabled) {
        become(call, user.name, user.role);
        call->user_id = user.id;
        snprintf(call->who, sizeof(call->who), "%s", user.name);
        return true;
    }
    if (rc == 0 || rc == ERR_MISSING)
        return true;
    answer_err(call, rc, SLICE_LIT("the account cannot be read"));
    return false;
}

static void
become(struct call *call, const char *name, enum user_role role)
{
    call->role = role;
    snprintf(call->name, sizeof(call->name), "%s", name);
    call->viewer.sees_routes = role >= USER_OPERATOR;
    if (role < USER_OPERATOR)
        call->viewer.owner = slice_str(call->name);
}

/* ---- whether they mean it ---- */

/*
 * Every browser says where a change comes from. Who has no session yet (to sign in) and is no
 * browser may leave it out; with a session it must be there, and the session's token, which another
 * page cannot read.
 */
bool
identity_is_intended(struct call *call)
{
    struct slice origin = http_header_find(&call->http, "origin");
    struct slice token = http_header_find(&call->http, "x-csrf-token");
    bool is_session = call->user_id != 0 && call->row->role != USER_NOBODY;

    if (http_header_find(&call->http, "authorization").len > 0)
        return true; /* no browser sends it by itself */
    if ((origin.len > 0 || is_session) && !is_own_origin(call, origin)) {
        answer_problem(call, 403, "origin", NULL, "this request comes from another page");
        return false;
    }
    if (!is_session ||
        (token.len == strlen(call->csrf) && secret_equal(token.ptr, call->csrf, token.len)))
        return true;
    answer_problem(call, 403, "csrf", NULL, "the token of the session is missing or of another");
    return false;
}

/* The configured one; or what the browser calls us, whose name identity_host() has looked at. */
static bool
is_own_origin(const struct call *call, struct slice origin)
{
    struct slice host = http_header_find(&call->http, "host");
    char own[LIMIT_HOST + 32];

    if (call->console->origin[0] != '\0' && slice_eq_str(origin, call->console->origin))
        return true;
    snprintf(own, sizeof(own), "%s://%.*s", call->is_secure ? "https" : "http", (int)host.len,
             host.ptr);
    return slice_eq_str(origin, own);
}
