/* SPDX-License-Identifier: ISC
 *
 * A key is one call's at a time: alone, against a model, in a race, and when its owners are killed.
 */
#include "fixture.h"

#include <sched.h>

#include "relayos/shm/idempotency.h"

#define TTL 1000

static const struct segment_capacity one_bucket = {
    .n_workers = 4,
    .flights_per_worker = 8,
    .keys = 4,
    .routes = 1,
    .upstreams = 1,
    .quota_cells = 4,
    .refusals_per_worker = 8,
    .idempotency = IDEMPOTENCY_WAYS,
};

/* Call `key` with body `body`, asked for by worker `slot`, whom worker_begin() has made. */
static struct idempotency_found
ask(struct segment *segment, uint32_t slot, uint64_t key, uint64_t body, int64_t now_us)
{
    struct idempotency_claim claim = {.slot = slot, .now_us = now_us, .ttl_us = TTL};
    struct idempotency_found found;
    struct proc_view view;

    proc_slot_view(segment, slot, &view);
    claim.generation = view.generation;
    memcpy(claim.key, &key, sizeof(key));
    memcpy(claim.body, &body, sizeof(body));
    memcpy(claim.request_id.bytes, &key, sizeof(key));
    memcpy(claim.request_id.bytes + 8, &body, sizeof(body));
    idempotency_find_or_claim(segment, &claim, &found);
    return found;
}

static void
worker_begin(struct segment *segment, uint32_t slot)
{
    uint32_t generation = proc_slot_offer(segment, slot, PROC_WORKER);

    cr_assert_eq(proc_slot_claim(segment, slot, generation), 0);
}

static struct segment *
start(const struct segment_capacity *capacity)
{
    struct segment *segment = fixture_segment_of(capacity);

    for (uint32_t slot = 0; slot < 3; slot++)
        worker_begin(segment, slot);
    return segment;
}

Test(idempotency, a_second_call_with_a_key_finds_the_first)
{
    struct segment *segment = start(&fixture_capacity);
    struct idempotency_found mine = ask(segment, 0, 7, 1, 0), found;
    char answer[IDEMPOTENCY_ANSWER_MAX];

    cr_assert_eq(mine.verdict, IDEMPOTENCY_CLAIMED);
    found = ask(segment, 1, 7, 1, 0);
    cr_expect_eq(found.verdict, IDEMPOTENCY_RUNNING);
    cr_expect_arr_eq(found.original.bytes, mine.original.bytes, 16);
    cr_expect_eq(ask(segment, 1, 7, 2, 0).verdict, IDEMPOTENCY_CONFLICT);
    cr_expect_eq(ask(segment, 1, 8, 1, 0).verdict, IDEMPOTENCY_CLAIMED);

    idempotency_finish(segment, &mine, SLICE_LIT("the answer"), 5);
    found = ask(segment, 2, 7, 1, 6);
    cr_assert_eq(found.verdict, IDEMPOTENCY_ANSWERED);
    cr_expect_arr_eq(found.original.bytes, mine.original.bytes, 16);
    cr_assert_eq(found.answer_len, 10);
    cr_assert(idempotency_read(segment, &found, answer));
    cr_expect_arr_eq(answer, "the answer", 10);
    cr_expect_eq(ask(segment, 1, 7, 2, 6).verdict, IDEMPOTENCY_CONFLICT);
    segment_detach(&segment);
}

Test(idempotency, an_answer_that_is_not_kept_is_told_of)
{
    static char large[IDEMPOTENCY_ANSWER_MAX + 1];
    struct segment *segment = start(&fixture_capacity);
    struct idempotency_found streamed = ask(segment, 0, 1, 1, 0),
                             long_one = ask(segment, 0, 2, 1, 0), fits = ask(segment, 0, 3, 1, 0);

    idempotency_finish(segment, &streamed, slice_of(NULL, 0), 0);
    idempotency_finish(segment, &long_one, slice_of(large, sizeof(large)), 0);
    idempotency_finish(segment, &fits, slice_of(large, sizeof(large) - 1), 0);
    cr_expect_eq(ask(segment, 1, 1, 1, 0).verdict, IDEMPOTENCY_FINISHED);
    cr_expect_eq(ask(segment, 1, 2, 1, 0).verdict, IDEMPOTENCY_FINISHED);
    cr_expect_eq(ask(segment, 1, 3, 1, 0).verdict, IDEMPOTENCY_ANSWERED);
    segment_detach(&segment);
}

