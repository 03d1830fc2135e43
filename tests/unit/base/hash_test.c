/* SPDX-License-Identifier: ISC
 *
 * Tests of base/hash: published vectors, and that a context used again starts anew.
 */
#include <criterion/criterion.h>

#include <string.h>

#include "relayos/base/hash.h"
#include "relayos/base/text.h"

static void
assert_digest(const uint8_t digest[HASH_DIGEST_SIZE], const char *hex)
{
    char text[2 * HASH_DIGEST_SIZE + 1] = "";

    text_hex(digest, HASH_DIGEST_SIZE, text);
    cr_assert_str_eq(text, hex);
}

Test(hash, hmac_matches_rfc_4231_however_often_it_is_used)
{
    struct secret *key = secret_new("Jefe", 4);
    struct hash_hmac *hmac = hash_hmac_new(key);
    uint8_t digest[HASH_DIGEST_SIZE];

    for (int i = 0; i < 3; i++) {
        hash_hmac(hmac, SLICE_LIT("what do ya want for nothing?"), digest);
        assert_digest(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        hash_hmac(hmac, SLICE_LIT("something else"), digest);
    }
    hash_derive(key, "what do ya want for nothing?", digest);
    assert_digest(digest, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hash_hmac_free(&hmac);
    cr_assert_null(hmac);
    secret_free(&key);
}

Test(hash, sha256_and_crc32_match_their_vectors)
{
    uint8_t digest[HASH_DIGEST_SIZE];

    hash_sha256(SLICE_LIT("abc"), digest);
    assert_digest(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    hash_sha256(SLICE_LIT(""), digest);
    assert_digest(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cr_assert_eq(hash_crc32(SLICE_LIT("123456789")), 0xcbf43926);
    cr_assert_eq(hash_crc32(SLICE_LIT("")), 0);
}

Test(hash, table_hashes_of_neighbours_spread_over_few_buckets)
{
    unsigned n[64] = {0};

    for (int i = 0; i < 6400; i++)
        n[hash_table64(slice_of(&i, sizeof(i))) % 64]++;
    for (int i = 0; i < 64; i++)
        cr_assert(n[i] > 50 && n[i] < 150, "bucket %d has %u of 100", i, n[i]);
}
