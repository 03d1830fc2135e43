/* SPDX-License-Identifier: ISC */
#include "key_reply.h"

#include <stdio.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/shm/quota.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_usage.h"

static void write_identity(struct ledger *ledger, const struct key_record *key,
                           struct frame_out *out);
static int write_limits(struct ledger *ledger, const struct key_record *key, struct frame_out *out);
static int write_limit(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
                       struct frame_out *out);
static int look_up(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
                   struct quota_view *view);

int
key_reply_write(struct ledger *ledger, const struct key_record *key, const char *name,
                struct frame_out *out)
{
    frame_map(out, name);
    write_identity(ledger, key, out);
    frame_bool(out, "all_models", (key->flags & KEY_ALL_MODELS) != 0);
    frame_array(out, "models");
    for (uint32_t i = 0; i < key->n_models; i++)
        frame_cstr(out, NULL, key->models[i]);
    frame_end(out);
    int rc = write_limits(ledger, key, out);
    frame_bool(out, "strict", (key->flags & KEY_STRICT) != 0);
    frame_cstr(out, "policy", store_name(STORE_NAME_POLICY, key->policy));
    frame_int(out, "requests_per_minute", key->requests_per_minute);
    frame_int(out, "tokens_per_minute", key->tokens_per_minute);
    frame_int(out, "max_concurrent", key->max_concurrent);
    frame_int(out, "created_us", key->created_us);
    frame_int(out, "updated_us", key->updated_us);
    frame_int(out, "expires_us", key->expires_us);
    frame_int(out, "last_used_us", key->last_used_us);
    frame_int(out, "revoked_us", key->revoked_us);
    frame_int(out, "rotated_from", (int64_t)key->rotated_from);
    frame_int(out, "rotated_to", (int64_t)key->rotated_to);
    frame_end(out);
    return rc;
}

static void
write_identity(struct ledger *ledger, const struct key_record *key, struct frame_out *out)
{
    char display[64];

    snprintf(display, sizeof(display), "sk-%s-...%s", ledger->heritage->conf->environment,
             key->last4);
    frame_int(out, "id", (int64_t)key->id);
    frame_cstr(out, "name", key->name);
    frame_cstr(out, "tool", store_name(STORE_NAME_TOOL, key->tool));
    frame_cstr(out, "owner", key->owner);
    frame_cstr(out, "last4", key->last4);
    frame_cstr(out, "display", display);
    frame_cstr(out, "source", store_name(STORE_NAME_SOURCE, key->source));
    frame_cstr(out, "state", key_reply_state(key, clock_real_us()));
}

const char *
key_reply_state(const struct key_record *key, int64_t now_us)
{
    if ((key->flags & KEY_REVOKED) != 0)
        return "revoked";
    if (key->expires_us != 0 && key->expires_us <= now_us)
        return "expired";
    return (key->flags & KEY_DISABLED) != 0 ? "disabled" : "active";
}

static int
write_limits(struct ledger *ledger, const struct key_record *key, struct frame_out *out)
{
    int rc = 0;

    frame_array(out, "limits");
    for (uint8_t i = 0; rc == 0 && i < key->n_limits; i++)
        rc = write_limit(ledger, key->group_id, &key->limits[i], out);
    frame_end(out);
    return rc;
}

static int
write_limit(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
            struct frame_out *out)
{
    const struct period *period = &ledger->book.now[limit->period];
    struct quota_view view = {0};
    int rc = look_up(ledger, group_id, limit, &view);

    frame_map(out, NULL);
    frame_cstr(out, "unit", store_name(STORE_NAME_UNIT, limit->unit));
    frame_cstr(out, "period", store_name(STORE_NAME_PERIOD, limit->period));
    if (limit->model[0] != '\0')
        frame_cstr(out, "model", limit->model);
    else
        frame_nil(out, "model");
    frame_bool(out, "shadow", limit->is_shadow);
    frame_int(out, "limit", limit->amount);
    frame_int(out, "used", view.used);
    frame_int(out, "reserved", view.reserved);
    frame_int(out, "period_id", period->id);
    if (limit->period != LIMIT_PERIOD_TOTAL)
        frame_int(out, "renews_us", period->end_us);
    else
        frame_nil(out, "renews_us");
    frame_end(out);
    return rc;
}

/* From the open cell; a key that is out of use has none: then from the store. */
static int
look_up(struct ledger *ledger, uint64_t group_id, const struct key_limit *limit,
        struct quota_view *view)
{
    const struct period *period = &ledger->book.now[limit->period];
    struct book_cell wanted = {
        .unit = limit->unit, .period_id = period->id, .model_id = QUOTA_ALL_MODELS};
    const struct book_cell *cell = NULL;
    int64_t nusd, tokens;

    if (limit->model[0] == '\0' ||
        catalog_model_id(ledger->catalog, slice_str(limit->model), &wanted.model_id) == 0)
        cell = book_find_cell(&ledger->book, group_id, &wanted);
    if (cell != NULL) {
        quota_view(quota_cell_at(ledger->segment, cell->idx, cell->generation), view);
        return 0;
    }
    int rc = store_usage_of_group(ledger->store, group_id, slice_str(limit->model),
                                  period->first_day, period->last_day, &nusd, &tokens);
    if (rc == 0)
        view->used = limit->unit == LIMIT_UNIT_NUSD ? nusd : tokens;
    return rc;
}
