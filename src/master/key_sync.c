/* SPDX-License-Identifier: ISC */
#include "key_sync.h"

#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/report/report_key.h"
#include "state.h"

/* At most, of what write_key() writes: names of members and numbers. */
#define KEY_BYTES     320
#define LIMIT_BYTES   (64 + LIMIT_MODEL_NAME)
#define NETWORK_BYTES 64
#define MODEL_BYTES   5

static void on_synced(struct master *master, struct child_tag tag, const struct frame_value *reply);
static size_t most_bytes(const struct conf *conf);
static void write_keys(const struct conf *had, const struct key_sync *sync, struct frame_out *out);
static void write_removed(const struct conf_key_changes *changes, struct frame_out *out);
static void write_key(const struct key_record *key, struct frame_out *out);
static void write_limits(const struct key_record *key, struct frame_out *out);

/* What it has said it has are those of master->conf, until it is told something else: whatever
 * becomes of that, another answer has to come first. */
int
key_sync_send(struct master *master, const struct key_sync *sync, int64_t now_us,
              struct errmsg *why)
{
    struct child_call call = {.command = COMMAND_KEY_SYNC, .on_reply = sync->on_reply};
    struct child_link *link = &master->ledger_link;

    /* Be it that few are sent now: a ledger that starts again gets them all. */
    if (most_bytes(sync->conf) > LIMIT_CONTROL_FRAME) {
        errmsg_set(why, "%s: %zu declared keys are more than the ledger takes in one message",
                   sync->conf->keys_file, sync->conf->n_keys);
        return ERR_TOO_LARGE;
    }
    struct frame_out *out =
        master->ledger.is_ready ? child_link_begin(link, COMMAND_KEY_SYNC) : NULL;
    if (out == NULL) {
        errmsg_set(why, "the ledger is not ready; try again in a moment");
        return ERR_BUSY;
    }
    write_keys(master->ledger_has_keys ? master->conf : NULL, sync, out);
    master->ledger_has_keys = false;
    if (child_link_send(link, &call, now_us) == 0)
        return 0;
    errmsg_set(why, "%s: %zu declared keys are more than the ledger takes in one message",
               sync->conf->keys_file, sync->conf->n_keys);
    return ERR_TOO_LARGE;
}

bool
key_sync_on_reply(struct master *master, const struct frame_value *reply)
{
    master->ledger_has_keys = frame_get_bool(reply, "ok", false);
    return master->ledger_has_keys;
}

/* Of a message with all its keys. */
static size_t
most_bytes(const struct conf *conf)
{
    size_t n_bytes = 0;

    for (size_t n = 0; n < conf->n_keys; n++) {
        const struct key_record *key = &conf->keys[n]->record;

        n_bytes += KEY_BYTES + strlen(key->name) + strlen(key->owner);
        n_bytes += (size_t)key->n_limits * LIMIT_BYTES + (size_t)key->n_networks * NETWORK_BYTES;
        for (uint32_t i = 0; i < key->n_models; i++)
            n_bytes += MODEL_BYTES + strlen(key->models[i]);
    }
    return n_bytes;
}

/* had == NULL: the whole set. */
static void
write_keys(const struct conf *had, const struct key_sync *sync, struct frame_out *out)
{
    struct conf_key_changes changes;

    conf_key_changes(had, sync->conf, &changes);
    frame_cstr(out, "who", sync->who);
    frame_array(out, "keys");
    for (size_t n = 0; n < changes.n_new; n++)
        write_key(&changes.new[n]->record, out);
    frame_end(out);
    if (had != NULL)
        write_removed(&changes, out);
    conf_key_changes_free(&changes);
}

/* Both lists are sorted by digest. */
static void
write_removed(const struct conf_key_changes *changes, struct frame_out *out)
{
    size_t i = 0;

    frame_array(out, "removed");
    for (size_t n = 0; n < changes->n_old; n++) {
        const uint8_t *digest = changes->old[n]->record.digest;
        int order = -1;

        while (i < changes->n_new &&
               (order = memcmp(changes->new[i]->record.digest, digest, KEY_DIGEST_SIZE)) < 0)
            i++;
        if (i == changes->n_new || order != 0)
            frame_bin(out, NULL, digest, KEY_DIGEST_SIZE);
    }
    frame_end(out);
}

