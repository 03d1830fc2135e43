/* SPDX-License-Identifier: ISC */
#include "tls_session.h"

#include <assert.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "relayos/base/buf.h"
#include "relayos/base/mem.h"

#define UNASKED_MAX (64 * 1024) /* of what reading makes: alerts, tickets */
#define OUTPUT_MAX  (size_t)(1u << 30)
#define REASON_SIZE 80

struct tls_session {
    struct tls_server *server;
    SSL *ssl;
    struct slice input;
    struct buf output; /* made since the last take */
    struct buf taken;  /* on its way */
    char reason[REASON_SIZE];
};

static BIO_METHOD *method(void);
static int on_bio_create(BIO *bio);
static int on_bio_read(BIO *bio, char *out, int size);
static int on_bio_write(BIO *bio, const char *bytes, int len);
static long on_bio_ctrl(BIO *bio, int cmd, long num, void *ptr);
static void note_reason(struct tls_session *session);

struct tls_session *
tls_session_new(struct tls_server *server)
{
    struct tls_session *session = mem_zalloc(sizeof *session);
    BIO *bio = BIO_new(method());

    session->server = tls_server_ref(server);
    session->ssl = tls_server_accept(server);
    assert(session->ssl != NULL && bio != NULL); /* out of memory aborts, as in mem.c */
    BIO_set_data(bio, session);
    SSL_set_bio(session->ssl, bio, bio);
    buf_init(&session->output, OUTPUT_MAX);
    buf_init(&session->taken, OUTPUT_MAX);
    return session;
}

void
tls_session_free(struct tls_session **session)
{
    struct tls_session *s = *session;

    if (s == NULL)
        return;
    SSL_free(s->ssl);
    tls_server_unref(&s->server);
    buf_fini(&s->output);
    buf_fini(&s->taken);
    free(s);
    *session = NULL;
}

void
tls_session_give(struct tls_session *session, struct slice bytes)
{
    session->input = bytes;
}

enum tls_session_state
tls_session_handshake(struct tls_session *session)
{
    ERR_clear_error();
    int status = SSL_do_handshake(session->ssl);

    if (status == 1)
        return TLS_SESSION_DONE;
    if (SSL_get_error(session->ssl, status) == SSL_ERROR_WANT_READ)
        return TLS_SESSION_WAITS;
    note_reason(session);
    return TLS_SESSION_FAILED;
}

ssize_t
tls_session_read(struct tls_session *session, char *out, size_t size)
{
    size_t n;

    if (session->output.len > UNASKED_MAX) { /* renegotiations, each of them refused by an alert */
        snprintf(session->reason, sizeof session->reason, "asks for a handshake again and again");
        return -1;
    }
    ERR_clear_error();
    int status = SSL_read_ex(session->ssl, out, size, &n);

    if (status == 1)
        return (ssize_t)n;
    int error = SSL_get_error(session->ssl, status);
    if (error == SSL_ERROR_WANT_READ)
        return 0;
    if (error != SSL_ERROR_ZERO_RETURN)
        note_reason(session);
    return -1;
}

bool
tls_session_write(struct tls_session *session, struct slice bytes)
{
    size_t n = 0;

    ERR_clear_error();
    if (bytes.len == 0 || SSL_write_ex(session->ssl, bytes.ptr, bytes.len, &n) == 1)
        return !session->output.overflow;
    note_reason(session);
    return false;
}

void
tls_session_say_goodbye(struct tls_session *session)
{
    ERR_clear_error();
    if (SSL_is_init_finished(session->ssl) && session->reason[0] == '\0')
        (void)SSL_shutdown(session->ssl);
}

struct slice
tls_session_take(struct tls_session *session)
{
    struct buf emptied = session->taken;

    session->taken = session->output;
    session->output = emptied;
    buf_clear(&session->output);
    return buf_slice(&session->taken);
}

bool
tls_session_has_output(const struct tls_session *session)
{
    return session->output.len > 0;
}

void
tls_session_drop(struct tls_session *session)
{
    buf_clear(&session->taken);
    buf_shrink(&session->taken);
    buf_shrink(&session->output);
}

const char *
tls_session_reason(const struct tls_session *session)
{
    return session->reason;
}

static void
note_reason(struct tls_session *session)
{
    unsigned long error = ERR_peek_error();
    const char *reason = error == 0 ? NULL : ERR_reason_error_string(error);

    if (session->reason[0] == '\0')
        snprintf(session->reason, sizeof session->reason, "%s", reason == NULL ? "closed" : reason);
    ERR_clear_error();
}

/* ---- the library's end of it ---- */

static BIO_METHOD *
method(void)
{
    static BIO_METHOD *made; /* of a process, once */

    if (made == NULL) {
        made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "relayos");
        assert(made != NULL);
        BIO_meth_set_create(made, on_bio_create);
        BIO_meth_set_read(made, on_bio_read);
        BIO_meth_set_write(made, on_bio_write);
        BIO_meth_set_ctrl(made, on_bio_ctrl);
    }
    return made;
}

static int
on_bio_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static int
on_bio_read(BIO *bio, char *out, int size)
{
    struct tls_session *session = BIO_get_data(bio);
    size_t n = session->input.len;

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (n > (size_t)size)
        n = (size_t)size;
    memcpy(out, session->input.ptr, n);
    session->input = slice_sub(session->input, n, session->input.len);
    return (int)n;
}

/* Never full: what a session makes is bounded by what it is given to write. */
static int
on_bio_write(BIO *bio, const char *bytes, int len)
{
    struct tls_session *session = BIO_get_data(bio);

    BIO_clear_retry_flags(bio);
    buf_append(&session->output, bytes, (size_t)len);
    return len;
}

static long
on_bio_ctrl(BIO *bio, int cmd, long num, void *ptr)
{
    (void)bio, (void)num, (void)ptr;
    return cmd == BIO_CTRL_FLUSH ? 1 : 0;
}
