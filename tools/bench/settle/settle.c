/* SPDX-License-Identifier: ISC
 *
 * settle - what accounting costs, on the real store with synchronous=FULL: records a second and CPU
 * in full batches, the time from DONE to durable at a given rate, and a start with many keys and
 * rows.
 *
 *     settle DIR [n_records [n_keys [n_start_keys n_start_rows]]]
 *
 * n_start_rows 0: start with what the run before has left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/mem.h"
#include "relayos/base/period.h"
#include "relayos/store/store_key.h"
#include "relayos/store/store_ledger.h"
#include "relayos/store/store_usage.h"

#define BATCH          1000
#define N_MODELS       8
#define N_DAYS         30
#define SECONDS        3          /* of each rate */
#define BURST          5          /* of a key that works, when a month is made up */
#define WAL_BYTES      (32 << 20) /* as src/ledger/checkpoint.c has it */
#define DAY_US         INT64_C(86400000000)
#define KEYS_OF_A_PAGE 1000

static struct flight_record flight; /* the one being settled */
static int burst = 1, burst_left;   /* requests in a row of one key and model */
static uint64_t random_state = 0x9e3779b97f4a7c15;
/* Of a model with three routes. */
static const char three_choices[] =
    "[[0,\"1f3a9c04\",412034,\"usable\"],[0,\"77b2e0d1\",530112,\"usable\"],[0,\"c90417aa\",0,"
    "\"open\"]]";
static struct slice choices;

static void bench_batches(const char *path, size_t n_records, uint32_t n_keys);
static void bench_rate(const char *path, int64_t per_second, uint32_t n_keys);
static void bench_start(const char *path, uint32_t n_keys, size_t n_rows);
static size_t read_all(struct store *store);
static void fill(struct store *store, uint32_t n_keys, size_t n_rows);
static void settle_one(struct store *store, int64_t real_us, uint32_t n_keys);
static void make_flight(int64_t real_us, uint32_t n_keys);
static void make_keys(struct store *store, uint32_t n_keys);
static struct store *open_store(const char *path, bool is_new);
static void checkpoint(struct store *store);
static uint64_t next_random(void);
static int64_t cpu_us(void);
static int compare(const void *a, const void *b);
static void must(struct store *store, int rc);

int
main(int argc, char **argv)
{
    static const int64_t rates[] = {1000, 5000, 20000};
    size_t n_records = argc > 2 ? strtoul(argv[2], NULL, 10) : 300000;
    uint32_t n_keys = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1000;
    uint32_t n_start_keys = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 100000;
    size_t n_start_rows = argc > 5 ? strtoul(argv[5], NULL, 10) : 1000000;
    char path[512];

    if (argc < 2) {
        fprintf(stderr, "usage: settle DIR [n_records [n_keys [n_start_keys n_start_rows]]]\n");
        return EXIT_FAILURE;
    }
    snprintf(path, sizeof(path), "%s/settle.db", argv[1]);
    if (n_records > 0)
        bench_batches(path, n_records, n_keys);
    choices = slice_str(three_choices);
    if (n_records > 0)
        bench_batches(path, n_records, n_keys);
    choices = slice_str(NULL);
    for (size_t i = 0; n_records > 200000 && i < sizeof(rates) / sizeof(rates[0]); i++)
        bench_rate(path, rates[i], n_keys);
    if (n_start_keys > 0)
        bench_start(path, n_start_keys, n_start_rows);
    return EXIT_SUCCESS;
}

static void
bench_batches(const char *path, size_t n_records, uint32_t n_keys)
{
    struct store *store = open_store(path, true);
    size_t n_batches = n_records / BATCH;
    int64_t *took_us = mem_array(NULL, n_batches, sizeof(*took_us)), start_us = clock_mono_us(),
            start_cpu_us = cpu_us();

    for (size_t i = 0; i < n_batches; i++) {
        int64_t batch_us = clock_mono_us();

        must(store, store_begin(store));
        for (int k = 0; k < BATCH; k++)
            settle_one(store, clock_real_us(), n_keys);
        must(store, store_commit(store));
        took_us[i] = clock_mono_us() - batch_us;
        if (i % 20 == 19)
            checkpoint(store);
    }
    double seconds = (double)(clock_mono_us() - start_us) / 1e6;
    double cpu_per_record = (double)(cpu_us() - start_cpu_us) / (double)(n_batches * BATCH);
    qsort(took_us, n_batches, sizeof(*took_us), compare);
    printf(
        "settle: batches of %d, %u keys%s: %.0f records/s, %.2f us CPU a record; batch p50 %.1f ms "
        "p99 %.1f ms\n",
        BATCH, n_keys, choices.len > 0 ? ", three routes each" : "",
        (double)(n_batches * BATCH) / seconds, cpu_per_record, (double)took_us[n_batches / 2] / 1e3,
        (double)took_us[n_batches * 99 / 100] / 1e3);
    free(took_us);
    store_close(&store);
}

