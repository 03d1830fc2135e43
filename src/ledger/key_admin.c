/* SPDX-License-Identifier: ISC */
#include "key_admin.h"

#include <stdio.h>
#include <string.h>

#include "key_args.h"
#include "key_reply.h"
#include "key_trail.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "relayos/base/text.h"
#include "relayos/policy/key_secret.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"
#include "version.h"

#define DEFAULT_PAGE    100
#define MAX_PAGE        500
#define MAX_PAGE_MODELS 20000 /* names in one page: the frame has a bound */

typedef void change(struct key_record *key);

static int check_name(const struct frame_value *args, struct errmsg *why);
static int insert(struct ledger *ledger, struct key_record *key, struct errmsg *why);
static int explain_name(struct ledger *ledger, const struct key_record *key, int rc,
                        struct errmsg *why);
static int check_filter(const struct store_key_filter *filter, struct errmsg *why);
static int list_page(struct ledger *ledger, const struct store_key_filter *filter, uint64_t after,
                     int64_t limit, struct frame_out *out);
static int update_found(struct ledger *ledger, const struct frame_value *args,
                        const struct key_record *before, struct key_record *key,
                        struct errmsg *why);
static bool is_capture_alone(const struct frame_value *args);
static void log_policy(const struct key_record *key, uint8_t before);
static void put_back(struct ledger *ledger, const struct key_record *before);
static int write_update(struct ledger *ledger, const struct key_record *key, struct errmsg *why);
static int change_flags(struct ledger *ledger, const struct frame_value *args,
                        struct frame_out *out, struct errmsg *why, change *apply);
static int change_found(struct ledger *ledger, struct key_record *key, struct errmsg *why,
                        change *apply);
static void disable(struct key_record *key);
static void enable(struct key_record *key);
static void revoke(struct key_record *key);
static void revoke_and_cut(struct key_record *key);

int
key_admin_create(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                 struct errmsg *why)
{
    struct key_record key = {.tool = KEY_TOOL_OTHER, .flags = KEY_ALL_MODELS};
    char secret[KEY_SECRET_MAX];
    int rc = key_args_apply(ledger, args, &key, why);

    if (rc == 0)
        rc = check_name(args, why);
    key.created_us = key.updated_us = clock_real_us();
    if (rc == 0 && key.expires_us != 0 && key.expires_us <= key.created_us) {
        errmsg_set(why, "expires: that is in the past");
        rc = ERR_SYNTAX;
    }
    if (rc == 0)
        rc = key_admin_check_room(ledger, why);
    if (rc == 0) {
        key_admin_make_secret(ledger, &key, secret);
        if ((rc = insert(ledger, &key, why)) == 0)
            rc = key_reply_write(ledger, &key, "key", out);
        if (rc == 0)
            frame_cstr(out, "secret", secret);
        secret_wipe(secret, sizeof(secret));
    }
    store_key_fini(&key);
    return rc;
}

/* A number names the key of that id: `key revoke 5` must not have two meanings. */
static int
check_name(const struct frame_value *args, struct errmsg *why)
{
    int64_t id;

    if (text_int_parse(frame_get_str(args, "name"), &id) != 0)
        return 0;
    errmsg_set(why, "name: not a number alone, which would mean the key of that id");
    return ERR_SYNTAX;
}

void
key_admin_make_secret(struct ledger *ledger, struct key_record *key, char *secret)
{
    key_secret_make(ledger->heritage->conf->environment, secret);
    key_secret_digest(ledger->pepper, slice_str(secret), key->digest);
    snprintf(key->last4, sizeof(key->last4), "%s", secret + strlen(secret) - 4);
}

int
key_admin_check_room(struct ledger *ledger, struct errmsg *why)
{
    uint32_t capacity = segment_capacity(ledger->segment)->keys;

    if (ledger->book.n_published < capacity)
        return 0;
    errmsg_set(why, "there are %u keys, as many as capacity.keys allows; raise it and restart",
               ledger->book.n_published);
    return ERR_FULL;
}

static int
insert(struct ledger *ledger, struct key_record *key, struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    if (rc != 0)
        return rc;
    rc = store_key_insert(ledger->store, key);
    trail_target(ledger, "key %llu", (unsigned long long)key->id);
    rc = ledger_end(ledger, rc, why);
    CRASH_POINT("key.committed");
    if (rc != 0)
        return explain_name(ledger, key, rc, why);
    rc = key_admin_publish(ledger, key, why);
    if (rc == 0)
        log_policy(key, 0);
    if (rc == 0)
        return 0;
    /* It has just been made and nobody knows its secret: leave nothing half usable behind. */
    key->revoked_us = key->updated_us;
    struct errmsg twice;
    if (ledger_begin(ledger, &twice) != 0 ||
        ledger_end(ledger, store_key_update(ledger->store, key), &twice) != 0)
        log_error("key.unpublished", "key_id=%llu %s", (unsigned long long)key->id, twice.text);
    return rc;
}

