#include <criterion/criterion.h>

#include "scene.h"
#include "session.h"

static uint64_t
of_headers(struct scene *s, const struct http_header *headers, size_t n)
{
    s->request.http.headers = headers;
    s->request.http.n_headers = n;
    return session_conversation(&s->request);
}

static uint64_t
of_body(struct scene *s, const char *body)
{
    static struct refusal_reason why;

    cr_assert_eq(
        s->request.dialect->read_request(OPERATION_CHAT, slice_str(body), &s->request.facts, &why),
        0, "%s", why.detail);
    return session_conversation(&s->request);
}

Test(session, a_header_tells_before_the_body_does)
{
    struct scene *s = scene_new();
    const struct http_header codex[] = {{SLICE_LIT("session-id"), SLICE_LIT("a")}};
    const struct http_header both[] = {{SLICE_LIT("session-id"), SLICE_LIT("b")},
                                       {SLICE_LIT("x-claude-code-session-id"), SLICE_LIT("a")},
                                       {SLICE_LIT("x-session-affinity"), SLICE_LIT("c")}};
    const struct http_header empty[] = {{SLICE_LIT("session-id"), SLICE_LIT("")}};

    s->request.facts.affinity = SLICE_LIT("from the body");
    uint64_t by_body = session_conversation(&s->request);
    uint64_t by_header = of_headers(s, codex, 1);

    cr_assert_neq(by_body, 0);
    cr_assert_neq(by_header, by_body);
    cr_assert_eq(of_headers(s, both, 3), by_header, "whichever header says it");
    cr_assert_eq(of_headers(s, empty, 1), by_body);
    scene_free(s);
}

Test(session, is_of_one_owner)
{
    struct scene *s = scene_new();
    const struct http_header header[] = {{SLICE_LIT("session-id"), SLICE_LIT("a")}};
    uint64_t mine = of_headers(s, header, 1);

    s->request.owner_hash++;
    cr_assert_neq(of_headers(s, header, 1), mine);
    scene_free(s);
}

Test(session, without_a_word_for_it_instructions_and_first_turn_tell)
{
    struct scene *s = scene_new();
    uint64_t first = of_body(s, "{\"model\":\"big\",\"messages\":[{\"role\":\"system\",\"content\":"
                                "\"be brief\"},{\"role\":\"user\",\"content\":\"hello\"}]}");
    uint64_t later = of_body(s, "{\"model\":\"big\",\"messages\":[{\"role\":\"system\",\"content\":"
                                "\"be brief\"},{\"role\":\"user\",\"content\":\"hello\"},{\"role\":"
                                "\"assistant\",\"content\":\"hi\"},{\"role\":\"user\","
                                "\"content\":\"go on\"}]}");
    uint64_t other = of_body(s, "{\"model\":\"big\",\"messages\":[{\"role\":\"system\",\"content\":"
                                "\"be brief\"},{\"role\":\"user\",\"content\":\"hellp\"}]}");

    cr_assert_neq(first, 0);
    cr_assert_eq(first, later);
    cr_assert_neq(first, other);
    scene_free(s);
}

Test(session, an_identifier_in_the_body_is_enough)
{
    struct scene *s = scene_new();
    uint64_t first = of_body(s, "{\"model\":\"big\",\"prompt_cache_key\":\"k\",\"messages\":[{"
                                "\"role\":\"user\",\"content\":\"hello\"}]}");
    uint64_t later = of_body(s, "{\"model\":\"big\",\"prompt_cache_key\":\"k\",\"messages\":[{"
                                "\"role\":\"user\",\"content\":\"bye\"}]}");

    cr_assert_neq(first, 0);
    cr_assert_eq(first, later);
    scene_free(s);
}

Test(session, has_a_place_of_its_own_in_each_model)
{
    cr_assert_neq(session_pin_key(9, 1), session_pin_key(9, 2));
    cr_assert_neq(session_pin_key(9, 1), 0);
}
