/* SPDX-License-Identifier: ISC
 *
 * accounting_sim - the accounting core (flights, cells, settlement, undertaker, adoption) under a
 * scheduler that picks every step and every death by a seed: workers, ledgers and the order of all
 * that they do, in one thread. The store is fake_store.c; the clock stands still.
 *
 *     accounting_sim SEED STEPS
 *
 * At each CRASH_POINT, in the middle of what it does, a process may die (the point jumps back here,
 * and the segment is left as a SIGKILL would leave it) or be held up while another one does
 * something. Now and then all is brought to rest and the books
 * are compared with the model. Prints a hash of all decisions and results: the same for the same
 * seed.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fake_store.h"
#include "ledger.h"
#include "relayos/base/clock.h"
#include "relayos/base/crash.h"
#include "relayos/base/fdio.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/shm/flight.h"
#include "relayos/shm/proc_slot.h"
#include "relayos/shm/quota.h"
#include "undertaker.h"

#define N_WORKERS   3
#define N_SLOTS     16 /* flights of a worker */
#define N_KEYS      4
#define ROUND_STEPS 5000 /* between two times at rest */
#define NOW_US      INT64_C(1764100000000000)
#define DEATH_IN    300 /* a crash point is deadly once in so many, */
#define PAUSE_IN    10  /* and another process's moment */

enum fate { GONE, REFUSED, HELD, SENT, DONE, RELEASED, LOST };

/* What the model knows of a request. */
struct request {
    enum fate fate;
    uint64_t key_id;
    int64_t reserved;     /* on each limit: tokens, and nano-USD at one a token */
    int64_t noted, final; /* tokens: usage seen, usage charged */
    int64_t noted_before; /* what a death in the middle of noting leaves */
    struct flight *flight;
};

struct sim_worker {
    bool is_living;
    struct flight_desk *desk;
    size_t n_open;
    uint64_t open[N_SLOTS];
};

struct sim {
    uint64_t random, hash;
    char dir[64], name[64];
    struct segment *segment;
    struct conf conf;
    struct heritage heritage;
    struct ledger ledger;
    bool has_ledger;
    struct sim_worker workers[N_WORKERS];
    struct request *requests;
    uint64_t n_requests, n_checked, n_deaths, n_settled;
    unsigned actor; /* a worker, or N_WORKERS: the ledger */
    bool may_die, is_paused;
    jmp_buf death;
};

static struct sim sim;

static uint64_t pick(uint64_t n);
static void die(const char *what, uint64_t request);
static void pause_for_another(void);
static void start_worker(unsigned w);
static void start_ledger(void);
static void step(unsigned w);
static void act(unsigned w);
static void admit(unsigned w);
static void go_on(unsigned w);
static void drop(struct sim_worker *worker, size_t i);
static void bury_worker(unsigned w);
static void run_ledger(void);
static void bury_ledger(void);
static void come_to_rest(void);
static void check_rows(void);
static void check_cells(void);

