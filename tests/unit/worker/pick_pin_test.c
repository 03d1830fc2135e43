#include <criterion/criterion.h>

#include "scene.h"

/* The conversation of the request at hand lies on route n, with that credential. */
static void
pin(struct scene *s, uint32_t n, uint32_t credential)
{
    s->request.facts.affinity = SLICE_LIT("conversation");
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    s->worker.scratch.pick.route = s->routes[n];
    s->worker.scratch.pick.n_credential = credential;
    scene_call(s, ATTEMPT_OK, ERR_CATEGORY_NONE, 200);
    scene_ask(s);
    s->request.facts.affinity = SLICE_LIT("conversation");
}

Test(pick_pin, a_conversation_stays_where_it_was_answered)
{
    struct scene *s = scene_new();

    pin(s, 2, 1);
    for (int i = 0; i < 50; i++) {
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        cr_assert_eq(scene_picked(s), 2);
        cr_assert_eq(s->worker.scratch.pick.n_credential, 1);
        scene_ask(s);
        s->request.facts.affinity = SLICE_LIT("conversation");
    }
    scene_free(s);
}

Test(pick_pin, a_conversation_comes_back_after_a_short_pause_of_its_place)
{
    struct scene *s = scene_new();

    pin(s, 1, 0);
    scene_fail_credentials(s, 1, 1, 429);
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert_neq(scene_picked(s), 1);
    scene_call(s, ATTEMPT_OK, ERR_CATEGORY_NONE, 200);
    scene_pass(s, 40 * SCENE_SECOND);
    scene_ask(s);
    s->request.facts.affinity = SLICE_LIT("conversation");
    cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
    cr_assert_eq(scene_picked(s), 1);
    scene_free(s);
}

Test(pick_pin, a_conversation_moves_when_its_place_is_disabled_or_long_out)
{
    for (int is_disabled = 0; is_disabled < 2; is_disabled++) {
        struct scene *s = scene_new();

        pin(s, 1, 0);
        scene_pass(s, 61 * SCENE_SECOND);
        if (is_disabled)
            health_set_admin(s->segment, s->routes[1].health_row, HEALTH_DISABLED);
        else
            scene_fail_credentials(s, 1, 1, 429);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        uint32_t elsewhere = scene_picked(s);
        cr_assert_neq(elsewhere, 1);
        scene_call(s, ATTEMPT_OK, ERR_CATEGORY_NONE, 200);
        health_set_admin(s->segment, s->routes[1].health_row, HEALTH_ENABLED);
        scene_pass(s, 40 * SCENE_SECOND);
        for (int i = 0; i < 10; i++) {
            scene_ask(s);
            s->request.facts.affinity = SLICE_LIT("conversation");
            cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
            cr_assert_eq(scene_picked(s), elsewhere);
        }
        scene_free(s);
    }
}

Test(pick_pin, a_drained_route_serves_its_conversations_to_their_end)
{
    struct scene *s = scene_new();

    pin(s, 1, 0);
    health_set_admin(s->segment, s->routes[1].health_row, HEALTH_DRAINED);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        cr_assert_eq(scene_picked(s), 1);
        scene_ask(s);
        cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
        cr_assert_neq(scene_picked(s), 1, "nobody else");
        scene_ask(s);
        s->request.facts.affinity = SLICE_LIT("conversation");
    }
    scene_free(s);
}

Test(pick_pin, signed_reasoning_stays_with_the_family_that_signed_it)
{
    static const char body[] =
        "{\"model\":\"big\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{"
        "\"role\":\"assistant\",\"content\":[{\"type\":\"thinking\",\"thinking\":\"t\","
        "\"signature\":\"c2ln\"},{\"type\":\"text\",\"text\":\"b\"}]},{\"role\":\"user\","
        "\"content\":\"c\"}]}";
    struct scene *s = scene_new();

    for (uint32_t n = 0; n < SCENE_ROUTES; n++) {
        s->upstreams[n].protocols =
            PROTOCOL_BIT(PROTOCOL_ANTHROPIC_MESSAGES) | PROTOCOL_BIT(PROTOCOL_OPENAI_CHAT);
        s->upstreams[n].family = n == 1 ? "other" : "acme";
    }
    scene_commit(s);
    scene_ask(s);
    pin(s, 0, 0);
    for (int is_out = 0; is_out < 2; is_out++) {
        for (int i = 0; i < 20; i++) {
            scene_ask(s);
            s->request.dialect = dialect_of(PROTOCOL_ANTHROPIC_MESSAGES);
            cr_assert_eq(s->request.dialect->read_request(OPERATION_MESSAGE, slice_str(body),
                                                          &s->request.facts, &s->why),
                         0, "%s", s->why.detail);
            s->request.facts.affinity = SLICE_LIT("conversation");
            cr_assert_eq(scene_pick(s, ATTEMPT_FIRST), 0);
            cr_assert_eq(scene_picked(s), is_out ? 2 : 0);
            cr_assert_eq(scene_noted(s, 1), ROUTE_OTHER_FAMILY);
        }
        scene_break(s, 0);
    }
    scene_free(s);
}
