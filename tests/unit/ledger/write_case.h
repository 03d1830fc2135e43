/* SPDX-License-Identifier: ISC
 *
 * write_case - each WRITE command of the ledger, as it is given once: what is there before, its
 * arguments, and what the audit trail says that it was given for.
 */
#ifndef TESTS_WRITE_CASE_H
#define TESTS_WRITE_CASE_H

#include <sys/stat.h>

#include "ledger_fixture.h"

#define HASH "$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$c3Vt"

typedef void write_case_give(struct fixture *fixture, struct frame_out *args);

static inline void
make_user(struct fixture *fixture, const char *name, const char *role)
{
    struct frame_out *args = fixture_command(fixture, "user.create");

    frame_cstr(args, "name", name);
    frame_cstr(args, "role", role);
    frame_cstr(args, "password", HASH);
    (void)fixture_result(fixture);
}

static inline void
open_session(struct fixture *fixture, uint8_t n)
{
    struct frame_out *args = fixture_command(fixture, "session.open");
    uint8_t hash[HASH_DIGEST_SIZE] = {n};

    frame_bin(args, "hash", hash, sizeof(hash));
    frame_cstr(args, "user", "alice");
    (void)fixture_result(fixture);
}

static inline void
give_key(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_cstr(args, "key", "anna");
}

static inline void
give_name(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_cstr(args, "name", "new");
}

static inline void
give_request(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_cstr(args, "request_id", FIXTURE_CAPTURED);
}

static inline void
prepare_capture(struct fixture *fixture)
{
    char path[128];

    fixture->conf.capture_keep_us = INT64_MAX / 2;
    snprintf(path, sizeof(path), "%s/captures", fixture->dir);
    cr_assert_eq(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/captures/" FIXTURE_CAPTURED, fixture->dir);
    FILE *file = fopen(path, "w");
    fprintf(file, "{\"request\":{\"body\":\"a\"},\"answer\":{\"body\":\"b\"}}\n");
    fclose(file);
}

static inline void
give_adjustment(struct fixture *fixture, struct frame_out *args)
{
    give_key(fixture, args);
    frame_int(args, "charge_nusd", 5);
    frame_cstr(args, "reason", "late bill");
}

static inline void
give_day(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_int(args, "day", 20251031);
}

static inline void
give_file(struct fixture *fixture, struct frame_out *args)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/copy", fixture->dir);
    frame_cstr(args, "file", path);
}

static inline void
give_drop(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_bool(args, "keep", false);
}

static inline void
give_user(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_cstr(args, "user", "bob");
    frame_cstr(args, "role", "admin");
    frame_cstr(args, "password", HASH);
}

static inline void
give_session(struct fixture *fixture, struct frame_out *args)
{
    static const uint8_t hash[HASH_DIGEST_SIZE] = {1};

    (void)fixture;
    frame_bin(args, "hash", hash, sizeof(hash));
    frame_cstr(args, "user", "alice");
}

static inline void
give_id(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture;
    frame_int(args, "id", 1);
}

static inline void
give_nothing(struct fixture *fixture, struct frame_out *args)
{
    (void)fixture, (void)args;
}

static char token[64];

static inline void
give_setup(struct fixture *fixture, struct frame_out *args)
{
    give_name(fixture, args);
    frame_cstr(args, "token", token);
    frame_cstr(args, "password", HASH);
}

static inline void
give_claim(struct fixture *fixture, struct frame_out *args)
{
    give_name(fixture, args);
    frame_cstr(args, "issuer", "https://issuer");
    frame_cstr(args, "subject", "17");
    frame_bool(args, "may_create", true);
}

static inline void
give_refusal(struct fixture *fixture, struct frame_out *args)
{
    give_user(fixture, args);
    frame_cstr(args, "address", "192.0.2.1");
    frame_cstr(args, "reason", "bad_credentials");
    frame_int(args, "attempts", 3);
}

/* What has to be there before. */
static inline void
prepare_user(struct fixture *fixture)
{
    make_user(fixture, "alice", "admin");
    make_user(fixture, "bob", "member");
}

static inline void
prepare_session(struct fixture *fixture)
{
    prepare_user(fixture);
    open_session(fixture, 1);
}

static inline void
prepare_link(struct fixture *fixture)
{
    (void)fixture_command(fixture, "user.setup_link");
    struct slice text = frame_get_str(fixture_result(fixture), "token");
    snprintf(token, sizeof(token), "%.*s", (int)text.len, text.ptr);
}

static inline void
prepare_admin_key(struct fixture *fixture)
{
    give_name(fixture, fixture_command(fixture, "adminkey.create"));
    (void)fixture_result(fixture);
}

static inline void
prepare_backup(struct fixture *fixture)
{
    give_file(fixture, fixture_command(fixture, "backup.begin"));
    (void)fixture_result(fixture);
}

static const struct {
    write_case_give *give;
    const char *target;
    void (*prepare)(struct fixture *fixture);
} write_cases[COMMAND_N] = {
    [COMMAND_KEY_CREATE] = {give_name, "key 2", NULL},
    [COMMAND_KEY_UPDATE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_DISABLE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_ENABLE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_REVOKE] = {give_key, "key 1", NULL},
    [COMMAND_KEY_ROTATE] = {give_key, "key 1", NULL},
    [COMMAND_LEDGER_ADJUST] = {give_adjustment, "key 1", NULL},
    [COMMAND_REQUEST_BODY] = {give_request, "request " FIXTURE_CAPTURED, prepare_capture},
    [COMMAND_LEDGER_BILLED] = {give_day, "day 20251031", NULL},
    [COMMAND_BACKUP_BEGIN] = {give_file, "backup", NULL},
    [COMMAND_BACKUP_END] = {give_drop, "backup", prepare_backup},
    [COMMAND_USER_CREATE] = {give_name, "user new", NULL},
    [COMMAND_USER_UPDATE] = {give_user, "user bob", prepare_user},
    [COMMAND_USER_PASSWORD] = {give_user, "user bob", prepare_user},
    [COMMAND_USER_SETUP_LINK] = {give_nothing, "setup link", NULL},
    [COMMAND_USER_SETUP] = {give_setup, "user new", prepare_link},
    [COMMAND_USER_CLAIM] = {give_claim, "user new", NULL},
    [COMMAND_SESSION_REFUSED] = {give_refusal, "user bob", prepare_user},
    [COMMAND_SESSION_OPEN] = {give_session, "user alice", prepare_user},
    [COMMAND_SESSION_CLOSE] = {give_session, "user alice", prepare_session},
    [COMMAND_ADMINKEY_CREATE] = {give_name, "admin key 1", NULL},
    [COMMAND_ADMINKEY_REVOKE] = {give_id, "admin key 1", prepare_admin_key},
};

#endif