int
main(int argc, char **argv)
{
    static struct key_record keys[N_KEYS];
    static const struct segment_capacity capacity = {.n_workers = N_WORKERS,
                                                     .flights_per_worker = N_SLOTS,
                                                     .keys = 16,
                                                     .routes = 8,
                                                     .upstreams = 4,
                                                     .quota_cells = 64,
                                                     .refusals_per_worker = 16};
    struct errmsg why;
    uint64_t n_steps;

    if (argc != 3) {
        fprintf(stderr, "usage: accounting_sim SEED STEPS\n");
        return 2;
    }
    sim.random = strtoull(argv[1], NULL, 10) * 2 + 1;
    n_steps = strtoull(argv[2], NULL, 10);
    log_init("sim", LOG_ERROR);
    clock_fake_set(1000000, NOW_US);
    snprintf(sim.dir, sizeof(sim.dir), "/tmp/relayos-sim-XXXXXX");
    snprintf(sim.name, sizeof(sim.name), "relayos-sim.%d", (int)getpid());
    if (mkdtemp(sim.dir) == NULL || segment_create(sim.name, &capacity, &sim.segment, &why) != 0)
        die("no place to work in", 0);
    segment_unlink(sim.name);
    for (uint64_t k = 0; k < N_KEYS; k++) {
        keys[k] = (struct key_record){.id = k + 1,
                                      .group_id = k + 1,
                                      .flags = KEY_ALL_MODELS,
                                      .n_limits = 2,
                                      .max_concurrent = k == 0 ? 5 : 0};
        memset(keys[k].digest, (int)k + 1, sizeof(keys[k].digest));
        keys[k].limits[0] = (struct key_limit){
            .unit = LIMIT_UNIT_NUSD, .period = LIMIT_PERIOD_TOTAL, .amount = (int64_t)n_steps * 20};
        keys[k].limits[1] = (struct key_limit){.unit = LIMIT_UNIT_TOKENS,
                                               .period = LIMIT_PERIOD_MONTH,
                                               .amount = (int64_t)n_steps * 15};
    }
    sim.requests = mem_zalloc((n_steps + 1) * sizeof(sim.requests[0]));
    fake_store_reset(n_steps + 1, keys, N_KEYS);
    snprintf(sim.conf.data_dir, sizeof(sim.conf.data_dir), "%s", sim.dir);
    sim.conf.settle_interval_us = 100000;
    sim.heritage = (struct heritage){.conf = &sim.conf,
                                     .segment = sim.segment,
                                     .catalog = catalog_new(sim.segment),
                                     .pepper = secret_new("0123456789abcdef0123456789abcdef", 32),
                                     .ready_fd = -1,
                                     .control_fd = -1,
                                     .nudge_fd = -1};
    for (uint64_t n = 0; n < n_steps; n++) {
        step((unsigned)pick(N_WORKERS + 1));
        if (n % ROUND_STEPS == ROUND_STEPS - 1)
            come_to_rest();
    }
    come_to_rest();
    printf("requests %" PRIu64 ", deaths %" PRIu64 ", rows %" PRIu64 ", hash %016" PRIx64 "\n",
           sim.n_requests, sim.n_deaths, sim.n_settled, sim.hash);
    snprintf(sim.conf.data_dir, sizeof(sim.conf.data_dir), "%.60s/relayos.lock", sim.dir);
    unlink(sim.conf.data_dir);
    rmdir(sim.dir);
    return 0;
}

static uint64_t
pick(uint64_t n)
{
    sim.random = sim.random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    sim.hash = (sim.hash ^ sim.random >> 33) * UINT64_C(0x9e3779b97f4a7c15);
    return (sim.random >> 33) % n;
}

static void
die(const char *what, uint64_t request)
{
    fprintf(stderr, "accounting_sim: %s (request %" PRIu64 ", after %" PRIu64 " deaths)\n", what,
            request, sim.n_deaths);
    exit(1);
}

/* In place of the one that kills the process. */
void
crash_here(const char *name)
{
    (void)name;
    if (!sim.may_die)
        return;
    if (pick(DEATH_IN) == 0)
        longjmp(sim.death, 1);
    if (!sim.is_paused && pick(PAUSE_IN) == 0)
        pause_for_another();
}

static void
pause_for_another(void)
{
    unsigned actor = sim.actor, other = (actor + 1 + (unsigned)pick(N_WORKERS)) % (N_WORKERS + 1);
    jmp_buf death;

    memcpy(death, sim.death, sizeof(death));
    sim.is_paused = true;
    step(other);
    sim.is_paused = false;
    memcpy(sim.death, death, sizeof(death));
    sim.actor = actor;
    sim.may_die = true;
}

/* ---- processes ---- */

static void
step(unsigned w)
{
    sim.actor = w;
    if (w == N_WORKERS)
        run_ledger();
    else if (!sim.workers[w].is_living)
        start_worker(w);
    else
        act(w);
}

/* The slot must have been undertaken: a claim on a dead one's is refused in the real start, too. */
static void
start_worker(unsigned w)
{
    struct proc_view view;

    proc_slot_view(sim.segment, w, &view);
    if (view.state == PROC_DEAD)
        return;
    uint32_t generation = proc_slot_offer(sim.segment, w, PROC_WORKER);
    if (proc_slot_claim(sim.segment, w, generation) != 0)
        die("a slot cannot be claimed", w);
    proc_slot_set_state(sim.segment, w, PROC_READY);
    sim.workers[w] =
        (struct sim_worker){.is_living = true, .desk = flight_desk_open(sim.segment, w)};
}

static void
start_ledger(void)
{
    struct errmsg why;

    sim.heritage.slot = proc_slot_of(sim.segment, PROC_LEDGER);
    sim.heritage.generation = proc_slot_offer(sim.segment, sim.heritage.slot, PROC_LEDGER);
    sim.has_ledger = true;
    if (ledger_start(&sim.ledger, &sim.heritage, &why) != 0)
        die(why.text, 0);
}

