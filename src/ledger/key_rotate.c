/* SPDX-License-Identifier: ISC */
#include "key_rotate.h"

#include <stdio.h>
#include <string.h>

#include "key_admin.h"
#include "key_args.h"
#include "key_reply.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/policy/key_secret.h"
#include "relayos/store/store_key.h"
#include "version.h"

#define MAX_RETIRED    100 /* in one go */
#define MAX_OVERLAP_US (INT64_C(366) * 86400 * 1000000)

static int check(struct ledger *ledger, const struct frame_value *args,
                 const struct key_record *old, struct errmsg *why);
static int rotate_found(struct ledger *ledger, struct key_record *old, int64_t overlap_us,
                        struct frame_out *out, struct errmsg *why);
static int write_both(struct ledger *ledger, struct key_record *old, struct key_record *new,
                      struct errmsg *why);
static int retire(struct ledger *ledger, const struct key_record *key);

int
key_rotate(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
           struct errmsg *why)
{
    struct key_record old;
    int rc = key_args_find(ledger, args, &old, why);

    if (rc != 0)
        return rc;
    rc = check(ledger, args, &old, why);
    if (rc == 0)
        rc = rotate_found(ledger, &old, frame_get_int(args, "overlap_us", 0), out, why);
    store_key_fini(&old);
    return rc;
}

static int
check(struct ledger *ledger, const struct frame_value *args, const struct key_record *old,
      struct errmsg *why)
{
    int64_t overlap_us = frame_get_int(args, "overlap_us", 0);
    int rc = key_admin_check_writable(ledger, args, old, why);

    if (rc != 0)
        return rc;
    if (overlap_us < 0 || overlap_us > MAX_OVERLAP_US) {
        errmsg_set(why, "overlap: from 0 to 366 days");
        return ERR_SYNTAX;
    }
    if (old->rotated_to != 0) {
        errmsg_set(why, "\"%s\" (id %llu) was rotated already, to key %llu", old->name,
                   (unsigned long long)old->id, (unsigned long long)old->rotated_to);
        return ERR_CONFLICT;
    }
    if (old->expires_us != 0 && old->expires_us <= clock_real_us()) {
        errmsg_set(why, "\"%s\" has expired; give it a later expiry first (key update)", old->name);
        return ERR_CONFLICT;
    }
    return key_admin_check_room(ledger, why);
}

static int
rotate_found(struct ledger *ledger, struct key_record *old, int64_t overlap_us,
             struct frame_out *out, struct errmsg *why)
{
    int64_t now_us = clock_real_us();
    struct key_record new = *old; /* the names of its models stay the old one's */
    char secret[KEY_SECRET_MAX];

    new.id = 0;
    new.rotated_from = old->id;
    new.created_us = new.updated_us = now_us;
    old->updated_us = version_next(old->updated_us);
    new.last_used_us = 0;
    new.capture_until_us = 0; /* asked for the calls of one key, not of whatever follows it */
    if (old->expires_us == 0 || old->expires_us > now_us + overlap_us)
        old->expires_us = now_us + overlap_us;
    key_admin_make_secret(ledger, &new, secret);
    int rc = write_both(ledger, old, &new, why);
    if (rc == 0)
        rc = key_admin_publish(ledger, &new, why); /* and the old one, as of its group */
    if (rc == 0)
        rc = key_reply_write(ledger, &new, "key", out);
    if (rc == 0)
        rc = key_reply_write(ledger, old, "old", out);
    if (rc == 0)
        frame_cstr(out, "secret", secret);
    secret_wipe(secret, sizeof(secret));
    return rc;
}

/* The old one first steps aside, so that the name is free; its successor's id comes after. */
static int
write_both(struct ledger *ledger, struct key_record *old, struct key_record *new,
           struct errmsg *why)
{
    int rc = ledger_begin(ledger, why);

    if (rc != 0)
        return rc;
    old->rotated_to = old->id;
    rc = store_key_update(ledger->store, old);
    if (rc == 0)
        rc = store_key_insert(ledger->store, new);
    if (rc == 0) {
        old->rotated_to = new->id;
        rc = store_key_update(ledger->store, old);
    }
    trail_target(ledger, "key %llu", (unsigned long long)old->id);
    trail_add_int(ledger, "successor", (int64_t) new->id);
    return ledger_end(ledger, rc, why);
}

int
key_rotate_retire(struct ledger *ledger, struct errmsg *why)
{
    int64_t now_us = clock_real_us();
    struct key_record key;
    int rc = 0;

    for (int n = 0; rc == 0 && n < MAX_RETIRED; n++) {
        if ((rc = store_key_rotated_out(ledger->store, now_us, &key)) != 0)
            break;
        key.flags |= KEY_REVOKED;
        key.revoked_us = key.updated_us = now_us;
        if ((rc = ledger_begin(ledger, why)) == 0)
            rc = ledger_end(ledger, retire(ledger, &key), why);
        if (rc == 0)
            book_set_flags(ledger, key.id, key.flags);
        store_key_fini(&key);
    }
    return rc == ERR_MISSING ? 0 : rc;
}

/* In a batch. */
static int
retire(struct ledger *ledger, const struct key_record *key)
{
    char target[32];
    int rc = store_key_update(ledger->store, key);

    snprintf(target, sizeof(target), "key %llu", (unsigned long long)key->id);
    return rc == 0 ? trail_note(ledger, "relayosd", "key.revoke", target,
                                "{\"reason\":\"the overlap of its rotation is over\"}")
                   : rc;
}
