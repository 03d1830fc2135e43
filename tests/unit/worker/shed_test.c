#include <criterion/criterion.h>

#include "scene.h"
#include "shed.h"

#define MS 1000

Test(shed, one_late_turn_is_no_reason)
{
    struct shed shed = {.delay_us = 250 * MS};

    cr_assert_not(shed_note(&shed, 900 * MS));
    cr_assert_not(shed_note(&shed, 10 * MS));
    cr_assert_not(shed_note(&shed, 900 * MS));
    cr_assert_not(shed.is_late);
}

Test(shed, begins_when_late_twice_and_ends_when_in_time_by_half)
{
    struct shed shed = {.delay_us = 250 * MS};

    cr_assert_not(shed_note(&shed, 251 * MS));
    cr_assert(shed_note(&shed, 251 * MS));
    cr_assert(shed.is_late);
    cr_assert_not(shed_note(&shed, 900 * MS), "told once");
    cr_assert_not(shed_note(&shed, 200 * MS), "better, but not well");
    cr_assert(shed.is_late);
    cr_assert(shed_note(&shed, 125 * MS));
    cr_assert_not(shed.is_late);
}

Test(shed, a_worker_with_all_that_it_may_have_refuses)
{
    struct worker w = {.magic = WORKER_MAGIC};
    uint32_t n;

    share_init(&w.share, 1, 1);
    cr_assert_not(shed_refuses(&w));
    cr_assert_eq(share_take(&w.share, 1, &n), 0);
    cr_assert(shed_refuses(&w));
    share_give(&w.share, 1);
    w.shed.is_late = true;
    cr_assert(shed_refuses(&w));
    share_fini(&w.share);
}

/* The clock is moved between the end of one turn and that of the next: so long did the event wait.
 */
Test(shed, measures_how_long_what_is_ready_waits)
{
    struct scene *s = scene_new();
    struct worker *w = &s->worker;

    s->conf.shed_delay_us = 250 * MS;
    share_init(&w->share, 4, 1);
    cr_assert(shed_open(w));
    for (int i = 0; i < 4; i++) {
        shed_turn(w); /* sends */
        scene_pass(s, 300 * MS);
        cr_assert(w->shed.has_come);
        shed_turn(w); /* takes it in */
        cr_assert_eq(w->shed.is_late, i >= 1);
        scene_pass(s, 50 * MS);
    }
    cr_assert(shed_refuses(w));
    shed_turn(w);
    scene_pass(s, 1 * MS);
    shed_turn(w);
    cr_assert_not(shed_refuses(w));
    share_fini(&w->share);
    scene_free(s);
}

Test(shed, switched_off_it_never_asks)
{
    struct scene *s = scene_new();
    struct worker *w = &s->worker;

    cr_assert(shed_open(w));
    shed_turn(w);
    scene_pass(s, 900 * MS);
    shed_turn(w);
    cr_assert_eq(w->shed.sent_us, 0);
    scene_free(s);
}

Test(shed, callers_are_asked_to_come_again_at_different_times)
{
    struct scene *s = scene_new();
    bool was_seen[8] = {false};

    for (int i = 0; i < 100; i++) {
        cr_assert_eq(shed_refuse(&s->request), ERR_OVERLOADED);
        cr_assert(s->request.retry_after_s >= 1 && s->request.retry_after_s <= 4);
        was_seen[s->request.retry_after_s] = true;
    }
    cr_assert(was_seen[1] && was_seen[2] && was_seen[3] && was_seen[4]);
    scene_free(s);
}
