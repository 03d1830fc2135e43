/* SPDX-License-Identifier: ISC */
#include "quota_hold.h"
#include "segment_suite.h"

SEGMENT_SUITE(quota);

static int
open_cell(uint64_t key_id, uint32_t period_id, struct quota_terms terms, uint32_t *idx,
          uint32_t *generation)
{
    const struct quota_cell_id id = {key_id, period_id, QUOTA_ALL_MODELS, LIMIT_UNIT_NUSD};

    return quota_cell_open(segment, &id, &terms, idx, generation);
}

/* What a flight would hold on it. */
static struct flight_hold
hold_of(const struct quota_cell *cell, int64_t amount)
{
    return (struct flight_hold){.cell_idx = (uint32_t)(cell - segment->quota_cells),
                                .generation = cell->generation,
                                .amount = amount};
}

static int
hold(const struct quota_cell *cell, int64_t amount)
{
    struct flight_hold wanted = hold_of(cell, amount);
    struct quota_held held;

    return quota_hold(segment, &wanted, &held);
}

static void
unhold(const struct quota_cell *cell, int64_t amount)
{
    struct flight_hold held = hold_of(cell, amount);

    quota_unhold(segment, &held);
}

Test(quota, reserves_up_to_the_limit_then_refuses)
{
    struct quota_cell *cell = fixture_cell(segment, 1, LIMIT_UNIT_NUSD, 100);

    cr_assert_eq(hold(cell, 60), 0);
    cr_assert_eq(hold(cell, 41), ERR_QUOTA_EXCEEDED);
    cr_assert_eq(hold(cell, 40), 0);
}

Test(quota, a_charge_below_its_reservation_gives_the_rest_back)
{
    struct quota_cell *cell = fixture_cell(segment, 1, LIMIT_UNIT_NUSD, 100);

    cr_assert_eq(hold(cell, 100), 0);
    quota_charge(cell, 30);
    unhold(cell, 100);
    cr_assert_eq(hold(cell, 71), ERR_QUOTA_EXCEEDED);
    cr_assert_eq(hold(cell, 70), 0);
}

Test(quota, an_overspent_cell_refuses_even_small_amounts)
{
    struct quota_cell *cell = fixture_cell(segment, 1, LIMIT_UNIT_NUSD, 100);

    cr_assert_eq(hold(cell, 100), 0);
    quota_charge(cell, 150);
    unhold(cell, 100);
    cr_assert_eq(hold(cell, 1), ERR_QUOTA_EXCEEDED);
}

Test(quota, no_limit_is_large_enough_to_overflow_the_word)
{
    struct quota_cell *cell = fixture_cell(segment, 1, LIMIT_UNIT_NUSD, INT64_MAX);

    cr_assert_eq(hold(cell, QUOTA_RESERVED_MAX), 0);
    cr_assert_eq(hold(cell, 1), ERR_QUOTA_EXCEEDED);
    cr_assert_eq(hold(cell, INT64_MAX), ERR_QUOTA_EXCEEDED);
    unhold(cell, QUOTA_RESERVED_MAX);
    cr_assert_eq(fixture_reserved(cell), 0);
}

Test(quota, a_release_without_its_reservation_aborts, .signal = SIGABRT)
{
    unhold(fixture_cell(segment, 1, LIMIT_UNIT_NUSD, 100), 5);
}

Test(quota, opening_the_same_limit_again_finds_its_cell)
{
    uint32_t idx, generation, again_idx, again_generation;

    cr_assert_eq(
        open_cell(7, 202611, (struct quota_terms){.limit = 100, .used = 10}, &idx, &generation), 0);
    cr_assert_eq(hold(quota_cell_at(segment, idx, generation), 5), 0);
    row_index_free(&segment->cells_by_limit); /* as in a ledger that takes over */
    cr_assert_eq(open_cell(7, 202611, (struct quota_terms){.limit = 90, .used = 11}, &again_idx,
                           &again_generation),
                 0);
    cr_assert_eq(again_idx, idx);
    cr_assert_eq(again_generation, generation);

    struct quota_view view;

    quota_view(quota_cell_at(segment, idx, generation), &view);
    cr_assert_eq(view.used, 11);
    cr_assert_eq(view.limit, 90);
    cr_assert_eq(view.reserved, 5);
    cr_assert_eq(view.period_id, 202611);
    cr_assert_eq(open_cell(7, 202612, (struct quota_terms){.limit = 90, .used = 0}, &again_idx,
                           &again_generation),
                 0);
    cr_assert_neq(again_idx, idx);
}