static int
explain_name(struct ledger *ledger, const struct key_record *key, int rc, struct errmsg *why)
{
    struct key_record other;

    if (rc != ERR_EXISTS || store_key_find_name(ledger->store, slice_str(key->name), &other) != 0)
        return rc;
    errmsg_set(why,
               "there is an active key named \"%s\" already (id %llu, ends in %s); choose another "
               "name, or rotate or revoke that one",
               key->name, (unsigned long long)other.id, other.last4);
    store_key_fini(&other);
    return rc;
}

int
key_admin_publish(struct ledger *ledger, const struct key_record *key, struct errmsg *why)
{
    struct store_key_filter group = {.group_id = key->group_id};
    struct key_record member = {0};
    uint64_t after = 0;
    int rc = book_publish(ledger, key);

    /* The others of its chain share the limits. */
    while (rc == 0 && (rc = store_key_next(ledger->store, &group, after, &member)) == 0) {
        after = member.id;
        if (member.id != key->id && (member.flags & KEY_REVOKED) == 0)
            rc = book_publish(ledger, &member);
        store_key_fini(&member);
    }
    if (rc == ERR_MISSING)
        return 0;
    if (rc == ERR_FULL)
        errmsg_set(why, "no room in shared memory; raise capacity.keys or capacity.quota_cells "
                        "and restart");
    return rc;
}

int
key_admin_list(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    struct store_key_filter filter = {.owner = frame_get_str(args, "owner"),
                                      .tool = frame_get_str(args, "tool"),
                                      .state = frame_get_str(args, "state"),
                                      .now_us = clock_real_us()};
    int64_t after = frame_get_int(args, "after", 0);
    int64_t limit = frame_get_int(args, "limit", DEFAULT_PAGE);

    int rc = check_filter(&filter, why);

    if (rc != 0)
        return rc;
    if (ledger->store == NULL)
        return ERR_STORE;
    if (limit < 1 || limit > MAX_PAGE)
        limit = MAX_PAGE;
    return list_page(ledger, &filter, after < 0 ? 0 : (uint64_t)after, limit, out);
}

/* A word that names nothing would find nothing, and so tell that there is nothing. */
static int
check_filter(const struct store_key_filter *filter, struct errmsg *why)
{
    static const char *const states[] = {"active", "disabled", "expired", "revoked"};
    bool is_state = filter->state.len == 0;
    uint8_t tool;

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        is_state = is_state || slice_eq_str(filter->state, states[i]);
    if (!is_state) {
        errmsg_set(why, "state \"%.*s\" is none of active, disabled, expired, revoked",
                   (int)(filter->state.len < 64 ? filter->state.len : 64), filter->state.ptr);
        return ERR_SYNTAX;
    }
    return filter->tool.len == 0 ? 0 : key_args_tool(filter->tool, &tool, why);
}

static int
list_page(struct ledger *ledger, const struct store_key_filter *filter, uint64_t after,
          int64_t limit, struct frame_out *out)
{
    int64_t n = 0, n_models = 0;
    int rc = 0;

    frame_array(out, "keys");
    while (rc == 0 && n < limit && n_models < MAX_PAGE_MODELS) {
        struct key_record key;

        if ((rc = store_key_next(ledger->store, filter, after, &key)) != 0)
            break;
        rc = key_reply_write(ledger, &key, NULL, out);
        after = key.id;
        n_models += key.n_models;
        n++;
        store_key_fini(&key);
    }
    frame_end(out);
    frame_int_if(out, "next", rc == 0, (int64_t)after);
    return rc == ERR_MISSING ? 0 : rc;
}

int
key_admin_show(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    struct key_record key;
    int rc = key_args_find(ledger, args, &key, why);

    if (rc != 0)
        return rc;
    rc = key_reply_write(ledger, &key, "key", out);
    store_key_fini(&key);
    return rc;
}

int
key_admin_update(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                 struct errmsg *why)
{
    struct key_record key, before;
    int rc = key_args_find(ledger, args, &key, why);

    if (rc != 0)
        return rc;
    if ((rc = store_key_get(ledger->store, key.id, &before)) == 0) {
        rc = update_found(ledger, args, &before, &key, why);
        store_key_fini(&before);
    }
    if (rc == 0)
        rc = key_reply_write(ledger, &key, "key", out);
    store_key_fini(&key);
    return rc;
}

static int
update_found(struct ledger *ledger, const struct frame_value *args, const struct key_record *before,
             struct key_record *key, struct errmsg *why)
{
    bool is_free = is_capture_alone(args) && (key->flags & KEY_REVOKED) == 0;
    int rc = is_free ? version_check(args, key->updated_us, why)
                     : key_admin_check_writable(ledger, args, key, why);

