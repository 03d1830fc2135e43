/* SPDX-License-Identifier: ISC
 *
 * Exact books under SIGKILL: at each single instruction of a flight's life and of its settlement,
 * and at random times in any of several processes. The "store" is an array that survives all.
 */
#include "fixture.h"

#include <errno.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/ptrace.h>

enum { N_KEYS = 4, N_TICKETS = 1 << 20, N_TICKETS_SPARE = 64 /* of racing workers */ };
/* In the order they are taken: what is refused is refused by the last, after the others. */
enum { CELL_TOKENS, CELL_CONCURRENT, CELL_NUSD, N_CELLS };
#define HOPELESS (INT64_C(1) << 41) /* an estimate that no key has the money for */

/* What everybody shares beside the segment. */
struct world {
    struct segment *segment;
    struct flight_hold cells[N_KEYS][N_CELLS]; /* amount unused */
    _Atomic uint64_t n_tickets;
    _Atomic bool is_over;   /* for the workers */
    _Atomic bool is_quiet;  /* no worker is left: for the ledger */
    bool without_reconcile; /* the mutation */
    /* The store: key:8 | charge:24, charge > 0. */
    _Atomic uint32_t stored[N_TICKETS + N_TICKETS_SPARE];
    _Atomic bool finished[N_TICKETS + N_TICKETS_SPARE]; /* flight_done() has returned */
};

static struct world *
world_new(int64_t tight_limit)
{
    static const uint8_t units[N_CELLS] = {LIMIT_UNIT_TOKENS, LIMIT_UNIT_CONCURRENT,
                                           LIMIT_UNIT_NUSD};
    static const int64_t limits[N_CELLS] = {INT64_C(1) << 43, 3, INT64_C(1) << 40};
    struct world *world = fixture_shared(sizeof(*world));

    world->segment = fixture_segment();
    for (uint64_t key = 0; key < N_KEYS; key++)
        for (int c = 0; c < N_CELLS; c++)
            world->cells[key][c] =
                fixture_hold(world->segment,
                             fixture_cell(world->segment, key + 1, units[c],
                                          key == 0 && c == CELL_NUSD ? tight_limit : limits[c]),
                             0);
    return world;
}

static struct quota_cell *
cell_of(const struct world *world, uint64_t key, int c)
{
    const struct flight_hold *hold = &world->cells[key][c];

    return quota_cell_at(world->segment, hold->cell_idx, hold->generation);
}

/* ---- a worker ---- */

enum fate { FATE_DONE, FATE_RELEASED, FATE_NEVER_SENT, FATE_REFUSED, N_FATES };

/* A flight with its holds, or NULL if there is none (or no room in the store). */
static struct flight *
prepare(struct world *world, struct flight_desk *desk, uint64_t key, int64_t estimate)
{
    struct flight *flight = world->n_tickets < N_TICKETS ? flight_take(desk) : NULL;

    if (flight == NULL)
        return NULL;

    struct flight_record *record = flight_record(flight);
    uint64_t ticket = world->n_tickets++;

    memcpy(record->request_id.bytes, &ticket, sizeof(ticket));
    record->key_id = key;
    record->n_holds = N_CELLS;
    for (int c = 0; c < N_CELLS; c++) {
        record->holds[c] = world->cells[key][c];
        record->holds[c].amount = c == CELL_CONCURRENT ? 1 : estimate;
    }
    return flight;
}

static void
fly(struct world *world, struct flight_desk *desk, struct flight *flight, enum fate fate)
{
    struct segment *segment = world->segment;
    struct flight_record *record = flight_record(flight);
    int64_t actual = record->holds[CELL_NUSD].amount / 2 + 1;
    uint64_t ticket;
    uint32_t failed;

    memcpy(&ticket, record->request_id.bytes, sizeof(ticket));
    if (flight_hold(segment, flight, &failed) != 0) {
        flight_put_back(desk, flight);
        return;
    }
    if (fate != FATE_NEVER_SENT)
        flight_dispatch(flight);
    if (fate != FATE_DONE) {
        flight_release(segment, desk, flight);
        return;
    }
    flight_note_usage(flight, &(struct usage){.count[USAGE_OUTPUT] = 1, .is_reported = 1});
    flight_note_usage(flight, &(struct usage){.count[USAGE_OUTPUT] = actual, .is_reported = 1});
    record->usage.count[USAGE_OUTPUT] = actual;
    record->charge_nusd = actual;
    flight_done(segment, desk, flight);
    world->finished[ticket] = true;
}

