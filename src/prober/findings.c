/* SPDX-License-Identifier: ISC */
#include "findings.h"

#include <string.h>

#include "prober.h"
#include "relayos/base/log.h"
#include "relayos/shm/health_credential.h"
#include "relayos/shm/proc_slot.h"

#define STATUS_TOO_MANY 429

static bool is_still_there(const struct prober *prober, const struct upstream_record *upstream);
static void note_routes(struct prober *prober, const struct findings *findings,
                        const struct routing_settings *settings);
static uint32_t find_rows(const struct catalog *catalog, uint64_t epoch,
                          const struct model_record *model, uint32_t upstream_id, uint32_t *rows);
static void log_change(const struct prober *prober, const struct findings *findings, uint32_t row);
static void log_refused(const struct findings *findings);
static void note_credential(struct prober *prober, const struct findings *findings,
                            const struct routing_settings *settings);

void
findings_report(struct prober *prober, const struct findings *findings)
{
    struct routing_settings settings;
    uint32_t slot = prober->heritage->slot;

    proc_slot_count_add(prober->segment, slot, PROC_COUNTER_PROBES, 1);
    if (!findings->meaning.is_ok)
        proc_slot_count_add(prober->segment, slot, PROC_COUNTER_PROBES_FAILED, 1);
    if (!is_still_there(prober, findings->upstream))
        return;
    catalog_get_settings(prober->catalog, &settings);
    note_routes(prober, findings, &settings);
    note_credential(prober, findings, &settings);
}

/* A reload may have made another of it, or none: what was found is of nobody then. */
static bool
is_still_there(const struct prober *prober, const struct upstream_record *upstream)
{
    struct upstream_record now;
    uint64_t epoch;

    return catalog_upstream_at(prober->catalog, upstream->id, &now, &epoch) == 0 &&
           strcmp(now.name, upstream->name) == 0 && now.origin_hash == upstream->origin_hash &&
           strcmp(now.path, upstream->path) == 0;
}

static void
note_routes(struct prober *prober, const struct findings *findings,
            const struct routing_settings *settings)
{
    uint32_t rows[LIMIT_MODEL_ROUTES];
    struct model_record model;
    bool is_first = true;
    uint64_t epoch;

    for (uint32_t i = 0; catalog_model_at(prober->catalog, i, &model, &epoch) == 0; i++) {
        uint32_t n_rows = find_rows(prober->catalog, epoch, &model, findings->upstream->id, rows);

        if (n_rows > 0 && is_first)
            log_change(prober, findings, rows[0]);
        is_first = is_first && n_rows == 0;
        for (uint32_t n = 0; n < n_rows; n++)
            health_note_probe(prober->segment, rows[n], &findings->probe, settings);
    }
}

/* Of the model's routes through that upstream; none if the snapshot is gone. */
static uint32_t
find_rows(const struct catalog *catalog, uint64_t epoch, const struct model_record *model,
          uint32_t upstream_id, uint32_t *rows)
{
    const struct route_option *options = catalog_options(catalog, epoch, model);
    uint32_t n_rows = 0;

    for (uint32_t n = 0; options != NULL && n < model->n_routes && n < LIMIT_MODEL_ROUTES; n++) {
        if (options[n].upstream_id == upstream_id)
            rows[n_rows++] = options[n].health_row;
    }
    return catalog_is_whole(catalog, epoch) ? n_rows : 0;
}

/* The row still has what the probe before found. */
static void
log_change(const struct prober *prober, const struct findings *findings, uint32_t row)
{
    struct health_view view;

    health_view(prober->segment, row, findings->probe.now_us, &view);
    bool was_ok = view.probe.now_us == 0 || view.probe.is_ok;
    if (was_ok && !findings->meaning.is_ok)
        log_warn("probe.failed", "upstream=%s status=%u reason=%s", findings->upstream->name,
                 findings->probe.status, upstream_result_name(findings->result));
    else if (!was_ok && findings->meaning.is_ok)
        log_info("probe.healed", "upstream=%s status=%u latency_ms=%lld", findings->upstream->name,
                 findings->probe.status, (long long)(findings->probe.latency_us / 1000));
    if (findings->meaning.credential == MEANING_FORBIDDEN &&
        view.probe.status != findings->probe.status &&
        !accepted_has(&prober->accepted, findings->credential->id))
        log_refused(findings);
}

static void
log_refused(const struct findings *findings)
{
    log_error("credential.refused", "upstream=%s credential=%s status=%u", findings->upstream->name,
              findings->credential->name, findings->probe.status);
}

static void
note_credential(struct prober *prober, const struct findings *findings,
                const struct routing_settings *settings)
{
    uint32_t row = findings->credential->health_row;
    int64_t now_us = findings->probe.now_us, until_us;
    uint16_t status = 0; /* what it is out for, if it is */
    bool passes = health_credential_passes(prober->segment, row, now_us, &until_us, &status);

    switch (findings->meaning.credential) {
    case MEANING_NOTHING:
        break;
    case MEANING_ACCEPTED:
        accepted_note(&prober->accepted, findings->credential->id);
        if (!passes && !meaning_heals(status))
            break;
        health_credential_pass(prober->segment, row);
        if (!passes)
            log_info("credential.accepted", "upstream=%s credential=%s", findings->upstream->name,
                     findings->credential->name);
        break;
    case MEANING_FORBIDDEN:
        if (!accepted_has(&prober->accepted, findings->credential->id))
            break; /* it has the alarm: log_change() */
        /* fallthrough */
    case MEANING_REFUSED:
        /* Out for it already: its pause is not made longer by asking. */
        if ((passes || status == STATUS_TOO_MANY) &&
            health_credential_fail(prober->segment, row, findings->probe.status, findings->retry_s,
                                   settings, now_us))
            log_refused(findings);
        break;
    case MEANING_LIMITED:
        if (passes)
            (void)health_credential_fail(prober->segment, row, STATUS_TOO_MANY, findings->retry_s,
                                         settings, now_us);
        break;
    }
}