    if (rc != 0 || (rc = key_args_apply(ledger, args, key, why)) != 0 ||
        (rc = check_name(args, why)) != 0)
        return rc;
    key->updated_us = version_next(before->updated_us);
    key_trail_was(ledger, args, before);
    if ((rc = write_update(ledger, key, why)) != 0)
        return rc;
    if ((rc = key_admin_publish(ledger, key, why)) == ERR_FULL)
        put_back(ledger, before);
    else if (rc == 0)
        log_policy(key, before->policy);
    return rc;
}

/* That no file declares: a key of keys_file may be captured as any other. */
static bool
is_capture_alone(const struct frame_value *args)
{
    static const char *const others[] = {"key", "who", "once", "updated_us", "capture_us"};
    bool is_alone = frame_get(args, "capture_us") != NULL;

    for (size_t n = 0; is_alone && n < frame_length(args); n++) {
        struct slice name = {0};
        size_t i = 0;

        (void)frame_member(args, n, &name);
        while (i < sizeof(others) / sizeof(others[0]) && !slice_eq_str(name, others[i]))
            i++;
        is_alone = i < sizeof(others) / sizeof(others[0]);
    }
    return is_alone;
}

/* Whose requests go elsewhere from now on: the master's log says that a command came, not what. */
static void
log_policy(const struct key_record *key, uint8_t before)
{
    if (key->policy != before)
        log_info("key.policy", "key_id=%llu from=%s to=%s", (unsigned long long)key->id,
                 store_name(STORE_NAME_POLICY, before), store_name(STORE_NAME_POLICY, key->policy));
}

/* What finds no room must not stand in the store either: nobody would hold to it. */
static void
put_back(struct ledger *ledger, const struct key_record *before)
{
    struct errmsg why;

    if (write_update(ledger, before, &why) != 0 || key_admin_publish(ledger, before, &why) != 0)
        log_error("key.unpublished", "key_id=%llu %s", (unsigned long long)before->id, why.text);
}

int
key_admin_check_writable(struct ledger *ledger, const struct frame_value *args,
                         const struct key_record *key, struct errmsg *why)
{
    if (key->source == KEY_SOURCE_FILE) {
        errmsg_set(why, "\"%s\" is declared in %s; change it there and reload", key->name,
                   ledger->heritage->conf->keys_file[0] == '\0'
                       ? "the keys file"
                       : ledger->heritage->conf->keys_file);
        return ERR_CONFLICT;
    }
    if ((key->flags & KEY_REVOKED) != 0) {
        errmsg_set(why, "\"%s\" (id %llu) is revoked, for good; create a new key", key->name,
                   (unsigned long long)key->id);
        return ERR_CONFLICT;
    }
    return version_check(args, key->updated_us, why);
}

static int
write_update(struct ledger *ledger, const struct key_record *key, struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    trail_target(ledger, "key %llu", (unsigned long long)key->id);
    if (rc == 0)
        rc = ledger_end(ledger, store_key_update(ledger->store, key), why);
    return explain_name(ledger, key, rc, why);
}

int
key_admin_disable(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                  struct errmsg *why)
{
    return change_flags(ledger, args, out, why, disable);
}

int
key_admin_enable(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                 struct errmsg *why)
{
    return change_flags(ledger, args, out, why, enable);
}

int
key_admin_revoke(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
                 struct errmsg *why)
{
    bool cut = frame_get_bool(args, "cut", ledger->heritage->conf->revoke_cuts_streams);

    return change_flags(ledger, args, out, why, cut ? revoke_and_cut : revoke);
}

static int
change_flags(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
             struct errmsg *why, change *apply)
{
    struct key_record key;
    int rc = key_args_find(ledger, args, &key, why);

    if (rc != 0)
        return rc;
    rc = key_admin_check_writable(ledger, args, &key, why);
    if (rc == 0)
        rc = change_found(ledger, &key, why, apply);
    if (rc == 0)
        rc = key_reply_write(ledger, &key, "key", out);
    store_key_fini(&key);
    return rc;
}

/* One atomic store in the key table: every worker sees it at its next lookup. */
static int
change_found(struct ledger *ledger, struct key_record *key, struct errmsg *why, change *apply)
{
    key->updated_us = version_next(key->updated_us);
    apply(key);
    int rc = write_update(ledger, key, why);
    if (rc == 0)
        book_set_flags(ledger, key->id, key->flags);
    return rc;
}

static void
disable(struct key_record *key)
{
    key->flags |= KEY_DISABLED;
}

static void
enable(struct key_record *key)
{
    key->flags &= ~(uint32_t)KEY_DISABLED;
}

static void
revoke(struct key_record *key)
{
    key->flags |= KEY_REVOKED;
    key->revoked_us = key->updated_us;
}

static void
revoke_and_cut(struct key_record *key)
{
    revoke(key);
    key->flags |= KEY_CUT;
}
