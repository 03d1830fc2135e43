/* SPDX-License-Identifier: ISC
 *
 * Quotas of many kinds at once, and what happens to what runs when they change: daily, weekly,
 * per-model and shadow quotas, strict keys (QE-06), limits and keys changed in flight (QE-05).
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "relayos/base/clock.h"
#include "relayos/base/period.h"

static struct http_reply *
ask(const struct gateway *gateway, const char *key, const char *model, const char *text)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, model, false, text);
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);

    free(body);
    return reply;
}

static void
expect_reply(struct http_reply *reply, int status, const char *part)
{
    cr_expect_eq(reply->status, status, "%d, not %d: %s", reply->status, status, reply->body);
    cr_expect_not_null(strstr(reply->body, part), "no \"%s\" in %s", part, reply->body);
    http_reply_free(&reply);
}

/* "renews 2026-11-26 UTC": where the running period of that kind ends. */
static void
renewal(enum period_kind kind, char out[48])
{
    char date[32];

    clock_format_utc(period_at(kind, clock_real_us()).end_us, 0, date);
    snprintf(out, 48, "renews %.10s UTC", date);
}

static void
update(const struct gateway *gateway, const char *words)
{
    cJSON *result = gateway_ctl(gateway, "key update %s", words);

    cr_assert(result != NULL, "key update %s", words);
    cJSON_Delete(result);
}

Test(limits, all_of_a_keys_quotas_hold_at_once, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 0.035usd/day --quota 4000tokens/week:gpt-4.1-mini "
                                     "--quota 100usd/month --quota 0.5Mtok/total");
    char words[48];

    /* Each call reserves at most 1000 tokens of output and its body; it uses 1000 of both. */
    for (int i = 0; i < 2; i++)
        expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi !mock:in=600,out=400"), 200, "choices");
    books_check(gateway);
    for (int i = 0; i < 2; i++)
        expect_reply(ask(gateway, key, "gemini-2.5-pro", "hi !mock:in=600,out=400"), 200,
                     "choices");
    books_check(gateway);
    renewal(PERIOD_DAY, words);
    expect_reply(ask(gateway, key, "gemini-2.5-pro", "hi !mock:in=600,out=4000"), 200, "choices");
    books_check(gateway);
    expect_reply(ask(gateway, key, "gemini-2.5-pro", "hi"), 429, "daily quota of $0.035: ");
    expect_reply(ask(gateway, key, "gemini-2.5-pro", "hi"), 429, words);

    update(gateway, "test-1 --quota 0usd/day");
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi !mock:in=600,out=400"), 200, "choices");
    books_check(gateway);
    renewal(PERIOD_WEEK, words);
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 429,
                 "weekly quota of 4,000 tokens for gpt-4.1-mini: 3,000 used, 0 reserved, ");
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 429, words);
    expect_reply(ask(gateway, key, "gemini-2.5-pro", "hi"), 200, "choices");

    books_check(gateway);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    gateway_restart(gateway); /* what was used comes back from the ledger */
    books_check(gateway);
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 429, "weekly quota of 4,000 tokens");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(limits, a_shadow_quota_refuses_nothing_and_tells, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 0.000001usd/month,shadow");

    for (int i = 0; i < 3; i++)
        expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 200, "choices");
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM trace WHERE is_over_quota"), 3);
    cr_expect_eq(gateway_total(gateway, "over_quota"), 3);

    cJSON *list = gateway_ctl(gateway, "request list");
    cr_expect(cJSON_IsTrue(json_at(list, "requests.0.is_over_quota")));
    cJSON_Delete(list);
    update(gateway, "test-1 --quota 0.000001usd/month");
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 429, "monthly quota of $0.000001");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(limits, a_strict_key_is_held_to_what_was_reserved, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 1usd --strict on");
    const struct call *call = call_of(OPERATION_CHAT);
    static const char *const unbounded[] = {
        "{\"model\":\"gpt-4.1-mini\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":"
        "\"image_url\",\"image_url\":{\"url\":\"https://example.org/a.png\"}}]}]}",
        "{\"model\":\"gpt-4.1-mini\",\"web_search_options\":{},\"messages\":[{\"role\":\"user\","
        "\"content\":\"hi\"}]}",
    };
    static const char *const huge[] = {"", ",\"max_tokens\":2147483647",
                                       ",\"max_completion_tokens\":1001", ",\"max_tokens\":null"};

    for (size_t i = 0; i < sizeof(unbounded) / sizeof(unbounded[0]); i++)
        expect_reply(http_call(gateway->port, call->path, key, NULL, unbounded[i]), 400,
                     "upper bound");
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0);
    for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
        char body[512];

        snprintf(body, sizeof(body),
                 "{\"model\":\"gpt-4.1-mini\"%s,\"messages\":[{\"role\":\"user\",\"content\":"
                 "\"hi !mock:chunks=2000\"}]}",
                 huge[i]);
        expect_reply(http_call(gateway->port, call->path, key, NULL, body), 200,
                     "\"completion_tokens\":1000");
        char *seen = gateway_mock_last(gateway);
        cr_expect_not_null(strstr(seen, "tokens\":1000"), "%s", seen);
        free(seen);
    }
    books_check(gateway);
    cr_expect_eq(gateway_total(gateway, "overshoots"), 0);

    /* As a promise of the key, not of the request: off, it passes as it was sent. */
    update(gateway, "test-1 --strict off");
    expect_reply(http_call(gateway->port, call->path, key, NULL, unbounded[0]), 200, "choices");
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

