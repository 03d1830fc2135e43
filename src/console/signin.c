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
#include "oidc.h"
#include "refusals.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"
#include "relayos/store/store_user.h"
#include "session.h"

static bool find_user(struct call *call, struct slice name, struct user_record *out);
static bool may_enter(struct call *call, const struct throttle_door *door);
static bool may_try(struct call *call, enum throttle_kind kind, struct slice text);
static bool answer_wait(struct call *call, int64_t wait_us);
static void on_checked(struct hasher_job *job);
static struct throttle_door door_of(const struct call *call);
static void open_session(struct call *call);
static void answer_session(struct call *call);
static void answer_signed_out(struct call *call);
static void write_provider(struct frame_out *out, const struct console *console);
static void on_closed(struct call *call, const struct frame_value *result);
static bool is_new(struct call *call);
static void on_setup_hashed(struct hasher_job *job);
static void on_set_up(struct call *call, const struct frame_value *reply);
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
    write_provider(out, call->console);
    frame_end(out);
    answer_end(call, 401);
}

static void
write_provider(struct frame_out *out, const struct console *console)
{
    if (console->oidc == NULL) {
        frame_nil(out, "oidc");
        return;
    }
    frame_map(out, "oidc");
    frame_cstr(out, "name", console->conf->oidc.name);
    frame_cstr(out, "url", OIDC_START_PATH);
    frame_end(out);
}

/* Whether there is such an account shows neither in the words nor in the time that it takes. */
void
signin_open(struct call *call)
{
    struct throttle_door door;
    struct hasher_job *job;
    struct user_record user;

    if (!find_user(call, body_text(call, "name"), &user))
        return;
    door = door_of(call);
    bool is_known = throttle_is_known(call->console->throttle, &door);
    if (!may_enter(call, &door)) {
        refusals_note(call, user.name, REFUSALS_THROTTLED);
        return;
    }
    if ((job = hasher_job_begin(call, is_known, on_checked)) == NULL)
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

static struct throttle_door
door_of(const struct call *call)
{
    return (struct throttle_door){body_text(call, "name"), slice_str(call->address)};
}

static bool
may_enter(struct call *call, const struct throttle_door *door)
{
    return answer_wait(
        call, throttle_enter(call->console->throttle, door, loop_now_us(call->console->loop)));
}

static bool
may_try(struct call *call, enum throttle_kind kind, struct slice text)
{
    return answer_wait(
        call, throttle_take(call->console->throttle, kind, text, loop_now_us(call->console->loop)));
}

static bool
answer_wait(struct call *call, int64_t wait_us)
{
    if (wait_us <= 0)
        return true;
    answer_header(call, "retry-after", "%lld", (long long)((wait_us + 999999) / 1000000));
    answer_problem(call, 429, "throttled", NULL, "too many attempts failed; try again in %lld s",
                   (long long)((wait_us + 999999) / 1000000));
    return false;
}

static void
on_checked(struct hasher_job *job)
{
    struct call *call = job->ctx;
    struct throttle_door door = door_of(call);
    const struct user_record *user = call->data;

    if (job->is_same) {
        throttle_welcome(call->console->throttle, &door, loop_now_us(call->console->loop));
        open_session(call);
    } else {
        log_warn("console.sign_in_failed", "address=%s", call->address);
        refusals_note(call, user->name, user->is_disabled ? REFUSALS_DISABLED : REFUSALS_PASSWORD);
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
    struct hasher_job *job;

    if (!is_new(call) || !check_new(call, "password", body_text(call, "password")) ||
        !may_try(call, THROTTLE_ADDRESS, slice_str(call->address)) ||
        (job = hasher_job_begin(call, false, on_setup_hashed)) == NULL)
        return;
    hasher_job_hash(job, body_text(call, "password"));
    hasher_send(call->console->hasher, job);
}

/* Before any work: the ledger says the same once more when it is done. */
static bool
is_new(struct call *call)
{
    struct store *store = call_store(call);
    struct user_record user;
    int rc = store == NULL ? 0 : store_user_next(store, 0, &user);

    if (store == NULL || rc == ERR_MISSING)
        return store != NULL;
    if (rc == 0)
        answer_err(call, ERR_CONFLICT, SLICE_LIT("there is an account already: sign in"));
    else
        answer_err(call, rc, SLICE_LIT("the accounts cannot be read"));
    return false;
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
        call_send_raw(call, on_set_up);
    }
    call_release(call);
}

static void
on_set_up(struct call *call, const struct frame_value *reply)
{
    const struct frame_value *made = frame_get(frame_get(reply, "result"), "user");
    struct slice name = frame_get_str(made, "name");
    struct user_record user = {
        .id = (uint64_t)frame_get_int(made, "id", 0),
        .role = USER_ADMIN,
    };

    if (!frame_get_bool(reply, "ok", false)) {
        int rc = command_code_find(frame_get_str(reply, "code"));

        if (rc == ERR_DENIED)
            refusals_note(call, "", REFUSALS_SETUP_LINK);
        answer_err(call, rc, frame_get_str(reply, "error"));
        return;
    }
    snprintf(user.name, sizeof(user.name), "%.*s", (int)name.len, name.ptr);
    struct throttle_door door = {slice_str(user.name), slice_str(call->address)};
    throttle_welcome(call->console->throttle, &door, loop_now_us(call->console->loop));
    session_begin(call, &user, answer_session);
}

/* ---- /password ---- */

void
signin_password(struct call *call)
{
    struct slice wanted = body_text(call, "new_password");
    struct hasher_job *job;
    struct user_record user;

    if (call->user_id == 0) {
        answer_problem(call, 403, "no_session", NULL, "an admin key has no password");
        return;
    }
    if (!check_new(call, "new_password", wanted) ||
        !find_user(call, slice_str(call->name), &user) ||
        !may_try(call, THROTTLE_OWN, slice_str(call->name)) ||
        (job = hasher_job_begin(call, true, on_password_hashed)) == NULL)
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
        refusals_note(call, call->name, REFUSALS_OLD_PASSWORD);
        answer_problem(call, 422, "bad_password", "old_password", "that is not your password");
    } else if (job->rc != 0) {
        answer_err(call, ERR_BUSY, SLICE_LIT("there is no memory for it now"));
    } else if ((out = call_command(call, "user.password")) != NULL) {
        throttle_forgive(call->console->throttle, THROTTLE_OWN, slice_str(call->name),
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