Test(quota, a_recycled_cell_is_not_found_under_its_old_generation)
{
    uint32_t idx, generation, new_idx, new_generation;

    cr_assert_eq(open_cell(1, 1, (struct quota_terms){.limit = 100, .used = 0}, &idx, &generation),
                 0);

    struct quota_cell *cell = quota_cell_at(segment, idx, generation);

    struct flight_hold stale = hold_of(cell, 1);
    struct quota_held held;

    cr_assert_eq(quota_hold(segment, &stale, &held), 0);
    cr_assert_eq(quota_cell_close(segment, idx), ERR_BUSY);
    quota_unhold(segment, &stale);
    cr_assert_eq(quota_cell_close(segment, idx), 0);
    cr_assert_null(quota_cell_at(segment, idx, generation));
    cr_assert_eq(quota_hold(segment, &stale, &held), ERR_CONFLICT);
    cr_assert_eq(
        open_cell(2, 1, (struct quota_terms){.limit = 100, .used = 0}, &new_idx, &new_generation),
        0);
    cr_assert_eq(new_idx, idx); /* last in, first out */
    cr_assert_neq(new_generation, generation);
    cr_assert_null(quota_cell_at(segment, idx, generation));
    cr_assert_not_null(quota_cell_at(segment, idx, new_generation));

    struct quota_cell_info info;

    cr_assert_eq(quota_cell_info(segment, idx, &info), 0);
    cr_assert_eq(info.id.key_id, 2);
    cr_assert_eq(info.generation, new_generation);
    cr_assert_eq(quota_cell_info(segment, idx + 1, &info), ERR_MISSING);
}

Test(quota, a_full_table_says_so_and_goes_on_after_a_close)
{
    uint32_t idx = 0, generation;

    for (uint64_t key = 1; key <= fixture_capacity.quota_cells; key++)
        cr_assert_eq(
            open_cell(key, 1, (struct quota_terms){.limit = 1, .used = 0}, &idx, &generation), 0);
    cr_assert_eq(open_cell(999, 1, (struct quota_terms){.limit = 1, .used = 0}, &idx, &generation),
                 ERR_FULL);
    cr_assert_eq(quota_cell_close(segment, 5), 0);
    cr_assert_eq(open_cell(999, 1, (struct quota_terms){.limit = 1, .used = 0}, &idx, &generation),
                 0);
    cr_assert_eq(idx, 5);
}

Test(quota, eight_racing_processes_are_granted_exactly_the_limit)
{
    enum { N_PROCESSES = 8, N_TRIES = 5000, LIMIT = 10007 };
    struct quota_cell *cell = fixture_cell(segment, 1, LIMIT_UNIT_NUSD, LIMIT);

    for (int i = 0; i < N_PROCESSES; i++) {
        if (fork() == 0) {
            for (int n = 0; n < N_TRIES; n++) {
                /* Every other grant is settled at once, as by the ledger: used up, not returned. */
                if (hold(cell, 1) == 0 && n % 2 == 0) {
                    quota_charge(cell, 1);
                    unhold(cell, 1);
                }
            }
            _exit(0);
        }
    }
    while (wait(NULL) > 0)
        ;
    cr_assert_eq(fixture_used(cell) + fixture_reserved(cell), LIMIT);
}

/*
 * A cell is closed and opened for another limit as fast as can be while others try to hold on it by
 * the generation they know. Whoever is granted must find that generation there until it lets go.
 */
