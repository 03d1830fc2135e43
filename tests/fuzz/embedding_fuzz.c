/* SPDX-License-Identifier: ISC
 *
 * Any bytes as a request for vectors, as an answer with some, and as a body whose path names the
 * model: what comes out is JSON, a vector that is written both ways is the same, and numbers are
 * rounded as strtof() does.
 */
#include <assert.h>
#include <stdlib.h>

#include "embedding_vector.h"
#include "relayos/codec/embedding.h"
#include "relayos/codec/json_scan.h"

enum { CAP = 1 << 24 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void try_request(struct slice text);
static void try_gemini(struct slice text, enum embedding_encoding encoding);
static void try_recode(struct slice text, enum embedding_encoding encoding);
static void try_vector(struct slice vector);
static void check_floats(struct slice numbers, struct slice packed);
static void try_name(struct slice text);
static bool is_object(struct slice text);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct slice text = slice_of(bytes, len);
    struct json_error error;
    enum json_type type;

    try_name(text);
    if (json_scan_value(text, &type, &error) != 0)
        return 0;
    if (type == JSON_ARRAY)
        try_vector(text);
    if (!is_object(text))
        return 0;
    try_request(text);
    for (int encoding = EMBEDDING_FLOAT; encoding <= EMBEDDING_OTHER; encoding++) {
        try_gemini(text, (enum embedding_encoding)encoding);
        try_recode(text, (enum embedding_encoding)encoding);
    }
    return 0;
}

static void
try_request(struct slice text)
{
    struct embedding_question question = {.body = text, .model = SLICE_LIT("a\"b")};
    struct translate_dropped dropped = {.len = 0};
    struct refusal_reason why = {.detail = ""};
    struct buf out;

    buf_init(&out, CAP);
    if (embedding_gemini_request(&question, &out, &dropped, &why) == 0) {
        assert(question.n_texts > 0 && question.n_texts <= EMBEDDING_MAX_GEMINI);
        assert(out.overflow || is_object(buf_slice(&out)));
    } else {
        assert(why.detail[0] != '\0');
    }
    buf_fini(&out);
}

static void
try_gemini(struct slice text, enum embedding_encoding encoding)
{
    struct buf out;

    buf_init(&out, CAP);
    for (size_t n = 0; n < 4; n++) {
        const struct embedding_answer answer = {SLICE_LIT("public"), encoding, n, 1};
        struct usage usage;

        buf_clear(&out);
        if (embedding_gemini_reply(text, &answer, &out, &usage) == 0)
            assert(is_object(buf_slice(&out)) && usage.count[USAGE_INPUT] >= 0 &&
                   usage.count[USAGE_INPUT] <= LIMIT_TOKENS);
    }
    buf_fini(&out);
}

static void
try_recode(struct slice text, enum embedding_encoding encoding)
{
    struct buf out;

    buf_init(&out, CAP);
    if (embedding_recode(text, encoding, &out) == 0) {
        assert(is_object(buf_slice(&out)));
        assert(embedding_is_as_asked(buf_slice(&out), encoding));
    }
    assert(out.len <= EMBEDDING_MAX_GROWTH * text.len + 64);
    buf_fini(&out);
}

/* Numbers to bytes, and these to others and back. */
static void
try_vector(struct slice vector)
{
    const char *begin = memchr(vector.ptr, '[', vector.len), *end = vector.ptr + vector.len;
    struct buf packed, numbers, again;

    while (end[-1] != ']')
        end--;
    vector = slice_of(begin, (size_t)(end - begin));
    buf_init(&packed, CAP);
    buf_init(&numbers, CAP);
    buf_init(&again, CAP);
    if (embedding_vector_pack(vector, &packed) == 0) {
        check_floats(vector, buf_slice(&packed));
        int err = embedding_vector_unpack(buf_slice(&packed), &numbers);
        assert(err == 0);
        err = embedding_vector_pack(buf_slice(&numbers), &again);
        assert(err == 0 && slice_eq(buf_slice(&packed), buf_slice(&again)));
    }
    buf_fini(&packed);
    buf_fini(&numbers);
    buf_fini(&again);
}

static void
check_floats(struct slice numbers, struct slice packed)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t cursor = 0, at = 1, n_bits = 0;
    struct slice number;
    enum json_type type;
    uint64_t bits = 0;

    while (json_array_next(numbers, &cursor, &number, &type)) {
        uint8_t bytes[sizeof(float)];

        for (size_t i = 0; i < sizeof(bytes); i++) {
            while (n_bits < 8) {
                bits = bits << 6 | (uint64_t)(strchr(digits, packed.ptr[at++]) - digits);
                n_bits += 6;
            }
            n_bits -= 8;
            bytes[i] = (uint8_t)(bits >> n_bits);
        }
        float expected = strtof(number.ptr, NULL);
        assert(memcmp(bytes, &expected, sizeof(expected)) == 0);
    }
}

static void
try_name(struct slice text)
{
    static struct json_object object;
    struct json_error error;
    struct buf out;

    buf_init(&out, text.len + 6 * 5 + DIALECT_NAME_ROOM);
    dialect_name_model(text, SLICE_LIT("a\"/\xff\x01"), &out);
    assert(!out.overflow);
    if (is_object(text)) {
        int err = json_scan_object(buf_slice(&out), &object, &error);
        /* It may have had as many members as there may be. */
        assert(err == 0 || err == ERR_TOO_LARGE);
        assert(err != 0 ||
               json_string_is(json_find(&object, "model")->value, "a\"/\xEF\xBF\xBD\x01"));
    } else {
        assert(slice_eq(buf_slice(&out), text));
    }
    buf_fini(&out);
}

static bool
is_object(struct slice text)
{
    static struct json_object object;
    struct json_error error;

    return json_scan_object(text, &object, &error) == 0;
}
