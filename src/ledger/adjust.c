/* SPDX-License-Identifier: ISC */
#include "adjust.h"

#include <stdio.h>

#include "key_args.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "relayos/report/report_row.h"
#include "relayos/shm/catalog.h"
#include "relayos/shm/quota.h"
#include "relayos/store/store_adjust.h"
#include "relayos/store/store_row.h"

static int read_args(struct ledger *ledger, const struct frame_value *args,
                     struct store_adjustment *out, struct errmsg *why);
static int read_target(struct ledger *ledger, const struct frame_value *args,
                       struct store_adjustment *out, struct errmsg *why);
static int read_key_day(struct ledger *ledger, const struct frame_value *args,
                        struct store_adjustment *out, struct errmsg *why);
static void name_target(struct ledger *ledger, const struct store_adjustment *adjustment);
static void charge(struct ledger *ledger, const struct store_adjustment *adjustment);
static void log_made(const struct store_adjustment *adjustment);

int
adjust_make(struct ledger *ledger, const struct frame_value *args, struct frame_out *out,
            struct errmsg *why)
{
    struct store_adjustment adjustment = {0};
    struct store_row row;
    int rc = read_args(ledger, args, &adjustment, why);

    if (rc != 0 || (rc = ledger_begin(ledger, why)) != 0)
        return rc;
    name_target(ledger, &adjustment);
    rc = ledger_end(ledger, store_adjust(ledger->store, &adjustment, why), why);
    if (rc != 0)
        return rc;
    CRASH_POINT("adjust.committed");
    charge(ledger, &adjustment);
    log_made(&adjustment);
    rc = store_row_get(ledger->store, adjustment.request_id, &row);
    if (rc != 0)
        return rc;
    struct report report = ledger_report(ledger);
    frame_map(out, "correction");
    report_row_write(&report, &row, out);
    frame_end(out);
    return 0;
}

static int
read_args(struct ledger *ledger, const struct frame_value *args, struct store_adjustment *out,
          struct errmsg *why)
{
    out->made_us = clock_real_us();
    out->request_id = text_uuid_new(out->made_us);
    out->charge_nusd = frame_get_int(args, "charge_nusd", 0);
    out->cost_nusd = frame_get_int(args, "cost_nusd", 0);
    out->quota_tokens = frame_get_int(args, "quota_tokens", 0);
    out->who = frame_get_str(args, "who");
    out->reason = frame_get_str(args, "reason");
    if (out->who.len >= LIMIT_NAME || out->reason.len >= sizeof(((struct store_row *)0)->reason)) {
        errmsg_set(why, "a reason has at most %zu bytes, a name %d",
                   sizeof(((struct store_row *)0)->reason) - 1, LIMIT_NAME - 1);
        return ERR_SYNTAX;
    }
    return ledger->store == NULL ? ERR_STORE : read_target(ledger, args, out, why);
}

static int
read_target(struct ledger *ledger, const struct frame_value *args, struct store_adjustment *out,
            struct errmsg *why)
{
    struct slice id = frame_get_str(args, "request_id");
    bool has_key = frame_get(args, "key") != NULL;

    if ((id.len != 0) == has_key) {
        errmsg_set(why, "name a request or a key, one of the two");
        return ERR_SYNTAX;
    }
    if (has_key)
        return read_key_day(ledger, args, out, why);
    if (text_uuid_parse(id, &out->corrects) == 0)
        return 0;
    errmsg_set(why, "\"%.*s\" is no request id", (int)(id.len < 64 ? id.len : 64), id.ptr);
    return ERR_SYNTAX;
}

/* Today unless said. What is taken away must have been charged: to a model. */
static int
read_key_day(struct ledger *ledger, const struct frame_value *args, struct store_adjustment *out,
             struct errmsg *why)
{
    struct slice model = frame_get_str(args, "model");
    int64_t day = frame_get_int(args, "day", ledger->book.day);
    int rc = key_args_find_id(ledger, args, &out->key_id, why);

    if (rc != 0)
        return rc;
    if (day <= 0 || !period_day_is_valid(day) || model.len >= sizeof(out->model)) {
        errmsg_set(why, "day is YYYYMMDD, model a name");
        return ERR_SYNTAX;
    }
    if (day > ledger->book.day) {
        errmsg_set(why, "day %lld has not come yet", (long long)day);
        return ERR_SYNTAX;
    }
    if (model.len == 0 && (out->charge_nusd < 0 || out->cost_nusd < 0 || out->quota_tokens < 0)) {
        errmsg_set(why, "to take away from a day, name the model that it was charged for");
        return ERR_SYNTAX;
    }
    out->day = (uint32_t)day;
    snprintf(out->model, sizeof(out->model), "%.*s", (int)model.len, model.ptr);
    return 0;
}

/* A row, or a key's day. */
static void
name_target(struct ledger *ledger, const struct store_adjustment *adjustment)
{
    char id[TEXT_UUID_SIZE];

    text_uuid_format(adjustment->corrects, id);
    if (adjustment->key_id == 0)
        trail_target(ledger, "request %.*s", TEXT_UUID_SIZE, id);
    else
        trail_target(ledger, "key %llu", (unsigned long long)adjustment->key_id);
}

/* Of a model that is not configured any more only limits over all models are left. */
static void
charge(struct ledger *ledger, const struct store_adjustment *adjustment)
{
    struct settle_row row = {.key_id = adjustment->key_id,
                             .day_id = adjustment->day,
                             .charge_nusd = adjustment->charge_nusd,
                             .quota_tokens = adjustment->quota_tokens};

    if (catalog_model_id(ledger->catalog, slice_str(adjustment->model), &row.model_id) != 0)
        row.model_id = QUOTA_ALL_MODELS;
    book_charge(ledger, &row);
}

static void
log_made(const struct store_adjustment *adjustment)
{
    char id[TEXT_UUID_SIZE], corrects[TEXT_UUID_SIZE];

    text_uuid_format(adjustment->request_id, id);
    text_uuid_format(adjustment->corrects, corrects);
    log_info("ledger.adjusted",
             "correction=%.*s of=%.*s key_id=%llu day=%u charge_nusd=%lld cost_nusd=%lld "
             "quota_tokens=%lld who=\"%.*s\"",
             TEXT_UUID_SIZE, id, TEXT_UUID_SIZE, corrects, (unsigned long long)adjustment->key_id,
             adjustment->day, (long long)adjustment->charge_nusd, (long long)adjustment->cost_nusd,
             (long long)adjustment->quota_tokens, (int)adjustment->who.len, adjustment->who.ptr);
}
