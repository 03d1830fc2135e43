/* SPDX-License-Identifier: ISC
 *
 * tls_client - see tls_client.h.
 */
#include "tls_client.h"

#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "http.h"

#define HELLO_SIZE 33 /* head, nonce, a message of four bytes, tag */

struct tls_client {
    int fd;
    size_t piece;
    uint64_t n_written; /* records of data */
    SSL_CTX *ctx;
    SSL *ssl;
};

static void set_up(struct tls_client *client, const struct tls_client_wish *wish);
static void use_certificate(SSL_CTX *ctx, const struct certificate *certificate);
static BIO_METHOD *pieces(void);
static int write_pieces(BIO *bio, const char *bytes, int len);
static long control_pieces(BIO *bio, int cmd, long num, void *ptr);
static bool was_read(int fd);
static void derive_key(const struct tls_client *client, unsigned char key[16],
                       unsigned char salt[4]);
static void seal_hello(EVP_CIPHER_CTX *cipher, const unsigned char salt[4], uint64_t n,
                       unsigned char record[HELLO_SIZE]);
static void write_number(uint64_t n, unsigned char out[8]);
static bool is_whole(const char *answer);

struct tls_client *
tls_client_open(int port, const struct tls_client_wish *wish, char *why)
{
    struct tls_client *client = calloc(1, sizeof *client);
    const struct timeval patience = {.tv_sec = HTTP_PATIENCE_MS / 1000};

    client->fd = http_connect(port);
    cr_assert(client->fd >= 0, "nobody listens on %d", port);
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (wish->first != NULL)
        http_send(client->fd, wish->first, strlen(wish->first));
    set_up(client, wish);
    ERR_clear_error();
    if (SSL_connect(client->ssl) == 1)
        return client;
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    if (why != NULL)
        snprintf(why, 128, "%s", reason == NULL ? "closed" : reason);
    tls_client_close(&client);
    return NULL;
}

static void
set_up(struct tls_client *client, const struct tls_client_wish *wish)
{
    client->ctx = SSL_CTX_new(TLS_client_method());
    if (wish->authority != NULL) {
        BIO *pem = BIO_new_mem_buf(wish->authority, -1);
        X509 *x509 = PEM_read_bio_X509(pem, NULL, NULL, NULL);

        X509_STORE_add_cert(SSL_CTX_get_cert_store(client->ctx), x509);
        SSL_CTX_set_verify(client->ctx, SSL_VERIFY_PEER, NULL);
        X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(client->ctx), wish->name, 0);
        X509_free(x509);
        BIO_free(pem);
    }
    if (wish->certificate != NULL)
        use_certificate(client->ctx, wish->certificate);
    if (wish->is_1_2) {
        SSL_CTX_set_max_proto_version(client->ctx, TLS1_2_VERSION);
        SSL_CTX_set_cipher_list(client->ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
    }
    client->ssl = SSL_new(client->ctx);
    if (wish->name != NULL)
        SSL_set_tlsext_host_name(client->ssl, wish->name);
    if (wish->alpn != NULL)
        SSL_set_alpn_protos(client->ssl, (const unsigned char *)wish->alpn,
                            (unsigned)strlen(wish->alpn));
    if (wish->resumes != NULL) {
        SSL_SESSION *session = SSL_SESSION_dup(SSL_get0_session(wish->resumes->ssl));

        SSL_set_session(client->ssl, session);
        SSL_SESSION_free(session);
    }
    SSL_set_fd(client->ssl, client->fd);
    if (wish->piece > 0) {
        BIO *bio = BIO_new(pieces());

        client->piece = wish->piece;
        BIO_set_data(bio, client);
        BIO_set_init(bio, 1);
        SSL_set0_wbio(client->ssl, bio);
    }
}

static BIO_METHOD *
pieces(void)
{
    static BIO_METHOD *made;

    if (made == NULL) {
        made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pieces");
        BIO_meth_set_write(made, write_pieces);
        BIO_meth_set_ctrl(made, control_pieces);
    }
    return made;
}

static int
write_pieces(BIO *bio, const char *bytes, int len)
{
    struct tls_client *client = BIO_get_data(bio);

    for (size_t at = 0; at < (size_t)len; at += client->piece) {
        size_t n = (size_t)len - at < client->piece ? (size_t)len - at : client->piece;

        if (send(client->fd, bytes + at, n, MSG_NOSIGNAL) != (ssize_t)n)
            return -1;
        while (!was_read(client->fd))
            sched_yield();
    }
    return len;
}

static long
control_pieces(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}

/* The other end's receive queue is empty, or the connection is gone. */
static bool
was_read(int fd)
{
    struct sockaddr_in own, peer;
    socklen_t size = sizeof own;
    char line[256];
    unsigned local, remote, waiting = 0;

    if (getsockname(fd, (struct sockaddr *)&own, &size) != 0 ||
        getpeername(fd, (struct sockaddr *)&peer, &size) != 0)
        return true;
    FILE *table = fopen("/proc/net/tcp", "r");
    while (table != NULL && fgets(line, sizeof line, table) != NULL) {
        unsigned in_queue;

        if (sscanf(line, " %*d: %*8x:%x %*8x:%x %*x %*x:%x", &local, &remote, &in_queue) == 3 &&
            local == ntohs(peer.sin_port) && remote == ntohs(own.sin_port))
            waiting = in_queue;
    }
    if (table != NULL)
        fclose(table);
    return waiting == 0;
}

