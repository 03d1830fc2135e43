/* SPDX-License-Identifier: ISC */
#include "user_admin.h"

#include <stdio.h>
#include <string.h>

#include <sys/random.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/text.h"
#include "relayos/codec/json_out.h"
#include "relayos/report/report_user.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_session.h"
#include "relayos/store/store_user.h"
#include "version.h"

#define TOKEN_RANDOM 32
#define TOKEN_DIGITS 43 /* of base62: 256 bits */
#define SETUP_US     (INT64_C(24) * 3600 * 1000000)
#define HASH_PREFIX  "$argon2id$"
#define BEFORE_SIZE  2048

static int check_not_ours(struct slice name, struct errmsg *why);
static int apply(const struct frame_value *args, struct user_record *user, struct errmsg *why);
static int apply_text(const struct frame_value *args, const char *name, char *out, size_t size,
                      struct errmsg *why);
static int apply_password(const struct frame_value *args, struct user_record *user,
                          struct errmsg *why);
static int insert(struct ledger *ledger, struct user_record *user, struct errmsg *why);
static int update(struct ledger *ledger, const struct user_record *user,
                  const struct user_record *before, struct errmsg *why);
static void tell_before(struct ledger *ledger, const struct frame_value *args,
                        const struct user_record *before);
static int check_last_admin(struct ledger *ledger, const struct user_record *user,
                            const struct user_record *before, struct errmsg *why);
static bool is_admin(const struct user_record *user);
static int check_nobody(struct ledger *ledger, struct errmsg *why);
static int take_setup(struct ledger *ledger, const struct frame_value *args, struct errmsg *why);

int
user_admin_create(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                  struct errmsg *why)
{
    struct user_record user = {.role = USER_MEMBER};
    int rc = user_admin_name(args, user.name, why);

    if (rc == 0)
        rc = apply(args, &user, why);
    if (rc == 0)
        rc = apply_password(args, &user, why);
    if (rc == 0)
        rc = ledger_begin(ledger, why);
    if (rc != 0)
        return rc;
    if ((rc = ledger_end(ledger, insert(ledger, &user, why), why)) == 0)
        report_user_write(&user, "user", out);
    return rc;
}

/* In a batch. */
static int
insert(struct ledger *ledger, struct user_record *user, struct errmsg *why)
{
    user->created_us = user->updated_us = clock_real_us();
    trail_target(ledger, "user %s", user->name);
    return user_admin_taken(store_user_insert(ledger->store, user), user, why);
}

int
user_admin_taken(int rc, const struct user_record *user, struct errmsg *why)
{
    if (rc == ERR_EXISTS)
        errmsg_set(why, "there is a user \"%s\" already, or one with that issuer and subject",
                   user->name);
    return rc;
}

