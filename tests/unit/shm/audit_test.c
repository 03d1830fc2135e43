/* SPDX-License-Identifier: ISC
 *
 * A sound segment is sound whatever goes on in it; damage is found in every table.
 */
#include "fixture.h"

#include "doorbell.h"
#include "relayos/base/clock.h"
#include "relayos/shm/audit.h"
#include "relayos/shm/key_table.h"
#include "relayos/shm/salvage.h"

static void
fill(struct flight_record *record, const struct flight_hold *holds, uint32_t n_holds)
{
    record->request_id = text_uuid_new(clock_real_us());
    record->key_id = 7;
    record->accepted_real_us = clock_real_us();
    record->n_holds = n_holds;
    memcpy(record->holds, holds, n_holds * sizeof(*holds));
    strcpy(record->model, "gpt");
}

/* One flight of each state, on a cell; the DONE one is charged 5. */
static struct segment *
busy_segment(void)
{
    struct segment *segment = fixture_segment();
    struct quota_cell *cell = fixture_cell(segment, 7, LIMIT_UNIT_NUSD, 1000000);
    struct flight_hold hold = fixture_hold(segment, cell, 100);
    struct flight_desk *desk = fixture_desk(segment, 0);
    struct key_view view = {.key_id = 7, .n_limits = 0};
    const uint8_t digest[KEY_DIGEST_SIZE] = {1, 2, 3};
    uint32_t failed;

    cr_assert_eq(key_table_publish(segment, digest, &view), 0);
    for (int i = 0; i < 3; i++) {
        struct flight *flight = flight_take(desk);
        struct usage usage = {.count = {[USAGE_INPUT] = 3}, .is_reported = 1};

        fill(flight_record(flight), &hold, 1);
        cr_assert_eq(flight_hold(segment, flight, &failed), 0);
        if (i == 0)
            continue;
        flight_dispatch(flight);
        flight_note_usage(flight, &usage);
        if (i == 1)
            continue;
        flight_record(flight)->charge_nusd = 5;
        flight_record(flight)->usage = usage;
        flight_done(segment, desk, flight);
    }
    flight_desk_close(&desk);
    return segment;
}

static void
expect_damage(struct segment *segment, const char *words)
{
    struct errmsg why = {""};

    cr_expect_eq(audit_segment(segment, &why), ERR_UNSAFE, "%s was not found", words);
    cr_expect_not_null(strstr(why.text, words), "\"%s\" instead of \"%s\"", why.text, words);
}

Test(audit, empty_and_busy_segments_are_sound)
{
    struct segment *empty = fixture_segment(), *busy = busy_segment();
    struct errmsg why = {""};

    cr_expect_eq(audit_segment(empty, &why), 0, "%s", why.text);
    cr_expect_eq(audit_segment(busy, &why), 0, "%s", why.text);
}

Test(audit, damage_is_found_in_every_table)
{
#define DAMAGE(words, statement)                                                                   \
    do {                                                                                           \
        struct segment *s = busy_segment();                                                        \
        statement;                                                                                 \
        expect_damage(s, words);                                                                   \
        segment_detach(&s);                                                                        \
    } while (0)
    DAMAGE("header", s->header->capacity.keys++);
    DAMAGE("header", s->header->admission_open = 2);
    DAMAGE("header", s->header->key_n_rows = 1u << 30);
    DAMAGE("registry", s->registry->n_names = LIMIT_MODELS + 1);
    DAMAGE("registry 5", s->registry->index[5] = LIMIT_MODELS + 1);
    DAMAGE("process slot 0: role", s->proc_slots[0].role = PROC_LEDGER);
    DAMAGE("process slot 3: state", s->proc_slots[3].state = 99);
    DAMAGE("key index", s->key_index[9] = 1000);
    DAMAGE("key row 0: number", s->key_rows[0].view.row = 9);
    DAMAGE("key row 0: number of limits", s->key_rows[0].view.n_limits = 200);
    DAMAGE("key row 40", s->key_rows[40].view.key_id = 1);
    DAMAGE("quota cell 3: magic", s->quota_cells[3].magic = 0);
    DAMAGE("used is negative", s->quota_cells[0].used = -1);
    DAMAGE("limit is negative", s->quota_cells[0].limit = -1);
    DAMAGE("unit", s->quota_cells[0].unit = 77);
    DAMAGE("200 reserved, but flights hold 300", s->quota_cells[0].word -= UINT64_C(100)
                                                                           << QUOTA_VERSION_BITS);
    DAMAGE("doorbell of worker 0: length", doorbell_at(s, 0, DOORBELL_DONE)->head = 1000);
    DAMAGE("names no flight", doorbell_at(s, 0, DOORBELL_DONE)->entries[0] = 32);
    DAMAGE("refusals of worker 0",
           ((struct refusal_ring *)(void *)s->refusal_rings)->head = 1u << 20);
    DAMAGE("flight 9: state", s->flight_heads[9] = 0x77);
    DAMAGE("held and moving", s->flight_heads[0] |= 1u << FLIGHT_MOVING_SHIFT);
    DAMAGE("held and moving", s->flight_heads[0] |= 4u << FLIGHT_HELD_SHIFT);
    DAMAGE("usage index", s->flight_slots[1].noted_n = 3);
    DAMAGE("number of holds", s->flight_slots[1].record.n_holds = 9);
    DAMAGE("number of attempts", s->flight_slots[1].record.n_attempts = 99);
    DAMAGE("flight 1: hold", s->flight_slots[1].record.holds[0].cell_idx = 64);
    DAMAGE("flight 1: hold", s->flight_slots[1].record.holds[0].amount = -1);
    DAMAGE("flight 2: record", s->flight_slots[2].record.charge_nusd = -1);
    DAMAGE("flight 2: record", s->flight_slots[2].record.request_id.bytes[6] = 0);
    DAMAGE("flight 2: record", s->flight_slots[2].record.usage.count[0] = -1);
    DAMAGE("flight 2: record", memset(s->flight_slots[2].record.user_agent, 'x',
                                      sizeof(s->flight_slots[2].record.user_agent)));
#undef DAMAGE
}

