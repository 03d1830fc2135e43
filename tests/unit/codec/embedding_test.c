/* SPDX-License-Identifier: ISC
 *
 * Vectors in both ways of writing, and Gemini's way of asking for them. Their numbers are compared
 * with strtof()'s, bit by bit.
 */
#include <criterion/criterion.h>

#include <locale.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "relayos/codec/embedding.h"
#include "relayos/codec/json_scan.h"

#define N_RANDOM 100000

static struct buf out;

static void
set_up(void)
{
    buf_init(&out, 64 << 20);
}

static void
tear_down(void)
{
    buf_fini(&out);
}

TestSuite(embedding, .init = set_up, .fini = tear_down, .timeout = 60);

static int
recode(const char *answer, enum embedding_encoding encoding)
{
    buf_clear(&out);
    return embedding_recode(slice_str(answer), encoding, &out);
}

#define ANSWER(vectors) "{\"object\":\"list\",\"data\":[" vectors "],\"model\":\"m\"}"
#define VECTOR(value)   "{\"index\":0,\"embedding\":" value ",\"object\":\"embedding\"}"

Test(embedding, each_way_becomes_the_other_and_the_rest_stays)
{
    static const char numbers[] = ANSWER(VECTOR("[1,-0.5,2e0]") "," VECTOR("[ 0 , 0.25 ]"));
    static const char packed[] =
        ANSWER(VECTOR("\"AACAPwAAAL8AAABA\"") "," VECTOR("\"AAAAAAAAgD4=\""));
    static const char again[] = ANSWER(VECTOR("[1,-0.5,2]") "," VECTOR("[0,0.25]"));

    cr_assert_eq(recode(numbers, EMBEDDING_BASE64), 0);
    cr_expect(slice_eq_str(buf_slice(&out), packed), "%.*s", (int)out.len, out.ptr);
    cr_assert_eq(recode(packed, EMBEDDING_FLOAT), 0);
    cr_expect(slice_eq_str(buf_slice(&out), again), "%.*s", (int)out.len, out.ptr);
    cr_assert_eq(recode(numbers, EMBEDDING_FLOAT), 0);
    cr_expect(slice_eq_str(buf_slice(&out), numbers));
    cr_assert_eq(recode(packed, EMBEDDING_OTHER), 0);
    cr_expect(slice_eq_str(buf_slice(&out), packed));
}

Test(embedding, the_first_vector_tells_whether_there_is_something_to_do)
{
    cr_expect(embedding_is_as_asked(SLICE_LIT(ANSWER(VECTOR("[1]"))), EMBEDDING_FLOAT));
    cr_expect_not(embedding_is_as_asked(SLICE_LIT(" \n" ANSWER(VECTOR("[1]"))), EMBEDDING_BASE64));
    cr_expect(embedding_is_as_asked(SLICE_LIT(ANSWER(VECTOR("\"\""))), EMBEDDING_BASE64));
    cr_expect_not(embedding_is_as_asked(SLICE_LIT(ANSWER(VECTOR("\"\""))), EMBEDDING_FLOAT));
    cr_expect(embedding_is_as_asked(SLICE_LIT(ANSWER(VECTOR("\"\""))), EMBEDDING_OTHER));
    cr_expect(embedding_is_as_asked(SLICE_LIT(ANSWER("")), EMBEDDING_BASE64));
    cr_expect(embedding_is_as_asked(SLICE_LIT("{\"data\":1}"), EMBEDDING_BASE64));
    cr_expect(embedding_is_as_asked(SLICE_LIT(""), EMBEDDING_BASE64));
}

