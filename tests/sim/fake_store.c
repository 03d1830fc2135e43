/* SPDX-License-Identifier: ISC */
#include "fake_store.h"

#include <stdlib.h>
#include <string.h>

#include "relayos/base/crash.h"
#include "relayos/base/mem.h"
#include "relayos/store/store_audit.h"
#include "relayos/store/store_backup.h"
#include "relayos/store/store_intent.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_name.h"
#include "relayos/store/store_trace.h"
#include "relayos/store/store_trail.h"
#include "relayos/store/store_usage.h"

#define BATCH_MAX 4096

struct store {
    int unused;
};

static struct store the_store;
static struct fake_row *rows;
static size_t n_rows, n_keys, n_batch;
static struct key_record *keys;
static uint64_t batch[BATCH_MAX]; /* requests written since begin: there, but not durable */
static struct fake_row batch_rows[BATCH_MAX];
static uint64_t n_conflicts;
static struct {
    int64_t nusd, tokens;
} sums[FAKE_STORE_KEYS + 1]; /* by key id, durable */

static uint64_t number_of(struct uuid id);
static void sum(uint64_t key_id, int64_t *out_nusd, int64_t *out_tokens);

void
fake_store_reset(size_t n_requests, struct key_record *the_keys, size_t n)
{
    free(rows);
    rows = mem_zalloc(n_requests * sizeof(rows[0]));
    n_rows = n_requests;
    keys = the_keys;
    n_keys = n;
    n_batch = 0;
    n_conflicts = 0;
    memset(sums, 0, sizeof(sums));
}

const struct fake_row *
fake_store_row(uint64_t request)
{
    return &rows[request];
}

void
fake_store_sums(uint64_t key_id, int64_t *out_nusd, int64_t *out_tokens)
{
    sum(key_id, out_nusd, out_tokens);
}

uint64_t
fake_store_conflicts(void)
{
    return n_conflicts;
}

struct uuid
fake_store_id(uint64_t request)
{
    struct uuid id = {{0}};

    memcpy(&id, &request, sizeof(request));
    return id;
}

static uint64_t
number_of(struct uuid id)
{
    uint64_t request;

    memcpy(&request, &id, sizeof(request));
    if (request >= n_rows)
        abort(); /* a torn id reached the ledger */
    return request;
}

static void
sum(uint64_t key_id, int64_t *out_nusd, int64_t *out_tokens)
{
    if (key_id > FAKE_STORE_KEYS)
        abort();
    *out_nusd = sums[key_id].nusd;
    *out_tokens = sums[key_id].tokens;
}

/* ---- what the ledger calls ---- */

int
store_open(const char *path, struct store **out, struct errmsg *why)
{
    (void)path, (void)why;
    n_batch = 0; /* what was not committed is gone with the process */
    *out = &the_store;
    return 0;
}

void
store_close(struct store **store)
{
    n_batch = 0;
    *store = NULL;
}

int
store_begin(struct store *store)
{
    (void)store;
    if (n_batch != 0)
        abort();
    return 0;
}

int
store_commit(struct store *store)
{
    (void)store;
    for (size_t i = 0; i < n_batch; i++) {
        rows[batch[i]] = batch_rows[i];
        sums[batch_rows[i].key_id].nusd += batch_rows[i].charge_nusd;
        sums[batch_rows[i].key_id].tokens += batch_rows[i].quota_tokens;
    }
    n_batch = 0;
    CRASH_POINT("fake.committed_unheard");
    return 0;
}

void
store_rollback(struct store *store)
{
    (void)store;
    n_batch = 0;
}

int
store_ledger_insert(struct store *store, const struct store_settlement *settlement,
                    enum store_insert *out)
{
    const struct flight_record *flight = settlement->flight;
    uint64_t request = number_of(flight->request_id);
    struct fake_row row = {.is_there = true,
                           .key_id = flight->key_id,
                           .charge_nusd = flight->charge_nusd,
                           .quota_tokens = settlement->quota_tokens,
                           .provenance = flight->provenance};

