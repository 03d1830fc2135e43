/* SPDX-License-Identifier: ISC */
#include "alert_look.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"
#include "relayos/base/text.h"
#include "relayos/model/key.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/health.h"
#include "relayos/shm/health_credential.h"
#include "relayos/shm/quota.h"
#include "relayos/shm/tally.h"

#define DAY_US (86400 * INT64_C(1000000))

struct view {
    const struct alert_look *look;
    struct alert_book *book;
    int64_t now_us, real_us;
};

static void look_at_quotas(const struct view *view);
static void see_quota(const struct view *view, const struct quota_cell_id *id,
                      const struct quota_view *quota);
static void see(const struct view *view, enum alert_kind kind, const char *subject,
                const char *format, ...) __attribute__((format(printf, 4, 5)));
static void look_at_models(const struct view *view);
static void look_at_model(const struct view *view, const struct model_record *model,
                          uint64_t epoch);
static bool has_credential(const struct view *view, uint64_t epoch,
                           const struct upstream_record *upstream);
static void look_at_credentials(const struct view *view);
static void look_at_certificates(const struct view *view);
static void look_at_ledger(const struct view *view);
static void look_at_disk(const struct view *view);
static void look_at_crashes(const struct view *view);

void
alert_look_all(const struct alert_look *look, struct alert_book *book, int64_t now_us,
               int64_t real_us)
{
    const struct view view = {look, book, now_us, real_us};

    look_at_quotas(&view);
    look_at_models(&view);
    look_at_credentials(&view);
    look_at_certificates(&view);
    look_at_ledger(&view);
    look_at_disk(&view);
    look_at_crashes(&view);
}

/* ---- quotas ---- */

static void
look_at_quotas(const struct view *view)
{
    const struct segment *segment = view->look->segment;

    for (uint32_t idx = 0; idx < segment_capacity(segment)->quota_cells; idx++) {
        struct quota_cell_info info;
        struct quota_view quota;
        struct quota_cell *cell;

        if (quota_cell_info(segment, idx, &info) != 0 || info.id.unit == LIMIT_UNIT_CONCURRENT ||
            (cell = quota_cell_at(segment, idx, info.generation)) == NULL)
            continue;
        quota_view(cell, &quota);
        if (quota.limit > 0 && quota.used >= quota.limit / 5 * 4)
            see_quota(view, &info.id, &quota);
    }
}

/* Each is told once a period: who has used it up has used 80 % of it, too. */
static void
see_quota(const struct view *view, const struct quota_cell_id *id, const struct quota_view *quota)
{
    bool is_money = id->unit == LIMIT_UNIT_NUSD;
    const char *model = id->model_id == QUOTA_ALL_MODELS
                            ? "all models"
                            : catalog_model_name(view->look->catalog, id->model_id);
    const char *meaning = quota->is_shadow ? "it is a shadow: nothing is refused"
                                           : "past it, the key's requests are refused";
    char subject[ALERT_SUBJECT_SIZE], name[LIMIT_NAME] = "", used[32], limit[32], period[24];
    unsigned long long key_id = id->key_id;

    /* Names change, and cannot always be read: the subject goes without. */
    view->look->key_name(view->look->ctx, id->key_id, name);
    const char *colon = name[0] == '\0' ? "" : ": ";
    snprintf(period, sizeof(period), id->period_id == 0 ? "total" : "%u", id->period_id);
    snprintf(subject, sizeof(subject), "key %llu: %s, %s, %s", key_id, is_money ? "usd" : "tokens",
             model, period);
    (is_money ? text_usd_format : text_count_format)(quota->used, used);
    (is_money ? text_usd_format : text_count_format)(quota->limit, limit);
    see(view, ALERT_QUOTA_NEAR, subject,
        "%s%s%s of %s are used; %s. To allow more: relayosctl key update %llu --quota AMOUNT", name,
        colon, used, limit, meaning, key_id);
    if (quota->used >= quota->limit)
        see(view, ALERT_QUOTA_USED_UP, subject,
            "%s%s%s of %s are used up; %s. To allow more: relayosctl key update %llu --quota "
            "AMOUNT",
            name, colon, used, limit, meaning, key_id);
}

static void
see(const struct view *view, enum alert_kind kind, const char *subject, const char *format, ...)
{
    char text[ALERT_TEXT_SIZE];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    alert_book_see(view->book, kind, subject, text, view->now_us, view->real_us);
}

/* ---- models, routes, credentials ---- */

static void
look_at_models(const struct view *view)
{
    struct model_record model;
    uint64_t epoch;

    for (uint32_t n = 0; catalog_model_at(view->look->catalog, n, &model, &epoch) == 0; n++)
        look_at_model(view, &model, epoch);
}

/* What the operator has put out of use is no alert, unless nothing of the model is left. */
static void
look_at_model(const struct view *view, const struct model_record *model, uint64_t epoch)
{
    uint32_t n_wanted = 0, n_out = 0;
    struct upstream_record upstream;
    struct route_record route;
    int64_t until_us;

    for (uint32_t n = 0; n < model->n_routes; n++) {
        char subject[ALERT_SUBJECT_SIZE];

        if (catalog_get_route(view->look->catalog, epoch, model, n, &route, &upstream) != 0)
            return; /* a reload: the next look has it */
        if (route.is_disabled != 0 ||
            health_admin(view->look->segment, route.health_row) != HEALTH_ENABLED)
            continue;
        n_wanted++;
        n_out++;
        if (health_gate(view->look->segment, route.health_row, view->now_us, &until_us) ==
            HEALTH_PASSES) {
            n_out -= has_credential(view, epoch, &upstream);
            continue;
        }
        snprintf(subject, sizeof(subject), "route %s/%s/%s", model->name, upstream.name,
                 route.upstream_model);
        see(view, ALERT_ROUTE_DOWN, subject,
            "Its calls fail, so it is left alone and tried again by itself. Look at relayosctl "
            "route show, and at the upstream");
    }
    if (n_wanted == n_out && model->n_routes > 0)
        see(view, ALERT_MODEL_DOWN, model->name,
            n_wanted == 0 ? "All its routes are disabled or drained: relayosctl route enable"
                          : "None of its %u routes answers. Look at relayosctl route list, and at "
                            "its upstreams; add another upstream's route or a fallback",
            n_wanted);
}