Test(embedding, what_is_no_vector_is_an_error_of_the_upstreams)
{
    static const char *const numbers[] = {"[[1,2],[3,4]]", "[1,null]", "[\"1\"]", "[1e39]", "[{}]"};
    static const char *const packed[] = {"\"AACAPw=\\u0000\"", "\"AAA=\"", "\"!!!!\"",
                                         "\"AADAfw==\"" /* not a number */, "\"AACAfw==\""};
    char answer[128];

    for (size_t i = 0; i < 5; i++) {
        snprintf(answer, sizeof(answer), ANSWER(VECTOR("%s")), numbers[i]);
        cr_expect_eq(recode(answer, EMBEDDING_BASE64), ERR_UPSTREAM_ERROR, "%s", answer);
        snprintf(answer, sizeof(answer), ANSWER(VECTOR("%s")), packed[i]);
        cr_expect_eq(recode(answer, EMBEDDING_FLOAT), ERR_UPSTREAM_ERROR, "%s", answer);
    }
}

/* ---- numbers ---- */

static const char *
packed_text(void)
{
    const char *value = memmem(out.ptr, out.len, "\"embedding\":\"", 13);

    cr_assert_not_null(value);
    return value + 13;
}

/* The first float of a vector that was packed. */
static float
first_float(void)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *text = packed_text();
    uint64_t bits = 0;
    uint8_t bytes[4];
    float value;

    for (int i = 0; i < 6; i++)
        bits = bits << 6 | (uint64_t)(strchr(digits, text[i]) - digits);
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(bits >> (28 - 8 * i));
    memcpy(&value, bytes, sizeof(value));
    return value;
}

static void
expect_packed(const char *number)
{
    char answer[256];
    float expected = strtof(number, NULL);

    snprintf(answer, sizeof(answer), ANSWER(VECTOR("[%s]")), number);
    cr_assert_eq(recode(answer, EMBEDDING_BASE64), 0, "%s", number);
    float value = first_float();
    cr_assert_eq(memcmp(&value, &expected, sizeof(value)), 0, "%s: %a, not %a", number,
                 (double)value, (double)expected);
}

/* Middles of two floats, ends of the range, more digits than any type holds. */
Test(embedding, numbers_are_rounded_once)
{
    static const char *const numbers[] = {
        "0",
        "-0",
        "-0.0",
        "16777217",
        "16777219",
        "33554434.000000001",
        "0.1",
        "1.17549435e-38",
        "1e-45",
        "7e-46",
        "0.000000000000000000000000000000000000011754943",
        "3.4028235e38",
        "340282350000000000000000000000000000000",
        "9007199254740993",
        "8388608.5",
        "8388609.5",
        "0.50000002980232238769531250000000000000000000000000000000000000000001",
        "0.5000000298023223876953125",
        "0.50000002980232238769531249999999999999999999999999",
        "1e22",
        "1E+2",
        "12.5e-1",
        "-0.022374554",
        "0.99999999999999999999"};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        expect_packed(numbers[i]);
}

Test(embedding, random_numbers_are_those_of_strtof)
{
    uint64_t seed = 42;

    for (int i = 0; i < N_RANDOM; i++) {
        char number[64];
        uint32_t bits;
        float value;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bits = (uint32_t)(seed >> 32);
        if (i % 2 == 0) /* what providers send: a little around zero */
            snprintf(number, sizeof(number), "%s0.%0*u", bits & 1 ? "-" : "", 7 + i % 4, bits);
        else
            snprintf(number, sizeof(number), "%.*g", 1 + i % 12,
                     (memcpy(&value, &bits, 4), value == value && value < 3e38F && value > -3e38F)
                         ? (double)value
                         : 1.0);
        expect_packed(number);
    }
}

/* Any float is the same after both ways. */
Test(embedding, no_float_is_lost_in_numbers)
{
    struct buf first;
    uint64_t seed = 7;

    buf_init(&first, 1 << 20);
    for (int i = 0; i < N_RANDOM / 4; i++) {
        char answer[128];
        uint32_t bits;
        float value;

        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bits = (uint32_t)(seed >> 32);
        memcpy(&value, &bits, sizeof(value));
        if (value != value || value > 3.4e38F || value < -3.4e38F)
            continue;
        snprintf(answer, sizeof(answer), ANSWER(VECTOR("[%.9g]")), (double)value);
        cr_assert_eq(recode(answer, EMBEDDING_BASE64), 0);
        buf_clear(&first);
        buf_append_slice(&first, buf_slice(&out));
        buf_append_byte(&first, '\0');
        cr_assert_eq(recode(first.ptr, EMBEDDING_FLOAT), 0);
        buf_append_byte(&out, '\0');
        char *numbers = strdup(out.ptr);
        cr_assert_eq(recode(numbers, EMBEDDING_BASE64), 0);
        cr_assert(slice_eq_str(buf_slice(&out), first.ptr), "%a", (double)value);
        free(numbers);
    }
    buf_fini(&first);
}

