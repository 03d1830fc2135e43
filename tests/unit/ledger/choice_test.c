/* SPDX-License-Identifier: ISC */
#include "choice.h"

#include "ledger_fixture.h"
#include "relayos/policy/route.h"
#include "relayos/store/store_trace.h"

static struct flight_record record; /* too large for a stack of tests */

static const char *
format(void)
{
    static char text[CHOICE_TEXT_SIZE + 1];
    struct slice s = choice_format(&record, text);

    text[s.len] = '\0';
    return text;
}

Test(choice, is_kept_as_short_as_it_can_be_read)
{
    record.n_choices = 2;
    record.choices[0] = (struct flight_choice){.route_id = 0x0badcafe, .exclusion = ROUTE_OPEN};
    record.choices[1] = (struct flight_choice){.route_id = 7, .score = 4294967295, .attempt = 1};
    cr_expect_str_eq(format(),
                     "[[0,\"0badcafe\",0,\"open\"],[1,\"00000007\",4294967295,\"usable\"]]");
    record.choices[0].is_pinned = 1;
    record.n_unlisted = 3;
    cr_expect_str_eq(format(), "[[0,\"0badcafe\",0,\"open\",\"pinned\"],"
                               "[1,\"00000007\",4294967295,\"usable\"],3]");
}

Test(choice, of_a_request_that_had_none_is_nothing)
{
    cr_expect_str_eq(format(), "");
}

/* What a damaged flight says must not lead the ledger out of its arrays. */
Test(choice, of_a_damaged_flight_is_cut_and_named_unknown)
{
    memset(&record, 0xff, sizeof(record));
    const char *text = format();
    cr_expect_leq(strlen(text), CHOICE_TEXT_SIZE);
    cr_expect_not_null(strstr(text, "\"unknown\",\"pinned\"],4294967295]"), "%s", text);
    int n = 0;
    for (const char *at = text; (at = strstr(at, "\"unknown\"")) != NULL; at++)
        n++;
    cr_expect_eq(n, LIMIT_CHOICES);
}

Test(choice, every_exclusion_fits_with_all_the_others)
{
    size_t longest = 0;

    for (int i = 0; i < ROUTE_N_EXCLUSIONS; i++) {
        size_t len = strlen(route_exclusion_name((enum route_exclusion)i));

        longest = len > longest ? len : longest;
    }
    cr_expect_leq(LIMIT_CHOICES *
                          (sizeof("[255,\"01234567\",4294967295,\"\",\"pinned\"],") - 1 + longest) +
                      12,
                  CHOICE_TEXT_SIZE);
    cr_expect_lt(longest, sizeof(((struct store_choice *)NULL)->exclusion));
}

/* ---- in an answer ---- */

static void
put_model(struct fixture *fixture, const char *name, uint32_t first_route_id, const char *fallback)
{
    struct catalog *catalog = fixture->heritage.catalog;
    struct route_record routes[2] = {{.id = first_route_id, .weight = 1, .upstream_id = 0},
                                     {.id = first_route_id + 1, .weight = 1, .upstream_id = 1}};
    struct model_record model = {.policy = ROUTE_BALANCED};

    snprintf(model.name, sizeof(model.name), "%s", name);
    snprintf(routes[0].upstream_model, LIMIT_MODEL_NAME, "%s-a", name);
    snprintf(routes[1].upstream_model, LIMIT_MODEL_NAME, "%s-b", name);
    cr_assert_eq(catalog_intern(catalog, slice_str(name), &model.id), 0);
    if (fallback != NULL) {
        cr_assert_eq(catalog_intern(catalog, slice_str(fallback), &model.fallbacks[0]), 0);
        model.n_fallbacks = 1;
    }
    cr_assert_eq(catalog_put_model(catalog, &model, routes, 2), 0);
}

