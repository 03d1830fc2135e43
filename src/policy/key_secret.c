/* SPDX-License-Identifier: ISC
 *
 * key_secret - the text of a key: made, proofread, digested.
 */
#include "relayos/policy/key_secret.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <sys/random.h>

#include "relayos/base/secret.h"
#include "relayos/base/text.h"

#define KEY_SECRET_RANDOM_SIZE  32
#define KEY_SECRET_BODY_DIGITS  43 /* of base62: 256 bits */
#define KEY_SECRET_CHECK_DIGITS 6  /* of base62: 32 bits */
#define KEY_SECRET_ENV_MAX      12
#define KEY_SECRET_TAIL         (KEY_SECRET_BODY_DIGITS + KEY_SECRET_CHECK_DIGITS)

static void key_secret_checksum(struct slice text, char out[KEY_SECRET_CHECK_DIGITS]);
static bool is_base62(char c);
static bool is_environment_char(char c);

void
key_secret_make(const char *environment, char out[KEY_SECRET_MAX])
{
    uint8_t random[KEY_SECRET_RANDOM_SIZE];
    size_t environment_len = strlen(environment);

    assert(environment_len >= 1 && environment_len <= KEY_SECRET_ENV_MAX);
    /* Up to 256 bytes never come short and are not interrupted once the pool is ready. */
    ssize_t n_random = getrandom(random, sizeof(random), 0);
    assert(n_random == sizeof(random));

    size_t len = (size_t)snprintf(out, KEY_SECRET_MAX, "sk-%s-", environment);
    text_base62(random, sizeof(random), out + len, KEY_SECRET_BODY_DIGITS);
    len += KEY_SECRET_BODY_DIGITS;
    key_secret_checksum(slice_of(out, len), out + len);
    len += KEY_SECRET_CHECK_DIGITS;
    out[len] = '\0';

    secret_wipe(random, sizeof(random));
    assert(key_secret_is_wellformed(slice_of(out, len)));
}

bool
key_secret_is_wellformed(struct slice text)
{
    static const struct slice prefix = {"sk-", 3};
    char check[KEY_SECRET_CHECK_DIGITS];

    if (text.len < prefix.len + 1 + 1 + KEY_SECRET_TAIL ||
        text.len > prefix.len + KEY_SECRET_ENV_MAX + 1 + KEY_SECRET_TAIL)
        return false;
    if (!slice_starts_with(text, prefix))
        return false;

    size_t body = text.len - KEY_SECRET_TAIL;
    if (text.ptr[body - 1] != '-')
        return false;
    for (size_t i = prefix.len; i < body - 1; i++)
        if (!is_environment_char(text.ptr[i]))
            return false;
    for (size_t i = body; i < text.len; i++)
        if (!is_base62(text.ptr[i]))
            return false;

    key_secret_checksum(slice_sub(text, 0, body + KEY_SECRET_BODY_DIGITS), check);
    return secret_equal(text.ptr + body + KEY_SECRET_BODY_DIGITS, check, sizeof(check));
}

void
key_secret_digest(struct hash_hmac *pepper, struct slice text, uint8_t out[KEY_DIGEST_SIZE])
{
    static_assert(KEY_DIGEST_SIZE == HASH_DIGEST_SIZE, "keys are stored as HMAC-SHA-256");
    hash_hmac(pepper, text, out);
}

static void
key_secret_checksum(struct slice text, char out[KEY_SECRET_CHECK_DIGITS])
{
    uint32_t crc = hash_crc32(text);
    uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8),
                        (uint8_t)crc};

    text_base62(bytes, sizeof(bytes), out, KEY_SECRET_CHECK_DIGITS);
}

static bool
is_base62(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool
is_environment_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}