Test(embedding, a_locale_with_commas_changes_nothing)
{
    (void)setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed */
    cr_assert_eq(recode(ANSWER(VECTOR("[0.125,1e-40]")), EMBEDDING_BASE64), 0);
    cr_expect(slice_eq_str(buf_slice(&out), ANSWER(VECTOR("\"AAAAPsIWAQA=\""))), "%.*s",
              (int)out.len, out.ptr);
    cr_assert_eq(recode(ANSWER(VECTOR("\"AAAAPg==\"")), EMBEDDING_FLOAT), 0);
    cr_expect(slice_eq_str(buf_slice(&out), ANSWER(VECTOR("[0.125]"))));
}

/* ---- Gemini ---- */

static struct translate_dropped dropped;
static struct refusal_reason why;
static struct embedding_question question;

static int
ask(const char *body)
{
    buf_clear(&out);
    dropped = (struct translate_dropped){0};
    why = (struct refusal_reason){0};
    question = (struct embedding_question){slice_str(body), SLICE_LIT("gemini-embedding-001"), 0};
    return embedding_gemini_request(&question, &out, &dropped, &why);
}

#define ONE(text, more)                                                                            \
    "{\"model\":\"models/gemini-embedding-001\",\"content\":{\"parts\":[{\"text\":" text           \
    "}]}" more "}"

Test(embedding, each_text_is_a_request_of_the_batch)
{
    cr_assert_eq(ask("{\"model\":\"x\",\"input\":\"h\\u00e9\\n\"}"), 0);
    cr_expect(slice_eq_str(buf_slice(&out), "{\"requests\":[" ONE("\"h\\u00e9\\n\"", "") "]}"),
              "%.*s", (int)out.len, out.ptr);
    cr_expect_eq(question.n_texts, 1);
    cr_assert_eq(ask("{\"input\":[\"a\",\"b\"],\"dimensions\":256,\"encoding_format\":\"base64\","
                     "\"user\":\"u\",\"model\":\"x\"}"),
                 0);
    cr_expect(slice_eq_str(buf_slice(&out),
                           "{\"requests\":[" ONE("\"a\"", ",\"outputDimensionality\":256") "," ONE(
                               "\"b\"", ",\"outputDimensionality\":256") "]}"),
              "%.*s", (int)out.len, out.ptr);
    cr_expect_eq(question.n_texts, 2);
    cr_expect(slice_eq_str(slice_of(dropped.names, dropped.len), "user"));
}

Test(embedding, what_gemini_does_not_embed_is_refused_by_name)
{
    static const struct {
        const char *body, *param;
        int err;
    } cases[] = {
        {"{\"input\":[1,2,3]}", "input", ERR_INVALID_REQUEST},
        {"{\"input\":[[1],[2]]}", "input", ERR_INVALID_REQUEST},
        {"{\"input\":[\"a\",7]}", "input", ERR_INVALID_REQUEST},
        {"{\"input\":[{}]}", "input", ERR_INVALID_REQUEST},
        {"{\"input\":[]}", "input", ERR_INVALID_REQUEST},
        {"{}", "input", ERR_INVALID_REQUEST},
        {"{\"input\":\"a\",\"dimensions\":0}", "dimensions", ERR_INVALID_REQUEST},
        {"{\"input\":\"a\",\"dimensions\":1.5}", "dimensions", ERR_INVALID_REQUEST},
        {"{\"input\":\"a\",\"dimensions\":\"9\"}", "dimensions", ERR_INVALID_REQUEST},
        {"{\"input\":\"a\",\"encoding_format\":\"int8\"}", "encoding_format",
         ERR_UNSUPPORTED_PARAMETER},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        cr_expect_eq(ask(cases[i].body), cases[i].err, "%s", cases[i].body);
        cr_expect_str_eq(why.param, cases[i].param, "%s", cases[i].body);
    }
    cr_expect_eq(ask("{\"input\":\"a\",\"dimensions\":null,\"encoding_format\":null}"), 0);
}

