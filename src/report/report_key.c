/* SPDX-License-Identifier: ISC */
#include "relayos/report/report_key.h"

#include <stdio.h>
#include <stdlib.h>

#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"
#include "relayos/shm/key_table.h"
#include "relayos/shm/quota.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_usage.h"

static void write_identity(const struct report *report, const struct key_record *key,
                           struct frame_out *out);
static int write_limits(const struct report *report, const struct key_record *key,
                        struct frame_out *out);
static int write_limit(const struct report *report, const struct key_record *key,
                       const struct key_limit *limit, struct frame_out *out);
static int look_up(const struct report *report, const struct key_record *key,
                   const struct key_limit *limit, struct quota_view *view);
static int find(const struct report *report, struct slice name, uint64_t *out_id);
static const struct quota_cell *find_cell(const struct report *report, const struct key_view *key,
                                          const struct key_limit *limit);

int
report_key_write(const struct report *report, const struct key_record *key, const char *name,
                 struct frame_out *out)
{
    frame_map(out, name);
    int rc = report_key_write_members(report, key, out);
    frame_end(out);
    return rc;
}

int
report_key_write_members(const struct report *report, const struct key_record *key,
                         struct frame_out *out)
{
    write_identity(report, key, out);
    frame_bool(out, "all_models", (key->flags & KEY_ALL_MODELS) != 0);
    frame_array(out, "models");
    for (uint32_t i = 0; i < key->n_models; i++)
        frame_cstr(out, NULL, key->models[i]);
    frame_end(out);
    int rc = write_limits(report, key, out);
    frame_bool(out, "strict", (key->flags & KEY_STRICT) != 0);
    if (report->viewer.sees_routes)
        frame_cstr(out, "policy", store_name(STORE_NAME_POLICY, key->policy));
    frame_int(out, "requests_per_minute", key->requests_per_minute);
    frame_int(out, "tokens_per_minute", key->tokens_per_minute);
    frame_int(out, "max_concurrent", key->max_concurrent);
    report_key_write_networks(key, out);
    if (report->viewer.sees_routes)
        frame_int(out, "capture_until_us", key->capture_until_us);
    frame_int(out, "created_us", key->created_us);
    frame_int(out, "updated_us", key->updated_us);
    frame_int(out, "expires_us", key->expires_us);
    frame_int(out, "last_used_us", key->last_used_us);
    frame_int(out, "revoked_us", key->revoked_us);
    frame_int(out, "rotated_from", (int64_t)key->rotated_from);
    frame_int(out, "rotated_to", (int64_t)key->rotated_to);
    return rc;
}

void
report_key_write_networks(const struct key_record *key, struct frame_out *out)
{
    frame_array(out, "allow_from");
    for (uint8_t i = 0; i < key->n_networks; i++) {
        char text[ADDRESS_RANGE_SIZE];

        address_range_format(&key->networks[i], text);
        frame_cstr(out, NULL, text);
    }
    frame_end(out);
}

static void
write_identity(const struct report *report, const struct key_record *key, struct frame_out *out)
{
    char display[64];

    snprintf(display, sizeof(display), "sk-%s-...%s", report->environment, key->last4);
    frame_int(out, "id", (int64_t)key->id);
    frame_cstr(out, "name", key->name);
    frame_cstr(out, "tool", store_name(STORE_NAME_TOOL, key->tool));
    frame_cstr(out, "owner", key->owner);
    frame_cstr(out, "last4", key->last4);
    frame_cstr(out, "display", display);
    frame_cstr(out, "source", store_name(STORE_NAME_SOURCE, key->source));
    frame_cstr(out, "state", report_key_state(key, clock_real_us()));
}

const char *
report_key_state(const struct key_record *key, int64_t now_us)
{
    if ((key->flags & KEY_REVOKED) != 0)
        return "revoked";
    if (key->expires_us != 0 && key->expires_us <= now_us)
        return "expired";
    return (key->flags & KEY_DISABLED) != 0 ? "disabled" : "active";
}

static int
write_limits(const struct report *report, const struct key_record *key, struct frame_out *out)
{
    int rc = 0;

    frame_array(out, "limits");
    for (uint8_t i = 0; rc == 0 && i < key->n_limits; i++)
        rc = write_limit(report, key, &key->limits[i], out);
    frame_end(out);
    return rc;
}

