/* SPDX-License-Identifier: ISC
 *
 * signin - /session, /setup, /password: how people come in and go. Passwords are compared and
 * hashed by the hasher; what leaves this process is the hash.
 */
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "body.h"
#include "console.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/store/store_user.h"
#include "session.h"

static bool find_user(struct call *call, struct slice name, struct user_record *out);
static bool may_try(struct call *call, enum throttle_kind kind, struct slice text);
static void forgive(struct call *call, struct slice account);
static struct hasher_job *begin_job(struct call *call, void (*on_done)(struct hasher_job *job));
static void on_checked(struct hasher_job *job);
static void open_session(struct call *call);
static void answer_session(struct call *call);
static void answer_signed_out(struct call *call);
static void on_closed(struct call *call, const struct frame_value *result);
static void on_setup_hashed(struct hasher_job *job);
static void on_set_up(struct call *call, const struct frame_value *result);
static bool check_new(struct call *call, const char *field, struct slice password);
static void on_password_hashed(struct hasher_job *job);
static void on_changed(struct call *call, const struct frame_value *result);

/* ---- /session ---- */

void
signin_show(struct call *call)
{
    if (call->user_id != 0)
        answer_session(call);
    else
        answer_signed_out(call);
}

static void
answer_session(struct call *call)
{
    static const char *const roles[] = USER_ROLE_NAMES;
    struct frame_out *out = answer_begin(call);

    frame_map(out, "user");
    frame_int(out, "id", (int64_t)call->user_id);
    frame_cstr(out, "name", call->name);
    frame_cstr(out, "role", roles[call->role]);
    frame_end(out);
    frame_cstr(out, "csrf", call->csrf);
    frame_cstr(out, "public_url", call->console->conf->public_url);
    frame_cstr(out, "console_version", RELAYOS_VERSION);
    answer_end(call, 200);
}

/* The sign-in page learns from it which doors there are. */
static void
answer_signed_out(struct call *call)
{
    struct store *store = call_store(call);
    struct user_record user;
    int rc = store == NULL ? 0 : store_user_next(store, 0, &user);

    if (store == NULL)
        return;
    if (rc != 0 && rc != ERR_MISSING) {
        answer_err(call, rc, SLICE_LIT("the accounts cannot be read"));
        return;
    }
    struct frame_out *out = answer_begin(call);
    frame_map(out, "error");
    frame_cstr(out, "code", "signed_out");
    frame_cstr(out, "message", "sign in first");
    frame_nil(out, "field");
    frame_cstr(out, "request_id", call->id);
    frame_bool(out, "setup_needed", rc == ERR_MISSING);
    frame_nil(out, "oidc");
    frame_end(out);
    answer_end(call, 401);
}

/* Whether there is such an account shows neither in the words nor in the time that it takes. */
void
signin_open(struct call *call)
{
    static const struct body_field fields[] = {{"name", BODY_TEXT, true},
                                               {"password", BODY_TEXT, true}};
    struct slice address = slice_str(call->address), name;
    struct hasher_job *job;
    struct user_record user;

    if (!BODY_CHECK(call, fields))
        return;
    name = body_text(call, "name");
    if (!find_user(call, name, &user) || !may_try(call, THROTTLE_ADDRESS, address) ||
        !may_try(call, THROTTLE_ACCOUNT, name) || (job = begin_job(call, on_checked)) == NULL)
        return;
    hasher_job_check(job, user.is_disabled ? "" : user.password, body_text(call, "password"));
    call->data = mem_alloc(sizeof(user));
    memcpy(call->data, &user, sizeof(user));
    hasher_send(call->console->hasher, job);
}

/* Nobody has no password. false: answered. */
static bool
find_user(struct call *call, struct slice name, struct user_record *out)
{
    struct store *store = call_store(call);

    *out = (struct user_record){.id = 0};
    if (store == NULL)
        return false;
    int rc = store_user_find(store, name, out);
    if (rc == 0 || rc == ERR_MISSING) {
        if (rc == ERR_MISSING)
            *out = (struct user_record){.id = 0};
        return true;
    }
    answer_err(call, rc, SLICE_LIT("the account cannot be read"));
    return false;
}

static bool
may_try(struct call *call, enum throttle_kind kind, struct slice text)
{
    int64_t wait_us =
        throttle_take(call->console->throttle, kind, text, loop_now_us(call->console->loop));

    if (wait_us <= 0)
        return true;
    answer_header(call, "retry-after", "%lld", (long long)((wait_us + 999999) / 1000000));
    answer_problem(call, 429, "throttled", NULL, "too many attempts failed; try again in %lld s",
                   (long long)((wait_us + 999999) / 1000000));
    return false;
}

static void
forgive(struct call *call, struct slice account)
{
    int64_t now_us = loop_now_us(call->console->loop);

    throttle_forgive(call->console->throttle, THROTTLE_ADDRESS, slice_str(call->address), now_us);
    if (account.len > 0)
        throttle_forgive(call->console->throttle, THROTTLE_ACCOUNT, account, now_us);
}

static struct hasher_job *
begin_job(struct call *call, void (*on_done)(struct hasher_job *job))
{
    struct hasher_job *job = hasher_job_new(call->console->hasher);

    if (job == NULL) {
        answer_header(call, "retry-after", "1");
        answer_problem(call, 429, "too_many", NULL, "many sign in at the moment; try again");
        return NULL;
    }
    job->ctx = call;
    job->on_done = on_done;
    call_hold(call);
    return job;
}