/* ---- the ledger ---- */

static void
settle(struct world *world, uint32_t idx)
{
    struct flight_record record;
    uint64_t ticket;

    if (flight_copy(world->segment, idx, &record) != FLIGHT_DONE)
        return;
    memcpy(&ticket, record.request_id.bytes, sizeof(ticket));
    if (record.charge_nusd > 0 && world->stored[ticket] == 0) {
        world->stored[ticket] = (uint32_t)(record.key_id << 24) | (uint32_t)record.charge_nusd;
        quota_charge(cell_of(world, record.key_id, CELL_NUSD), record.charge_nusd);
        quota_charge(cell_of(world, record.key_id, CELL_TOKENS), record.charge_nusd);
    }
    flight_settled(world->segment, idx);
}

static void
undertake(struct world *world, uint32_t idx)
{
    struct flight_record record;
    enum flight_state state = flight_copy(world->segment, idx, &record);

    if (state == FLIGHT_FREE || state == FLIGHT_DONE)
        return;
    record.charge_nusd = state == FLIGHT_DISPATCHED ? record.usage.count[USAGE_OUTPUT] : 0;
    flight_bury(world->segment, idx, &record);
}

static void
ledger_start(struct world *world)
{
    int64_t used[N_KEYS] = {0};

    for (uint64_t ticket = 0; ticket < world->n_tickets; ticket++)
        used[world->stored[ticket] >> 24] += world->stored[ticket] & 0xffffff;
    for (uint64_t key = 0; key < N_KEYS; key++) {
        quota_set_used(cell_of(world, key, CELL_NUSD), used[key]);
        quota_set_used(cell_of(world, key, CELL_TOKENS), used[key]);
    }
}

/* One round; true if nothing is left to do. */
static bool
ledger_round(struct world *world, bool *is_dirty)
{
    uint32_t idx, n_left = 0;

    for (uint32_t slot = 0; slot < fixture_capacity.n_workers; slot++)
        while (flight_doorbell_take(world->segment, slot, &idx))
            settle(world, idx);
    for (idx = 0; idx < flight_n_slots(world->segment); idx++) {
        if (flight_is_orphan(world->segment, idx)) {
            undertake(world, idx);
            *is_dirty = true;
        }
        settle(world, idx);
        n_left += flight_peek(world->segment, idx) != FLIGHT_FREE;
    }
    if (*is_dirty && (world->without_reconcile || quota_reconcile_all(world->segment) == 0))
        *is_dirty = false;
    return n_left == 0 && !*is_dirty;
}

/* What is wrong with the books when nothing is in flight, or NULL. */
static const char *
books_fault(struct world *world)
{
    int64_t used[N_KEYS] = {0};

    for (uint64_t ticket = 0; ticket < world->n_tickets; ticket++) {
        used[world->stored[ticket] >> 24] += world->stored[ticket] & 0xffffff;
        if (world->finished[ticket] && world->stored[ticket] == 0)
            return "a finished request is not in the store";
    }
    for (uint64_t key = 0; key < N_KEYS; key++) {
        if (fixture_used(cell_of(world, key, CELL_NUSD)) != used[key] ||
            fixture_used(cell_of(world, key, CELL_TOKENS)) != used[key])
            return "used is not the sum of what was settled";
        for (int c = 0; c < N_CELLS; c++)
            if (fixture_reserved(cell_of(world, key, c)) != 0)
                return "something is still reserved";
    }
    if (fixture_used(cell_of(world, 0, CELL_NUSD)) > cell_of(world, 0, CELL_NUSD)->limit)
        return "a limit was passed";
    return NULL;
}

/* ---- killed at each instruction ---- */

