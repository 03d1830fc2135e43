/* SPDX-License-Identifier: ISC */
#include "throttle.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "relayos/base/hash.h"
#include "relayos/base/mem.h"

#define N_ROWS    4096
#define N_NEAR    8 /* places of one key; the one that failed longest ago makes room */
#define N_KNOWN   1024
#define N_FREE    4 /* failures that cost nothing: fingers slip */
#define SECOND    INT64_C(1000000)
#define FORGET_US (3600 * SECOND)

struct row {
    uint64_t key; /* 0 = free */
    uint32_t n_failures;
    int64_t failed_us;
};

struct known {     /* written by who knows a password: guessing pushes nobody out */
    uint64_t pair; /* 0 = free */
    int64_t seen_us;
};

struct throttle {
    uint8_t seed[16]; /* nobody outside can choose names that push others out */
    struct row rows[N_ROWS];
    struct known known[N_KNOWN];
};

static struct row *find(struct throttle *throttle, uint64_t key, int64_t now_us);
static uint64_t key_of(const struct throttle *throttle, enum throttle_kind kind, struct slice text);
static size_t normalise(enum throttle_kind kind, struct slice text, char *out, size_t size);
static struct slice pair_of(const struct throttle *throttle, const struct throttle_door *door,
                            uint64_t keys[2]);
static int64_t wait_us(enum throttle_kind kind, const struct row *row, int64_t now_us);

struct throttle *
throttle_new(void)
{
    struct throttle *throttle = mem_zalloc(sizeof(*throttle));

    if (getrandom(throttle->seed, sizeof(throttle->seed), 0) != sizeof(throttle->seed))
        abort();
    return throttle;
}

void
throttle_free(struct throttle **throttle)
{
    free(*throttle);
    *throttle = NULL;
}

int64_t
throttle_take(struct throttle *throttle, enum throttle_kind kind, struct slice text, int64_t now_us)
{
    struct row *row = find(throttle, key_of(throttle, kind, text), now_us);
    int64_t left_us = wait_us(kind, row, now_us);

    if (left_us > 0)
        return left_us;
    row->n_failures++;
    row->failed_us = now_us;
    return 0;
}

void
throttle_forgive(struct throttle *throttle, enum throttle_kind kind, struct slice text,
                 int64_t now_us)
{
    struct row *row = find(throttle, key_of(throttle, kind, text), now_us);

    if (kind != THROTTLE_ADDRESS || row->n_failures <= 1)
        row->n_failures = 0;
    else
        row->n_failures--;
}

/* The address first: whoever tries many accounts wears out none of them. */
int64_t
throttle_enter(struct throttle *throttle, const struct throttle_door *door, int64_t now_us)
{
    uint64_t keys[2];

    if (throttle_is_known(throttle, door))
        return throttle_take(throttle, THROTTLE_PAIR, pair_of(throttle, door, keys), now_us);
    int64_t left_us = throttle_take(throttle, THROTTLE_ADDRESS, door->address, now_us);
    return left_us > 0 ? left_us : throttle_take(throttle, THROTTLE_ACCOUNT, door->account, now_us);
}

bool
throttle_is_known(const struct throttle *throttle, const struct throttle_door *door)
{
    uint64_t keys[2];
    uint64_t pair = key_of(throttle, THROTTLE_PAIR, pair_of(throttle, door, keys));
    size_t n = 0;

    while (n < N_NEAR && throttle->known[(pair + n) % N_KNOWN].pair != pair)
        n++;
    return n < N_NEAR;
}

void
throttle_welcome(struct throttle *throttle, const struct throttle_door *door, int64_t now_us)
{
    uint64_t keys[2];
    struct slice text = pair_of(throttle, door, keys);
    uint64_t pair = key_of(throttle, THROTTLE_PAIR, text);
    struct known *place = &throttle->known[pair % N_KNOWN];

    if (throttle_is_known(throttle, door)) {
        throttle_forgive(throttle, THROTTLE_PAIR, text, now_us);
    } else {
        throttle_forgive(throttle, THROTTLE_ADDRESS, door->address, now_us);
        throttle_forgive(throttle, THROTTLE_ACCOUNT, door->account, now_us);
    }
    for (size_t n = 0; n < N_NEAR && place->pair != pair; n++) {
        struct known *one = &throttle->known[(pair + n) % N_KNOWN];

        if (one->pair == pair || one->seen_us < place->seen_us)
            place = one;
    }
    *place = (struct known){pair, now_us};
}

/* By what tells accounts and addresses apart. */
static struct slice
pair_of(const struct throttle *throttle, const struct throttle_door *door, uint64_t keys[2])
{
    keys[0] = key_of(throttle, THROTTLE_ACCOUNT, door->account);
    keys[1] = key_of(throttle, THROTTLE_ADDRESS, door->address);
    return slice_of(keys, 2 * sizeof(keys[0]));
}

/* Its row, or a fresh one. */
static struct row *
find(struct throttle *throttle, uint64_t key, int64_t now_us)
{
    struct row *eldest = NULL;

    for (size_t n = 0; n < N_NEAR; n++) {
        struct row *row = &throttle->rows[(key + n) % N_ROWS];

        if (row->key == key && now_us - row->failed_us < FORGET_US)
            return row;
        if (row->key == key) {
            eldest = row;
            break;
        }
        if (eldest == NULL || row->failed_us < eldest->failed_us)
            eldest = row;
    }
    *eldest = (struct row){.key = key};
    return eldest;
}

static uint64_t
key_of(const struct throttle *throttle, enum throttle_kind kind, struct slice text)
{
    uint8_t digest[HASH_DIGEST_SIZE];
    char seeded[sizeof(throttle->seed) + 1 + 128];
    size_t len = sizeof(throttle->seed);
    uint64_t key;

    memcpy(seeded, throttle->seed, len);
    seeded[len++] = (char)kind;
    len += normalise(kind, text, seeded + len, sizeof(seeded) - len);
    hash_sha256(slice_of(seeded, len), digest);
    memcpy(&key, digest, sizeof(key));
    return key == 0 ? 1 : key;
}

static size_t
normalise(enum throttle_kind kind, struct slice text, char *out, size_t size)
{
    char address[INET6_ADDRSTRLEN];
    struct in6_addr v6;
    size_t len = text.len < size ? text.len : size;

    snprintf(address, sizeof(address), "%.*s", (int)text.len, text.ptr);
    if (kind == THROTTLE_ADDRESS && inet_pton(AF_INET6, address, &v6) == 1) {
        memcpy(out, &v6, 8);
        return 8;
    }
    for (size_t n = 0; n < len; n++)
        out[n] = kind == THROTTLE_PAIR ? text.ptr[n] : (char)tolower((unsigned char)text.ptr[n]);
    return len;
}

/* 1, 2, 4, ... seconds after the free ones: a quarter of an hour at most for an address, else a
 * minute. */
static int64_t
wait_us(enum throttle_kind kind, const struct row *row, int64_t now_us)
{
    int64_t most_us = kind == THROTTLE_ADDRESS ? 900 * SECOND : 60 * SECOND;
    uint32_t n_over = row->n_failures <= N_FREE ? 0 : row->n_failures - N_FREE;
    int64_t pause_us = SECOND << (n_over > 20 ? 20 : n_over == 0 ? 0 : n_over - 1);

    if (n_over == 0)
        return 0;
    if (pause_us > most_us)
        pause_us = most_us;
    return row->failed_us + pause_us - now_us;
}