Test(idempotency, a_call_that_was_given_up_or_whose_worker_died_may_be_made_again)
{
    struct segment *segment = start(&fixture_capacity);
    struct idempotency_found given_up = ask(segment, 0, 1, 1, 0);

    cr_expect_eq(ask(segment, 0, 2, 1, 0).verdict, IDEMPOTENCY_CLAIMED);
    idempotency_give_up(segment, &given_up);
    cr_expect_eq(ask(segment, 1, 1, 9, 0).verdict, IDEMPOTENCY_CLAIMED, "with another body, too");
    proc_slot_set_state(segment, 0, PROC_DEAD);
    cr_expect_eq(ask(segment, 1, 2, 9, 0).verdict, IDEMPOTENCY_CLAIMED);
    cr_expect_eq(ask(segment, 2, 2, 9, 0).verdict, IDEMPOTENCY_RUNNING);
    worker_begin(segment, 0);
    cr_expect_eq(ask(segment, 2, 2, 9, 0).verdict, IDEMPOTENCY_RUNNING);
    segment_detach(&segment);
}

Test(idempotency, what_has_finished_is_forgotten_after_its_time)
{
    struct segment *segment = start(&fixture_capacity);
    struct idempotency_found first = ask(segment, 0, 1, 1, 0), second;

    cr_expect_eq(ask(segment, 1, 1, 1, 10 * TTL).verdict, IDEMPOTENCY_RUNNING, "it runs still");
    idempotency_finish(segment, &first, SLICE_LIT("old"), 10);
    cr_expect_eq(ask(segment, 1, 1, 1, 10 + TTL).verdict, IDEMPOTENCY_ANSWERED);
    second = ask(segment, 1, 1, 2, 11 + TTL);
    cr_assert_eq(second.verdict, IDEMPOTENCY_CLAIMED);
    idempotency_finish(segment, &second, SLICE_LIT("new"), 11 + TTL);
    cr_expect_eq(ask(segment, 0, 1, 1, 11 + TTL).verdict, IDEMPOTENCY_CONFLICT);
    segment_detach(&segment);
}

Test(idempotency, room_is_made_by_what_finished_first_and_never_by_what_runs)
{
    struct segment *segment = start(&one_bucket);
    struct idempotency_found calls[IDEMPOTENCY_WAYS];

    for (uint64_t key = 0; key < IDEMPOTENCY_WAYS; key++)
        cr_assert_eq((calls[key] = ask(segment, 0, key, 1, 0)).verdict, IDEMPOTENCY_CLAIMED);
    cr_expect_eq(ask(segment, 1, 99, 1, 0).verdict, IDEMPOTENCY_FULL);
    idempotency_finish(segment, &calls[5], SLICE_LIT("secret 5"), 20);
    idempotency_finish(segment, &calls[9], SLICE_LIT("secret 9"), 10);

    struct idempotency_found before = ask(segment, 1, 9, 1, 30);
    char answer[IDEMPOTENCY_ANSWER_MAX];

    cr_assert_eq(before.verdict, IDEMPOTENCY_ANSWERED);
    cr_expect_eq(ask(segment, 1, 99, 1, 30).verdict, IDEMPOTENCY_CLAIMED);
    cr_expect_not(idempotency_read(segment, &before, answer), "it was evicted meanwhile");
    for (size_t i = 0; i < IDEMPOTENCY_ANSWER_MAX; i++)
        cr_assert_eq(segment->idempotency_answers[calls[9].entry][i], 0, "byte %zu is left", i);
    cr_expect_eq(ask(segment, 1, 5, 1, 30).verdict, IDEMPOTENCY_ANSWERED);
    cr_expect_eq(ask(segment, 1, 9, 1, 30).verdict, IDEMPOTENCY_CLAIMED, "evicts 5");
    cr_expect_eq(ask(segment, 1, 5, 1, 30).verdict, IDEMPOTENCY_FULL);
    cr_expect_eq(ask(segment, 1, 3, 1, 30).verdict, IDEMPOTENCY_RUNNING);
    segment_detach(&segment);
}

Test(idempotency, a_table_of_no_size_takes_nothing)
{
    struct segment_capacity capacity = fixture_capacity;

    capacity.idempotency = 0;
    struct segment *segment = start(&capacity);
    cr_expect_eq(ask(segment, 0, 1, 1, 0).verdict, IDEMPOTENCY_FULL);
    segment_detach(&segment);
}

