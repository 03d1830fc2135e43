/* SPDX-License-Identifier: ISC */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/codec/retry_hint.h"

#define NOW INT64_C(1790424000000000) /* 2026-09-26T12:00:00Z */

struct said {
    const char *name, *value;
};

static int
seconds_of(const struct said *headers, const char *body)
{
    struct retry_hint hint;

    retry_hint_init(&hint);
    for (; headers != NULL && headers->name != NULL; headers++)
        retry_hint_header(&hint, slice_str(headers->name), slice_str(headers->value), NOW);
    if (body != NULL)
        retry_hint_body(&hint, slice_str(body));
    return retry_hint_seconds(&hint);
}

Test(retry_hint, nothing_said_is_nothing)
{
    static const struct said odd[] = {{"retry-after", "soon"},
                                      {"retry-after", ""},
                                      {"retry-after", "-5"},
                                      {"retry-after", "5 6"},
                                      {"retry-after", "Sat, 99 Foo 2026"},
                                      {"retry-after-ms", "x"},
                                      {"retry-after-ms", "5s"},
                                      {"x-ratelimit-reset-requests", "??"},
                                      {"date", "30"},
                                      {NULL, NULL}};

    cr_expect_eq(seconds_of(NULL, NULL), 0);
    cr_expect_eq(seconds_of(odd, "{\"retryDelay\":true,\"m\":\"try again in a while\"}"), 0);
}

Test(retry_hint, every_way_to_say_it_is_read)
{
    static const struct {
        const char *name, *value;
        int seconds;
    } rows[] = {
        {"retry-after", "7", 7},
        {"retry-after", " 30 ", 30},
        {"retry-after", "0", 1},
        {"retry-after", "1.2", 2},
        {"retry-after", "999999", RETRY_HINT_MAX_S},
        {"retry-after", "99999999999999999999999999", RETRY_HINT_MAX_S},
        {"retry-after", "Sat, 26 Sep 2026 12:00:42 GMT", 42},
        {"retry-after", "Sat, 26 Sep 2026 11:00:00 GMT", 1},
        {"retry-after", "Sat, 26 Sep 2099 11:00:00 GMT", RETRY_HINT_MAX_S},
        {"retry-after-ms", "700", 1},
        {"retry-after-ms", "200000", 200},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct said headers[] = {{rows[i].name, rows[i].value}, {NULL, NULL}};

        cr_expect_eq(seconds_of(headers, NULL), rows[i].seconds, "%s: %s", rows[i].name,
                     rows[i].value);
    }
}

Test(retry_hint, of_two_limits_the_one_that_is_used_up_counts)
{
    static const struct said openai[] = {{"x-ratelimit-remaining-requests", "9999"},
                                         {"x-ratelimit-remaining-tokens", "0"},
                                         {"x-ratelimit-reset-requests", "1h0m0s"},
                                         {"x-ratelimit-reset-tokens", "1m2.5s"},
                                         {NULL, NULL}};
    static const struct said anthropic[] = {
        {"anthropic-ratelimit-requests-remaining", "0"},
        {"anthropic-ratelimit-requests-reset", "2026-09-26T12:00:20Z"},
        {"anthropic-ratelimit-tokens-remaining", "5000"},
        {"anthropic-ratelimit-tokens-reset", "2026-09-26T12:10:00Z"},
        {NULL, NULL}};
    static const struct said both[] = {{"x-ratelimit-remaining-tokens", "0"},
                                       {"x-ratelimit-reset-tokens", "50s"},
                                       {"retry-after", "3"},
                                       {NULL, NULL}};

    cr_expect_eq(seconds_of(openai, NULL), 63);
    cr_expect_eq(seconds_of(anthropic, NULL), 20);
    cr_expect_eq(seconds_of(both, NULL), 3, "the plainest counts");
}

Test(retry_hint, bodies_say_it_too)
{
    static const struct said header[] = {{"retry-after", "9"}, {NULL, NULL}};
    static const char gemini[] =
        "[{\"error\":{\"code\":429,\"details\":[{\"@type\":\"type.googleapis.com/google.rpc."
        "RetryInfo\",\"retryDelay\": \"34.07s\"}]}}]";

    cr_expect_eq(seconds_of(NULL, gemini), 35);
    cr_expect_eq(seconds_of(header, gemini), 9);
    cr_expect_eq(seconds_of(NULL, "{\"error\":{\"message\":\"Limit 3, Used 3. Please try again in "
                                  "20s. Visit\"}}"),
                 20);
    cr_expect_eq(seconds_of(NULL, "Please try again in 6m0s."), 360);
    cr_expect_eq(seconds_of(NULL, "\"retryDelay\""), 0, "cut short");
    cr_expect_eq(seconds_of(NULL, ""), 0);
}
