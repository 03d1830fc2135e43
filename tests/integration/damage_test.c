/* SPDX-License-Identifier: ISC
 *
 * A worker that wrote where it should not have before it died: the audit finds it, the segment is
 * built anew from the database, and the books are right.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "../../src/shm/layout.h"
#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define N_STREAMS 6

static bool
serves(const struct gateway *gateway, void *key)
{
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    bool is_ok = reply->status == 200;

    http_reply_free(&reply);
    return is_ok;
}

/* The live segment, writable: we do what the worker would have done. */
static struct segment *
attach(const struct gateway *gateway)
{
    struct segment *segment = calloc(1, sizeof *segment);
    struct stat st;
    char path[64];

    snprintf(path, sizeof path, "/dev/shm/relayos.test-%d", gateway->port);
    int fd = open(path, O_RDWR | O_CLOEXEC);

    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    segment->size = (size_t)st.st_size;
    segment->header = mmap(NULL, segment->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    cr_assert_neq(segment->header, MAP_FAILED);
    close(fd);
    return segment;
}

/* Where a table starts: found by its own contents, as its place is the program's affair. */
static char *
find(const struct segment *segment, const void *bytes, size_t len)
{
    char *found = memmem(segment->header, segment->size, bytes, len);

    cr_assert_not_null(found);
    return found;
}

static int64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the operator said is carried over, and the prober is one of those who start anew. */
static bool
is_whole_again(const struct gateway *gateway, void *data)
{
    cJSON *route = gateway_ctl(gateway, "route show flat/canary-anthropic");
    pid_t prober;
    bool is_so = strcmp(json_text(route, "route.state"), "disabled") == 0 &&
                 gateway_pids(gateway, "prober", &prober, 1) == 1;

    (void)data;
    cJSON_Delete(route);
    return is_so;
}

typedef void scribbler(const struct segment *segment);

/* Settled requests, streams that run, damage, SIGSEGV: what is served is charged, nothing twice. */
static void
check_rebuild(scribbler *scribble, int64_t n_indeterminate_min)
{
    static const struct gateway_options options = {.settings = "ledger: {settle_interval: 2s}\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 100000usd");
    int fds[N_STREAMS];
    pid_t workers[8];

    for (int i = 0; i < 40; i++)
        cr_expect(serves(gateway, key));
    for (int i = 0; i < N_STREAMS; i++) {
        fds[i] = call_begin(gateway, call_of(OPERATION_CHAT), key, true, "hi !mock:stall=4");
        struct http_reply *reply = http_read_until(fds[i], "data: ");

        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
    }
    cr_assert_eq(gateway_pids(gateway, "worker", workers, 8), 2);
    cJSON_Delete(gateway_ctl(gateway, "route disable flat/canary-anthropic"));
    struct segment *segment = attach(gateway);
    int64_t start_ms = now_ms();

    scribble(segment);
    kill(workers[0], SIGSEGV);
    cr_expect(gateway_wait(gateway, gateway_logged, "segment.rebuilt"), "the audit found nothing");
    cr_expect(gateway_wait(gateway, serves, key));
    cr_expect_lt(now_ms() - start_ms, 3000, "an outage of %d ms", (int)(now_ms() - start_ms));
    for (int i = 0; i < N_STREAMS; i++)
        http_close(fds[i], false);
    cr_expect(gateway_wait(gateway, is_whole_again, NULL));
    munmap(segment->header, segment->size);
    free(segment);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE status = 200 AND"
                                      " provenance = 'reported' AND charge_nusd > 0"),
                 41, "an answer was lost, or charged twice");
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"), 41 + N_STREAMS);
    cr_expect_geq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance ="
                                       " 'indeterminate' AND charge_nusd = 0"),
                  n_indeterminate_min);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static void
scribble_on_cell(const struct segment *segment)
{
    uint32_t magic = QUOTA_MAGIC;
    char *cell = find(segment, &magic, sizeof magic) - offsetof(struct quota_cell, magic);

    memset(cell, 0xaa, sizeof(struct quota_cell));
}

static void
scribble_on_head(const struct segment *segment)
{
    segment->header->admission_open = 7;
}

/* The records of all running streams, not their heads: who they are can be read no more. */
static void
scribble_on_flights(const struct segment *segment)
{
    char *at = (char *)segment->header, *end = at + segment->size, *model;

    while ((model = memmem(at, (size_t)(end - at), "gpt-4.1-mini", 13)) != NULL) {
        struct flight_record *record = (void *)(model - offsetof(struct flight_record, model));

        at = model + 13;
        if ((uintptr_t)record % _Alignof(struct flight_record) != 0)
            continue; /* the name in another place */
        if (record->is_stream == 1 && record->request_id.bytes[6] >> 4 == 7) {
            record->n_holds = 4711;
            record->charge_nusd = -1;
        }
    }
}

Test(damage, on_a_quota_cell_is_found_and_mended, .timeout = 60)
{
    check_rebuild(scribble_on_cell, 0);
}

Test(damage, on_the_header_is_found_and_mended, .timeout = 60)
{
    check_rebuild(scribble_on_head, 0);
}

Test(damage, on_flights_makes_them_indeterminate_and_no_others, .timeout = 60)
{
    check_rebuild(scribble_on_flights, N_STREAMS);
}

Test(damage, that_a_new_master_finds_is_mended_too, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd");

    for (int i = 0; i < 20; i++)
        cr_expect(serves(gateway, key));
    books_check(gateway); /* who outlives the master looks at no cell any more */
    cr_assert_eq(gateway_end(gateway, SIGKILL), 128 + SIGKILL);
    struct segment *segment = attach(gateway);

    scribble_on_cell(segment);
    gateway_restart(gateway);
    cr_expect(gateway_wait(gateway, gateway_logged, "segment.damaged"));
    cr_expect(gateway_wait(gateway, serves, key));
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger"),
                 gateway_mock_count(gateway, "usage_answers"));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(segment);
}

/* No damage: the others go on as after any other end. */
Test(damage, a_crash_that_did_none_costs_the_other_worker_nothing, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 100000usd");
    pid_t before[8], after[8];

    cr_expect(serves(gateway, key));
    cr_assert_eq(gateway_pids(gateway, "worker", before, 8), 2);
    kill(before[0], SIGSEGV);
    cr_expect(gateway_wait(gateway, gateway_logged, "segment.sound"));
    cr_expect(gateway_wait(gateway, gateway_logged, "undertaker.done"));
    cr_expect(gateway_wait(gateway, serves, key));
    int n = gateway_pids(gateway, "worker", after, 8), n_same = 0;

    for (int i = 0; i < n; i++)
        n_same += after[i] == before[1];
    cr_expect_eq(n_same, 1, "the other worker was ended");
    cr_expect_not(gateway_logged(gateway, "segment.damaged"));
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}