static void
use_certificate(SSL_CTX *ctx, const struct certificate *certificate)
{
    BIO *pem = BIO_new_mem_buf(certificate->pem, -1), *key = BIO_new_mem_buf(certificate->key, -1);
    X509 *x509 = PEM_read_bio_X509(pem, NULL, NULL, NULL);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

    cr_assert_eq(SSL_CTX_use_cert_and_key(ctx, x509, pkey, NULL, 1), 1);
    X509_free(x509);
    EVP_PKEY_free(pkey);
    BIO_free(pem);
    BIO_free(key);
}

void
tls_client_close(struct tls_client **client)
{
    struct tls_client *c = *client;

    if (c == NULL)
        return;
    (void)SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    close(c->fd);
    free(c);
    *client = NULL;
}

int
tls_client_call(struct tls_client *client, const char *path, const char *key, const char *body,
                char *answer, size_t size)
{
    char *text = NULL;
    int n =
        asprintf(&text, "%s %s HTTP/1.1\r\nHost: a\r\n%s%s%sContent-Length: %zu\r\n\r\n%s",
                 body == NULL ? "GET" : "POST", path, key == NULL ? "" : "Authorization: Bearer ",
                 key == NULL ? "" : key, key == NULL ? "" : "\r\n", body == NULL ? 0 : strlen(body),
                 body == NULL ? "" : body);
    int status = n < 0 ? 0 : tls_client_send(client, text, answer, size);

    free(text);
    return status;
}

int
tls_client_send(struct tls_client *client, const char *text, char *answer, size_t size)
{
    size_t len = 0;

    answer[0] = '\0';
    if (tls_client_put(client, text)) {
        while (len + 1 < size && !is_whole(answer)) {
            int got = SSL_read(client->ssl, answer + len, (int)(size - 1 - len));

            if (got <= 0)
                break;
            len += (size_t)got;
            answer[len] = '\0';
        }
    }
    return is_whole(answer) ? (int)strtol(answer + strcspn(answer, " "), NULL, 10) : 0;
}

bool
tls_client_put(struct tls_client *client, const char *text)
{
    int n = (int)strlen(text);

    client->n_written += (uint64_t)(n + 16383) / 16384;
    return SSL_write(client->ssl, text, n) == n;
}

static bool
is_whole(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strcasestr(answer, "\r\ncontent-length:");

    if (end == NULL)
        return false;
    if (length != NULL && length < end)
        return strlen(end + 4) >= strtoul(length + 17, NULL, 10);
    return strstr(end, "\r\n0\r\n\r\n") != NULL;
}

bool
tls_client_is_resumed(const struct tls_client *client)
{
    return SSL_session_reused(client->ssl) == 1;
}

void
tls_client_peer(const struct tls_client *client, char *out, size_t size)
{
    X509 *x509 = SSL_get1_peer_certificate(client->ssl);

    X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, out, (int)size);
    X509_free(x509);
}

/* ---- what OpenSSL's client would not do: it takes no for an answer ---- */

bool
tls_client_renegotiate(struct tls_client *client, size_t n_bytes)
{
    unsigned char key[16], salt[4], records[500][HELLO_SIZE];
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    uint64_t n = 1 + client->n_written; /* the first was the handshake's end */
    bool is_taken = true;

    SSL_set_quiet_shutdown(client->ssl, 1); /* it has lost count */
    derive_key(client, key, salt);
    cr_assert_eq(EVP_EncryptInit_ex(cipher, EVP_aes_128_gcm(), NULL, key, NULL), 1);
    for (size_t sent = 0; is_taken && sent < n_bytes; sent += sizeof records) {
        for (size_t i = 0; i < sizeof records / sizeof *records; i++)
            seal_hello(cipher, salt, n++, records[i]);
        is_taken = http_send(client->fd, records, sizeof records);
    }
    EVP_CIPHER_CTX_free(cipher);
    return is_taken;
}

/* RFC 5246, 6.3 */
static void
derive_key(const struct tls_client *client, unsigned char key[16], unsigned char salt[4])
{
    static const char label[] = "key expansion";
    unsigned char master[48], seed[64], block[40];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    size_t len = SSL_SESSION_get_master_key(SSL_get0_session(client->ssl), master, sizeof master);
    char digest[] = "SHA256";

    SSL_get_server_random(client->ssl, seed, 32);
    SSL_get_client_random(client->ssl, seed + 32, 32);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, (char *)label, sizeof label - 1),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end()};
    cr_assert_eq(EVP_KDF_derive(ctx, block, sizeof block, params), 1);
    memcpy(key, block, 16);
    memcpy(salt, block + 32, 4);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

/* RFC 5288: the nonce is the salt and what is said of it in the record, here the record's number.
 */
static void
seal_hello(EVP_CIPHER_CTX *cipher, const unsigned char salt[4], uint64_t n,
           unsigned char record[HELLO_SIZE])
{
    static const unsigned char head[5] = {22, 3, 3, 0, HELLO_SIZE - 5}, hello[4] = {1};
    unsigned char aad[13] = {[8] = 22, 3, 3, 0, sizeof hello}, nonce[12];
    int len;

    memcpy(record, head, sizeof head);
    write_number(n, record + 5);
    write_number(n, aad);
    memcpy(nonce, salt, 4);
    memcpy(nonce + 4, record + 5, 8);
    EVP_EncryptInit_ex(cipher, NULL, NULL, NULL, nonce);
    EVP_EncryptUpdate(cipher, NULL, &len, aad, sizeof aad);
    EVP_EncryptUpdate(cipher, record + 13, &len, hello, sizeof hello);
    EVP_EncryptFinal_ex(cipher, record + 17, &len);
    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, 16, record + 17);
}

static void
write_number(uint64_t n, unsigned char out[8])
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(n >> (56 - 8 * i));
}