    (void)store;
    for (size_t i = 0; i < n_batch; i++)
        if (batch[i] == request)
            abort(); /* one flight twice in a batch */
    if (!rows[request].is_there) {
        if (n_batch == BATCH_MAX)
            abort();
        batch[n_batch] = request;
        batch_rows[n_batch++] = row;
        *out = STORE_INSERT_NEW;
        return 0;
    }
    const struct fake_row *old = &rows[request];
    bool is_same = old->key_id == row.key_id && old->charge_nusd == row.charge_nusd &&
                   old->quota_tokens == row.quota_tokens && old->provenance == row.provenance;
    n_conflicts += !is_same;
    *out = is_same ? STORE_INSERT_SAME : STORE_INSERT_CONFLICT;
    return 0;
}

int
store_key_page_load(struct store *store, uint64_t after, size_t n, struct store_key_page *page)
{
    (void)store, (void)n;
    page->keys = keys + after;
    page->n = n_keys - after;
    return page->n == 0 ? ERR_MISSING : 0;
}

int
store_key_next(struct store *store, const struct store_key_filter *filter, uint64_t after,
               struct key_record *out)
{
    (void)store, (void)filter;
    if (after >= n_keys)
        return ERR_MISSING;
    *out = keys[after];
    return 0;
}

int
store_key_get(struct store *store, uint64_t id, struct key_record *out)
{
    (void)store;
    if (id == 0 || id > n_keys)
        return ERR_MISSING;
    *out = keys[id - 1];
    return 0;
}

int
store_usage_of_group(struct store *store, uint64_t group_id, struct slice model, uint32_t first_day,
                     uint32_t last_day, int64_t *out_nusd, int64_t *out_tokens)
{
    (void)store, (void)model, (void)first_day, (void)last_day;
    sum(group_id, out_nusd, out_tokens);
    return 0;
}

int
store_usage_page_load(struct store *store, struct store_usage_page *page)
{
    (void)store, (void)page;
    return 0;
}

int
store_usage_page_sum(struct store *store, const struct store_usage_page *page,
                     const struct store_usage_wanted *wanted, int64_t *out_nusd,
                     int64_t *out_tokens)
{
    (void)store, (void)page;
    sum(wanted->group_id, out_nusd, out_tokens);
    return 0;
}

int
store_audit_is_cheap(struct store *store, bool *out)
{
    (void)store;
    *out = false;
    return 0;
}

int
store_get_meta(struct store *store, const char *name, int64_t fallback, int64_t *out)
{
    (void)store, (void)name;
    *out = fallback;
    return 0;
}

/* Nothing to do, and nothing goes wrong. */
#define NOTHING(name, arguments)                                                                   \
    int name arguments                                                                             \
    {                                                                                              \
        return 0;                                                                                  \
    }
#define UNREAD __attribute__((unused))
NOTHING(store_put_meta,
        (UNREAD struct store * store, UNREAD const char *name, UNREAD int64_t value))
NOTHING(store_ledger_verify_recent,
        (UNREAD struct store * store, UNREAD uint32_t first_day, UNREAD struct errmsg *why))
NOTHING(store_ledger_mark, (UNREAD struct store * store))
NOTHING(store_check, (UNREAD struct store * store, UNREAD struct errmsg *why))
/* No `strict` here: nobody notes a call before it is made. */
NOTHING(store_intent_drop, (UNREAD struct store * store, UNREAD struct uuid request_id))
NOTHING(store_intent_next,
        (UNREAD struct store * store, UNREAD struct uuid after, UNREAD struct flight_record *out))
NOTHING(store_trace_refuse,
        (UNREAD struct store * store, UNREAD const struct refusal_record *refusal))
NOTHING(store_key_rotated_out,
        (UNREAD struct store * store, UNREAD int64_t now_us, UNREAD struct key_record *out))

void
store_backup_free(struct store_backup **backup)
{
    (void)backup;
}

void
store_key_fini(struct key_record *key)
{
    (void)key;
}

void
store_key_page_fini(struct store_key_page *page)
{
    (void)page;
}

void
store_usage_page_fini(struct store_usage_page *page)
{
    (void)page;
}

/* Nobody gives commands here, so nothing is written to the audit trail. */
struct hash_hmac *
store_trail_seal_new(const struct secret *pepper)
{
    (void)pepper;
    return NULL;
}

const char *
store_error(const struct store *store)
{
    (void)store;
    return "";
}

int64_t
store_n_lost(const struct store *store)
{
    (void)store;
    return 0;
}

int64_t
store_wal_bytes(const struct store *store)
{
    (void)store;
    return 0;
}