/* ---- against a model ---- */

enum { N_MODEL_KEYS = 24, N_HISTORIES = 300, N_MOVES = 200 };

struct model_call {
    enum { MODEL_NONE, MODEL_RUNS, MODEL_FINISHED } state;
    uint32_t slot;
    uint64_t body;
    int64_t finished_us;
    struct idempotency_found found;
};

/* The bucket has 16 places; who has to go, if a new one comes, or N_MODEL_KEYS: nobody can. */
static uint64_t
model_victim(const struct model_call *calls)
{
    uint64_t victim = N_MODEL_KEYS;
    int n = 0;

    for (uint64_t key = 0; key < N_MODEL_KEYS; key++) {
        n += calls[key].state != MODEL_NONE;
        if (calls[key].state == MODEL_FINISHED &&
            (victim == N_MODEL_KEYS || calls[key].finished_us < calls[victim].finished_us))
            victim = key;
    }
    return n < IDEMPOTENCY_WAYS ? N_MODEL_KEYS + 1 : victim;
}

static enum idempotency_verdict
model_ask(struct model_call *calls, uint32_t slot, uint64_t key, uint64_t body, int64_t now_us)
{
    struct model_call *call = &calls[key];

    if (call->state != MODEL_NONE &&
        (call->state == MODEL_RUNS || now_us - call->finished_us <= TTL)) {
        if (call->body != body)
            return IDEMPOTENCY_CONFLICT;
        return call->state == MODEL_RUNS ? IDEMPOTENCY_RUNNING : IDEMPOTENCY_ANSWERED;
    }
    uint64_t victim = model_victim(calls);
    if (victim == N_MODEL_KEYS)
        return IDEMPOTENCY_FULL;
    if (victim < N_MODEL_KEYS)
        calls[victim].state = MODEL_NONE;
    *call = (struct model_call){.state = MODEL_RUNS, .slot = slot, .body = body};
    return IDEMPOTENCY_CLAIMED;
}

static void
model_end(struct segment *segment, struct model_call *call, bool is_finished, int64_t now_us)
{
    if (call->state != MODEL_RUNS)
        return;
    if (is_finished)
        idempotency_finish(segment, &call->found, SLICE_LIT("x"), now_us);
    else
        idempotency_give_up(segment, &call->found);
    call->state = is_finished ? MODEL_FINISHED : MODEL_NONE;
    call->finished_us = now_us;
}

static void
model_kill(struct segment *segment, struct model_call *calls, uint32_t slot)
{
    proc_slot_set_state(segment, slot, PROC_DEAD);
    worker_begin(segment, slot);
    for (uint64_t key = 0; key < N_MODEL_KEYS; key++)
        if (calls[key].state == MODEL_RUNS && calls[key].slot == slot)
            calls[key].state = MODEL_NONE;
}

/* An expired call takes a place in both until another wants it; time moves by single steps, so that
 * no two finish at once and the oldest is the same in both. */
static void
run_history(uint64_t seed)
{
    struct segment *segment = start(&one_bucket);
    struct model_call calls[N_MODEL_KEYS] = {0};
    uint64_t state = seed;
    int64_t now_us = 1;

    for (int i = 0; i < N_MOVES; i++) {
        uint64_t dice = fixture_random(&state);
        uint64_t key = dice / 8 % N_MODEL_KEYS, body = dice / 1024 % 8 == 0;
        uint32_t slot = (uint32_t)(dice / 65536 % 3);

        now_us += dice % 64 == 9 ? TTL / 2 : 1;
        if (dice % 8 < 4) {
            enum idempotency_verdict expected = model_ask(calls, slot, key, body, now_us);
            struct idempotency_found found = ask(segment, slot, key, body, now_us);

            cr_assert_eq(found.verdict, expected, "seed %llu move %d: %d, not %d",
                         (unsigned long long)seed, i, found.verdict, expected);
            if (expected == IDEMPOTENCY_CLAIMED)
                calls[key].found = found;
        } else if (dice % 8 < 7) {
            model_end(segment, &calls[key], dice % 8 < 6, now_us);
        } else if (dice / 1048576 % 8 == 0) {
            model_kill(segment, calls, slot);
        }
    }
    segment_detach(&segment);
}

