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
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "http.h"

struct tls_client {
    int fd;
    size_t piece;
    SSL_CTX *ctx;
    SSL *ssl;
};

static void set_up(struct tls_client *client, const struct tls_client_wish *wish);
static void use_certificate(SSL_CTX *ctx, const struct certificate *certificate);
static BIO_METHOD *pieces(void);
static int write_pieces(BIO *bio, const char *bytes, int len);
static long control_pieces(BIO *bio, int cmd, long num, void *ptr);
static bool was_read(int fd);
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
    int n = (int)strlen(text);
    size_t len = 0;

    answer[0] = '\0';
    if (SSL_write(client->ssl, text, n) == n) {
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
