/* SPDX-License-Identifier: ISC
 *
 * users - who may sign in, and the keys of this API: for admins.
 */
#include <inttypes.h>
#include <stdio.h>

#include "answer.h"
#include "body.h"
#include "console.h"
#include "relayos/report/report_user.h"
#include "relayos/store/store_admin_key.h"
#include "relayos/store/store_user.h"
#include "viewing.h"

#define VERSION_MAX 64

typedef int list_page(struct store *store, const struct report_user_page *page,
                      struct frame_out *out);

static void list(struct call *call, list_page *write);
static bool check_password(struct call *call, struct slice password);
static bool hash_password(struct call *call, void (*on_done)(struct hasher_job *job));
static void on_created_hash(struct hasher_job *job);
static void send_create(struct call *call, const char *hash);
static void on_created(struct call *call, const struct frame_value *result);
static bool find(struct call *call, struct user_record *out);
static struct slice write_version(uint64_t id, int64_t updated_us, char out[VERSION_MAX]);
static bool find_same(struct call *call, struct user_record *out);
static void on_user(struct call *call, const struct frame_value *result);
static void on_password_hash(struct hasher_job *job);
static void on_key_made(struct call *call, const struct frame_value *result);
static void on_key_revoked(struct call *call, const struct frame_value *result);

void
users_list(struct call *call)
{
    list(call, report_user_list);
}

static void
list(struct call *call, list_page *write)
{
    struct report_user_page page = {.name = "data", .text = call_query(call, "q")};
    struct store *store = call_store(call);
    int64_t cursor;
    size_t limit;

    if (store == NULL || !call_query_int(call, "cursor", 0, &cursor) ||
        !viewing_limit(call, &limit))
        return;
    page.after = (uint64_t)cursor;
    page.limit = (int64_t)limit;
    viewing_end(call, write(store, &page, answer_begin(call)));
}

void
users_create(struct call *call)
{
    if (body_text(call, "password").len == 0)
        send_create(call, NULL);
    else if (check_password(call, body_text(call, "password")))
        (void)hash_password(call, on_created_hash);
}

static bool
check_password(struct call *call, struct slice password)
{
    struct errmsg why;

    if (password_check(password, &why) == 0)
        return true;
    answer_problem(call, 422, "weak_password", "password", "%s", why.text);
    return false;
}

static bool
hash_password(struct call *call, void (*on_done)(struct hasher_job *job))
{
    struct hasher_job *job = hasher_job_begin(call, true, on_done);

    if (job == NULL)
        return false;
    hasher_job_hash(job, body_text(call, "password"));
    hasher_send(call->console->hasher, job);
    return true;
}

static void
on_created_hash(struct hasher_job *job)
{
    struct call *call = job->ctx;

    if (job->rc != 0)
        answer_err(call, ERR_BUSY, SLICE_LIT("there is no memory for it now"));
    else
        send_create(call, job->made);
    call_release(call);
}

static void
send_create(struct call *call, const char *hash)
{
    struct frame_out *out = call_command(call, "user.create");

    if (out == NULL)
        return;
    frame_str(out, "name", body_text(call, "name"));
    frame_str(out, "role", body_text(call, "role"));
    frame_cstr(out, "password", hash);
    call_send(call, on_created);
}

static void
on_created(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 201, frame_get(result, "user"));
}

static bool
find(struct call *call, struct user_record *out)
{
    struct store *store = call_store(call);
    uint64_t id;

    if (store == NULL || !call_id(call, 0, &id))
        return false;
    int rc = store_user_get(store, id, out);
    if (rc != 0)
        answer_err(call, rc, slice_str(store_error(store)));
    return rc == 0;
}

void
users_show(struct call *call)
{
    struct user_record user;

    if (!find(call, &user))
        return;
    answer_etag(call, write_version(user.id, user.updated_us, (char[VERSION_MAX]){0}));
    report_user_write_members(&user, answer_begin(call));
    answer_end(call, 200);
}

static struct slice
write_version(uint64_t id, int64_t updated_us, char out[VERSION_MAX])
{
    int len = snprintf(out, VERSION_MAX, "%" PRIu64 " %" PRIi64, id, updated_us);

    return slice_of(out, (size_t)len);
}

/* The account, which must be as they know it. */
static bool
find_same(struct call *call, struct user_record *out)
{
    return find(call, out) &&
           answer_if_match(call, write_version(out->id, out->updated_us, (char[VERSION_MAX]){0}));
}

void
users_update(struct call *call)
{
    struct user_record user;
    struct frame_out *out;

    if (!find_same(call, &user) || (out = call_command(call, "user.update")) == NULL)
        return;
    body_to_frame(call, out);
    frame_int(out, "user", (int64_t)user.id);
    answer_if_match_write(call, user.updated_us, out);
    call_send(call, on_user);
}

static void
on_user(struct call *call, const struct frame_value *result)
{
    const struct frame_value *user = frame_get(result, "user");
    uint64_t id = (uint64_t)frame_get_int(user, "id", 0);

    answer_etag(call,
                write_version(id, frame_get_int(user, "updated_us", 0), (char[VERSION_MAX]){0}));
    answer_frame(call, 200, user);
}

void
users_password(struct call *call)
{
    struct user_record user;

    if (find_same(call, &user) && check_password(call, body_text(call, "password")))
        (void)hash_password(call, on_password_hash);
}

static void
on_password_hash(struct hasher_job *job)
{
    struct call *call = job->ctx;
    struct frame_out *out = NULL;
    uint64_t id;

    if (job->rc != 0)
        answer_err(call, ERR_BUSY, SLICE_LIT("there is no memory for it now"));
    else if (call_id(call, 0, &id) && (out = call_command(call, "user.password")) != NULL)
        frame_int(out, "user", (int64_t)id);
    if (out != NULL) {
        frame_cstr(out, "password", job->made);
        if (id == call->user_id)
            frame_bin(out, "keep_session", call->session.hash, HASH_DIGEST_SIZE);
        call_send(call, on_user);
    }
    call_release(call);
}

/* ---- keys of this API ---- */

void
users_keys(struct call *call)
{
    list(call, report_user_list_keys);
}

void
users_make_key(struct call *call)
{
    struct frame_out *out;

    if (call->user_id == 0) { /* one that leaked would outlive its end in others */
        answer_problem(call, 403, "no_session", NULL, "an admin key makes no other");
        return;
    }
    if ((out = call_command(call, "adminkey.create")) == NULL)
        return;
    body_to_frame(call, out);
    call_send(call, on_key_made);
}

static void
on_key_made(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 201, result);
}

void
users_revoke_key(struct call *call)
{
    struct frame_out *out;
    uint64_t id;

    if (!call_id(call, 0, &id) || (out = call_command(call, "adminkey.revoke")) == NULL)
        return;
    frame_int(out, "id", (int64_t)id);
    call_send(call, on_key_revoked);
}

static void
on_key_revoked(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 200, frame_get(result, "admin_key"));
}
