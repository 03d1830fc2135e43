/* SPDX-License-Identifier: ISC */
#include "user_claim.h"

#include <stdio.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/report/report_user.h"
#include "relayos/store/store_user.h"
#include "user_admin.h"

static int read_text(const struct frame_value *args, const char *name, char *out, size_t size,
                     struct errmsg *why);
static int claim(struct ledger *ledger, struct user_record *user, bool may_create,
                 struct errmsg *why);
static int check_waits(const struct user_record *user, const char *subject, struct errmsg *why);

int
user_claim_run(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
               struct errmsg *why)
{
    struct user_record user = {.role = USER_MEMBER};
    int rc = user_admin_name(args, user.name, why);

    if (rc == 0)
        rc = read_text(args, "issuer", user.issuer, sizeof(user.issuer), why);
    if (rc == 0)
        rc = read_text(args, "subject", user.subject, sizeof(user.subject), why);
    if (rc == 0)
        rc = ledger_begin(ledger, why);
    if (rc != 0)
        return rc;
    rc = claim(ledger, &user, frame_get_bool(args, "may_create", false), why);
    if ((rc = ledger_end(ledger, rc, why)) == 0)
        report_user_write(&user, "user", out);
    return rc;
}

static int
read_text(const struct frame_value *args, const char *name, char *out, size_t size,
          struct errmsg *why)
{
    struct slice text = frame_get_str(args, name);

    if (text.len == 0 || text.len >= size || memchr(text.ptr, '\0', text.len) != NULL) {
        errmsg_set(why, "%s: 1 to %zu bytes", name, size - 1);
        return ERR_SYNTAX;
    }
    snprintf(out, size, "%.*s", (int)text.len, text.ptr);
    return 0;
}

/* In a batch. user: what is claimed; then the account. */
static int
claim(struct ledger *ledger, struct user_record *user, bool may_create, struct errmsg *why)
{
    struct user_record found;
    int rc = store_user_find(ledger->store, slice_str(user->name), &found);

    trail_target(ledger, "user %s", rc == 0 ? found.name : user->name);
    user->updated_us = clock_real_us();
    if (rc == ERR_MISSING && may_create) {
        user->created_us = user->updated_us;
        return user_admin_taken(store_user_insert(ledger->store, user), user, why);
    }
    if (rc == ERR_MISSING)
        errmsg_set(why, "there is no account \"%s\" for subject \"%s\"", user->name, user->subject);
    if (rc != 0 || (rc = check_waits(&found, user->subject, why)) != 0)
        return rc;
    memcpy(found.issuer, user->issuer, sizeof(found.issuer));
    memcpy(found.subject, user->subject, sizeof(found.subject));
    found.updated_us = user->updated_us;
    *user = found;
    return user_admin_taken(store_user_update(ledger->store, &found), user, why);
}

static int
check_waits(const struct user_record *user, const char *subject, struct errmsg *why)
{
    if (user->is_disabled) {
        errmsg_set(why, "\"%s\" is disabled", user->name);
        return ERR_DENIED;
    }
    if (user->password[0] != '\0' || user->issuer[0] != '\0') {
        errmsg_set(why, "\"%s\" has a password, or is another subject's, not \"%s\"'s", user->name,
                   subject);
        return ERR_EXISTS;
    }
    return 0;
}
