/* SPDX-License-Identifier: ISC */
#include "admin_key.h"

#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/policy/key_secret.h"
#include "relayos/report/report_user.h"
#include "relayos/store/store_admin_key.h"
#include "user_admin.h"

#define ENVIRONMENT "admin"

static int read_args(const struct frame_value *args, struct admin_key_record *key,
                     struct errmsg *why);
static int insert(struct ledger *ledger, struct admin_key_record *key, struct errmsg *why);
static int revoke(struct ledger *ledger, struct admin_key_record *key, struct errmsg *why);

int
admin_key_create(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                 struct errmsg *why)
{
    struct admin_key_record key = {.created_us = clock_real_us()};
    char secret[KEY_SECRET_MAX];
    int rc = read_args(args, &key, why);

    if (rc != 0)
        return rc;
    key_secret_make(ENVIRONMENT, secret);
    key_secret_digest(ledger->pepper, slice_str(secret), key.digest);
    snprintf(key.last4, sizeof(key.last4), "%s", secret + strlen(secret) - 4);
    if ((rc = insert(ledger, &key, why)) == 0) {
        report_user_write_key(&key, "admin_key", out);
        frame_cstr(out, "secret", secret);
    }
    secret_wipe(secret, sizeof(secret));
    return rc;
}

static int
read_args(const struct frame_value *args, struct admin_key_record *key, struct errmsg *why)
{
    struct slice who = frame_get_str(args, "who");
    int rc = user_admin_name(args, key->name, why);

    key->role = USER_OPERATOR;
    if (rc == 0)
        rc = user_admin_role(args, &key->role, why);
    key->expires_us = frame_get_int(args, "expires_us", 0);
    if (rc == 0 && key->expires_us != 0 && key->expires_us <= key->created_us) {
        errmsg_set(why, "expires: that is in the past");
        rc = ERR_SYNTAX;
    }
    snprintf(key->created_by, sizeof(key->created_by), "%.*s",
             (int)(who.len < LIMIT_NAME ? who.len : LIMIT_NAME - 1), who.ptr);
    return rc;
}

static int
insert(struct ledger *ledger, struct admin_key_record *key, struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    if (rc != 0)
        return rc;
    rc = store_admin_key_insert(ledger->store, key);
    if (rc == ERR_EXISTS)
        errmsg_set(why, "there is an admin key \"%s\" already; revoke it, or choose another name",
                   key->name);
    trail_target(ledger, "admin key %llu", (unsigned long long)key->id);
    return ledger_end(ledger, rc, why);
}

int
admin_key_list(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    int64_t after = frame_get_int(args, "after", 0);
    struct report_user_page page = {.name = "admin_keys",
                                    .after = after < 0 ? 0 : (uint64_t)after,
                                    .limit = frame_get_int(args, "limit", 0)};

    (void)why;
    return ledger->store == NULL ? ERR_STORE : report_user_list_keys(ledger->store, &page, out);
}

int
admin_key_revoke(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                 struct errmsg *why)
{
    int64_t id = frame_get_int(args, "id", 0);
    struct admin_key_record key;

    if (ledger->store == NULL)
        return ERR_STORE;
    int rc = store_admin_key_get(ledger->store, id < 0 ? 0 : (uint64_t)id, &key);
    if (rc == ERR_MISSING)
        errmsg_set(why, "there is no admin key %lld", (long long)id);
    if (rc == 0 && key.revoked_us != 0) {
        errmsg_set(why, "\"%s\" is revoked already", key.name);
        rc = ERR_CONFLICT;
    }
    if (rc == 0 && (rc = revoke(ledger, &key, why)) == 0)
        report_user_write_key(&key, "admin_key", out);
    return rc;
}

static int
revoke(struct ledger *ledger, struct admin_key_record *key, struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    if (rc != 0)
        return rc;
    key->revoked_us = clock_real_us();
    trail_target(ledger, "admin key %llu", (unsigned long long)key->id);
    return ledger_end(ledger, store_admin_key_revoke(ledger->store, key->id, key->revoked_us), why);
}