static void
on_checked(struct hasher_job *job)
{
    struct call *call = job->ctx;

    if (job->is_same) {
        forgive(call, body_text(call, "name"));
        open_session(call);
    } else {
        log_warn("console.sign_in_failed", "address=%s", call->address);
        answer_problem(call, 401, "bad_credentials", NULL, "name or password is wrong");
    }
    call_release(call);
}

static void
open_session(struct call *call)
{
    struct user_record user;

    memcpy(&user, call->data, sizeof(user));
    session_begin(call, &user, answer_session);
    secret_wipe(&user, sizeof(user));
}

void
signin_close(struct call *call)
{
    struct frame_out *out;

    if (call->user_id == 0) {
        answer_problem(call, 403, "no_session", NULL, "an admin key has no session");
        return;
    }
    if ((out = call_command(call, "session.close")) == NULL)
        return;
    frame_bin(out, "hash", call->session.hash, HASH_DIGEST_SIZE);
    call_send(call, on_closed);
}

static void
on_closed(struct call *call, const struct frame_value *result)
{
    (void)result;
    session_forget(call);
    answer_json(call, 200, SLICE_LIT("{}"));
}

/* ---- /setup ---- */

void
signin_setup(struct call *call)
{
    static const struct body_field fields[] = {
        {"token", BODY_TEXT, true}, {"name", BODY_TEXT, true}, {"password", BODY_TEXT, true}};
    struct hasher_job *job;

    if (!BODY_CHECK(call, fields) || !check_new(call, "password", body_text(call, "password")) ||
        !may_try(call, THROTTLE_ADDRESS, slice_str(call->address)) ||
        (job = begin_job(call, on_setup_hashed)) == NULL)
        return;
    hasher_job_hash(job, body_text(call, "password"));
    hasher_send(call->console->hasher, job);
}

static bool
check_new(struct call *call, const char *field, struct slice password)
{
    struct errmsg why;

    if (password_check(password, &why) == 0)
        return true;
    answer_problem(call, 422, "weak_password", field, "%s", why.text);
    return false;
}

static void
on_setup_hashed(struct hasher_job *job)
{
    struct call *call = job->ctx;
    struct slice name = body_text(call, "name");
    struct frame_out *out;

    snprintf(call->who, sizeof(call->who), "%.*s", (int)name.len, name.ptr);
    if (job->rc != 0) {
        answer_err(call, ERR_BUSY, SLICE_LIT("there is no memory for it now"));
    } else if ((out = call_command(call, "user.setup")) != NULL) {
        frame_str(out, "token", body_text(call, "token"));
        frame_str(out, "name", name);
        frame_cstr(out, "password", job->made);
        call_send(call, on_set_up);
    }
    call_release(call);
}

static void
on_set_up(struct call *call, const struct frame_value *result)
{
    const struct frame_value *made = frame_get(result, "user");
    struct slice name = frame_get_str(made, "name");
    struct user_record user = {
        .id = (uint64_t)frame_get_int(made, "id", 0),
        .role = USER_ADMIN,
    };

    snprintf(user.name, sizeof(user.name), "%.*s", (int)name.len, name.ptr);
    forgive(call, SLICE_LIT(""));
    session_begin(call, &user, answer_session);
}

/* ---- /password ---- */

void
signin_password(struct call *call)
{
    static const struct body_field fields[] = {{"old_password", BODY_TEXT, true},
                                               {"new_password", BODY_TEXT, true}};
    struct slice wanted = body_text(call, "new_password");
    struct hasher_job *job;
    struct user_record user;

    if (call->user_id == 0) {
        answer_problem(call, 403, "no_session", NULL, "an admin key has no password");
        return;
    }
    if (!BODY_CHECK(call, fields) || !check_new(call, "new_password", wanted) ||
        !find_user(call, slice_str(call->name), &user) ||
        !may_try(call, THROTTLE_ACCOUNT, slice_str(call->name)) ||
        (job = begin_job(call, on_password_hashed)) == NULL)
        return;
    hasher_job_check(job, user.password, body_text(call, "old_password"));
    hasher_job_hash(job, wanted);
    hasher_send(call->console->hasher, job);
}

static void
on_password_hashed(struct hasher_job *job)
{
    struct call *call = job->ctx;
    struct frame_out *out;

    if (!job->is_same) {
        answer_problem(call, 422, "bad_password", "old_password", "that is not your password");
    } else if (job->rc != 0) {
        answer_err(call, ERR_BUSY, SLICE_LIT("there is no memory for it now"));
    } else if ((out = call_command(call, "user.password")) != NULL) {
        throttle_forgive(call->console->throttle, THROTTLE_ACCOUNT, slice_str(call->name),
                         loop_now_us(call->console->loop));
        frame_int(out, "user", (int64_t)call->user_id);
        frame_cstr(out, "password", job->made);
        frame_bin(out, "keep_session", call->session.hash, HASH_DIGEST_SIZE);
        call_send(call, on_changed);
    }
    call_release(call);
}

static void
on_changed(struct call *call, const struct frame_value *result)
{
    (void)result;
    answer_json(call, 200, SLICE_LIT("{}"));
}