/* What a worker that was killed leaves is no damage: that is what undertakers are for. */
Test(audit, a_dead_workers_half_done_moves_are_sound)
{
    struct segment *segment = busy_segment();
    struct errmsg why = {""};

    segment->flight_heads[0] =
        FLIGHT_INTENT | 1u << FLIGHT_MOVING_SHIFT | (uint64_t)1 << FLIGHT_GENERATION_SHIFT;
    proc_slot_set_state(segment, 0, PROC_DEAD);
    segment->key_rows[0].sequence |= 1;
    segment->key_rows[0].view.n_limits = 255;
    cr_expect_eq(audit_segment(segment, &why), 0, "%s", why.text);
    segment_detach(&segment);
}

/* Workers go on while it reads: children that reserve and give back as fast as they can. */
Test(audit, it_accuses_nobody_who_is_at_work)
{
    struct segment *segment = fixture_segment();
    struct quota_cell *cell = fixture_cell(segment, 7, LIMIT_UNIT_NUSD, INT64_MAX / 2);
    struct flight_hold hold = fixture_hold(segment, cell, 100);
    struct errmsg why = {""};
    pid_t pids[2];
    int n_false = 0;

    for (uint32_t slot = 0; slot < 2; slot++) {
        pids[slot] = fork();
        if (pids[slot] != 0)
            continue;
        struct flight_desk *desk = fixture_desk(segment, slot);
        struct flight *flight;
        uint32_t failed;

        for (;;) {
            while ((flight = flight_take(desk)) == NULL)
                ;
            fill(flight_record(flight), &hold, 1);
            if (flight_hold(segment, flight, &failed) != 0)
                _exit(1);
            flight_dispatch(flight);
            flight_done(segment, desk, flight);
            for (uint32_t n = 0; n < 32; n++) { /* this child settles its own */
                if (flight_peek(segment, slot * 32 + n) == FLIGHT_DONE)
                    flight_settled(segment, slot * 32 + n);
            }
        }
    }
    for (int i = 0; i < 3000; i++)
        n_false += audit_segment(segment, &why) != 0;
    for (int slot = 0; slot < 2; slot++) {
        int status;

        kill(pids[slot], SIGKILL);
        waitpid(pids[slot], &status, 0);
        cr_expect_eq(WTERMSIG(status), SIGKILL);
    }
    cr_expect_eq(n_false, 0, "%d times: %s", n_false, why.text);
    segment_detach(&segment);
}

Test(salvage, sound_flights_are_kept_and_others_become_orphans_without_usage)
{
    struct segment *damaged = busy_segment(), *fresh = fixture_segment();
    struct flight_record record;
    size_t n;

    damaged->flight_slots[0].record.n_holds = 4711;
    struct uuid running = damaged->flight_slots[1].record.request_id;
    struct salvaged *flights = salvage_take(damaged, &n);

    cr_assert_eq(n, 3);
    cr_expect_not(flights[0].is_sound);
    cr_expect(flights[1].is_sound && flights[2].is_sound);
    salvage_put(fresh, flights, n);

    cr_expect_eq(flight_copy(fresh, 0, &record), FLIGHT_DISPATCHED);
    cr_expect(flight_is_orphan(fresh, 0));
    cr_expect_eq(record.key_id, 7);
    cr_expect_eq(record.usage.is_reported, 0);
    cr_expect_str_eq(record.model, "gpt");

    cr_expect_eq(flight_copy(fresh, 1, &record), FLIGHT_DISPATCHED);
    cr_expect(flight_is_orphan(fresh, 1));
    cr_expect_eq(record.usage.count[USAGE_INPUT], 3);
    cr_expect_eq(memcmp(&record.request_id, &running, sizeof(running)), 0);

    cr_expect_eq(flight_copy(fresh, 2, &record), FLIGHT_DONE);
    cr_expect_eq(record.charge_nusd, 5);
    flight_settled(fresh, 2); /* holds nothing there */
    cr_expect_eq(flight_peek(fresh, 2), FLIGHT_FREE);
    free(flights);
    segment_detach(&damaged);
    segment_detach(&fresh);
}

Test(salvage, garbage_makes_rows_that_the_audit_believes)
{
    struct segment *damaged = busy_segment(), *fresh = fixture_segment();
    struct errmsg why = {""};
    size_t n;

    memset(damaged->flight_slots, 0xa5, 2 * sizeof(damaged->flight_slots[0]));
    memset(damaged->flight_heads, 0xa5, 2 * sizeof(damaged->flight_heads[0]));
    struct salvaged *flights = salvage_take(damaged, &n);

    cr_assert_eq(n, 3);
    salvage_put(fresh, flights, n);
    cr_expect_eq(audit_segment(fresh, &why), 0, "%s", why.text);
    cr_expect(flight_is_orphan(fresh, 0) && flight_is_orphan(fresh, 1));
    cr_expect_eq(flights[0].record.request_id.bytes[6] >> 4, 7);
    cr_expect_str_eq(flights[0].record.model, "unknown");
    free(flights);
    segment_detach(&damaged);
    segment_detach(&fresh);
}
