/* SPDX-License-Identifier: ISC */
#include "oidc_account.h"

#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "console.h"
#include "oidc.h"
#include "refusals.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/store/store_user.h"
#include "session.h"

static void enter_as(struct call *call, const struct user_record *user);
static void claim(struct call *call, const struct id_token *token);
static void on_claimed(struct call *call, const struct frame_value *reply);
static void refuse_claim(struct call *call, const struct frame_value *reply);
static void refuse(struct call *call, const char *account, enum refusals_reason reason,
                   const struct errmsg *why);
static void arrive(struct call *call);

void
oidc_account_enter(struct call *call, const struct id_token *token, const char *to)
{
    struct slice issuer = slice_str(call->console->conf->oidc.issuer);
    struct store *store = call->exchange == NULL ? NULL : call_store(call);
    struct user_record user;

    if (store == NULL)
        return; /* nobody waits any more, or it is answered */
    call->data = mem_strdup(to);
    int rc = store_user_find_subject(store, issuer, slice_str(token->subject), &user);
    if (rc == ERR_MISSING) {
        claim(call, token);
    } else if (rc != 0) {
        answer_err(call, rc, SLICE_LIT("the account cannot be read"));
    } else {
        enter_as(call, &user);
        secret_wipe(&user, sizeof(user));
    }
}

static void
enter_as(struct call *call, const struct user_record *user)
{
    struct errmsg why;

    if (user->is_disabled) {
        errmsg_set(&why, "the account \"%s\" is disabled", user->name);
        refuse(call, user->name, REFUSALS_DISABLED, &why);
    } else {
        session_begin(call, user, arrive);
    }
}

static void
claim(struct call *call, const struct id_token *token)
{
    const struct conf_oidc *conf = &call->console->conf->oidc;
    struct frame_out *out;
    struct errmsg why;

    if (token->name[0] == '\0') {
        errmsg_set(&why, "subject \"%s\" has no account, and no %s that counts", token->subject,
                   conf->claim);
        refuse(call, "", REFUSALS_ISSUER, &why);
        return;
    }
    snprintf(call->who, sizeof(call->who), "%s", token->name);
    if ((out = call_command(call, "user.claim")) == NULL)
        return;
    frame_cstr(out, "issuer", conf->issuer);
    frame_cstr(out, "subject", token->subject);
    frame_cstr(out, "name", token->name);
    frame_bool(out, "may_create", strcmp(conf->create, "member") == 0);
    call_send_raw(call, on_claimed);
}

static void
on_claimed(struct call *call, const struct frame_value *reply)
{
    static const char *const roles[] = USER_ROLE_NAMES;
    const struct frame_value *made = frame_get(frame_get(reply, "result"), "user");
    struct slice name = frame_get_str(made, "name"), role = frame_get_str(made, "role");
    struct user_record user = {.id = (uint64_t)frame_get_int(made, "id", 0)};

    if (!frame_get_bool(reply, "ok", false)) {
        refuse_claim(call, reply);
        return;
    }
    snprintf(user.name, sizeof(user.name), "%.*s", (int)name.len, name.ptr);
    while (user.role < USER_ADMIN && !slice_eq_str(role, roles[user.role]))
        user.role++;
    enter_as(call, &user);
}

static void
refuse_claim(struct call *call, const struct frame_value *reply)
{
    int code = command_code_find(frame_get_str(reply, "code"));
    struct slice text = frame_get_str(reply, "error");
    struct errmsg why;

    errmsg_set(&why, "%.*s", (int)text.len, text.len == 0 ? "" : text.ptr);
    if (code == ERR_MISSING || code == ERR_EXISTS || code == ERR_SYNTAX)
        refuse(call, "", REFUSALS_ISSUER, &why);
    else if (code == ERR_DENIED)
        refuse(call, call->who, REFUSALS_DISABLED, &why);
    else
        oidc_refuse(call, "failed", call->data, why.text);
}

static void
refuse(struct call *call, const char *account, enum refusals_reason reason,
       const struct errmsg *why)
{
    refusals_note(call, account, reason);
    oidc_refuse(call, reason == REFUSALS_DISABLED ? "disabled" : "unknown_user", call->data,
                why->text);
}

/* The page itself is anybody's; it asks with the cookie, which comes from its own site then. */
static void
arrive(struct call *call)
{
    answer_redirect(call, slice_str(call->data));
}
