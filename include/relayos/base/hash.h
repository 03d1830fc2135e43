/* SPDX-License-Identifier: ISC
 *
 * hash - the hashes we use: HMAC-SHA-256 with a ready context, CRC-32, and a fast table hash.
 */
#ifndef RELAYOS_BASE_HASH_H
#define RELAYOS_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "relayos/base/secret.h"
#include "relayos/base/slice.h"

#define HASH_DIGEST_SIZE 32

/* HMAC-SHA-256 under one key; keeps the keyed states ready (0.2 us a call). Not thread-safe. */
struct hash_hmac;
struct hash_hmac *hash_hmac_new(const struct secret *key);
void hash_hmac_free(struct hash_hmac **hmac);
void hash_hmac(struct hash_hmac *hmac, struct slice data, uint8_t out[HASH_DIGEST_SIZE]);

/* One-shot: HMAC(key, label), to derive one key from another. */
void hash_derive(const struct secret *key, const char *label, uint8_t out[HASH_DIGEST_SIZE]);
void hash_sha256(struct slice data, uint8_t out[HASH_DIGEST_SIZE]);

/* CRC-32 (IEEE 802.3), of the key checksum. */
uint32_t hash_crc32(struct slice data);

/* 64-bit FNV-1a with a final mix: tables whose keys an attacker does not choose. */
uint64_t hash_table64(struct slice data);

/* The finaliser of splitmix64: each bit of z changes about half of the result's. */
static inline uint64_t
hash_mix64(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

#endif
