/* SPDX-License-Identifier: ISC
 *
 * keys - a tool's keys: members have their own, operators all. Changes are the ledger's.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "body.h"
#include "console.h"
#include "journal.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"
#include "viewing.h"

#define VERSION_MAX 2048

static bool read_search(struct call *call, struct store_key_search *search);
static int write_keys(const struct report *report, const struct store_key_search *search,
                      size_t limit, struct frame_out *out);
static bool find(struct call *call, struct report *report, struct key_record *out);
static void write_version(const struct key_record *key, struct buf *out);
static bool may_set(struct call *call);
static void on_made(struct call *call, const struct frame_value *result);
static void write_member_key(const struct report *report, const struct frame_value *result,
                             const char *name, struct frame_out *out);
static void on_changed(struct call *call, const struct frame_value *result);
static bool is_theirs(struct call *call);
static void change(struct call *call, const char *cmd);
static struct frame_out *command_on(struct call *call, const char *cmd);

void
keys_list(struct call *call)
{
    struct store_key_search search = {.now_us = clock_real_us()};
    struct report report;
    size_t limit;

    if (!read_search(call, &search) || !viewing_limit(call, &limit) ||
        !viewing_begin(call, &report))
        return;
    viewing_end(call, write_keys(&report, &search, limit, answer_begin(call)));
}

static bool
read_search(struct call *call, struct store_key_search *search)
{
    static const char *const states[] = {"", "active", "disabled", "expired", "revoked"};
    int64_t cursor;
    uint8_t tool;
    size_t n = 0;

    search->text = call_query(call, "q");
    search->tool = call_query(call, "tool");
    search->state = call_query(call, "state");
    search->owner = call->viewer.owner.len > 0 ? call->viewer.owner : call_query(call, "owner");
    if (!call_query_int(call, "cursor", 0, &cursor))
        return false;
    search->before = (uint64_t)cursor;
    while (n < sizeof(states) / sizeof(states[0]) && !slice_eq_str(search->state, states[n]))
        n++;
    if (n == sizeof(states) / sizeof(states[0])) {
        answer_problem(call, 400, "bad_request", "state",
                       "state is active, disabled, expired or revoked");
        return false;
    }
    if (search->tool.len > 0 && store_name_find(STORE_NAME_TOOL, search->tool, &tool) != 0) {
        answer_problem(call, 400, "bad_request", "tool", "there is no such kind of tool");
        return false;
    }
    return true;
}

static int
write_keys(const struct report *report, const struct store_key_search *search, size_t limit,
           struct frame_out *out)
{
    uint64_t *ids = mem_array(NULL, limit, sizeof(*ids));
    size_t n = 0;
    int rc = store_key_search(report->store, search, ids, limit, &n);

    frame_array(out, "data");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct key_record key;

        if ((rc = store_key_get(report->store, ids[i], &key)) == 0) {
            rc = report_key_write(report, &key, NULL, out);
            store_key_fini(&key);
        }
    }
    frame_end(out);
    if (n == limit)
        frame_int(out, "next", (int64_t)ids[n - 1]);
    else
        frame_nil(out, "next");
    free(ids);
    return rc;
}

/* The {id}'s key, which must be theirs; free it. false: answered. */
static bool
find(struct call *call, struct report *report, struct key_record *out)
{
    uint64_t id;

    return call_id(call, 0, &id) && viewing_begin(call, report) &&
           viewing_key(call, report, id, out);
}

void
keys_show(struct call *call)
{
    struct key_record key;
    struct report report;
    struct buf version;

    if (!find(call, &report, &key))
        return;
    buf_init(&version, VERSION_MAX);
    write_version(&key, &version);
    answer_etag(call, buf_slice(&version));
    answer_begin(call);
    viewing_end(call, report_key_write_members(&report, &key, call->console->writer));
    buf_fini(&version);
    store_key_fini(&key);
}

/* Of what a change may change: what was used meanwhile is no reason to refuse one. */
static void
write_version(const struct key_record *key, struct buf *out)
{
    buf_printf(out, "%" PRIu64 " %" PRIi64 " %" PRIi64 " %" PRIi64 " %" PRIu64 " %x", key->id,
               key->updated_us, key->expires_us, key->revoked_us, key->rotated_to, key->flags);
    for (uint8_t i = 0; i < key->n_limits; i++)
        buf_printf(out, " %u/%u/%s/%" PRIi64 "/%d", key->limits[i].unit, key->limits[i].period,
                   key->limits[i].model, key->limits[i].amount, key->limits[i].is_shadow);
    buf_printf(out, " %" PRIi64, key->max_concurrent);
}

