/* SPDX-License-Identifier: ISC */
#include "fixture.h"

#include "relayos/shm/poison.h"

#define S INT64_C(1000000)

static struct flight_record
record_of(uint64_t key_id, int64_t body_bytes)
{
    return (struct flight_record){
        .key_id = key_id, .model_id = 3, .endpoint = 1, .body_bytes = body_bytes, .model = "m"};
}

Test(poison, five_crashes_within_a_minute_quarantine_it_for_ten)
{
    struct segment *segment = fixture_segment();
    struct flight_record bad = record_of(7, 1000), good = record_of(7, 1001);

    for (int i = 0; i < 4; i++) {
        cr_expect_not(poison_count(segment, &bad, 100 * S + i * 10 * S));
        cr_expect_not(poison_is_quarantined(segment, &bad, 130 * S));
    }
    cr_expect(poison_count(segment, &bad, 140 * S));
    cr_expect(poison_is_quarantined(segment, &bad, 140 * S));
    cr_expect(poison_is_quarantined(segment, &bad, 739 * S));
    cr_expect_not(poison_is_quarantined(segment, &bad, 740 * S));
    cr_expect_not(poison_is_quarantined(segment, &good, 141 * S));
    segment_detach(&segment);
}

Test(poison, crashes_far_apart_do_not_add_up)
{
    struct segment *segment = fixture_segment();
    struct flight_record record = record_of(7, 1000);

    for (int i = 0; i < 50; i++)
        cr_expect_not(poison_count(segment, &record, 100 * S + i * 16 * S));
    segment_detach(&segment);
}

Test(poison, it_is_found_among_many_that_were_there_by_chance)
{
    struct segment *segment = fixture_segment();
    struct flight_record bad = record_of(7, 1000);
    bool is_caught = false;
    int64_t n_others = 0;

    for (int crash = 0; crash < 5; crash++) {
        is_caught = poison_count(segment, &bad, (100 + crash) * S);
        for (int i = 0; i < 300; i++) {
            struct flight_record other = record_of((uint64_t)(100 + i), crash * 1000 + i);

            n_others += poison_count(segment, &other, (100 + crash) * S);
        }
    }
    cr_expect(is_caught);
    cr_expect_eq(n_others, 0);
    segment_detach(&segment);
}

Test(poison, counts_and_quarantine_are_carried_over_and_nonsense_is_not)
{
    struct segment *damaged = fixture_segment(), *fresh = fixture_segment();
    struct flight_record caught = record_of(7, 1000), counted = record_of(8, 5);

    for (int i = 0; i < 5; i++)
        (void)poison_count(damaged, &caught, 100 * S);
    for (int i = 0; i < 4; i++)
        (void)poison_count(damaged, &counted, 100 * S);
    damaged->poison->rows[3].fingerprint = 5;
    damaged->poison->rows[3].until_us = INT64_MAX;
    damaged->poison->n_rows = 1u << 31;
    poison_carry(damaged, fresh, 110 * S);
    cr_expect(poison_is_quarantined(fresh, &caught, 111 * S));
    cr_expect_eq(fresh->poison->n_rows, 1);
    cr_expect(poison_count(fresh, &counted, 112 * S));
    segment_detach(&damaged);
    segment_detach(&fresh);
}

Test(poison, with_a_full_list_the_row_that_ends_first_goes)
{
    struct segment *segment = fixture_segment();
    struct poison_view rows[POISON_ROWS];

    for (int i = 0; i <= POISON_ROWS; i++) {
        struct flight_record record = record_of((uint64_t)(10 + i), 5);

        for (int n = 0; n < POISON_CRASHES; n++)
            cr_expect_eq(poison_count(segment, &record, (100 + i) * S), n == POISON_CRASHES - 1);
    }
    struct flight_record first = record_of(10, 5), last = record_of(10 + POISON_ROWS, 5);

    cr_expect_not(poison_is_quarantined(segment, &first, 150 * S));
    cr_expect(poison_is_quarantined(segment, &last, 150 * S));
    cr_expect_eq(poison_list(segment, 150 * S, rows), POISON_ROWS);
    cr_expect_eq(poison_list(segment, 10000 * S, rows), 0);
    cr_expect_str_eq(rows[0].model, "m");
    segment_detach(&segment);
}