static void
bury_worker(unsigned w)
{
    struct sim_worker *worker = &sim.workers[w];

    sim.n_deaths++;
    for (size_t i = 0; i < worker->n_open; i++)
        sim.requests[worker->open[i]].fate = LOST;
    flight_desk_close(&worker->desk);
    *worker = (struct sim_worker){.is_living = false};
    proc_slot_set_state(sim.segment, w, PROC_DEAD);
}

static void
bury_ledger(void)
{
    sim.n_deaths++;
    sim.has_ledger = false;
    ledger_finish(&sim.ledger);
    proc_slot_set_state(sim.segment, sim.heritage.slot, PROC_VACANT);
}

/* ---- a worker's step ---- */

static void
act(unsigned w)
{
    if (setjmp(sim.death) != 0) {
        sim.may_die = false;
        bury_worker(w);
        return;
    }
    sim.may_die = true;
    if (sim.workers[w].n_open == 0 || (sim.workers[w].n_open < N_SLOTS && pick(3) == 0))
        admit(w);
    else
        go_on(w);
    sim.may_die = false;
}

static void
admit(unsigned w)
{
    struct sim_worker *worker = &sim.workers[w];
    uint64_t n = sim.n_requests;
    struct request *request = &sim.requests[n];
    struct key_view view;
    uint32_t failed;

    if (key_table_at(sim.segment, (uint32_t)pick(N_KEYS), &view) != 0)
        return; /* no ledger yet */
    struct flight *flight = flight_take(worker->desk);
    if (flight == NULL)
        return;
    sim.n_requests++;
    *request = (struct request){.key_id = view.key_id, .reserved = (int64_t)pick(2000)};
    struct flight_record *record = flight_record(flight);
    record->request_id = fake_store_id(n);
    record->key_id = view.key_id;
    record->key_row = view.row;
    record->model_id = 0;
    record->accepted_real_us = NOW_US;
    record->day_id = period_at(PERIOD_DAY, NOW_US).id;
    record->price.nusd[USAGE_OUTPUT] = 1000000; /* a nano-USD a token */
    for (uint8_t i = 0; i < view.n_limits; i++)
        record->holds[record->n_holds++] = (struct flight_hold){
            .cell_idx = view.limits[i].cell_idx[0],
            .generation = view.limits[i].cell_generation[0],
            .amount = view.limits[i].unit == LIMIT_UNIT_CONCURRENT ? 1 : request->reserved};
    request->flight = flight;
    request->fate = HELD; /* or LOST, should this be its death */
    worker->open[worker->n_open++] = n;
    if (flight_hold(sim.segment, flight, &failed) != 0) {
        flight_put_back(worker->desk, flight);
        request->fate = REFUSED;
        worker->n_open--;
    }
}

static void
go_on(unsigned w)
{
    struct sim_worker *worker = &sim.workers[w];
    size_t i = pick(worker->n_open);
    struct request *request = &sim.requests[worker->open[i]];
    struct flight_record *record = flight_record(request->flight);
    struct usage usage = {.is_reported = 1, .tier_permille = 1000};

    if (request->fate == HELD && pick(4) != 0) {
        flight_dispatch(request->flight);
        request->fate = SENT;
    } else if (request->fate == HELD || pick(5) == 0) {
        record->usage = (struct usage){.tier_permille = 1000};
        flight_release(sim.segment, worker->desk, request->flight);
        request->fate = RELEASED;
        drop(worker, i);
    } else if (pick(2) == 0) {
        int64_t noted = request->noted + (int64_t)pick(10);

        usage.count[USAGE_OUTPUT] = noted < request->reserved ? noted : request->reserved;
        request->noted_before = request->noted;
        request->noted = usage.count[USAGE_OUTPUT];
        record->stage_us[FLIGHT_STAGE_FIRST_TOKEN] = NOW_US; /* else nobody would owe it */
        flight_note_usage(request->flight, &usage);
    } else {
        request->final =
            request->noted + (int64_t)pick((uint64_t)(request->reserved - request->noted) + 1);
        usage.count[USAGE_OUTPUT] = request->final;
        record->usage = usage;
        record->charge_nusd = request->final;
        record->provenance = USAGE_REPORTED;
        flight_done(sim.segment, worker->desk, request->flight);
        request->fate = DONE;
        drop(worker, i);
    }
}

static void
drop(struct sim_worker *worker, size_t i)
{
    worker->open[i] = worker->open[--worker->n_open];
}

/* ---- the ledger's step ---- */

