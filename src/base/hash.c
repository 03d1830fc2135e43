/* SPDX-License-Identifier: ISC
 *
 * hash - see the header.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* SHA256_CTX: see struct hash_hmac */

#include "relayos/base/hash.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/mem.h"

static_assert(HASH_DIGEST_SIZE == SHA256_DIGEST_LENGTH, "SHA-256 everywhere");

#define HMAC_BLOCK SHA256_CBLOCK

/*
 * RFC 2104, by hand over SHA-256: the two states just after the padded key are kept, so that a MAC
 * is one copy, and no allocation, away. The library's own MAC object clones contexts on the heap at
 * each use, and each request comes through here.
 */
struct hash_hmac {
    SHA256_CTX inner, outer;
};

static void
state_after(SHA256_CTX *state, const uint8_t key[HMAC_BLOCK], uint8_t pad)
{
    uint8_t block[HMAC_BLOCK];

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = key[i] ^ pad;
    SHA256_Init(state);
    SHA256_Update(state, block, sizeof(block));
    secret_wipe(block, sizeof(block));
}

struct hash_hmac *
hash_hmac_new(const struct secret *key)
{
    struct slice bytes = secret_expose(key);
    struct hash_hmac *hmac = mem_zalloc(sizeof(*hmac));
    uint8_t block[HMAC_BLOCK] = {0};

    assert(bytes.len > 0);
    if (bytes.len > sizeof(block))
        hash_sha256(bytes, block);
    else
        memcpy(block, bytes.ptr, bytes.len);
    state_after(&hmac->inner, block, 0x36);
    state_after(&hmac->outer, block, 0x5c);
    secret_wipe(block, sizeof(block));
    return hmac;
}

void
hash_hmac_free(struct hash_hmac **hmac)
{
    if (*hmac == NULL)
        return;
    secret_wipe(*hmac, sizeof(**hmac));
    free(*hmac);
    *hmac = NULL;
}

void
hash_hmac(struct hash_hmac *hmac, struct slice data, uint8_t out[HASH_DIGEST_SIZE])
{
    SHA256_CTX state = hmac->inner;

    SHA256_Update(&state, data.ptr, data.len);
    SHA256_Final(out, &state);
    state = hmac->outer;
    SHA256_Update(&state, out, HASH_DIGEST_SIZE);
    SHA256_Final(out, &state);
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