void
keys_create(struct call *call)
{
    struct frame_out *out;

    if (!may_set(call) || (out = call_command(call, "key.create")) == NULL)
        return;
    body_to_frame(call, out);
    if (tree_find(call->body, "owner") == NULL)
        frame_cstr(out, "owner", call->name);
    call_send(call, on_made);
}

/* A member may give a key of theirs another name: what it may do and spend is for operators. */
static bool
may_set(struct call *call)
{
    const struct tree *member;

    tree_each(member, call->body)
    {
        if (call->role >= USER_OPERATOR || strcmp(member->name, "name") == 0)
            continue;
        answer_problem(call, 403, "forbidden", member->name, "\"%s\" of a key is set by operators",
                       member->name);
        return false;
    }
    return true;
}

/* {key, secret} and, of a rotation, {old}: as the ledger says, but for whom it is shown to. */
static void
on_made(struct call *call, const struct frame_value *result)
{
    struct report report;

    if (!viewing_begin(call, &report))
        return;
    struct frame_out *out = answer_begin(call);
    write_member_key(&report, frame_get(result, "key"), "key", out);
    frame_str(out, "secret", frame_get_str(result, "secret"));
    if (frame_get(result, "old") != NULL)
        write_member_key(&report, frame_get(result, "old"), "old", out);
    answer_end(call, 201);
}

/* From the database again; were it not there, as it was answered: the secret must not be lost. */
static void
write_member_key(const struct report *report, const struct frame_value *result, const char *name,
                 struct frame_out *out)
{
    struct key_record key;

    if (store_key_get(report->store, (uint64_t)frame_get_int(result, "id", 0), &key) != 0) {
        frame_copy(out, name, result);
        return;
    }
    if (report_key_write(report, &key, name, out) != 0)
        log_warn("console.key", "id=%" PRIu64 " reason=\"what it has used cannot be read\"",
                 key.id);
    store_key_fini(&key);
}

/* Whose it is comes first: of another's key nothing is told, not even what may be changed. */
void
keys_update(struct call *call)
{
    if (is_theirs(call) && may_set(call))
        change(call, "key.update");
}

static bool
is_theirs(struct call *call)
{
    struct key_record key;
    struct report report;

    if (!find(call, &report, &key))
        return false;
    store_key_fini(&key);
    return true;
}

void
keys_disable(struct call *call)
{
    change(call, "key.disable");
}

void
keys_enable(struct call *call)
{
    change(call, "key.enable");
}

void
keys_revoke(struct call *call)
{
    change(call, "key.revoke");
}

void
keys_rotate(struct call *call)
{
    struct frame_out *out = command_on(call, "key.rotate");

    if (out == NULL)
        return;
    body_to_frame(call, out);
    call_send(call, on_made);
}

static void
change(struct call *call, const char *cmd)
{
    struct frame_out *out = command_on(call, cmd);

    if (out == NULL)
        return;
    body_to_frame(call, out);
    call_send(call, on_changed);
}

/* The command, with its key, which must be theirs and as they know it; NULL: answered. */
static struct frame_out *
command_on(struct call *call, const char *cmd)
{
    struct key_record key;
    struct report report;
    struct buf version;

    if (!find(call, &report, &key))
        return NULL;
    buf_init(&version, VERSION_MAX);
    write_version(&key, &version);
    bool is_same = answer_if_match(call, buf_slice(&version));
    buf_fini(&version);
    struct frame_out *out = is_same ? call_command(call, cmd) : NULL;
    if (out != NULL) {
        frame_int(out, "key", (int64_t)key.id);
        answer_if_match_write(call, key.updated_us, out);
    }
    store_key_fini(&key);
    return out;
}

static void
on_changed(struct call *call, const struct frame_value *result)
{
    (void)result;
    keys_show(call);
}

void
keys_audit(struct call *call)
{
    char target[32];

    if (!is_theirs(call))
        return;
    snprintf(target, sizeof(target), "key %.*s", (int)call->ids[0].len, call->ids[0].ptr);
    journal_page(call, &(struct store_trail_filter){.target = slice_str(target)});
}
