/* SPDX-License-Identifier: ISC */
#include "intent.h"

#include <stdlib.h>
#include <string.h>

#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/shm/flight.h"
#include "relayos/store/store_intent.h"
#include "relayos/store/store_ledger.h"
#include "wake.h"

#define LINES_MAX 20 /* of lost calls in the log; the rest is in the ledger alone */

/* Request ids of the flights that live, sorted. */
struct living {
    struct uuid *ids;
    size_t n;
};

static void collect_from_rings(struct ledger *ledger);
static void collect_by_scan(struct ledger *ledger);
static void list_living(struct ledger *ledger, struct living *out);
static bool is_living(const struct living *living, struct uuid id);
static int compare_ids(const void *a, const void *b);
static int close_batch(struct ledger *ledger, const struct living *living, struct uuid *after,
                       uint32_t *n_lost);
static int close_one(struct ledger *ledger, struct flight_record *flight);

/* ---- notes ---- */

void
intent_collect(struct ledger *ledger, bool by_scan)
{
    ledger->intents.n_asking = 0;
    collect_from_rings(ledger);
    if (by_scan)
        collect_by_scan(ledger);
}

static void
collect_from_rings(struct ledger *ledger)
{
    uint32_t n_workers = segment_capacity(ledger->segment)->n_workers, idx;
    struct intents *intents = &ledger->intents;

    for (uint32_t slot = 0; slot < n_workers; slot++)
        while (intents->n_asking < INTENT_BATCH && flight_ask_take(ledger->segment, slot, &idx))
            intents->asking[intents->n_asking++] = idx;
}

/* One that a ring has told of is found again: noted twice is noted once. */
static void
collect_by_scan(struct ledger *ledger)
{
    uint32_t n_flights = flight_n_slots(ledger->segment);
    struct intents *intents = &ledger->intents;

    for (uint32_t idx = 0; idx < n_flights && intents->n_asking < INTENT_BATCH; idx++)
        if (flight_is_asking(ledger->segment, idx))
            intents->asking[intents->n_asking++] = idx;
}

/* Whatever became of a flight since it asked: its identity stands until we free the slot. */
int
intent_write(struct ledger *ledger)
{
    struct flight_record *flight = &ledger->settle.flight;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < ledger->intents.n_asking; i++) {
        (void)flight_copy(ledger->segment, ledger->intents.asking[i], flight);
        rc = store_intent_put(ledger->store, flight);
        CRASH_POINT("intent.written");
    }
    return rc;
}

void
intent_release(struct ledger *ledger)
{
    for (size_t i = 0; i < ledger->intents.n_asking; i++) {
        flight_intent_noted(ledger->segment, ledger->intents.asking[i]);
        wake_mark(ledger, ledger->intents.asking[i]);
        CRASH_POINT("intent.noted");
    }
    ledger->intents.n_asking = 0;
}

/* ---- after a power cut ---- */

int
intent_adopt(struct ledger *ledger, struct errmsg *why)
{
    struct living living;
    struct uuid after = {0};
    uint32_t n_lost = 0;
    int rc = store_intent_next(ledger->store, after, &ledger->settle.flight);

    if (rc < 0)
        errmsg_set(why, "notes of calls: %s", store_error(ledger->store));
    if (rc <= 0)
        return rc;
    list_living(ledger, &living);
    do {
        if ((rc = ledger_begin(ledger, why)) != 0)
            break;
        int more = close_batch(ledger, &living, &after, &n_lost);

        rc = ledger_end(ledger, more < 0 ? more : 0, why);
        CRASH_POINT("intent.closed");
        if (rc == 0 && more == 0)
            break;
    } while (rc == 0);
    free(living.ids);
    if (n_lost > 0)
        log_warn("ledger.open_calls",
                 "n=%u calls were open when everything ended; charged 0, marked indeterminate: see "
                 "what the providers say of them",
                 n_lost);
    return rc;
}

static void
list_living(struct ledger *ledger, struct living *out)
{
    uint32_t n_flights = flight_n_slots(ledger->segment);
    struct flight_record *flight = &ledger->settle.flight;

    *out = (struct living){.ids = mem_array(NULL, n_flights, sizeof(out->ids[0]))};
    for (uint32_t idx = 0; idx < n_flights; idx++)
        if (flight_copy(ledger->segment, idx, flight) != FLIGHT_FREE && flight->has_intent)
            out->ids[out->n++] = flight->request_id;
    qsort(out->ids, out->n, sizeof(out->ids[0]), compare_ids);
}

static int
compare_ids(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static bool
is_living(const struct living *living, struct uuid id)
{
    return bsearch(&id, living->ids, living->n, sizeof(id), compare_ids) != NULL;
}

/* 1: there may be more, 0: that was the last, or an error. */
static int
close_batch(struct ledger *ledger, const struct living *living, struct uuid *after,
            uint32_t *n_lost)
{
    struct flight_record *flight = &ledger->settle.flight;
    int rc = 0;

    for (int i = 0; i < INTENT_BATCH; i++) {
        if ((rc = store_intent_next(ledger->store, *after, flight)) != 1)
            return rc;
        *after = flight->request_id;
        if (is_living(living, *after))
            continue;
        if ((rc = close_one(ledger, flight)) != 0)
            return rc;
        if (++*n_lost <= LINES_MAX) {
            char id[TEXT_UUID_SIZE];

            text_uuid_format(*after, id);
            log_warn("ledger.open_call", "request_id=%.*s key_id=%llu model=%s reserved_nusd=%lld",
                     TEXT_UUID_SIZE, id, (unsigned long long)flight->key_id, flight->model,
                     (long long)flight->reserved_nusd);
        }
    }
    return 1;
}

static int
close_one(struct ledger *ledger, struct flight_record *flight)
{
    enum store_insert inserted;
    struct store_settlement settlement = {.flight = flight, .now_us = clock_mono_us()};

    /* Its times are those of another boot: it lasted until now. */
    flight->stage_us[FLIGHT_STAGE_COMPLETED] = settlement.now_us;
    flight->stage_us[FLIGHT_STAGE_ACCEPTED] =
        settlement.now_us - (clock_real_us() - flight->accepted_real_us);
    flight->category = ERR_CATEGORY_INTERNAL;
    flight->provenance = USAGE_INDETERMINATE;
    flight->usage.tier_permille = 1000;
    /* A row that is there already (it cannot be) stands. */
    int rc = store_ledger_insert(ledger->store, &settlement, &inserted);
    CRASH_POINT("intent.closing");
    return rc == 0 ? store_intent_drop(ledger->store, flight->request_id) : rc;
}