static void
write_key(const struct key_record *key, struct frame_out *out)
{
    static const char *const tools[KEY_N_TOOLS] = KEY_TOOL_NAMES;
    static const char *const policies[ROUTE_N_POLICIES] = ROUTE_POLICY_NAMES;

    frame_map(out, NULL);
    frame_bin(out, "digest", key->digest, sizeof(key->digest));
    frame_cstr(out, "name", key->name);
    frame_cstr(out, "owner", key->owner);
    frame_cstr(out, "tool", tools[key->tool < KEY_N_TOOLS ? key->tool : KEY_TOOL_OTHER]);
    frame_cstr(out, "last4", key->last4);
    frame_int(out, "flags", key->flags);
    if (key->policy > 0 && key->policy <= ROUTE_N_POLICIES)
        frame_cstr(out, "policy", policies[key->policy - 1]);
    frame_array(out, "models");
    for (uint32_t n = 0; n < key->n_models; n++)
        frame_cstr(out, NULL, key->models[n]);
    frame_end(out);
    report_key_write_networks(key, out);
    write_limits(key, out);
    frame_int(out, "requests_per_minute", key->requests_per_minute);
    frame_int(out, "tokens_per_minute", key->tokens_per_minute);
    frame_int(out, "max_concurrent", key->max_concurrent);
    frame_int(out, "expires_us", key->expires_us);
    frame_end(out);
}

static void
write_limits(const struct key_record *key, struct frame_out *out)
{
    static const char *const periods[LIMIT_N_PERIODS] = {[LIMIT_PERIOD_MONTH] = "month",
                                                         [LIMIT_PERIOD_TOTAL] = "total",
                                                         [LIMIT_PERIOD_DAY] = "day",
                                                         [LIMIT_PERIOD_WEEK] = "week"};

    frame_array(out, "quotas");
    for (uint8_t n = 0; n < key->n_limits; n++) {
        const struct key_limit *limit = &key->limits[n];

        frame_map(out, NULL);
        frame_cstr(out, "unit", limit->unit == LIMIT_UNIT_NUSD ? "usd" : "tokens");
        frame_int(out, "amount", limit->amount);
        frame_cstr(out, "period", periods[limit->period]);
        frame_cstr(out, "model", limit->model);
        frame_bool(out, "shadow", limit->is_shadow);
        frame_end(out);
    }
    frame_end(out);
}

void
key_sync_all(struct master *master, int64_t now_us)
{
    struct errmsg why;

    const struct key_sync sync = {.conf = master->conf, .who = "", .on_reply = on_synced};

    if (key_sync_send(master, &sync, now_us, &why) == 0)
        return;
    log_error("keys.not_synced", "reason=\"%s\"", why.text);
    master_fail_start(master, why.text, now_us);
}

static void
on_synced(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    const struct frame_value *result = frame_get(reply, "result");
    struct slice error = frame_get_str(reply, "error");
    int64_t now_us = clock_mono_us();
    struct errmsg why;

    (void)tag;
    if (key_sync_on_reply(master, reply)) {
        log_info("keys.synced", "declared=%zu added=%lld changed=%lld removed=%lld",
                 master->conf->n_keys, (long long)frame_get_int(result, "added", 0),
                 (long long)frame_get_int(result, "changed", 0),
                 (long long)frame_get_int(result, "removed", 0));
        if (master->phase == MASTER_KEYS_SYNC)
            master_move(master, MASTER_WORKERS_START, now_us);
        return;
    }
    if (reply == NULL && master->phase != MASTER_KEYS_SYNC)
        return; /* that ledger has ended: the next one gets them */
    if (reply == NULL)
        errmsg_set(&why, "the ledger ended while it took the declared keys");
    else
        errmsg_set(&why, "%s: %.*s", master->conf->keys_file, (int)error.len, error.ptr);
    log_error("keys.not_synced", "reason=\"%s\"", why.text);
    master_fail_start(master, why.text, now_us);
}
