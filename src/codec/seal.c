/* SPDX-License-Identifier: ISC */
#include "relayos/codec/seal.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/hash.h"
#include "relayos/base/mem.h"
#include "relayos/base/text.h"

enum {
    NONCE_SIZE = 12,
    PLACE_SIZE = 4,
    TAG_SIZE = 16,
    OWNER_SIZE = 8,
    MAX_ID = 256,
    MAX_PREFIX = 16,
    MAX_BOX = NONCE_SIZE + PLACE_SIZE + MAX_ID + TAG_SIZE,
};

struct seal {
    EVP_CIPHER_CTX *encrypt, *decrypt; /* keyed; a message sets the nonce */
    struct hash_hmac *nonces, *macs;
};

/* One id as it is sealed: what binds it, and its clear text. */
struct message {
    uint8_t bound[OWNER_SIZE + MAX_PREFIX]; /* authenticated, not sent */
    size_t bound_len;
    uint8_t clear[PLACE_SIZE + MAX_ID];
    size_t clear_len;
};

static EVP_CIPHER_CTX *keyed(const struct secret *pepper, bool is_encrypt);
static struct hash_hmac *hmac_for(const struct secret *pepper, const char *label);
static struct slice prefix_of(struct slice id);
static void bind(struct message *message, uint64_t owner_hash, struct slice prefix);
static void make_nonce(struct seal *seal, const struct message *message, uint8_t out[NONCE_SIZE]);
static void encrypt(struct seal *seal, const struct message *message, uint8_t *box);
static int decrypt(struct seal *seal, const uint8_t *box, size_t len, struct message *message);

struct seal *
seal_new(const struct secret *pepper)
{
    struct seal *seal = mem_zalloc(sizeof(*seal));

    seal->encrypt = keyed(pepper, true);
    seal->decrypt = keyed(pepper, false);
    seal->nonces = hmac_for(pepper, "relayos seal nonce 1");
    seal->macs = hmac_for(pepper, "relayos seal mac 1");
    return seal;
}

static EVP_CIPHER_CTX *
keyed(const struct secret *pepper, bool is_encrypt)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t key[HASH_DIGEST_SIZE];

    hash_derive(pepper, "relayos seal key 1", key);
    int ok = ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, NULL, is_encrypt);
    assert(ok == 1); /* AES-GCM is part of libcrypto: only a broken installation lacks it */
    secret_wipe(key, sizeof(key));
    return ctx;
}

static struct hash_hmac *
hmac_for(const struct secret *pepper, const char *label)
{
    uint8_t key[HASH_DIGEST_SIZE];

    hash_derive(pepper, label, key);
    struct secret *secret = secret_new(key, sizeof(key));
    struct hash_hmac *hmac = hash_hmac_new(secret);
    secret_free(&secret);
    secret_wipe(key, sizeof(key));
    return hmac;
}

void
seal_free(struct seal **seal)
{
    if (*seal == NULL)
        return;
    EVP_CIPHER_CTX_free((*seal)->encrypt);
    EVP_CIPHER_CTX_free((*seal)->decrypt);
    hash_hmac_free(&(*seal)->nonces);
    hash_hmac_free(&(*seal)->macs);
    free(*seal);
    *seal = NULL;
}

int
seal_id(struct seal *seal, uint64_t owner_hash, uint32_t place, struct slice id, struct buf *out)
{
    struct slice prefix = prefix_of(id);
    struct message message;
    uint8_t box[MAX_BOX];

    if (id.len > MAX_ID)
        return ERR_TOO_LARGE;
    bind(&message, owner_hash, prefix);
    memcpy(message.clear, &place, PLACE_SIZE);
    if (id.len > 0)
        memcpy(message.clear + PLACE_SIZE, id.ptr, id.len);
    message.clear_len = PLACE_SIZE + id.len;
    encrypt(seal, &message, box);

    buf_append_slice(out, prefix);
    text_base64url(slice_of(box, NONCE_SIZE + message.clear_len + TAG_SIZE), out);
    return out->overflow ? ERR_TOO_LARGE : 0;
}

/* "resp_" of "resp_abc"; an id without a word of its own in front gets "id_". */
static struct slice
prefix_of(struct slice id)
{
    size_t n = 0;

    while (n < id.len && n < MAX_PREFIX - 1 && id.ptr[n] >= 'a' && id.ptr[n] <= 'z')
        n++;
    return n > 0 && n < id.len && id.ptr[n] == '_' ? slice_sub(id, 0, n + 1) : SLICE_LIT("id_");
}