Test(embedding, a_batch_is_as_long_as_gemini_takes)
{
    struct buf body;

    buf_init(&body, 1 << 16);
    buf_append_str(&body, "{\"input\":[\"0\"");
    for (int i = 1; i < EMBEDDING_MAX_GEMINI; i++)
        buf_printf(&body, ",\"%d\"", i);
    size_t len = body.len;
    buf_append_str(&body, "]}");
    buf_append_byte(&body, '\0');
    cr_expect_eq(ask(body.ptr), 0);
    cr_expect_eq(question.n_texts, EMBEDDING_MAX_GEMINI);
    body.len = len;
    buf_append_str(&body, ",\"one too many\"]}");
    buf_append_byte(&body, '\0');
    cr_expect_eq(ask(body.ptr), ERR_INVALID_REQUEST);
    buf_fini(&body);
}

static int
answer(const char *body, enum embedding_encoding encoding, size_t n, struct usage *usage)
{
    const struct embedding_answer as = {SLICE_LIT("pub\"lic"), encoding, n, 5};

    buf_clear(&out);
    return embedding_gemini_reply(slice_str(body), &as, &out, usage);
}

#define DATA(n, value) "{\"object\":\"embedding\",\"index\":" n ",\"embedding\":" value "}"
#define LIST(data, tokens)                                                                         \
    "{\"object\":\"list\",\"data\":[" data                                                         \
    "],\"model\":\"pub\\\"lic\",\"usage\":{\"prompt_tokens\":" tokens ",\"total_tokens\":" tokens  \
    "}}"

Test(embedding, geminis_vectors_are_the_callers)
{
    static const char both[] = "{\"embeddings\":[{\"values\":[0.10,-1]},{\"values\":[1,2]}]}";
    static const char one[] = "{\"embeddings\":[{\"values\":[1],\"statistics\":{}}],"
                              "\"usageMetadata\":{\"promptTokenCount\":9}}";
    struct usage usage;

    cr_assert_eq(answer(both, EMBEDDING_FLOAT, 2, &usage), 0);
    cr_expect(
        slice_eq_str(buf_slice(&out), LIST(DATA("0", "[0.10,-1]") "," DATA("1", "[1,2]"), "5")),
        "%.*s", (int)out.len, out.ptr);
    cr_expect_not(usage.is_reported, "nobody has counted");
    cr_assert_eq(answer(one, EMBEDDING_BASE64, 1, &usage), 0);
    cr_expect(slice_eq_str(buf_slice(&out), LIST(DATA("0", "\"AACAPw==\""), "9")), "%.*s",
              (int)out.len, out.ptr);
    cr_expect(usage.is_reported);
    cr_expect_eq(usage.count[USAGE_INPUT], 9);
}

Test(embedding, an_answer_that_is_none_is_an_error)
{
    static const char *const bodies[] = {
        "",
        "[]",
        "{}",
        "{\"embeddings\":{}}",
        "{\"embeddings\":[]}",
        "{\"embeddings\":[{\"values\":[1]},{\"values\":[1]}]}",
        "{\"embeddings\":[1]}",
        "{\"embeddings\":[{}]}",
        "{\"embeddings\":[{\"values\":\"AAAA\"}]}",
        "{\"embeddings\":[{\"values\":[null]}]}",
    };
    struct usage usage;

    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        cr_expect_eq(answer(bodies[i], EMBEDDING_BASE64, 1, &usage), ERR_UPSTREAM_ERROR, "%s",
                     bodies[i]);
}