static void
run_ledger(void)
{
    struct settle_tally settled = {0};
    struct undertaker_tally buried = {0};
    struct errmsg why;

    if (setjmp(sim.death) != 0) {
        sim.may_die = false;
        bury_ledger();
        return;
    }
    sim.may_die = true;
    if (!sim.has_ledger)
        start_ledger();
    uint64_t what = pick(N_WORKERS + 4);
    struct proc_view view;
    if (what < N_WORKERS) {
        proc_slot_view(sim.segment, (uint32_t)what, &view);
        if (view.state == PROC_DEAD && undertaker_visit(&sim.ledger, (uint32_t)what, &buried, &why))
            die(why.text, what);
    } else if (what == N_WORKERS) {
        sim.ledger.settle.scan_is_due = true;
        if (settle_run(&sim.ledger, &settled) != 0)
            die("settlement failed", 0);
    } else if (settle_run(&sim.ledger, &settled) != 0) {
        die("settlement failed", 0);
    }
    if (sim.ledger.reconcile_is_due)
        sim.ledger.reconcile_is_due = quota_reconcile_all(sim.segment) != 0;
    sim.may_die = false;
}

/* ---- the books ---- */

/* Every worker ends what it has begun, the dead are undertaken, all is settled; nobody dies. */
static void
come_to_rest(void)
{
    struct settle_tally settled = {0};
    struct undertaker_tally buried = {0};
    struct errmsg why;

    if (!sim.has_ledger)
        start_ledger();
    for (unsigned w = 0; w < N_WORKERS; w++) {
        struct proc_view view;

        while (sim.workers[w].n_open > 0)
            go_on(w);
        proc_slot_view(sim.segment, w, &view);
        if (view.state == PROC_DEAD && undertaker_visit(&sim.ledger, w, &buried, &why) != 0)
            die(why.text, w);
    }
    sim.ledger.settle.scan_is_due = true;
    if (settle_run(&sim.ledger, &settled) != 0 || ledger_outbox(&sim.ledger) != 0)
        die("the outbox does not empty", 0);
    if (sim.ledger.reconcile_is_due && quota_reconcile_all(sim.segment) != 0)
        die("cells cannot be reconciled at rest", 0);
    sim.ledger.reconcile_is_due = false;
    check_rows();
    check_cells();
}

static void
check_rows(void)
{
    for (uint64_t i = sim.n_checked; i < sim.n_requests; i++) {
        const struct request *request = &sim.requests[i];
        const struct fake_row *row = fake_store_row(i);

        sim.n_settled += row->is_there;
        if (request->fate == REFUSED && row->is_there)
            die("a refused request has a row", i);
        if (request->fate == DONE && (!row->is_there || row->charge_nusd != request->final))
            die("a finished request is not charged what it used", i);
        if (request->fate == RELEASED && (!row->is_there || row->charge_nusd != 0))
            die("a request that failed before usage is charged, or has no row", i);
        if (request->fate == LOST && row->is_there && row->charge_nusd != 0 &&
            row->charge_nusd != request->noted && row->charge_nusd != request->noted_before &&
            row->charge_nusd != request->final)
            die("a lost request is charged what it never used", i);
        if (row->is_there && row->key_id != request->key_id)
            die("a row of another key", i);
    }
    if (fake_store_conflicts() != 0)
        die("two rows of one request", 0);
    sim.n_checked = sim.n_requests;
    sim.hash = (sim.hash ^ sim.n_settled) * UINT64_C(0x9e3779b97f4a7c15);
}

static void
check_cells(void)
{
    for (uint32_t row = 0; row < N_KEYS; row++) {
        struct key_view view;
        int64_t nusd, tokens;

        if (key_table_at(sim.segment, row, &view) != 0)
            die("a key is not published", row);
        fake_store_sums(view.key_id, &nusd, &tokens);
        for (uint8_t i = 0; i < view.n_limits; i++) {
            const struct quota_cell *cell = quota_cell_at(sim.segment, view.limits[i].cell_idx[0],
                                                          view.limits[i].cell_generation[0]);
            struct quota_view got;

            if (cell == NULL)
                die("a key's cell is closed", view.key_id);
            quota_view(cell, &got);
            if (got.reserved != 0)
                die("a hold has leaked", view.key_id);
            if (got.unit != LIMIT_UNIT_CONCURRENT &&
                got.used != (got.unit == LIMIT_UNIT_NUSD ? nusd : tokens))
                die("a cell does not say what the rows say", view.key_id);
            if (got.unit != LIMIT_UNIT_CONCURRENT && got.used > got.limit)
                die("a limit is passed", view.key_id);
        }
    }
    for (uint32_t idx = 0; idx < flight_n_slots(sim.segment); idx++)
        if (flight_peek(sim.segment, idx) != FLIGHT_FREE)
            die("a slot is not free", idx);
}
