/* SPDX-License-Identifier: ISC
 *
 * sealed - see the header.
 */
#include "relayos/base/sealed.h"

#include <assert.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "relayos/base/hash.h"
#include "relayos/base/text.h"

#define VERSION "v1."

enum { NONCE_SIZE = 12, TAG_SIZE = 16, ID_SIZE = 4, ID_DIGITS = 2 * ID_SIZE };
enum { HEAD_SIZE = sizeof(VERSION) - 1 + ID_DIGITS + 1 };
enum { BOX_MAX = NONCE_SIZE + SEALED_CLEAR_MAX + TAG_SIZE };

static int check_master(const struct secret *master, struct errmsg *why);
static void make_id(const struct secret *master, char out[ID_DIGITS + 1]);
static EVP_CIPHER_CTX *keyed(const struct secret *master, bool is_encrypt, const uint8_t *nonce);
static bool open_box(const struct secret *master, struct slice place, const uint8_t *box,
                     size_t len, uint8_t *clear);

int
sealed_make(const struct secret *master, struct slice place, struct slice clear, struct buf *out,
            struct errmsg *why)
{
    uint8_t box[BOX_MAX], *text = box + NONCE_SIZE, *tag = text + clear.len;
    char id[ID_DIGITS + 1];
    int n, rc = check_master(master, why);

    if (rc != 0)
        return rc;
    if (clear.len == 0 || clear.len > SEALED_CLEAR_MAX) {
        errmsg_set(why, "a secret has 1 to %d bytes", SEALED_CLEAR_MAX);
        return ERR_TOO_LARGE;
    }
    ssize_t got = getrandom(box, NONCE_SIZE, 0);
    assert(got == NONCE_SIZE); /* so few bytes are never cut short */
    EVP_CIPHER_CTX *ctx = keyed(master, true, box);
    int ok = EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)place.ptr, (int)place.len) &&
             EVP_EncryptUpdate(ctx, text, &n, (const uint8_t *)clear.ptr, (int)clear.len) &&
             EVP_EncryptFinal_ex(ctx, tag, &n) &&
             EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag);
    assert(ok == 1);
    EVP_CIPHER_CTX_free(ctx);

    make_id(master, id);
    buf_printf(out, VERSION "%s.", id);
    text_base64url(slice_of(box, NONCE_SIZE + clear.len + TAG_SIZE), out);
    return out->overflow ? ERR_TOO_LARGE : 0;
}

int
sealed_open(const struct secret *master, struct slice place, struct slice text, struct secret **out,
            struct errmsg *why)
{
    uint8_t box[BOX_MAX], clear[SEALED_CLEAR_MAX];
    char id[ID_DIGITS + 1];
    long len = -1;
    int rc = check_master(master, why);

    if (rc != 0)
        return rc;
    if (slice_starts_with(text, SLICE_LIT(VERSION)) && text.len > HEAD_SIZE &&
        text.ptr[HEAD_SIZE - 1] == '.')
        len = text_base64url_parse(slice_sub(text, HEAD_SIZE, text.len), box, sizeof(box));
    if (len <= NONCE_SIZE + TAG_SIZE) {
        errmsg_set(why, "is not what `relayosctl credential seal` prints");
        return ERR_SYNTAX;
    }
    make_id(master, id);
    if (memcmp(text.ptr + sizeof(VERSION) - 1, id, ID_DIGITS) != 0) {
        errmsg_set(why, "was sealed with master key %.*s, this one is %s: seal it anew", ID_DIGITS,
                   text.ptr + sizeof(VERSION) - 1, id);
        return ERR_DENIED;
    }
    if (open_box(master, place, box, (size_t)len, clear)) {
        *out = secret_new(clear, (size_t)len - NONCE_SIZE - TAG_SIZE);
    } else {
        errmsg_set(why, "was sealed for another upstream, url or key name, or is damaged: seal it "
                        "anew");
        rc = ERR_DENIED;
    }
    secret_wipe(clear, sizeof(clear));
    return rc;
}

static int
check_master(const struct secret *master, struct errmsg *why)
{
    if (secret_expose(master).len >= SEALED_MASTER_MIN)
        return 0;
    errmsg_set(why, "the master key is shorter than %d bytes: openssl rand -base64 32 makes one",
               SEALED_MASTER_MIN);
    return ERR_UNSAFE;
}

static void
make_id(const struct secret *master, char out[ID_DIGITS + 1])
{
    uint8_t digest[HASH_DIGEST_SIZE];

    hash_derive(master, "relayos sealed id 1", digest);
    text_hex(digest, ID_SIZE, out);
    out[ID_DIGITS] = '\0';
}

static EVP_CIPHER_CTX *
keyed(const struct secret *master, bool is_encrypt, const uint8_t *nonce)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t key[HASH_DIGEST_SIZE];

    hash_derive(master, "relayos sealed key 1", key);
    int ok = ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, is_encrypt);
    assert(ok == 1); /* AES-GCM is part of libcrypto: only a broken installation lacks it */
    secret_wipe(key, sizeof(key));
    return ctx;
}

static bool
open_box(const struct secret *master, struct slice place, const uint8_t *box, size_t len,
         uint8_t *clear)
{
    size_t clear_len = len - NONCE_SIZE - TAG_SIZE;
    EVP_CIPHER_CTX *ctx = keyed(master, false, box);
    uint8_t tag[TAG_SIZE];
    int n;

    memcpy(tag, box + NONCE_SIZE + clear_len, TAG_SIZE);
    bool is_ours = EVP_DecryptUpdate(ctx, NULL, &n, (const uint8_t *)place.ptr, (int)place.len) &&
                   EVP_DecryptUpdate(ctx, clear, &n, box + NONCE_SIZE, (int)clear_len) &&
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) &&
                   EVP_DecryptFinal_ex(ctx, clear + clear_len, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return is_ours;
}
