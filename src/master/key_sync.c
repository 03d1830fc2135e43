/* SPDX-License-Identifier: ISC */
#include "key_sync.h"

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "state.h"

static void on_synced(struct master *master, struct child_tag tag, const struct frame_value *reply);
static void write_key(const struct key_record *key, struct frame_out *out);
static void write_limits(const struct key_record *key, struct frame_out *out);

int
key_sync_send(struct child_link *link, const struct key_sync *sync, int64_t now_us,
              struct errmsg *why)
{
    struct child_call call = {.command = COMMAND_KEY_SYNC, .on_reply = sync->on_reply};
    const struct conf *conf = sync->conf;
    struct frame_out *out = child_link_begin(link, COMMAND_KEY_SYNC);

    if (out == NULL) {
        errmsg_set(why, "the ledger is not ready; try again in a moment");
        return ERR_BUSY;
    }
    frame_cstr(out, "who", sync->who);
    frame_array(out, "keys");
    for (size_t n = 0; n < conf->n_keys; n++)
        write_key(&conf->keys[n], out);
    frame_end(out);
    if (child_link_send(link, &call, now_us) == 0)
        return 0;
    errmsg_set(why, "%s: %zu declared keys are more than the ledger takes in one message",
               conf->keys_file, conf->n_keys);
    return ERR_TOO_LARGE;
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
    frame_array(out, "allow_from");
    for (uint8_t n = 0; n < key->n_networks; n++) {
        char text[ADDRESS_RANGE_SIZE];

        address_range_format(&key->networks[n], text);
        frame_cstr(out, NULL, text);
    }
    frame_end(out);
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

    if (key_sync_send(&master->ledger_link, &sync, now_us, &why) == 0)
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
    if (frame_get_bool(reply, "ok", false)) {
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
