/* SPDX-License-Identifier: ISC */
#include "passage.h"

#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "relayos/base/buf.h"
#include "relayos/base/text.h"

#define NOW INT64_C(1800000000000000)

static struct hash_hmac *
make_key(const char *text)
{
    struct secret *secret = secret_new(text, strlen(text));
    struct hash_hmac *key = hash_hmac_new(secret);

    secret_free(&secret);
    return key;
}

static struct passage
begin(struct hash_hmac *key, const char *to)
{
    struct passage passage;

    cr_assert_eq(passage_begin(key, slice_str(to), NOW, &passage), 0);
    return passage;
}

Test(passage, what_was_sealed_opens_as_it_was)
{
    struct hash_hmac *key = make_key("k");
    char sealed[PASSAGE_SEALED_SIZE], to[PASSAGE_TO_SIZE];
    struct passage opened;

    memset(to, 'x', sizeof to);
    to[0] = '/';
    to[sizeof to - 1] = '\0';
    const char *const paths[] = {"/", "/keys/12", "/requests?status=failed&q=a%20b#end", to};
    for (size_t n = 0; n < sizeof paths / sizeof paths[0]; n++) {
        struct passage passage = begin(key, paths[n]);

        cr_expect_str_eq(passage.to, paths[n]);
        passage_seal(key, &passage, sealed);
        cr_assert(passage_open(key, slice_str(sealed), NOW + PASSAGE_LIFE_US, &opened));
        cr_expect_eq(memcmp(&opened, &passage, sizeof opened), 0);
        cr_expect(passage_is_state(&opened, slice_str(passage.state)));
    }
    hash_hmac_free(&key);
}

Test(passage, no_byte_of_it_can_be_changed_and_it_ends)
{
    struct hash_hmac *key = make_key("k"), *other = make_key("l");
    struct passage passage = begin(key, "/keys"), opened;
    char sealed[PASSAGE_SEALED_SIZE];

    passage_seal(key, &passage, sealed);
    cr_expect_not(passage_open(other, slice_str(sealed), NOW, &opened));
    cr_expect_not(passage_open(key, slice_str(sealed), NOW + PASSAGE_LIFE_US + 1, &opened));
    cr_expect_not(passage_open(key, slice_str(sealed), NOW - 1, &opened));
    for (size_t n = 0; n < strlen(sealed); n++) {
        char was = sealed[n];

        sealed[n] = was == 'A' ? 'B' : 'A';
        cr_expect_not(passage_open(key, slice_str(sealed), NOW, &opened), "byte %zu", n);
        sealed[n] = was;
        cr_expect_not(passage_open(key, slice_of(sealed, n), NOW, &opened), "%zu bytes", n);
    }
    hash_hmac_free(&key);
    hash_hmac_free(&other);
}

Test(passage, no_two_have_anything_in_common)
{
    struct hash_hmac *key = make_key("k");
    struct passage one = begin(key, "/"), two = begin(key, "/");
    const char *const texts[] = {one.state, one.nonce, one.verifier, one.challenge,
                                 two.state, two.nonce, two.verifier, two.challenge};

    for (size_t i = 0; i < 8; i++) {
        cr_expect_eq(strlen(texts[i]), (size_t)PASSAGE_DIGEST_TEXT);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(texts[i], texts[j]);
    }
    cr_expect_not(passage_is_state(&one, slice_str(two.state)));
    cr_expect_not(passage_is_state(&one, SLICE_LIT("")));
    hash_hmac_free(&key);
}

/* RFC 7636 4.2: BASE64URL(SHA256(ASCII(code_verifier))). */
Test(passage, the_challenge_is_the_verifiers_hash)
{
    struct hash_hmac *key = make_key("k");
    struct passage passage = begin(key, "/");
    uint8_t wanted[HASH_DIGEST_SIZE], told[HASH_DIGEST_SIZE];

    hash_sha256(slice_str(passage.verifier), wanted);
    cr_assert_eq(text_base64url_parse(slice_str(passage.challenge), told, sizeof told),
                 (long)sizeof told);
    cr_expect_arr_eq(told, wanted, sizeof told);
    hash_hmac_free(&key);
}

Test(passage, what_is_no_page_of_ours_is_the_first)
{
    static const char *const elsewhere[] = {"",
                                            "keys",
                                            "//evil.example",
                                            "/\\evil.example",
                                            "https://evil.example",
                                            "/signin",
                                            "/setup#x",
                                            "/api/v1/keys",
                                            "/a b",
                                            "/a\nb",
                                            "/\t/x",
                                            "/caf\xc3\xa9",
                                            "/a\\b",
                                            "javascript:alert()"};
    struct hash_hmac *key = make_key("k");

    for (size_t n = 0; n < sizeof elsewhere / sizeof elsewhere[0]; n++)
        cr_expect_str_eq(begin(key, elsewhere[n]).to, "/", "%s", elsewhere[n]);
    hash_hmac_free(&key);
}