/* claude-sonnet-4 on two upstreams: routes 0x10 and 0x11; its fallback gpt-4.1-mini: 0x20, 0x21. */
static void
put_catalog(struct fixture *fixture)
{
    static const char *const names[] = {"east", "west"};

    catalog_begin(fixture->heritage.catalog);
    for (int i = 0; i < 2; i++) {
        struct upstream_record upstream = {.protocols = 1, .port = 443};
        struct credential_record credential = {.id = (uint32_t)i + 1};
        struct slice bytes = SLICE_LIT("secret");

        snprintf(upstream.name, sizeof(upstream.name), "%s", names[i]);
        cr_assert_eq(
            catalog_put_upstream(fixture->heritage.catalog, &upstream, &credential, &bytes, 1), 0);
    }
    put_model(fixture, "claude-sonnet-4", 0x10, "gpt-4.1-mini");
    put_model(fixture, "gpt-4.1-mini", 0x20, NULL);
    catalog_commit(fixture->heritage.catalog);
}

static const struct frame_value *
show(struct fixture *fixture, struct uuid id)
{
    char text[TEXT_UUID_SIZE];

    text_uuid_format(id, text);
    frame_str(fixture_command(fixture, "request.show"), "request_id", slice_of(text, sizeof(text)));
    return frame_get(fixture_result(fixture), "request");
}

/* Both of the model's routes failed or were out; the fallback answered. */
static struct flight *
fly(struct fixture *fixture, uint64_t key)
{
    struct flight *flight = fixture_flight(fixture, key, 400);
    struct flight_record *r = flight_record(flight);
    uint32_t mini;

    cr_assert_eq(catalog_model_id(fixture->heritage.catalog, SLICE_LIT("gpt-4.1-mini"), &mini), 0);
    cr_assert_eq(fixture_hold(fixture, flight), 0);
    flight_dispatch(flight);
    memset(r->attempts, 0, sizeof(r->attempts));
    r->n_attempts = 2;
    r->attempts[0] = (struct flight_attempt){.route_id = 0x11,
                                             .model_id = r->model_id,
                                             .outcome = ATTEMPT_FAILED,
                                             .category = ERR_CATEGORY_UPSTREAM_ERROR,
                                             .status = 500,
                                             .score = 77,
                                             .credential = "backup"};
    r->attempts[1] = (struct flight_attempt){
        .route_id = 0x20, .model_id = mini, .outcome = ATTEMPT_OK, .reason = ATTEMPT_FALLBACK};
    r->n_choices = 5;
    r->choices[0] = (struct flight_choice){.route_id = 0x10, .exclusion = ROUTE_OPEN};
    r->choices[1] = (struct flight_choice){.route_id = 0x11, .score = 77, .is_pinned = 1};
    r->choices[2] = (struct flight_choice){.route_id = 0x20, .attempt = 1, .score = 5};
    r->choices[3] = (struct flight_choice){.route_id = 0x21, .attempt = 1, .score = 9};
    r->choices[4] = (struct flight_choice){.route_id = 0xdead, .attempt = 1, .score = 9};
    r->n_unlisted = 6;
    return flight;
}

