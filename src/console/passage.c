/* SPDX-License-Identifier: ISC */
#include "passage.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "relayos/base/secret.h"
#include "relayos/base/text.h"

#define FIXED_SIZE (PASSAGE_SEED_SIZE + sizeof(int64_t))
#define BYTES_MAX  (FIXED_SIZE + PASSAGE_TO_SIZE + HASH_DIGEST_SIZE)

static void set_to(struct passage *passage, struct slice to);
static bool is_page(struct slice path);
static void derive(struct hash_hmac *key, struct passage *passage);
static void derive_text(struct hash_hmac *key, const char *label, const uint8_t *seed,
                        char out[PASSAGE_DIGEST_TEXT + 1]);
static void write_text(struct slice bytes, char *out, size_t size);
static void digest(struct hash_hmac *key, const char *label, struct slice bytes,
                   uint8_t out[HASH_DIGEST_SIZE]);

int
passage_begin(struct hash_hmac *key, struct slice to, int64_t now_us, struct passage *out)
{
    *out = (struct passage){.begun_us = now_us};
    if (getrandom(out->seed, sizeof(out->seed), 0) != (ssize_t)sizeof(out->seed))
        return ERR_IO;
    set_to(out, to);
    derive(key, out);
    return 0;
}

static void
set_to(struct passage *passage, struct slice to)
{
    if (!is_page(to) || to.len >= PASSAGE_TO_SIZE)
        to = SLICE_LIT("/");
    snprintf(passage->to, sizeof(passage->to), "%.*s", (int)to.len, to.ptr);
}

/* "//host" and "/\host" are other hosts to browsers; what they drop or mend, we do not send. */
static bool
is_page(struct slice path)
{
    static const struct slice doors[] = {{"/signin", 7}, {"/setup", 6}, {"/api", 4}};

    if (path.len == 0 || path.ptr[0] != '/' || (path.len > 1 && path.ptr[1] == '/'))
        return false;
    for (size_t n = 0; n < path.len; n++) {
        unsigned char c = (unsigned char)path.ptr[n];

        if (c <= 0x20 || c >= 0x7f || c == '\\')
            return false;
    }
    for (size_t n = 0; n < sizeof(doors) / sizeof(doors[0]); n++) {
        if (slice_starts_with(path, doors[n]))
            return false;
    }
    return true;
}

static void
derive(struct hash_hmac *key, struct passage *passage)
{
    uint8_t hash[HASH_DIGEST_SIZE];

    derive_text(key, "state", passage->seed, passage->state);
    derive_text(key, "nonce", passage->seed, passage->nonce);
    derive_text(key, "verifier", passage->seed, passage->verifier);
    hash_sha256(slice_str(passage->verifier), hash);
    write_text(slice_of(hash, sizeof(hash)), passage->challenge, sizeof(passage->challenge));
}

static void
derive_text(struct hash_hmac *key, const char *label, const uint8_t *seed,
            char out[PASSAGE_DIGEST_TEXT + 1])
{
    uint8_t hash[HASH_DIGEST_SIZE];

    digest(key, label, slice_of(seed, PASSAGE_SEED_SIZE), hash);
    write_text(slice_of(hash, sizeof(hash)), out, PASSAGE_DIGEST_TEXT + 1);
}

static void
write_text(struct slice bytes, char *out, size_t size)
{
    struct buf text;

    buf_init(&text, size - 1);
    text_base64url(bytes, &text);
    assert(!text.overflow);
    memcpy(out, text.ptr, text.len);
    out[text.len] = '\0';
    buf_fini(&text);
}

/* Labels have no NUL: no two of them make the same bytes. */
static void
digest(struct hash_hmac *key, const char *label, struct slice bytes, uint8_t out[HASH_DIGEST_SIZE])
{
    struct buf text;

    buf_init(&text, BYTES_MAX + 16);
    buf_append(&text, label, strlen(label) + 1);
    buf_append_slice(&text, bytes);
    assert(!text.overflow);
    hash_hmac(key, buf_slice(&text), out);
    buf_fini(&text);
}

/* seed | begun_us | to | MAC of them */
void
passage_seal(struct hash_hmac *key, const struct passage *passage, char out[PASSAGE_SEALED_SIZE])
{
    uint8_t bytes[BYTES_MAX];
    size_t to_len = strlen(passage->to), len = FIXED_SIZE + to_len;

    memcpy(bytes, passage->seed, PASSAGE_SEED_SIZE);
    memcpy(bytes + PASSAGE_SEED_SIZE, &passage->begun_us, sizeof(passage->begun_us));
    memcpy(bytes + FIXED_SIZE, passage->to, to_len);
    digest(key, "cookie", slice_of(bytes, len), bytes + len);
    write_text(slice_of(bytes, len + HASH_DIGEST_SIZE), out, PASSAGE_SEALED_SIZE);
}

bool
passage_open(struct hash_hmac *key, struct slice sealed, int64_t now_us, struct passage *out)
{
    uint8_t bytes[BYTES_MAX], wanted[HASH_DIGEST_SIZE];
    long n = text_base64url_parse(sealed, bytes, sizeof(bytes));

    if (n < (long)(FIXED_SIZE + 1 + HASH_DIGEST_SIZE))
        return false;
    size_t len = (size_t)n - HASH_DIGEST_SIZE;
    digest(key, "cookie", slice_of(bytes, len), wanted);
    if (len - FIXED_SIZE >= PASSAGE_TO_SIZE || !secret_equal(wanted, bytes + len, sizeof(wanted)))
        return false;
    *out = (struct passage){.begun_us = 0};
    memcpy(out->seed, bytes, PASSAGE_SEED_SIZE);
    memcpy(&out->begun_us, bytes + PASSAGE_SEED_SIZE, sizeof(out->begun_us));
    memcpy(out->to, bytes + FIXED_SIZE, len - FIXED_SIZE);
    derive(key, out);
    return now_us - out->begun_us <= PASSAGE_LIFE_US && now_us >= out->begun_us;
}

bool
passage_is_state(const struct passage *passage, struct slice state)
{
    return state.len == PASSAGE_DIGEST_TEXT &&
           secret_equal(state.ptr, passage->state, PASSAGE_DIGEST_TEXT);
}