static int
write_limit(const struct report *report, const struct key_record *key,
            const struct key_limit *limit, struct frame_out *out)
{
    const struct period *period = &report->now[limit->period];
    struct quota_view view = {0};
    int rc = look_up(report, key, limit, &view);

    frame_map(out, NULL);
    frame_cstr(out, "unit", store_name(STORE_NAME_UNIT, limit->unit));
    frame_cstr(out, "period", store_name(STORE_NAME_PERIOD, limit->period));
    frame_cstr(out, "model", limit->model[0] != '\0' ? limit->model : NULL);
    frame_bool(out, "shadow", limit->is_shadow);
    frame_int(out, "limit", limit->amount);
    frame_int(out, "used", view.used);
    frame_int(out, "reserved", view.reserved);
    frame_int(out, "period_id", period->id);
    frame_int_if(out, "renews_us", limit->period != LIMIT_PERIOD_TOTAL, period->end_us);
    frame_end(out);
    return rc;
}

/* From the cell that workers reserve on; a key out of use has none: then from the store. */
static int
look_up(const struct report *report, const struct key_record *key, const struct key_limit *limit,
        struct quota_view *view)
{
    const struct period *period = &report->now[limit->period];
    struct key_view published;
    int64_t nusd, tokens;

    if (key_table_find(report->segment, key->digest, &published) == 0) {
        const struct quota_cell *cell = find_cell(report, &published, limit);

        if (cell != NULL) {
            quota_view(cell, view);
            return 0;
        }
    }
    int rc = store_usage_of_group(report->store, key->group_id, slice_str(limit->model),
                                  period->first_day, period->last_day, &nusd, &tokens);
    if (rc == 0)
        view->used = limit->unit == LIMIT_UNIT_NUSD ? nusd : tokens;
    return rc;
}

static const struct quota_cell *
find_cell(const struct report *report, const struct key_view *key, const struct key_limit *limit)
{
    uint32_t model_id = QUOTA_ALL_MODELS;

    if (limit->model[0] != '\0' &&
        catalog_model_id(report->catalog, slice_str(limit->model), &model_id) != 0)
        return NULL;
    for (uint8_t i = 0; i < key->n_limits; i++) {
        const struct key_limit_cells *cells = &key->limits[i];

        if (cells->unit != limit->unit || cells->period != limit->period ||
            cells->model_id != model_id)
            continue;
        for (int n = 0; n < 2; n++) {
            if (cells->period_id[n] == report->now[limit->period].id)
                return quota_cell_at(report->segment, cells->cell_idx[n],
                                     cells->cell_generation[n]);
        }
    }
    return NULL;
}

bool
report_key_is_seen(const struct report *report, const struct key_record *key)
{
    return report->viewer.owner.len == 0 || slice_eq_str(report->viewer.owner, key->owner);
}

bool
report_key_owns(const struct report *report, uint64_t id)
{
    struct key_record key;

    if (report->viewer.owner.len == 0)
        return true;
    if (id == 0 || report->store == NULL || store_key_get(report->store, id, &key) != 0)
        return false;
    bool is_seen = report_key_is_seen(report, &key);
    store_key_fini(&key);
    return is_seen;
}

int
report_key_select(const struct report *report, struct slice name, struct report_keys *out)
{
    const struct store_key_search search = {.owner = report->viewer.owner};
    int rc;

    *out = (struct report_keys){.any = name.len == 0 && search.owner.len == 0};
    if (out->any)
        return 0;
    out->ids = mem_array(NULL, name.len > 0 ? 1 : REPORT_KEYS_MAX, sizeof(out->ids[0]));
    if (name.len == 0)
        return store_key_search(report->store, &search, out->ids, REPORT_KEYS_MAX, &out->n);
    rc = find(report, name, &out->ids[0]);
    out->n = rc == 0;
    return rc == ERR_MISSING ? 0 : rc;
}

bool
report_key_is_selected(const struct report_keys *keys, uint64_t id)
{
    bool is_one = keys == NULL || keys->any;

    for (size_t i = 0; !is_one && i < keys->n; i++)
        is_one = keys->ids[i] == id;
    return is_one;
}

void
report_key_select_fini(struct report_keys *keys)
{
    free(keys->ids);
    *keys = (struct report_keys){0};
}

/* By id or exact name; ERR_MISSING: there is none, or none of the viewer's. */
static int
find(const struct report *report, struct slice name, uint64_t *out_id)
{
    struct key_record key;
    int64_t id;
    int rc = text_int_parse(name, &id) == 0 && id > 0
                 ? store_key_get(report->store, (uint64_t)id, &key)
                 : store_key_find_name(report->store, name, &key);

    if (rc != 0)
        return rc;
    *out_id = key.id;
    rc = report_key_is_seen(report, &key) ? 0 : ERR_MISSING;
    store_key_fini(&key);
    return rc;
}
