/* SPDX-License-Identifier: ISC */
#include "key_sync.h"

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