#define THINKING(budget) "\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":" budget "}"

Test(limits, more_than_the_model_gives_is_lowered_to_that_for_every_key, .timeout = 60)
{
    static const struct {
        enum operation operation;
        const char *model, *field, *sent;
    } cases[] = {
        {OPERATION_CHAT, "gpt-4.1-mini", "\"max_tokens\":128000", "\"max_tokens\":1000,"},
        {OPERATION_CHAT, "gpt-4.1-mini", "\"max_tokens\":1000", "\"max_tokens\":1000,"},
        {OPERATION_CHAT, "gpt-4.1-mini", "\"max_tokens\":7", "\"max_tokens\":7,"},
        {OPERATION_MESSAGE, "claude-sonnet-4", "\"max_tokens\":128000", "\"max_tokens\":1000,"},
        {OPERATION_MESSAGE, "flat", "\"max_tokens\":128000", "\"max_tokens\":128000,"},
        {OPERATION_MESSAGE, "claude-sonnet-4", "\"max_tokens\":128000," THINKING("999"),
         "\"max_tokens\":1000,"},
        /* No more than what is to be thought already is: the provider would refuse it. */
        {OPERATION_MESSAGE, "claude-sonnet-4", "\"max_tokens\":128000," THINKING("1000"),
         "\"max_tokens\":128000,"},
    };
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), body[256];

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(body, sizeof body,
                 "{\"model\":\"%s\",%s,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
                 cases[i].model, cases[i].field);
        expect_reply(http_call(gateway->port, call_of(cases[i].operation)->path, key, NULL, body),
                     200, "You said: hi");
        char *seen = gateway_mock_last(gateway);

        cr_expect_not_null(strstr(seen, cases[i].sent), "%s: %s", cases[i].field, seen);
        free(seen);
    }
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* What a call with nothing said reserves on the key's first quota, while it runs. */
static int64_t
reserved_by_one(const struct gateway *gateway, const char *key)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, "gpt-4.1-mini", true, "hi !mock:stall=3");
    int fd = http_connect(gateway->port);

    cr_assert(http_request(fd, call->path, key, NULL, body));
    free(body);
    struct http_reply *reply = http_read_until(fd, "data: ");

    cr_assert_eq(reply->status, 200);
    http_reply_free(&reply);
    int64_t reserved = books_reserved(gateway);
    close(fd);
    books_check(gateway);
    return reserved;
}

