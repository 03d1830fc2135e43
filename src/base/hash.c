/* SPDX-License-Identifier: ISC
 *
 * hash - see the header.
 */
#include "relayos/base/hash.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>

#include "relayos/base/mem.h"

static_assert(HASH_DIGEST_SIZE == SHA256_DIGEST_LENGTH, "SHA-256 everywhere");

struct hash_hmac {
    EVP_MAC *mac;
    EVP_MAC_CTX *ctx; /* keyed; each use begins by going back to the state just after the key */
};

struct hash_hmac *
hash_hmac_new(const struct secret *key)
{
    struct slice bytes = secret_expose(key);
    struct hash_hmac *hmac = mem_zalloc(sizeof(*hmac));
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_construct_end()};

    assert(bytes.len > 0);
    hmac->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    assert(hmac->mac != NULL);
    hmac->ctx = EVP_MAC_CTX_new(hmac->mac);
    assert(hmac->ctx != NULL);

    int ok = EVP_MAC_init(hmac->ctx, (const unsigned char *)bytes.ptr, bytes.len, params);

    assert(ok == 1);
    return hmac;
}

void
hash_hmac_free(struct hash_hmac **hmac)
{
    if (*hmac == NULL)
        return;
    EVP_MAC_CTX_free((*hmac)->ctx);
    EVP_MAC_free((*hmac)->mac);
    free(*hmac);
    *hmac = NULL;
}

void
hash_hmac(struct hash_hmac *hmac, struct slice data, uint8_t out[HASH_DIGEST_SIZE])
{
    size_t len = 0;
    int ok = EVP_MAC_init(hmac->ctx, NULL, 0, NULL) == 1 &&
             EVP_MAC_update(hmac->ctx, (const unsigned char *)data.ptr, data.len) == 1 &&
             EVP_MAC_final(hmac->ctx, out, &len, HASH_DIGEST_SIZE) == 1;

    assert(ok && len == HASH_DIGEST_SIZE);
}

void
hash_derive(const struct secret *key, const char *label, uint8_t out[HASH_DIGEST_SIZE])
{
    struct hash_hmac *hmac = hash_hmac_new(key);

    hash_hmac(hmac, slice_str(label), out);
    hash_hmac_free(&hmac);
}

void
hash_sha256(struct slice data, uint8_t out[HASH_DIGEST_SIZE])
{
    SHA256((const unsigned char *)data.ptr, data.len, out);
}

/* A nibble at a time: 64 bytes of table are enough for a key's few dozen characters. */
uint32_t
hash_crc32(struct slice data)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < data.len; i++) {
        crc ^= (uint8_t)data.ptr[i];
        crc = table[crc & 15] ^ (crc >> 4);
        crc = table[crc & 15] ^ (crc >> 4);
    }
    return ~crc;
}

uint64_t
hash_table64(struct slice data)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < data.len; i++) {
        hash ^= (uint8_t)data.ptr[i];
        hash *= UINT64_C(0x100000001b3);
    }
    /* FNV leaves its low bits poorly mixed, and tables use just those. */
    hash ^= hash >> 33;
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    hash *= UINT64_C(0xc4ceb9fe1a85ec53);
    hash ^= hash >> 33;
    return hash;
}