Test(idempotency, random_histories_are_as_the_model_says, .timeout = 60)
{
    for (uint64_t seed = 1; seed <= N_HISTORIES; seed++)
        run_history(seed * UINT64_C(0x9e3779b97f4a7c15));
}

/* ---- races ---- */

enum { N_RACERS = 3, N_RACE_KEYS = 40, N_KILLS = 200 };

struct race {
    struct segment *segment;
    _Atomic uint32_t holders[N_RACE_KEYS];
    _Atomic uint32_t held_by[N_RACERS]; /* key + 1 */
    _Atomic uint64_t n_claims, n_doubles, n_torn;
    _Atomic bool is_over;
};

/* Held alone, or somebody else thinks so too. */
static void
hold_and_end(struct race *race, uint32_t slot, uint32_t key, const struct idempotency_found *found,
             uint64_t dice)
{
    char answer[64];

    race->held_by[slot] = key + 1;
    if (atomic_fetch_add(&race->holders[key], 1) != 0)
        race->n_doubles++;
    race->n_claims++;
    if (dice % 4 == 0)
        sched_yield();
    memset(answer, 'a' + (int)key % 26, sizeof(answer));
    race->holders[key] = 0;
    race->held_by[slot] = 0;
    if (dice % 2 == 0)
        idempotency_give_up(race->segment, found);
    else
        idempotency_finish(race->segment, found, slice_of(answer, sizeof(answer)), (int64_t)dice);
}

static void
check_answer(struct race *race, uint32_t key, const struct idempotency_found *found)
{
    char answer[IDEMPOTENCY_ANSWER_MAX];

    if (!idempotency_read(race->segment, found, answer))
        return;
    for (uint32_t i = 0; i < found->answer_len; i++)
        race->n_torn += answer[i] != 'a' + (int)key % 26;
}

static _Noreturn void
run_racer(struct race *race, uint32_t slot, uint64_t seed)
{
    while (!race->is_over) {
        uint64_t dice = fixture_random(&seed);
        uint32_t key = (uint32_t)(dice / 4 % N_RACE_KEYS);
        struct idempotency_found found = ask(race->segment, slot, key, 1, 0);

        if (found.verdict == IDEMPOTENCY_CLAIMED)
            hold_and_end(race, slot, key, &found, dice / 4096 % 1024);
        else if (found.verdict == IDEMPOTENCY_ANSWERED)
            check_answer(race, key, &found);
    }
    _exit(0);
}

static pid_t
fork_racer(struct race *race, uint32_t slot, uint64_t seed)
{
    uint32_t generation = proc_slot_offer(race->segment, slot, PROC_WORKER);
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        if (proc_slot_claim(race->segment, slot, generation) != 0)
            _exit(1);
        run_racer(race, slot, seed);
    }
    return pid;
}

/* Whoever is killed holds nothing from the moment on that its slot is said to be dead. */
static void
bury(struct race *race, uint32_t slot, pid_t pid)
{
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    uint32_t held = race->held_by[slot];

    if (held != 0)
        race->holders[held - 1] = 0;
    race->held_by[slot] = 0;
    proc_slot_set_state(race->segment, slot, PROC_DEAD);
}

Test(idempotency, a_key_never_has_two_living_owners, .timeout = 120)
{
    struct race *race = fixture_shared(sizeof(*race));
    pid_t pids[N_RACERS];
    uint64_t seed = 88172645463325252u;

    race->segment = fixture_segment_of(&one_bucket);
    for (uint32_t slot = 0; slot < N_RACERS; slot++)
        pids[slot] = fork_racer(race, slot, seed + slot);
    for (int i = 0; i < N_KILLS; i++) {
        uint32_t slot = (uint32_t)(fixture_random(&seed) % N_RACERS);
        uint64_t until = race->n_claims + 200 + fixture_random(&seed) % 500;

        while (race->n_claims < until)
            sched_yield();
        kill(pids[slot], SIGKILL);
        bury(race, slot, pids[slot]);
        pids[slot] = fork_racer(race, slot, fixture_random(&seed));
    }
    race->is_over = true;
    for (uint32_t slot = 0; slot < N_RACERS; slot++)
        bury(race, slot, pids[slot]);
    cr_expect_eq(race->n_doubles, 0, "%llu of %llu", (unsigned long long)race->n_doubles,
                 (unsigned long long)race->n_claims);
    cr_expect_eq(race->n_torn, 0);
    segment_detach(&race->segment);
}