int
user_admin_name(const struct frame_value *args, char out[LIMIT_NAME], struct errmsg *why)
{
    static const char signs[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_+@";
    struct slice name = frame_get_str(args, "name");
    int64_t number;
    size_t n = 0;

    while (n < name.len && name.ptr[n] != '\0' && strchr(signs, name.ptr[n]) != NULL)
        n++;
    if (name.len == 0 || name.len >= LIMIT_NAME || n < name.len ||
        text_int_parse(name, &number) == 0) {
        errmsg_set(why,
                   "name: 1 to %d letters, digits and . - _ + @, and not a number alone, which "
                   "would mean the one of that id",
                   LIMIT_NAME - 1);
        return ERR_SYNTAX;
    }
    snprintf(out, LIMIT_NAME, "%.*s", (int)name.len, name.ptr);
    return check_not_ours(name, why);
}

/* Nobody is to be taken for ourselves in the audit trail. */
static int
check_not_ours(struct slice name, struct errmsg *why)
{
    static const char *const ours[] = {"relayosd", "keys_file"};

    for (size_t n = 0; n < sizeof(ours) / sizeof(ours[0]); n++) {
        if (!slice_eq_nocase(name, slice_str(ours[n])))
            continue;
        errmsg_set(why, "name: \"%s\" is what the audit trail calls us", ours[n]);
        return ERR_SYNTAX;
    }
    return 0;
}

int
user_admin_role(const struct frame_value *args, enum user_role *out, struct errmsg *why)
{
    struct slice name = frame_get_str(args, "role");
    uint8_t role;

    if (frame_get(args, "role") == NULL)
        return 0;
    if (store_name_find(STORE_NAME_ROLE, name, &role) != 0 || role == USER_NOBODY) {
        errmsg_set(why, "role: member, operator or admin");
        return ERR_SYNTAX;
    }
    *out = (enum user_role)role;
    return 0;
}

/* What args do not mention stays. */
static int
apply(const struct frame_value *args, struct user_record *user, struct errmsg *why)
{
    int rc = user_admin_role(args, &user->role, why);

    if (rc == 0)
        rc = apply_text(args, "issuer", user->issuer, sizeof(user->issuer), why);
    if (rc == 0)
        rc = apply_text(args, "subject", user->subject, sizeof(user->subject), why);
    if (rc == 0 && (user->issuer[0] == '\0') != (user->subject[0] == '\0')) {
        errmsg_set(why, "issuer and subject belong together: both or none");
        rc = ERR_SYNTAX;
    }
    user->is_disabled = frame_get_bool(args, "is_disabled", user->is_disabled);
    return rc;
}

static int
apply_text(const struct frame_value *args, const char *name, char *out, size_t size,
           struct errmsg *why)
{
    struct slice text = frame_get_str(args, name);

    if (frame_get(args, name) == NULL)
        return 0;
    if (text.len >= size || (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)) {
        errmsg_set(why, "%s: at most %zu bytes", name, size - 1);
        return ERR_SYNTAX;
    }
    snprintf(out, size, "%.*s", (int)text.len, text.len == 0 ? "" : text.ptr);
    return 0;
}

/* Only what Argon2id made of one: a password itself is none, and is never kept. */
static int
apply_password(const struct frame_value *args, struct user_record *user, struct errmsg *why)
{
    struct slice hash = frame_get_str(args, "password");

    if (hash.len > 0 && !slice_starts_with(hash, SLICE_LIT(HASH_PREFIX))) {
        errmsg_set(why, "password: its Argon2id hash, never itself");
        return ERR_SYNTAX;
    }
    return apply_text(args, "password", user->password, sizeof(user->password), why);
}

int
user_admin_list(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                struct errmsg *why)
{
    int64_t after = frame_get_int(args, "after", 0);
    struct report_user_page page = {.name = "users",
                                    .after = after < 0 ? 0 : (uint64_t)after,
                                    .limit = frame_get_int(args, "limit", 0)};

    (void)why;
    return ledger->store == NULL ? ERR_STORE : report_user_list(ledger->store, &page, out);
}

int
user_admin_find(struct ledger *ledger, const struct frame_value *args, struct user_record *out,
                struct errmsg *why)
{
    const struct frame_value *user = frame_get(args, "user");
    struct slice name = frame_as_str(user);
    int64_t id = frame_as_int(user);

    if (ledger->store == NULL)
        return ERR_STORE;
    bool is_id = id > 0 || text_int_parse(name, &id) == 0;
    int rc = is_id ? store_user_get(ledger->store, (uint64_t)id, out)
                   : store_user_find(ledger->store, name, out);
    if (rc == ERR_MISSING)
        errmsg_set(why, "there is no such user; relayosctl user list shows them all");
    return rc;
}

int
user_admin_update(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                  struct errmsg *why)
{
    struct user_record before;
    int rc = user_admin_find(ledger, args, &before, why);

    if (rc != 0)
        return rc;
    struct user_record user = before;
    if ((rc = version_check(args, before.updated_us, why)) != 0 ||
        (rc = apply(args, &user, why)) != 0 || (rc = ledger_begin(ledger, why)) != 0)
        return rc;
    tell_before(ledger, args, &before);
    bool is_other = user.role != before.role || user.is_disabled != before.is_disabled;
    rc = update(ledger, &user, &before, why);
    if (rc == 0 && is_other)
        rc = store_session_delete_user(ledger->store, user.id, NULL);
    if ((rc = ledger_end(ledger, rc, why)) == 0)
        rc = store_user_get(ledger->store, user.id, &user);
    if (rc == 0)
        report_user_write(&user, "user", out);
    return rc;
}

/* In a batch. */
static int
update(struct ledger *ledger, const struct user_record *user, const struct user_record *before,
       struct errmsg *why)
{
    struct user_record changed = *user;
    int rc = check_last_admin(ledger, user, before, why);

    if (rc != 0)
        return rc;
    trail_target(ledger, "user %s", user->name);
    changed.updated_us = version_next(before->updated_us);
    return user_admin_taken(store_user_update(ledger->store, &changed), user, why);
}

static void
tell_before(struct ledger *ledger, const struct frame_value *args, const struct user_record *before)
{
    struct json_out out;
    struct buf text;

    buf_init(&text, BEFORE_SIZE);
    json_out_init(&out, &text);
    json_out_object(&out, NULL);
    if (frame_get(args, "role") != NULL)
        json_out_str(&out, "role", store_name(STORE_NAME_ROLE, (uint8_t)before->role));
    if (frame_get(args, "is_disabled") != NULL)
        json_out_bool(&out, "is_disabled", before->is_disabled);
    if (frame_get(args, "issuer") != NULL)
        json_out_str(&out, "issuer", before->issuer);
    if (frame_get(args, "subject") != NULL)
        json_out_str(&out, "subject", before->subject);
    json_out_end_object(&out);
    trail_add_json(ledger, "was", &text);
    buf_fini(&text);
}

/* Nobody could make another one but by relayosctl. */
static int
check_last_admin(struct ledger *ledger, const struct user_record *user,
                 const struct user_record *before, struct errmsg *why)
{
    int64_t n_admins = 0;

    if (!is_admin(before) || is_admin(user))
        return 0;
    int rc = store_user_count_admins(ledger->store, &n_admins);
    if (rc != 0 || n_admins > 1)
        return rc;
    errmsg_set(why, "\"%s\" is the last admin; make another one first", user->name);
    return ERR_CONFLICT;
}

static bool
is_admin(const struct user_record *user)
{
    return user->role == USER_ADMIN && !user->is_disabled;
}

int
user_admin_password(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                    struct errmsg *why)
{
    struct slice keep = frame_as_bin(frame_get(args, "keep_session"));
    struct user_record user;
    int rc = user_admin_find(ledger, args, &user, why);

    if (rc != 0)
        return rc;
    user.password[0] = '\0';
    if ((rc = version_check(args, user.updated_us, why)) != 0 ||
        (rc = apply_password(args, &user, why)) != 0 || (rc = ledger_begin(ledger, why)) != 0)
        return rc;
    rc = update(ledger, &user, &user, why);
    if (rc == 0)
        rc = store_session_delete_user(ledger->store, user.id,
                                       keep.len == HASH_DIGEST_SIZE ? (const uint8_t *)keep.ptr
                                                                    : NULL);
    if ((rc = ledger_end(ledger, rc, why)) == 0)
        rc = store_user_get(ledger->store, user.id, &user);
    if (rc == 0)
        report_user_write(&user, "user", out);
    return rc;
}

/* ---- the first one ---- */

int
user_admin_setup_link(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                      struct errmsg *why)
{
    uint8_t random[TOKEN_RANDOM], hash[HASH_DIGEST_SIZE];
    char token[TOKEN_DIGITS];
    int64_t expires_us = clock_real_us() + SETUP_US;
    int rc = ledger_begin(ledger, why);

    (void)args;
    if (rc != 0)
        return rc;
    rc = check_nobody(ledger, why);
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        rc = ERR_IO;
    text_base62(random, sizeof(random), token, sizeof(token));
    hash_sha256(slice_of(token, sizeof(token)), hash);
    if (rc == 0)
        rc = store_user_put_setup(ledger->store, hash, expires_us);
    trail_target(ledger, "setup link");
    if ((rc = ledger_end(ledger, rc, why)) == 0) {
        frame_str(out, "token", slice_of(token, sizeof(token)));
        frame_int(out, "expires_us", expires_us);
    }
    secret_wipe(random, sizeof(random));
    secret_wipe(token, sizeof(token));
    return rc;
}

static int
check_nobody(struct ledger *ledger, struct errmsg *why)
{
    struct user_record user;
    int rc = store_user_next(ledger->store, 0, &user);

    if (rc != 0)
        return rc == ERR_MISSING ? 0 : rc;
    errmsg_set(why, "there is a user already; relayosctl user add makes another one, user passwd "
                    "gives one a new password");
    return ERR_CONFLICT;
}

int
user_admin_setup(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                 struct errmsg *why)
{
    struct user_record user = {.role = USER_ADMIN};
    int rc = user_admin_name(args, user.name, why);

    if (rc == 0)
        rc = apply_password(args, &user, why);
    if (rc == 0 && user.password[0] == '\0') {
        errmsg_set(why, "password: the first account needs one");
        rc = ERR_SYNTAX;
    }
    if (rc != 0 || (rc = ledger_begin(ledger, why)) != 0)
        return rc;
    rc = check_nobody(ledger, why);
    if (rc == 0)
        rc = take_setup(ledger, args, why);
    if (rc == 0)
        rc = insert(ledger, &user, why);
    if ((rc = ledger_end(ledger, rc, why)) == 0)
        report_user_write(&user, "user", out);
    return rc;
}

/* In the batch that makes the account: a link is good once. */
static int
take_setup(struct ledger *ledger, const struct frame_value *args, struct errmsg *why)
{
    uint8_t hash[HASH_DIGEST_SIZE];

    hash_sha256(frame_get_str(args, "token"), hash);
    int rc = store_user_take_setup(ledger->store, hash, clock_real_us());
    if (rc != ERR_MISSING)
        return rc;
    errmsg_set(why, "this link has been used, is over, or never was one; relayosctl user "
                    "setup-link makes another");
    return ERR_DENIED;
}