Test(limits, a_reservation_goes_by_what_answers_were_like, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.workers = 1});
    char *key = gateway_key(gateway, "--quota 100usd");
    int64_t before = reserved_by_one(gateway, key);

    for (int i = 0; i < 25; i++)
        expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi !mock:in=9,out=20"), 200, "choices");
    books_check(gateway); /* they are settled: nothing of theirs is reserved any more */
    int64_t after = reserved_by_one(gateway, key);

    cr_expect_gt(before, 1000 * GATEWAY_OUTPUT_NUSD);
    cr_expect_lt(after, 100 * GATEWAY_OUTPUT_NUSD + 1000 * GATEWAY_INPUT_NUSD, "%ld", (long)after);
    cr_expect_eq(gateway_total(gateway, "overshoots"), 0);
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi !mock:in=9,out=900"), 200, "choices");
    books_check(gateway);
    cr_expect_eq(gateway_total(gateway, "overshoots"), 1); /* the truth is charged, and counted */
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(limits, what_runs_goes_on_when_a_limit_is_lowered_and_the_next_call_obeys, .timeout = 100)
{
    enum { N_STREAMS = 8 };
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 10usd");
    int fds[N_STREAMS];

    for (int i = 0; i < N_STREAMS; i++) {
        fds[i] = call_begin(gateway, call_of(OPERATION_CHAT), key, true,
                            "hi !mock:in=100,out=100,chunks=60,pace=20");
        struct http_reply *reply = http_read_until(fds[i], "data: ");
        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
    }
    update(gateway, "test-1 --quota 0.0001usd");
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 429, "monthly quota of $0.0001: ");
    update(gateway, "test-1 --quota 20usd");
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi !mock:in=100,out=100"), 200, "choices");
    update(gateway, "test-1 --quota 0.0001usd");
    for (int i = 0; i < N_STREAMS; i++) {
        char *rest = http_drain(fds[i], "[DONE]");

        cr_expect_not_null(strstr(rest, "[DONE]"), "stream %d: %s", i, rest);
        free(rest);
        close(fds[i]);
    }
    cr_expect_eq(books_charged_nusd(gateway),
                 (N_STREAMS + 1) * 100 * (GATEWAY_INPUT_NUSD + GATEWAY_OUTPUT_NUSD));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

/* Three streams of a key and a call that is not answered yet, each about to go on for a minute. */
static void
begin_all(const struct gateway *gateway, const char *key, int fds[4])
{
    static const enum operation operations[] = {OPERATION_CHAT, OPERATION_RESPONSE,
                                                OPERATION_MESSAGE};

    for (int i = 0; i < 3; i++) {
        fds[i] = call_begin(gateway, call_of(operations[i]), key, true,
                            "!mock:chunks=3000,pace=20,size=90000");
        struct http_reply *reply = http_read_until(fds[i], "lorem");
        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
    }
    fds[3] = call_begin(gateway, call_of(OPERATION_CHAT), key, false, "!mock:stall");
}

static bool
four_in_flight(const struct gateway *gateway, void *data)
{
    cJSON *top = gateway_ctl(gateway, "top");
    bool is_so = top != NULL && json_int(top, "n_flights") == 4;

    (void)data;
    cJSON_Delete(top);
    return is_so;
}

static void
expect_all_cut(const struct gateway *gateway, const int fds[4])
{
    static const char *const marks[] = {"stream_interrupted", "response.failed", "event: error"};

    for (int i = 0; i < 3; i++) {
        char *rest = http_drain(fds[i], marks[i]);

        cr_expect_not_null(strstr(rest, marks[i]), "%s", rest + strlen(rest) / 2);
        free(rest);
        close(fds[i]);
    }
    struct http_reply *reply = http_read(fds[3]);
    expect_reply(reply, 401, "invalid_api_key");
    close(fds[3]);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance = 'estimated'"
                                      " AND charge_nusd > 0"),
                 3);
}