/* Where all are refused that is an alert of its own, and no call gets through. */
static bool
has_credential(const struct view *view, uint64_t epoch, const struct upstream_record *upstream)
{
    struct credential_record credential;
    int64_t until_us;
    uint16_t status;

    for (uint32_t n = 0; n < upstream->n_credentials; n++) {
        if (catalog_get_credential(view->look->catalog, epoch, upstream->id, n, &credential) != 0 ||
            health_credential_passes(view->look->segment, credential.health_row, view->now_us,
                                     &until_us, &status) ||
            status < 401 || status > 403)
            return true;
    }
    return false;
}

static void
look_at_credentials(const struct view *view)
{
    struct credential_record credential;
    struct upstream_record upstream;
    uint64_t epoch;

    for (uint32_t i = 0; catalog_upstream_at(view->look->catalog, i, &upstream, &epoch) == 0; i++) {
        for (uint32_t n = 0; n < upstream.n_credentials; n++) {
            char subject[ALERT_SUBJECT_SIZE];
            int64_t until_us;
            uint16_t status;

            if (catalog_get_credential(view->look->catalog, epoch, upstream.id, n, &credential) !=
                0)
                return;
            if (health_credential_passes(view->look->segment, credential.health_row, view->now_us,
                                         &until_us, &status) ||
                status < 401 || status > 403)
                continue;
            snprintf(subject, sizeof(subject), "upstream %s%s%s", upstream.name,
                     credential.name[0] == '\0' ? "" : ", key ", credential.name);
            see(view, ALERT_CREDENTIAL_REFUSED, subject,
                "The upstream refuses our key (status %u): is it revoked, expired, or out of "
                "money? Put a good one in its place and reload",
                status);
        }
    }
}

/* ---- this machine ---- */

static void
look_at_certificates(const struct view *view)
{
    int64_t ends_us = tally_get(view->look->segment, TALLY_CERTIFICATE_EXPIRES_US);
    int64_t left_us = ends_us - view->real_us;

    if (ends_us == 0 || left_us > ALERT_CERTIFICATE_US)
        return;
    if (left_us <= 0)
        see(view, ALERT_CERTIFICATE_EXPIRING, "listeners",
            "A certificate has expired: clients refuse to connect. Renew it and reload; relayosctl "
            "status names it");
    else
        see(view, ALERT_CERTIFICATE_EXPIRING, "listeners",
            "A certificate ends in %lld days. Renew it and reload; relayosctl status names it",
            (long long)(left_us / DAY_US));
}

static void
look_at_ledger(const struct view *view)
{
    const struct segment *segment = view->look->segment;
    struct flight_record *record = mem_alloc(sizeof(*record));
    int64_t oldest_us = view->now_us;
    uint32_t n_waiting = 0;

    for (uint32_t idx = 0; idx < flight_n_slots(segment); idx++) {
        if (flight_peek(segment, idx) != FLIGHT_DONE ||
            flight_copy(segment, idx, record) != FLIGHT_DONE)
            continue;
        int64_t ended_us = record->stage_us[FLIGHT_STAGE_COMPLETED];

        n_waiting++;
        if (ended_us != 0 && ended_us < oldest_us)
            oldest_us = ended_us;
    }
    free(record);
    if (view->now_us - oldest_us >= ALERT_BEHIND_US)
        see(view, ALERT_LEDGER_BEHIND, "ledger",
            "%u requests wait to be settled, the oldest for %lld s. Look at the log for "
            "ledger.settle_failed, and at the disk under data_dir",
            n_waiting, (long long)((view->now_us - oldest_us) / 1000000));
    if (!segment_admission_is_open(segment))
        see(view, ALERT_ADMISSION_CLOSED, "ledger",
            "Requests are refused with 503, because they could not be accounted for. Look at the "
            "log for ledger.*, and at the disk under data_dir");
}

static void
look_at_disk(const struct view *view)
{
    int64_t free_bytes = tally_get(view->look->segment, TALLY_DISK_FREE_BYTES);
    int64_t all_bytes = tally_get(view->look->segment, TALLY_DISK_BYTES);
    char left[32];

    if (all_bytes == 0 || !alert_look_disk_is_low(free_bytes, all_bytes))
        return;
    text_size_format(free_bytes, left);
    see(view, ALERT_DISK_LOW, "data_dir",
        "%s are left on its disk. When it is full, requests are refused: make room, or shorten "
        "ledger.trace_retention",
        left);
}

bool
alert_look_disk_is_low(int64_t free_bytes, int64_t all_bytes)
{
    return free_bytes < ALERT_DISK_BYTES ||
           (free_bytes < ALERT_DISK_ENOUGH && free_bytes / ALERT_DISK_PERCENT < all_bytes / 100);
}

static void
look_at_crashes(const struct view *view)
{
    int64_t spell_us = tally_get(view->look->segment, TALLY_CRASH_SPELL_US);

    if (spell_us == 0 || view->now_us - spell_us > ALERT_CRASH_US)
        return;
    see(view, ALERT_CRASH_LOOP, "processes",
        "three processes or more have ended unasked in a minute; they are started again. Look at "
        "the log for child.killed and child.ended, and report it with what stands there");
}
