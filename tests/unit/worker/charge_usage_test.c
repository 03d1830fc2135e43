/* SPDX-License-Identifier: ISC
 *
 * From a provider's report to the charge (LI-13): each counter of each protocol, one at a time, as
 * everything it should not be.
 */
#include <criterion/criterion.h>

#include <stdio.h>
#include <string.h>

#include "charge.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/seal.h"

#define RESERVED 1000000

/* 1000 nano-USD a token, whatever kind. */
static const struct price price = {.nusd = {[USAGE_INPUT] = 1000000000,
                                            [USAGE_CACHE_READ] = 1000000000,
                                            [USAGE_CACHE_WRITE_5M] = 1000000000,
                                            [USAGE_CACHE_WRITE_1H] = 1000000000,
                                            [USAGE_OUTPUT] = 1000000000,
                                            [PRICE_REASONING] = 1000000000}};

/* Answers with holes for counters: input, output, then parts of them. */
static const struct answer {
    enum operation operation;
    int n_counters;
    const char *text;
} answers[] = {
    {OPERATION_CHAT, 4,
     "{\"id\":\"c\",\"object\":\"chat.completion\",\"model\":\"m\",\"choices\":[{\"index\":0,"
     "\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}],"
     "\"usage\":{\"prompt_tokens\":%s,\"completion_tokens\":%s,\"prompt_tokens_details\":"
     "{\"cached_tokens\":%s},\"completion_tokens_details\":{\"reasoning_tokens\":%s}}}"},
    {OPERATION_COMPLETION, 2,
     "{\"id\":\"c\",\"object\":\"text_completion\",\"model\":\"m\",\"choices\":[{\"index\":0,"
     "\"text\":\"hi\",\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":%s,"
     "\"completion_tokens\":%s}}"},
    {OPERATION_EMBEDDING, 1,
     "{\"object\":\"list\",\"model\":\"m\",\"data\":[],\"usage\":{\"prompt_tokens\":%s}}"},
    {OPERATION_RESPONSE, 4,
     "{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\",\"model\":\"m\","
     "\"output\":[],\"usage\":{\"input_tokens\":%s,\"output_tokens\":%s,\"input_tokens_details\":"
     "{\"cached_tokens\":%s},\"output_tokens_details\":{\"reasoning_tokens\":%s}}}"},
    {OPERATION_MESSAGE, 4,
     "{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":"
     "[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\",\"usage\":"
     "{\"input_tokens\":%s,\"output_tokens\":%s,\"cache_read_input_tokens\":%s,"
     "\"cache_creation_input_tokens\":%s}}"},
};

#define N_ANSWERS (sizeof(answers) / sizeof(answers[0]))

static struct charge
charge_for(const struct answer *answer, const char *values[4])
{
    struct secret *secret = secret_new("0123456789abcdef0123456789abcdef", 32);
    struct reply_context context = {
        .operation = answer->operation, .public_model = SLICE_LIT("m"), .seal = seal_new(secret)};
    struct reply_facts facts = {0};
    struct usage usage = {.tier_permille = 1000};
    struct buf scratch;
    struct edits edits;
    struct charge out;
    char text[2048];

    buf_init(&scratch, 1 << 16);
    edits.n = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), answer->text, values[0], values[1], values[2], values[3]);
#pragma GCC diagnostic pop
    int err = dialect_of(dialect_operation_protocol(answer->operation))
                  ->read_reply(&context, slice_str(text), &scratch, &edits, &usage, &facts);

    cr_assert_eq(err, 0, "%s", text);
    charge_decide(&(struct charge_facts){.operation = answer->operation,
                                         .is_complete = true,
                                         .body_bytes = 40,
                                         .unmetered_bytes = facts.content_bytes,
                                         .reserved_nusd = RESERVED,
                                         .usage = &usage},
                  &price, &out);
    buf_fini(&scratch);
    seal_free(&context.seal);
    secret_free(&secret);
    return out;
}

Test(charge_usage, what_is_possible_is_charged_as_it_is_said)
{
    static const int64_t due[N_ANSWERS] = {110000, 110000, 100000, 110000, 117000};

    for (size_t i = 0; i < N_ANSWERS; i++) {
        struct charge out = charge_for(&answers[i], (const char *[]){"100", "10", "5", "2"});

        cr_expect_eq(out.provenance, USAGE_REPORTED, "answer %zu", i);
        cr_expect_eq(out.nusd, due[i], "answer %zu: %lld", i, (long long)out.nusd);
    }
}

Test(charge_usage, each_impossible_counter_alone_makes_it_invalid_and_never_a_credit)
{
    static const char *const bad[] = {"-1",
                                      "-9223372036854775808",
                                      "9223372036854775807",
                                      "9223372036854775808",
                                      "1e300",
                                      "1e2",
                                      "1.5",
                                      "\"7\"",
                                      "true",
                                      "[7]",
                                      "{}",
                                      "1099511627777",
                                      "-0.0",
                                      "99999999999999999999999999"};

    for (size_t i = 0; i < N_ANSWERS; i++) {
        for (size_t n = 0; n < (size_t)answers[i].n_counters * sizeof(bad) / sizeof(bad[0]); n++) {
            const char *values[4] = {"100", "10", "5", "2"};

            values[n % (size_t)answers[i].n_counters] = bad[n / (size_t)answers[i].n_counters];
            struct charge out = charge_for(&answers[i], values);

            cr_expect_eq(out.provenance, USAGE_INVALID, "answer %zu, %s", i,
                         bad[n / (size_t)answers[i].n_counters]);
            cr_expect(out.nusd >= 0 && out.nusd <= 117000, "%lld", (long long)out.nusd);
        }
    }
}

Test(charge_usage, parts_that_come_to_more_than_the_whole_count_as_the_whole)
{
    for (size_t i = 0; i < N_ANSWERS; i++) {
        struct charge out =
            charge_for(&answers[i], (const char *[]){"100", "10", "1000000", "1000000"});

        if (answers[i].operation == OPERATION_MESSAGE) /* its counters are no parts */
            continue;
        cr_expect_eq(out.provenance, USAGE_REPORTED);
        cr_expect_leq(out.nusd, 110000);
        cr_expect_leq(out.usage.reasoning_tokens, out.usage.count[USAGE_OUTPUT]);
    }
}

Test(charge_usage, null_says_nothing_and_zero_says_zero)
{
    for (size_t i = 0; i < N_ANSWERS; i++) {
        cr_expect_eq(charge_for(&answers[i], (const char *[]){"0", "0", "0", "0"}).nusd, 0);

        struct charge out =
            charge_for(&answers[i], (const char *[]){"100", "null", "null", "null"});
        bool says_hi = strstr(answers[i].text, "\"hi\"") != NULL; /* a token, by estimate */

        cr_expect_eq(out.provenance, says_hi ? USAGE_ESTIMATED : USAGE_REPORTED, "answer %zu", i);
        cr_expect_eq(out.nusd, says_hi ? 101000 : 100000, "answer %zu", i);
    }
}