/* `to` becomes what a kill of everybody else would leave of `from` at this moment. */
static void
world_snapshot(const struct world *from, struct world *to)
{
    uint64_t n_tickets = from->n_tickets;

    memcpy(to->segment->header, from->segment->header, from->segment->size);
    memcpy(to->stored, from->stored, n_tickets * sizeof(to->stored[0]));
    memcpy(to->finished, from->finished, n_tickets * sizeof(to->finished[0]));
    to->n_tickets = n_tickets;
}

/* A load-exclusive and its store never come to an end with a stop in between. */
static bool
can_step_through_atomics(void)
{
#if defined(__aarch64__)
    return (getauxval(AT_HWCAP) & HWCAP_ATOMICS) != 0; /* libgcc's atomics are one instruction */
#else
    return true;
#endif
}

/*
 * A child stops itself at the start and at the end of `act`. In between it goes on by one
 * instruction at a time, and each time `check` repairs a copy of the world and looks at it.
 */
static long
at_each_instruction(struct world *world, void (*act)(struct world *, int), int arg,
                    void (*check)(struct world *, int, long))
{
    struct world *copy = world_new(INT64_C(1) << 40);
    long step = 0;
    int status;

    if (!can_step_through_atomics())
        cr_skip_test("this processor's atomics cannot be stepped through");
    pid_t pid = fork();

    if (pid == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(77);
        act(world, arg);
        _exit(0);
    }
    (void)waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        cr_skip_test("ptrace is not allowed here");
    cr_assert(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    do {
        world_snapshot(world, copy);
        check(copy, arg, step++);
        cr_assert_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        (void)waitpid(pid, &status, 0);
        cr_assert(WIFSTOPPED(status), "status %x", status);
    } while (WSTOPSIG(status) == SIGTRAP);
    cr_assert_eq(WSTOPSIG(status), SIGSTOP);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, &status, 0);
    return step;
}

static void
act_as_worker(struct world *world, int fate)
{
    struct flight_desk *desk = fixture_desk(world->segment, 1);
    struct flight *flight = prepare(world, desk, 1, fate == FATE_REFUSED ? HOPELESS : 1000);

    (void)raise(SIGSTOP);
    fly(world, desk, flight, fate);
    (void)raise(SIGSTOP);
}

/* The bystander's flights are held all the while and must survive every repair. */
static void
check_worker_killed(struct world *world, int fate, long step)
{
    static const int64_t expected[N_KEYS][N_CELLS] = {[1] = {500, 1, 500}, [2] = {1500, 3, 1500}};
    uint64_t ticket = world->n_tickets - 1;
    bool is_dirty = true;

    proc_slot_set_state(world->segment, 1, PROC_DEAD);
    ledger_start(world);
    for (uint32_t idx = 0; idx < flight_n_slots(world->segment); idx++)
        if (flight_is_orphan(world->segment, idx))
            undertake(world, idx);
    /* Before reconcile it may be too high, but what others hold is never given away. */
    for (uint64_t key = 0; key < N_KEYS; key++)
        for (int c = 0; c < N_CELLS; c++)
            cr_assert_geq(fixture_reserved(cell_of(world, key, c)), expected[key][c],
                          "fate %d step %ld key %d cell %d", fate, step, (int)key, c);
    (void)ledger_round(world, &is_dirty);
    cr_assert_not(is_dirty);
    for (uint64_t key = 0; key < N_KEYS; key++)
        for (int c = 0; c < N_CELLS; c++)
            cr_assert_eq(fixture_reserved(cell_of(world, key, c)), expected[key][c],
                         "fate %d step %ld key %d cell %d", fate, step, (int)key, c);
    cr_assert(fate == FATE_DONE || world->stored[ticket] == 0, "step %ld", step);
    cr_assert(!world->finished[ticket] || world->stored[ticket] != 0, "step %ld", step);
    cr_assert_eq(fixture_used(cell_of(world, 1, CELL_NUSD)), world->stored[ticket] & 0xffffff);
}