Test(limits, a_key_that_is_cut_ends_what_it_runs, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 10usd"), *other = gateway_key(gateway, "");
    int fds[4];

    begin_all(gateway, key, fds);
    cr_assert(gateway_wait(gateway, four_in_flight, NULL));
    int fd = call_begin(gateway, call_of(OPERATION_CHAT), other, true,
                        "!mock:chunks=100,pace=20,size=3000");

    cJSON_Delete(gateway_ctl(gateway, "key revoke test-1 --cut"));
    expect_all_cut(gateway, fds);
    char *rest = http_drain(fd, "[DONE]"); /* another key's goes on */
    cr_expect_not_null(strstr(rest, "[DONE]"));
    free(rest);
    close(fd);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(other);
}

Test(limits, a_key_that_is_revoked_lets_its_streams_end_unless_the_config_says_so, .timeout = 100)
{
    for (int cuts = 0; cuts < 2; cuts++) {
        struct gateway *gateway = gateway_start(&(struct gateway_options){
            .settings = cuts ? "limits: {revoke_cuts_streams: true}\n" : NULL});
        char *key = gateway_key(gateway, "");
        int fd = call_begin(gateway, call_of(OPERATION_CHAT), key, true,
                            "!mock:chunks=100,pace=20,size=3000");
        struct http_reply *reply = http_read_until(fd, "lorem");

        http_reply_free(&reply);
        cJSON_Delete(gateway_ctl(gateway, "key revoke test-1"));
        const char *last = cuts ? "stream_interrupted" : "[DONE]";
        char *rest = http_drain(fd, last);
        cr_expect_not_null(strstr(rest, last));
        free(rest);
        close(fd);
        cr_expect_eq(gateway_stop(&gateway), 0);
        free(key);
    }
}