/* Flights become DONE at an even rate, whatever the ledger does; it takes all that wait. */
static void
bench_rate(const char *path, int64_t per_second, uint32_t n_keys)
{
    struct store *store = open_store(path, true);
    size_t n = (size_t)(per_second * SECONDS), n_taken = 0;
    int64_t *waited_us = mem_array(NULL, n, sizeof(*waited_us)), start_us = clock_mono_us();

    while (n_taken < n) {
        int64_t now_us = clock_mono_us();
        size_t n_done = (size_t)((now_us - start_us) * per_second / 1000000), first = n_taken;

        n_done = n_done > n ? n : n_done > first + BATCH ? first + BATCH : n_done;
        if (n_done == first) {
            usleep(100);
            continue;
        }
        must(store, store_begin(store));
        for (; n_taken < n_done; n_taken++)
            settle_one(store, clock_real_us(), n_keys);
        must(store, store_commit(store));
        now_us = clock_mono_us();
        for (size_t i = first; i < n_taken; i++)
            waited_us[i] = now_us - start_us - (int64_t)(i + 1) * 1000000 / per_second;
        if (store_wal_bytes(store) > WAL_BYTES)
            checkpoint(store);
    }
    qsort(waited_us, n, sizeof(*waited_us), compare);
    printf("settle: %lld records/s: DONE to durable p50 %.2f ms p99 %.2f ms max %.2f ms\n",
           (long long)per_second, (double)waited_us[n / 2] / 1e3,
           (double)waited_us[n * 99 / 100] / 1e3, (double)waited_us[n - 1] / 1e3);
    free(waited_us);
    store_close(&store);
}

static void
bench_start(const char *path, uint32_t n_keys, size_t n_rows)
{
    struct store *store = open_store(path, n_rows > 0);
    struct errmsg why = {""};

    if (n_rows > 0)
        fill(store, n_keys, n_rows);
    store_close(&store);

    int64_t start_us = clock_mono_us(), start_cpu_us = cpu_us();
    store = open_store(path, false);
    int64_t opened_us = clock_mono_us();
    if (store_ledger_verify_recent(store, period_at(PERIOD_MONTH, clock_real_us()).first_day,
                                   &why) != 0)
        printf("settle: start: %s\n", why.text);
    int64_t verified_us = clock_mono_us();
    size_t n_read = read_all(store);
    int64_t keys_us = clock_mono_us(), keys_cpu_us = cpu_us();
    printf(
        "settle: start with %u keys and %zu rows: open %.0f ms, verify %.0f ms, %zu keys and sums "
        "%.0f ms, in all %.0f ms (CPU %.0f ms)\n",
        n_keys, n_rows, (double)(opened_us - start_us) / 1e3,
        (double)(verified_us - opened_us) / 1e3, n_read, (double)(keys_us - verified_us) / 1e3,
        (double)(keys_us - start_us) / 1e3, (double)(keys_cpu_us - start_cpu_us) / 1e3);
    if (n_rows > 0 && store_ledger_verify(store, 0, &why) != 0)
        printf("settle: %s\n", why.text);
    if (n_rows > 0)
        printf("settle: the full verification of %zu rows: %.0f ms\n", n_rows,
               (double)(clock_mono_us() - keys_us) / 1e3);
    store_close(&store);
}

/* As the ledger's book does: pages of keys, and what their groups have used this month. */
static size_t
read_all(struct store *store)
{
    struct store_usage_page usage = {
        .first_day = period_at(PERIOD_MONTH, clock_real_us()).first_day, .last_day = UINT32_MAX};
    struct store_key_page keys = {0};
    size_t n = 0;

    do {
        uint64_t after = usage.last;
        int64_t nusd, tokens;

        must(store, store_key_page_load(store, after, KEYS_OF_A_PAGE, &keys));
        if (keys.n == 0)
            break;
        usage.after = after;
        usage.last = keys.keys[keys.n - 1].id;
        must(store, store_usage_page_load(store, &usage));
        for (size_t i = 0; i < keys.n; i++) {
            struct store_usage_wanted wanted = {.group_id = keys.keys[i].group_id,
                                                .first_day = usage.first_day,
                                                .last_day = usage.last_day};
            must(store, store_usage_page_sum(store, &usage, &wanted, &nusd, &tokens));
        }
        n += keys.n + usage.n_sums;
    } while (keys.n == KEYS_OF_A_PAGE);
    store_usage_page_fini(&usage);
    store_key_page_fini(&keys);
    return n;
}

static void
fill(struct store *store, uint32_t n_keys, size_t n_rows)
{
    int64_t now_us = clock_real_us();

    burst = BURST;
    make_keys(store, n_keys);
    for (size_t n = 0; n < n_rows; n += BATCH) {
        must(store, store_begin(store));
        for (size_t k = 0; k < BATCH; k++)
            settle_one(store,
                       now_us - N_DAYS * DAY_US +
                           (int64_t)(n + k) * N_DAYS * (DAY_US / (int64_t)n_rows),
                       n_keys);
        must(store, store_commit(store));
        if (n / BATCH % 20 == 19)
            checkpoint(store);
    }
    checkpoint(store);
}