Test(flight_kill, a_worker_killed_at_any_instruction_leaves_exact_books, .timeout = 300)
{
    for (int fate = 0; fate < N_FATES; fate++) {
        struct world *world = world_new(INT64_C(1) << 40);
        struct flight_desk *bystander = fixture_desk(world->segment, 0);
        uint32_t failed;

        for (int i = 0; i < 4; i++) {
            struct flight *flight = prepare(world, bystander, i == 0 ? 1 : 2, 500);

            cr_assert_eq(flight_hold(world->segment, flight, &failed), 0);
        }
        cr_assert_gt(at_each_instruction(world, act_as_worker, fate, check_worker_killed), 100);
    }
}

/* While all live, the words are right as they are: reconcile may find that, or say "busy". */
static void
check_worker_living(struct world *world, int fate, long step)
{
    uint64_t before[N_CELLS];

    (void)fate;
    for (int c = 0; c < N_CELLS; c++)
        before[c] = (uint64_t)fixture_reserved(cell_of(world, 1, c));
    if (quota_reconcile_all(world->segment) != 0)
        cr_assert_neq(shm_head_byte(world->segment->flight_heads[32], FLIGHT_MOVING_SHIFT), 0);
    for (int c = 0; c < N_CELLS; c++)
        cr_assert_eq(fixture_reserved(cell_of(world, 1, c)), before[c], "step %ld", step);
}

Test(flight_kill, reconcile_never_takes_from_the_living, .timeout = 300)
{
    for (int fate = 0; fate < N_FATES; fate++) {
        struct world *world = world_new(INT64_C(1) << 40);

        cr_assert_gt(at_each_instruction(world, act_as_worker, fate, check_worker_living), 100);
    }
}

/* One flight DONE, one to be buried, one to be voided. */
static void
leave_three_flights(struct world *world)
{
    struct flight_desk *desk = fixture_desk(world->segment, 1);
    struct flight *flights[3];
    uint32_t failed;

    for (int i = 0; i < 3; i++)
        flights[i] = prepare(world, desk, 1, 100 << i);
    fly(world, desk, flights[0], FATE_DONE);
    for (int i = 1; i < 3; i++)
        cr_assert_eq(flight_hold(world->segment, flights[i], &failed), 0);
    flight_dispatch(flights[1]);
    flight_note_usage(flights[1], &(struct usage){.count[USAGE_OUTPUT] = 42, .is_reported = 1});
    proc_slot_set_state(world->segment, 1, PROC_DEAD);
    flight_desk_close(&desk);
}

static void
act_as_ledger(struct world *world, int unused)
{
    (void)unused;
    (void)raise(SIGSTOP);
    settle(world, 32);
    undertake(world, 33);
    settle(world, 33);
    undertake(world, 34);
    (void)raise(SIGSTOP);
}

static void
check_ledger_killed(struct world *world, int unused, long step)
{
    bool is_dirty = true; /* as for each ledger at its start */

    (void)unused;
    ledger_start(world);
    cr_assert(ledger_round(world, &is_dirty), "step %ld", step);

    const char *fault = books_fault(world);

    cr_assert_null(fault, "step %ld: %s", step, fault);
    cr_assert_eq(world->stored[0] & 0xffffff, 51, "step %ld", step);
    cr_assert_eq(world->stored[1] & 0xffffff, 42, "step %ld", step);
    cr_assert_eq(world->stored[2], 0, "step %ld", step);
}

Test(flight_kill, a_ledger_killed_at_any_instruction_is_succeeded_with_exact_books, .timeout = 300)
{
    struct world *world = world_new(INT64_C(1) << 40);

    leave_three_flights(world);
    cr_assert_gt(at_each_instruction(world, act_as_ledger, 0, check_ledger_killed), 100);
}

/* ---- killed at random ---- */