static void
expect_story(const struct frame_value *request)
{
    static const struct {
        const char *route, *exclusion;
        int64_t attempt, score;
        bool is_taken;
    } expected[] = {
        {"claude-sonnet-4/east/claude-sonnet-4-a", "its breaker is open", 0, 0, false},
        {"claude-sonnet-4/west/claude-sonnet-4-b", "", 0, 77, true},
        {"gpt-4.1-mini/east/gpt-4.1-mini-a", "", 1, 5, true},
        {"gpt-4.1-mini/west/gpt-4.1-mini-b", "", 1, 9, false},
        {"0000dead", "", 1, 9, false},
    };
    const struct frame_value *choices = frame_get(request, "choices"),
                             *attempts = frame_get(request, "attempts");

    cr_assert_eq(frame_length(choices), 5);
    for (size_t i = 0; i < 5; i++) {
        const struct frame_value *choice = frame_at(choices, i);
        struct slice route = frame_get_str(choice, "route");

        cr_expect(fixture_str_is(choice, "route", expected[i].route), "%zu: %.*s", i,
                  (int)route.len, route.ptr);
        cr_expect(fixture_str_is(choice, "exclusion", expected[i].exclusion), "%zu", i);
        cr_expect_eq(frame_get_int(choice, "attempt", -1), expected[i].attempt, "%zu", i);
        cr_expect_eq(frame_get_int(choice, "score", -1), expected[i].score, "%zu", i);
        cr_expect_eq(frame_get_bool(choice, "is_pinned", i != 1), i == 1, "%zu", i);
        cr_expect_eq(frame_get_bool(choice, "is_taken", !expected[i].is_taken),
                     expected[i].is_taken, "%zu", i);
    }
    cr_expect_eq(frame_get_int(request, "n_unlisted", -1), 6);
    cr_assert_eq(frame_length(attempts), 2);
    cr_expect_eq(frame_get_int(request, "n_attempts", -1), 2);
    cr_expect(fixture_str_is(frame_at(attempts, 0), "reason", "first"));
    cr_expect(fixture_str_is(frame_at(attempts, 0), "model", "claude-sonnet-4"));
    cr_expect(fixture_str_is(frame_at(attempts, 0), "credential", "backup"));
    cr_expect_eq(frame_get_int(frame_at(attempts, 0), "score", -1), 77);
    cr_expect(fixture_str_is(frame_at(attempts, 1), "reason", "fallback"));
    cr_expect(fixture_str_is(frame_at(attempts, 1), "model", "gpt-4.1-mini"));
}

Test(choice, is_shown_with_the_names_of_routes_while_it_runs_and_ever_after)
{
    struct fixture fixture;

    fixture_init(&fixture);
    put_catalog(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *flight = fly(&fixture, key);
    struct uuid id = flight_record(flight)->request_id;

    expect_story(show(&fixture, id));
    fixture_done(&fixture, flight, 100);
    cr_expect_eq(fixture_settle(&fixture), 1);
    const struct frame_value *request = show(&fixture, id);
    expect_story(request);
    cr_expect(fixture_str_is(request, "answered_by", "gpt-4.1-mini"));

    (void)fixture_command(&fixture, "request.list");
    request = frame_at(frame_get(fixture_result(&fixture), "requests"), 0);
    cr_expect_eq(frame_get_int(request, "n_attempts", -1), 2);
    cr_expect(fixture_str_is(request, "answered_by", "gpt-4.1-mini"));
    fixture_fini(&fixture);
}

/* A worker wrote over its own flight: it is shown and settled, as far as it can be read. */
Test(choice, a_damaged_flight_is_shown_and_settled)
{
    struct fixture fixture;

    fixture_init(&fixture);
    put_catalog(&fixture);
    uint64_t key = fixture_key(&fixture, "a", 1000, NULL);
    struct flight *flight = fly(&fixture, key);
    struct flight_record *r = flight_record(flight);
    struct uuid id = r->request_id;

    memset(r->choices, 0xff, sizeof(r->choices));
    r->n_choices = UINT32_MAX;
    r->attempts[0].reason = r->attempts[1].reason = 0xff;
    r->attempts[0].model_id = UINT32_MAX;
    memset(r->attempts[0].credential, 'c', sizeof(r->attempts[0].credential));
    cr_expect_eq(frame_length(frame_get(show(&fixture, id), "choices")), LIMIT_CHOICES);
    fixture_done(&fixture, flight, 100);
    cr_expect_eq(fixture_settle(&fixture), 1);
    const struct frame_value *request = show(&fixture, id);
    cr_assert_eq(frame_length(frame_get(request, "choices")), LIMIT_CHOICES);
    const struct frame_value *choice = frame_at(frame_get(request, "choices"), LIMIT_CHOICES - 1);
    cr_expect(fixture_str_is(choice, "exclusion", "unknown"));
    cr_expect(fixture_str_is(choice, "route", "ffffffff"));
    const struct frame_value *attempt = frame_at(frame_get(request, "attempts"), 0);
    cr_expect(fixture_str_is(attempt, "reason", "unknown"));
    cr_expect(fixture_str_is(attempt, "model", "claude-sonnet-4"));
    fixture_fini(&fixture);
}