static void
bind(struct message *message, uint64_t owner_hash, struct slice prefix)
{
    memcpy(message->bound, &owner_hash, OWNER_SIZE);
    memcpy(message->bound + OWNER_SIZE, prefix.ptr, prefix.len);
    message->bound_len = OWNER_SIZE + prefix.len;
}

static void
encrypt(struct seal *seal, const struct message *message, uint8_t *box)
{
    uint8_t *text = box + NONCE_SIZE, *tag = text + message->clear_len;
    int n, ok;

    make_nonce(seal, message, box);
    ok = EVP_EncryptInit_ex(seal->encrypt, NULL, NULL, NULL, box) &&
         EVP_EncryptUpdate(seal->encrypt, NULL, &n, message->bound, (int)message->bound_len) &&
         EVP_EncryptUpdate(seal->encrypt, text, &n, message->clear, (int)message->clear_len) &&
         EVP_EncryptFinal_ex(seal->encrypt, tag, &n) &&
         EVP_CIPHER_CTX_ctrl(seal->encrypt, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag);
    assert(ok == 1);
}

/* A function of all that is sealed: one id always seals to one text, and no nonce serves two. */
static void
make_nonce(struct seal *seal, const struct message *message, uint8_t out[NONCE_SIZE])
{
    uint8_t digest[HASH_DIGEST_SIZE];
    uint8_t all[1 + sizeof(message->bound) + sizeof(message->clear)];

    all[0] = (uint8_t)message->bound_len;
    memcpy(all + 1, message->bound, message->bound_len);
    memcpy(all + 1 + message->bound_len, message->clear, message->clear_len);
    hash_hmac(seal->nonces, slice_of(all, 1 + message->bound_len + message->clear_len), digest);
    memcpy(out, digest, NONCE_SIZE);
}

int
seal_open(struct seal *seal, uint64_t owner_hash, struct slice sealed, uint32_t *out_place,
          struct buf *out)
{
    struct slice prefix = prefix_of(sealed);
    struct message message;
    uint8_t box[MAX_BOX];

    if (!slice_starts_with(sealed, prefix))
        return ERR_NOT_FOUND;
    struct slice text = slice_sub(sealed, prefix.len, sealed.len);
    long len = text_base64url_parse(text, box, sizeof(box));
    if (len < NONCE_SIZE + PLACE_SIZE + TAG_SIZE)
        return ERR_NOT_FOUND;
    bind(&message, owner_hash, prefix);
    int err = decrypt(seal, box, (size_t)len, &message);
    if (err != 0)
        return err;
    memcpy(out_place, message.clear, PLACE_SIZE);
    buf_append(out, message.clear + PLACE_SIZE, message.clear_len - PLACE_SIZE);
    return out->overflow ? ERR_TOO_LARGE : 0;
}

static int
decrypt(struct seal *seal, const uint8_t *box, size_t len, struct message *message)
{
    uint8_t tag[TAG_SIZE];
    int n;

    message->clear_len = len - NONCE_SIZE - TAG_SIZE;
    memcpy(tag, box + len - TAG_SIZE, TAG_SIZE);
    bool is_ours =
        EVP_DecryptInit_ex(seal->decrypt, NULL, NULL, NULL, box) &&
        EVP_DecryptUpdate(seal->decrypt, NULL, &n, message->bound, (int)message->bound_len) &&
        EVP_DecryptUpdate(seal->decrypt, message->clear, &n, box + NONCE_SIZE,
                          (int)message->clear_len) &&
        EVP_CIPHER_CTX_ctrl(seal->decrypt, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) &&
        EVP_DecryptFinal_ex(seal->decrypt, message->clear + message->clear_len, &n);
    return is_ours ? 0 : ERR_NOT_FOUND;
}

void
seal_mac(struct seal *seal, uint64_t owner_hash, struct slice bytes, uint8_t out[SEAL_MAC_SIZE])
{
    uint8_t bound[OWNER_SIZE + HASH_DIGEST_SIZE], digest[HASH_DIGEST_SIZE];

    memcpy(bound, &owner_hash, OWNER_SIZE);
    hash_sha256(bytes, bound + OWNER_SIZE);
    hash_hmac(seal->macs, slice_of(bound, sizeof(bound)), digest);
    memcpy(out, digest, SEAL_MAC_SIZE);
}