Test(quota, a_hold_and_a_close_never_both_succeed, .timeout = 60)
{
    enum { N_ROUNDS = 20000 };
    struct shared {
        _Atomic uint64_t current; /* idx:32 | generation:32 */
        _Atomic int n_wrong, n_granted, is_over;
    } *shared = fixture_shared(sizeof(*shared));
    uint32_t idx, generation;

    cr_assert_eq(open_cell(1, 1, (struct quota_terms){.limit = 100, .used = 0}, &idx, &generation),
                 0);
    shared->current = (uint64_t)idx << 32 | generation;
    for (int i = 0; i < 3; i++) {
        if (fork() == 0) {
            while (!shared->is_over) {
                uint64_t current = shared->current;
                struct flight_hold wanted = {.cell_idx = (uint32_t)(current >> 32),
                                             .generation = (uint32_t)current,
                                             .amount = 1};
                struct quota_held held;

                if (quota_hold(segment, &wanted, &held) != 0)
                    continue;
                shared->n_granted++;
                for (volatile int spin = 0; spin < 20; spin++)
                    ;
                if (segment->quota_cells[wanted.cell_idx].generation != wanted.generation)
                    shared->n_wrong++;
                quota_unhold(segment, &wanted);
            }
            _exit(0);
        }
    }
    for (int n = 0; n < N_ROUNDS || shared->n_granted < 100; n++) {
        if (quota_cell_close(segment, idx) != 0)
            continue;
        cr_assert_eq(open_cell((uint64_t)n + 2, 1, (struct quota_terms){.limit = 100, .used = 0},
                               &idx, &generation),
                     0);
        shared->current = (uint64_t)idx << 32 | generation;
    }
    shared->is_over = 1;
    int status, n_failed = 0;

    while (wait(&status) > 0)
        n_failed += status != 0;
    cr_assert_eq(n_failed, 0);
    cr_assert_eq(shared->n_wrong, 0);
    cr_assert_gt(shared->n_granted, 0);
    cr_assert_eq(fixture_reserved(&segment->quota_cells[idx]), 0);
}

Test(quota, limits_of_one_model_and_of_all_have_their_own_cells)
{
    const uint32_t models[] = {QUOTA_ALL_MODELS, 0, 1};
    struct flight_hold cells[3];

    for (int i = 0; i < 3; i++) {
        const struct quota_cell_id id = {7, 202611, models[i], LIMIT_UNIT_NUSD};

        cr_assert_eq(fixture_open(segment, id, (struct quota_terms){.limit = i}, &cells[i]), 0);
    }
    row_index_free(&segment->cells_by_limit); /* as in a ledger that takes over */
    for (int i = 0; i < 3; i++) {
        const struct quota_cell_id id = {7, 202611, models[i], LIMIT_UNIT_NUSD};
        struct flight_hold again;
        struct quota_view view;

        cr_assert_eq(fixture_open(segment, id, (struct quota_terms){.limit = i}, &again), 0);
        cr_expect_eq(again.cell_idx, cells[i].cell_idx);
        quota_view(quota_cell_at(segment, again.cell_idx, again.generation), &view);
        cr_expect_eq(view.model_id, models[i]);
        for (int j = 0; j < i; j++)
            cr_expect_neq(cells[j].cell_idx, cells[i].cell_idx);
    }
}

Test(quota, a_shadow_counts_and_refuses_nothing)
{
    const struct quota_cell_id id = {7, 202611, QUOTA_ALL_MODELS, LIMIT_UNIT_NUSD};
    struct quota_terms terms = {.limit = 100, .is_shadow = true};
    struct flight_hold wanted = {.amount = 60};
    struct quota_held held = {0};
    struct quota_view view;

    cr_assert_eq(fixture_open(segment, id, terms, &wanted), 0);
    struct quota_cell *cell = quota_cell_at(segment, wanted.cell_idx, wanted.generation);

    cr_assert_eq(quota_hold(segment, &wanted, &held), 0);
    cr_expect_not(held.is_over);
    cr_assert_eq(quota_hold(segment, &wanted, &held), 0);
    cr_expect(held.is_over);
    quota_view(cell, &view);
    cr_expect_eq(view.reserved, 120);
    cr_expect(view.is_shadow);

    wanted.amount = QUOTA_RESERVED_MAX; /* past what the word can count */
    cr_assert_eq(quota_hold(segment, &wanted, &held), 0);
    cr_expect(held.is_over);
    cr_expect_eq(wanted.amount, 0);
    quota_view(cell, &view);
    cr_expect_eq(view.reserved, 120);

    terms.is_shadow = false; /* from now on it is in earnest */
    cr_assert_eq(fixture_open(segment, id, terms, &wanted), 0);
    wanted.amount = 1;
    cr_assert_eq(quota_hold(segment, &wanted, &held), ERR_QUOTA_EXCEEDED);
    cr_expect_not(held.is_over);
}
