/* SPDX-License-Identifier: ISC
 *
 * users - who may sign in, and the keys of this API: for admins.
 */
#include "body.h"
#include "console.h"
#include "relayos/report/report_user.h"
#include "relayos/store/store_admin_key.h"
#include "relayos/store/store_user.h"
#include "viewing.h"

#define PAGE     100
#define PAGE_MAX 500

static int write_users(struct store *store, struct slice text, uint64_t after, size_t limit,
                       struct frame_out *out);
static bool has_text(const char *name, struct slice text);
static bool read_page(struct call *call, uint64_t *after, size_t *limit);
static bool check_password(struct call *call, struct slice password);
static bool hash_password(struct call *call, void (*on_done)(struct hasher_job *job));
static void on_created_hash(struct hasher_job *job);
static void send_create(struct call *call, const char *hash);
static void on_created(struct call *call, const struct frame_value *result);
static bool find(struct call *call, struct user_record *out);
static void on_user(struct call *call, const struct frame_value *result);
static void on_password_hash(struct hasher_job *job);
static int write_keys(struct store *store, uint64_t after, size_t limit, struct frame_out *out);
static void on_key_made(struct call *call, const struct frame_value *result);
static void on_key_revoked(struct call *call, const struct frame_value *result);

void
users_list(struct call *call)
{
    struct store *store = call_store(call);
    uint64_t after;
    size_t limit;

    if (store != NULL && read_page(call, &after, &limit))
        viewing_end(call,
                    write_users(store, call_query(call, "q"), after, limit, answer_begin(call)));
}

static bool
read_page(struct call *call, uint64_t *after, size_t *limit)
{
    int64_t cursor;

    if (!call_query_int(call, "cursor", 0, &cursor) || !viewing_limit(call, PAGE, PAGE_MAX, limit))
        return false;
    *after = (uint64_t)cursor;
    return true;
}

static int
write_users(struct store *store, struct slice text, uint64_t after, size_t limit,
            struct frame_out *out)
{
    struct user_record user;
    size_t n = 0;
    int rc = 0;

    frame_array(out, "data");
    while (n < limit && (rc = store_user_next(store, after, &user)) == 0) {
        after = user.id;
        if (!has_text(user.name, text))
            continue;
        report_user_write(&user, NULL, out);
        n++;
    }
    frame_end(out);
    if (n == limit)
        frame_int(out, "next", (int64_t)after);
    else
        frame_nil(out, "next");
    return rc == ERR_MISSING ? 0 : rc;
}

static bool
has_text(const char *name, struct slice text)
{
    char wanted[LIMIT_NAME];

    if (text.len >= sizeof(wanted))
        return false;
    memcpy(wanted, text.len == 0 ? "" : text.ptr, text.len);
    wanted[text.len] = '\0';
    return strcasestr(name, wanted) != NULL;
}

void
users_create(struct call *call)
{
    static const struct body_field fields[] = {
        {"name", BODY_TEXT, true}, {"role", BODY_TEXT, true}, {"password", BODY_TEXT, false}};

    if (!BODY_CHECK(call, fields))
        return;
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
    struct hasher_job *job = hasher_job_new(call->console->hasher);

    if (job == NULL) {
        answer_header(call, "retry-after", "1");
        answer_problem(call, 429, "too_many", NULL, "too many passwords at a time; try again");
        return false;
    }
    job->ctx = call;
    job->on_done = on_done;
    call_hold(call);
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
users_update(struct call *call)
{
    static const struct body_field fields[] = {{"role", BODY_TEXT, false},
                                               {"is_disabled", BODY_BOOL, false}};
    struct user_record user;
    struct frame_out *out;

    if (!BODY_CHECK(call, fields) || !find(call, &user) ||
        (out = call_command(call, "user.update")) == NULL)
        return;
    body_to_frame(call, out);
    frame_int(out, "user", (int64_t)user.id);
    call_send(call, on_user);
}

static void
on_user(struct call *call, const struct frame_value *result)
{
    answer_frame(call, 200, frame_get(result, "user"));
}

void
users_password(struct call *call)
{
    static const struct body_field fields[] = {{"password", BODY_TEXT, true}};
    struct user_record user;

    if (BODY_CHECK(call, fields) && find(call, &user) &&
        check_password(call, body_text(call, "password")))
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
    struct store *store = call_store(call);
    uint64_t after;
    size_t limit;

    if (store != NULL && read_page(call, &after, &limit))
        viewing_end(call, write_keys(store, after, limit, answer_begin(call)));
}

static int
write_keys(struct store *store, uint64_t after, size_t limit, struct frame_out *out)
{
    struct admin_key_record key;
    size_t n = 0;
    int rc = 0;

    frame_array(out, "data");
    while (n < limit && (rc = store_admin_key_next(store, after, &key)) == 0) {
        report_user_write_key(&key, NULL, out);
        after = key.id;
        n++;
    }
    frame_end(out);
    if (n == limit)
        frame_int(out, "next", (int64_t)after);
    else
        frame_nil(out, "next");
    return rc == ERR_MISSING ? 0 : rc;
}

void
users_make_key(struct call *call)
{
    static const struct body_field fields[] = {
        {"name", BODY_TEXT, true}, {"role", BODY_TEXT, true}, {"expires_us", BODY_INT, false}};
    struct frame_out *out;

    if (!BODY_CHECK(call, fields) || (out = call_command(call, "adminkey.create")) == NULL)
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
