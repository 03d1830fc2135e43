/* SPDX-License-Identifier: ISC */
#include "witness.h"

#include <stdio.h>
#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/hash.h"
#include "relayos/base/log.h"
#include "state.h"

#define TIMEOUT_US     INT64_C(30000000)
#define RETRY_US       INT64_C(1000000)
#define LOCAL_NAME_MAX 40

static void add(struct witness *witness, const struct witness_entry *entry);
static void write_once(const struct witness_entry *entry, struct frame_out *out);
static void on_told(struct master *master, struct child_tag tag, const struct frame_value *reply);
static void own_up(struct witness *witness);

void
witness_name(const struct master *master, struct child_tag client, const struct frame_value *args,
             char out[WITNESS_WHO_SIZE])
{
    struct slice who = frame_get_str(args, "who");
    bool is_console = console_link_is_owner(client);
    size_t max = is_console ? WITNESS_WHO_SIZE - 1 : LOCAL_NAME_MAX;
    int len = (int)(who.len < max ? who.len : max);

    if (is_console)
        snprintf(out, WITNESS_WHO_SIZE, "%.*s", len, len == 0 ? "" : who.ptr);
    else if (len > 0)
        snprintf(out, WITNESS_WHO_SIZE, "%.*s by relayosctl", len, who.ptr);
    else
        snprintf(out, WITNESS_WHO_SIZE, "uid %u by relayosctl", control_server_uid(master, client));
}

void
witness_tell(struct master *master, const struct witness_entry *entry)
{
    struct witness *witness = &master->witness;
    bool is_lost = witness->n == WITNESS_MAX;

    log_info("audit.change", "who=\"%s\" action=%s target=\"%s\" detail=%s", entry->who,
             entry->action, entry->target, entry->detail);
    if (is_lost && witness->n_lost++ == 0)
        log_error("audit.lost",
                  "reason=\"the ledger has not taken the last %d changes; those that "
                  "follow are in this log alone\"",
                  WITNESS_MAX);
    if (!is_lost)
        add(witness, entry);
    witness_work(master, clock_mono_us());
}

static void
add(struct witness *witness, const struct witness_entry *entry)
{
    struct witness_entry *added = &witness->entries[witness->n++];

    *added = *entry;
    added->at_us = clock_real_us();
    added->id = text_uuid_new(added->at_us);
}

void
witness_work(struct master *master, int64_t now_us)
{
    struct child_call call = {
        .command = COMMAND_AUDIT_APPEND,
        .timeout_us = TIMEOUT_US,
        .on_reply = on_told,
    };
    struct witness *witness = &master->witness;
    const struct witness_entry *entry = &witness->entries[0];

    if (witness->n == 0 || witness->is_under_way || now_us < witness->retry_us)
        return;
    struct frame_out *out = child_link_begin(&master->ledger_link, COMMAND_AUDIT_APPEND);
    if (out == NULL)
        return;
    frame_int(out, "at_us", entry->at_us);
    frame_cstr(out, "who", entry->who);
    frame_cstr(out, "action", entry->action);
    frame_cstr(out, "target", entry->target);
    frame_cstr(out, "detail", entry->detail);
    write_once(entry, out);
    witness->is_under_way = child_link_send(&master->ledger_link, &call, now_us) == 0;
}

/* Two digests, as every command may have them: the first names it, the second says what it is. */
static void
write_once(const struct witness_entry *entry, struct frame_out *out)
{
    uint8_t once[2 * HASH_DIGEST_SIZE] = {0};

    hash_sha256(slice_of((const char *)entry->id.bytes, sizeof(entry->id.bytes)), once);
    frame_bin(out, "once", once, sizeof(once));
}

static void
on_told(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    struct witness *witness = &master->witness;

    (void)tag;
    witness->is_under_way = false;
    if (!frame_get_bool(reply, "ok", false)) {
        witness->retry_us = clock_mono_us() + RETRY_US;
        return;
    }
    witness->n--;
    memmove(witness->entries, witness->entries + 1, witness->n * sizeof(witness->entries[0]));
    if (witness->n_lost > 0)
        own_up(witness);
    witness_work(master, clock_mono_us());
}

/* In their place in the trail: how many there were. */
static void
own_up(struct witness *witness)
{
    struct witness_entry entry = {
        .action = "audit.lost",
        .who = "relayosd",
        .target = "audit trail",
    };

    snprintf(entry.detail, sizeof(entry.detail),
             "{\"n\":%lld,\"reason\":\"the ledger was away; "
             "the log has them (audit.change)\"}",
             (long long)witness->n_lost);
    add(witness, &entry);
    witness->n_lost = 0;
}