static _Noreturn void
worker_loop(struct world *world, uint32_t slot, uint32_t generation, uint64_t seed)
{
    if (proc_slot_claim(world->segment, slot, generation) != 0)
        _exit(1);

    struct flight_desk *desk = flight_desk_open(world->segment, slot);

    while (!world->is_over) {
        uint64_t random = fixture_random(&seed);
        bool is_hopeless = (random >> 32) % 64 != 0; /* these live in INTENT, where kills hurt */
        int64_t estimate = is_hopeless ? HOPELESS : (int64_t)(random >> 8 & 0xfff) + 1;
        struct flight *flight = prepare(world, desk, random % N_KEYS, estimate);

        if (flight != NULL)
            fly(world, desk, flight, (random >> 40) % 4 == 0 ? FATE_RELEASED : FATE_DONE);
        else
            (void)sched_yield();
    }
    _exit(0);
}

static _Noreturn void
ledger_loop(struct world *world)
{
    bool is_dirty = true;
    int n_last_rounds = 200000;

    ledger_start(world);
    for (bool was_quiet = false; !ledger_round(world, &is_dirty) || !was_quiet;) {
        was_quiet = world->is_quiet; /* before the round that finds nothing left */
        if (was_quiet && --n_last_rounds == 0)
            _exit(1);
        (void)sched_yield();
    }
    _exit(0);
}

static pid_t
spawn(struct world *world, uint32_t slot, uint64_t seed)
{
    bool is_ledger = slot == fixture_capacity.n_workers;
    uint32_t generation = is_ledger ? 0 : proc_slot_offer(world->segment, slot, PROC_WORKER);
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    if (is_ledger)
        ledger_loop(world);
    worker_loop(world, slot, generation, seed | 1);
}

/* A child that is a zombie already, killed by its own assert. */
static bool
somebody_ended(void)
{
    siginfo_t info = {0};

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

/* Some workers and a ledger, n_kills SIGKILLs; returns what is wrong with the books at the end. */
static const char *
campaign(uint64_t seed, int n_kills, bool without_reconcile)
{
    enum { N_PROCESSES = 5 };
    struct world *world = world_new(2000000);
    pid_t pids[N_PROCESSES];
    int status, n_failed = 0;

    world->without_reconcile = without_reconcile;
    for (uint32_t slot = 0; slot < N_PROCESSES; slot++)
        pids[slot] = spawn(world, slot, fixture_random(&seed));
    for (int n = 0; n < n_kills; n++) {
        uint32_t slot = (uint32_t)(fixture_random(&seed) % N_PROCESSES);
        uint64_t target = world->n_tickets + fixture_random(&seed) % 5000;

        while (world->n_tickets < target && world->n_tickets < N_TICKETS && !somebody_ended())
            (void)sched_yield();
        (void)kill(pids[slot], SIGKILL);
        (void)waitpid(pids[slot], &status, 0);
        n_failed += !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL;
        if (slot < fixture_capacity.n_workers && fixture_random(&seed) % 2 == 0)
            proc_slot_set_state(world->segment, slot, PROC_DEAD); /* or offered anew at once */
        pids[slot] = spawn(world, slot, fixture_random(&seed));
    }
    world->is_over = true;
    for (uint32_t slot = 0; slot < N_PROCESSES; slot++) {
        world->is_quiet = slot == fixture_capacity.n_workers;
        (void)waitpid(pids[slot], &status, 0);
        n_failed += status != 0;
        if (slot < fixture_capacity.n_workers)
            proc_slot_set_state(world->segment, slot, PROC_DEAD);
    }

    const char *fault = n_failed > 0 ? "a process ended by itself" : books_fault(world);

    segment_detach(&world->segment);
    (void)munmap(world, sizeof(*world));
    return fault;
}

Test(flight_kill, workers_and_ledgers_killed_at_random_leave_exact_books, .timeout = 300)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        const char *fault = campaign(seed * 7919, 60, false);

        cr_assert_null(fault, "seed %lu: %s", (unsigned long)seed, fault);
    }
}

/* The proof that the campaign sees something: one repair left out, and the books are wrong. */
Test(flight_kill, without_reconcile_the_same_campaign_fails, .timeout = 300)
{
    const char *fault = NULL;

    for (uint64_t seed = 1; seed <= 200 && fault == NULL; seed++)
        fault = campaign(seed * 7919, 60, true);
    cr_assert_str_eq(fault, "something is still reserved");
}