static void
make_keys(struct store *store, uint32_t n_keys)
{
    static char models[2][LIMIT_MODEL_NAME] = {"model-0", "model-1"};

    must(store, store_begin(store));
    for (uint32_t i = 0; i < n_keys; i++) {
        struct key_record key = {.tool = KEY_TOOL_CURSOR,
                                 .n_models = 2,
                                 .models = models,
                                 .n_limits = 1,
                                 .limits = {{.unit = LIMIT_UNIT_NUSD, .amount = 50000000000}},
                                 .created_us = 1};

        memcpy(key.digest, &i, sizeof(i));
        snprintf(key.name, sizeof(key.name), "key %u", i);
        snprintf(key.owner, sizeof(key.owner), "team %u", i % 100);
        snprintf(key.last4, sizeof(key.last4), "%04u", i % 10000);
        must(store, store_key_insert(store, &key));
    }
    must(store, store_commit(store));
}

static void
settle_one(struct store *store, int64_t real_us, uint32_t n_keys)
{
    enum store_insert inserted;

    make_flight(real_us, n_keys);
    struct store_settlement settlement = {.flight = &flight,
                                          .quota_tokens = flight.usage.count[USAGE_INPUT] +
                                                          flight.usage.count[USAGE_OUTPUT],
                                          .now_us = 9000000,
                                          .choices = choices};
    must(store, store_ledger_insert(store, &settlement, &inserted));
    if (inserted != STORE_INSERT_NEW)
        abort();
}

/* A flight as a streamed answer leaves it. */
static void
make_flight(int64_t real_us, uint32_t n_keys)
{
    uint64_t random = next_random(), more = next_random();
    struct flight_attempt *attempt = &flight.attempts[0];
    static struct period day;

    for (int i = 0; i < 6; i++)
        flight.request_id.bytes[i] = (uint8_t)((uint64_t)(real_us / 1000) >> (40 - 8 * i));
    memcpy(flight.request_id.bytes + 6, &random, 8);
    memcpy(flight.request_id.bytes + 14, &more, 2);
    if (burst_left-- <= 0) {
        flight.key_id = 1 + more % n_keys;
        snprintf(flight.model, sizeof(flight.model), "model-%u", (unsigned)(random % N_MODELS));
        burst_left = burst - 1;
    }
    if (real_us < day.start_us || real_us >= day.end_us)
        day = period_at(PERIOD_DAY, real_us);
    flight.day_id = day.id;
    flight.accepted_real_us = real_us;
    flight.endpoint = 0;
    flight.is_stream = 1;
    flight.status = 200;
    flight.provenance = USAGE_REPORTED;
    for (int i = 0; i < FLIGHT_STAGE_SETTLED; i++)
        flight.stage_us[i] = 1000000 + i * 100000;
    flight.bytes_out = 20000 + (int64_t)(random % 10000);
    flight.n_events = 300;
    flight.body_bytes = 12000;
    flight.usage.count[USAGE_INPUT] = 3000 + (int64_t)(random % 1000);
    flight.usage.count[USAGE_CACHE_READ] = 12000;
    flight.usage.count[USAGE_OUTPUT] = 500 + (int64_t)(random % 500);
    flight.usage.count[USAGE_REQUEST] = 1;
    flight.usage.tier_permille = 1000;
    flight.charge_nusd = 12000000 + (int64_t)(random % 100000);
    flight.cost_nusd = 10000000 + (int64_t)(random % 100000);
    flight.reserved_nusd = 50000000;
    memcpy(flight.client_address, "192.168.100.101", 16);
    memcpy(flight.user_agent, "Anthropic/Python 0.71.0", 24);
    flight.n_attempts = 1;
    attempt->route_id = 7;
    attempt->status = 200;
    attempt->outcome = ATTEMPT_OK;
    attempt->start_us = 1300000;
    attempt->connected_us = 1310000;
    attempt->first_byte_us = 1500000;
    attempt->end_us = 1700000;
    memcpy(attempt->upstream, "anthropic-main", 15);
    memcpy(attempt->upstream_model, "claude-sonnet-4-5-20250929", 27);
    snprintf(attempt->upstream_request_id, sizeof(attempt->upstream_request_id),
             "req_%016llx%08llx", (unsigned long long)random,
             (unsigned long long)(more & 0xffffffff));
}

static struct store *
open_store(const char *path, bool is_new)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-seq"};
    struct errmsg why = {""};
    struct store *store = NULL;
    char name[600];

    for (int i = 0; is_new && i < 4; i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
    if (store_open(path, &store, &why) != 0) {
        fprintf(stderr, "settle: %s\n", why.text);
        exit(EXIT_FAILURE);
    }
    return store;
}

static void
checkpoint(struct store *store)
{
    struct store_checkpoint done;

    must(store, store_begin(store));
    must(store, store_ledger_mark(store));
    must(store, store_commit(store));
    must(store, store_checkpoint(store, &done));
}

static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static int64_t
cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static int
compare(const void *a, const void *b)
{
    const int64_t *one = a, *other = b;

    return (*one > *other) - (*one < *other);
}

static void
must(struct store *store, int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "settle: %s\n", store_error(store));
    exit(EXIT_FAILURE);
}
