/* SPDX-License-Identifier: ISC */
#include "session.h"

#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/store/store_session.h"
#include "relayos/store/store_user.h"
#include "user_admin.h"

/* The console lets nobody in by a session that is older; here their rows go. */
#define IDLE_US INT64_C(86400000000)
#define AGE_US  INT64_C(86400000000)

static int read_hash(const struct frame_value *args, const char *name, uint8_t *out,
                     struct errmsg *why);
static int check_user(const struct user_record *user, struct errmsg *why);
static int replace(struct ledger *ledger, const struct frame_value *args,
                   const struct session_record *session);
static void copy_text(struct slice text, char *out, size_t size);
static void name_target(struct ledger *ledger, const uint8_t hash[HASH_DIGEST_SIZE]);

int
session_open(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
             struct errmsg *why)
{
    struct session_record session = {.created_us = clock_real_us()};
    struct user_record user;
    int rc = read_hash(args, "hash", session.hash, why);

    (void)out;
    if (rc == 0)
        rc = user_admin_find(ledger, args, &user, why);
    if (rc == 0)
        rc = check_user(&user, why);
    if (rc != 0)
        return rc;
    session.seen_us = session.created_us;
    session.user_id = user.id;
    copy_text(frame_get_str(args, "address"), session.address, sizeof(session.address));
    copy_text(frame_get_str(args, "user_agent"), session.user_agent, sizeof(session.user_agent));
    trail_target(ledger, "user %s", user.name);
    if ((rc = ledger_begin(ledger, why)) != 0)
        return rc;
    return ledger_end(ledger, replace(ledger, args, &session), why);
}

static int
read_hash(const struct frame_value *args, const char *name, uint8_t *out, struct errmsg *why)
{
    struct slice hash = frame_as_bin(frame_get(args, name));

    if (hash.len != HASH_DIGEST_SIZE) {
        errmsg_set(why, "%s: the SHA-256 of a session's id", name);
        return ERR_SYNTAX;
    }
    memcpy(out, hash.ptr, HASH_DIGEST_SIZE);
    return 0;
}

static int
check_user(const struct user_record *user, struct errmsg *why)
{
    if (!user->is_disabled)
        return 0;
    errmsg_set(why, "\"%s\" is disabled", user->name);
    return ERR_DENIED;
}

/* Theirs in place of the one that the browser came with; those that are over go on the way. */
static int
replace(struct ledger *ledger, const struct frame_value *args, const struct session_record *session)
{
    struct slice old = frame_as_bin(frame_get(args, "replaces"));
    int rc = store_session_purge(ledger->store, session->created_us - IDLE_US,
                                 session->created_us - AGE_US);

    if (rc == 0 && old.len == HASH_DIGEST_SIZE)
        rc = store_session_delete(ledger->store, (const uint8_t *)old.ptr);
    return rc == 0 ? store_session_insert(ledger->store, session) : rc;
}

static void
copy_text(struct slice text, char *out, size_t size)
{
    snprintf(out, size, "%.*s", (int)(text.len < size ? text.len : size - 1),
             text.len == 0 ? "" : text.ptr);
}

int
session_touch(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
              struct errmsg *why)
{
    uint8_t hash[HASH_DIGEST_SIZE];
    int rc = read_hash(args, "hash", hash, why);

    (void)out;
    if (rc != 0 || (rc = ledger_begin(ledger, why)) != 0)
        return rc;
    rc = store_session_touch(ledger->store, hash, clock_real_us());
    if (rc == ERR_MISSING)
        errmsg_set(why, "that session is over");
    return ledger_end(ledger, rc, why);
}

int
session_close(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
              struct errmsg *why)
{
    uint8_t hash[HASH_DIGEST_SIZE];
    int rc = read_hash(args, "hash", hash, why);

    (void)out;
    if (rc != 0 || (rc = ledger_begin(ledger, why)) != 0)
        return rc;
    name_target(ledger, hash);
    return ledger_end(ledger, store_session_delete(ledger->store, hash), why);
}

static void
name_target(struct ledger *ledger, const uint8_t hash[HASH_DIGEST_SIZE])
{
    struct session_record session;
    struct user_record user;

    if (store_session_get(ledger->store, hash, &session) == 0 &&
        store_user_get(ledger->store, session.user_id, &user) == 0)
        trail_target(ledger, "user %s", user.name);
}

/* Nothing is changed: the row of the trail is all there is to it (dispatch.c). */
int
session_refused(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                struct errmsg *why)
{
    struct user_record user;
    int rc =
        frame_get(args, "user") == NULL ? ERR_MISSING : user_admin_find(ledger, args, &user, why);

    (void)out;
    if (rc != 0 && rc != ERR_MISSING)
        return rc;
    if (rc == 0)
        trail_target(ledger, "user %s", user.name);
    else
        trail_target(ledger, "console");
    return 0;
}