/* QE-02: answers of any length up to what is reserved; asked again until nothing fits any more. */
Test(limits, the_total_comes_within_one_request_of_the_limit_and_never_above, .timeout = 200)
{
    enum { N_AT_ONCE = 40, LIMIT_NUSD = 300000000 };
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 0.3usd/day --quota 0.3usd/month");
    const struct call *call = call_of(OPERATION_CHAT);
    unsigned seed = 20261125;
    int n_ok, n_rounds = 0;

    do {
        int fds[N_AT_ONCE];

        n_ok = 0;
        for (int i = 0; i < N_AT_ONCE; i++) {
            char text[64];

            snprintf(text, sizeof(text), "hi !mock:in=%d,out=%d", 1 + rand_r(&seed) % 60,
                     1 + rand_r(&seed) % 1000);
            char *body = call_body(call, "gpt-4.1-mini", false, text);
            fds[i] = http_connect(gateway->port);
            cr_assert(fds[i] >= 0 && http_request(fds[i], call->path, key, NULL, body));
            free(body);
        }
        for (int i = 0; i < N_AT_ONCE; i++) {
            struct http_reply *reply = http_read(fds[i]);

            cr_expect(reply->status == 200 || reply->status == 429, "%d", reply->status);
            n_ok += reply->status == 200;
            http_reply_free(&reply);
            close(fds[i]);
        }
        books_check(gateway);
    } while (n_ok > 0 && ++n_rounds < 100);
    int64_t charged = books_charged_nusd(gateway);

    cr_expect_leq(charged, LIMIT_NUSD);
    cr_expect_gt(charged, LIMIT_NUSD - 1000 * GATEWAY_OUTPUT_NUSD - 200 * GATEWAY_INPUT_NUSD);
    cr_expect_eq(gateway_total(gateway, "overshoots"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static void
write_keys(const struct gateway *gateway, const char *digest, const char *quotas)
{
    char path[192];

    snprintf(path, sizeof(path), "%s/keys.yaml", gateway->dir);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fprintf(file, "keys:\n  - name: declared\n    owner: team\n    digest: %s\n    quotas:\n%s",
            digest, quotas);
    cr_assert_eq(fclose(file), 0);
}

static bool
is_declared(const struct gateway *gateway, void *data)
{
    cJSON *key = gateway_ctl(gateway, "key show declared");
    bool is_there = key != NULL;

    (void)data;
    cJSON_Delete(key);
    return is_there;
}

Test(limits, a_declared_key_has_the_quotas_of_its_file, .timeout = 60)
{
    struct gateway *gateway = gateway_start(NULL);
    char out[4096], settings[256];

    cr_assert_eq(gateway_ctl_raw(gateway, "key hash --new --json", out, sizeof out), 0, "%s", out);
    cJSON *made = cJSON_Parse(out);
    const char *key = json_text(made, "secret"), *digest = json_text(made, "digest");

    snprintf(settings, sizeof settings,
             "keys_file: %s/keys.yaml\nquota_zone: CET-1CEST,M3.5.0,M10.5.0/3\n", gateway->dir);
    write_keys(gateway, digest,
               "      - {tokens: 3000, period: week, model: gpt-4.1-mini}\n"
               "      - {usd: 50}\n"
               "      - {usd: 0.000001, period: day, shadow: true}\n");
    gateway_reconfigure(gateway, &(struct gateway_options){.settings = settings});
    cr_assert(gateway_wait(gateway, is_declared, NULL));
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi !mock:in=1500,out=900"), 200, "choices");
    books_check(gateway);
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 429,
                 "weekly quota of 3,000 tokens for gpt-4.1-mini: 2,400 used");
    expect_reply(ask(gateway, key, "gemini-2.5-pro", "hi"), 200, "choices");
    cr_expect_eq(gateway_total(gateway, "over_quota"), 2);

    /* The same in another order is the same; another amount is a change. */
    write_keys(gateway, digest,
               "      - {usd: 50}\n"
               "      - {tokens: 9000, period: week, model: gpt-4.1-mini}\n");
    cJSON *reload = gateway_ctl(gateway, "reload");
    cr_assert_not_null(reload);
    cr_expect_not_null(strstr(json_text(reload, "changes"), "keys.declared.quotas: "), "%s",
                       json_text(reload, "changes"));
    cJSON_Delete(reload);
    expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 200, "choices");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    cJSON_Delete(made);
}

static bool
books_are_settled(const struct gateway *gateway, void *data)
{
    (void)data;
    return books_query(gateway, "SELECT count(*) FROM ledger") == 1;
}

/* The day of a gateway turns where its zone's does. */
Test(limits, quotas_follow_the_zone_of_the_gateway, .timeout = 60)
{
    /* Twelve hours ahead and twelve behind: one of them has another day than UTC, always. */
    static const char *const zones[] = {"AAA-12", "BBB12"};

    for (int i = 0; i < 2; i++) {
        char settings[64], date[32], words[64];

        snprintf(settings, sizeof(settings), "quota_zone: %s\n", zones[i]);
        struct gateway *gateway = gateway_start(&(struct gateway_options){.settings = settings});
        char *key = gateway_key(gateway, "--quota 0.000001usd/day");

        period_zone_set(zones[i]);
        struct period today = period_at(PERIOD_DAY, clock_real_us());
        clock_format_utc(today.end_us, 0, date);
        snprintf(words, sizeof(words), "renews %.10s 12:00 UTC", date);
        expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 429, words);
        free(key);
        key = gateway_key(gateway, "");
        expect_reply(ask(gateway, key, "gpt-4.1-mini", "hi"), 200, "choices");
        period_zone_set("UTC");
        cr_expect(gateway_wait(gateway, books_are_settled, NULL));
        cr_expect_eq(books_query(gateway, "SELECT day FROM ledger"), today.id);
        cr_expect_eq(gateway_stop(&gateway), 0);
        free(key);
    }
}
