/* SPDX-License-Identifier: ISC
 *
 * A session against OpenSSL's client, all in memory: in one piece or byte by byte.
 */
#include "tls_session.h"

#include <criterion/criterion.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>

#include "certificate.h"

static struct certificate first, second, authority, client_certificate;
static struct tls_ticket_key keys[TLS_N_TICKET_KEYS];

static void
make_certificates(void)
{
    first =
        certificate_new(&(struct certificate_wish){.names = "a.example,*.a.example", .days = 9});
    second = certificate_new(&(struct certificate_wish){.names = "b.example", .days = 9});
    authority =
        certificate_new(&(struct certificate_wish){.names = "ca", .days = 9, .is_authority = true});
    client_certificate = certificate_new(
        &(struct certificate_wish){.names = "client", .days = 9, .issuer = &authority});
    for (int i = 0; i < TLS_N_TICKET_KEYS; i++)
        memset(&keys[i], 'a' + i, sizeof(keys[i]));
}

static struct tls_material
material(void)
{
    return (struct tls_material){
        .n_certificates = 2,
        .certificates = {{"a.pem", slice_str(first.pem), slice_str(first.key)},
                         {"b.pem", slice_str(second.pem), slice_str(second.key)}}};
}

static struct tls_server *
server_new_of(const struct tls_material *from)
{
    struct errmsg why = {0};
    struct tls_server *server = tls_server_new(from, keys, &why);

    cr_assert(server != NULL, "%s", why.text);
    return server;
}

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    BIO *in, *out;
};

/* What a client asks for. */
struct wish {
    const char *name, *alpn, *ciphers;
    int version; /* 0: any */
    const struct certificate *certificate;
    SSL_SESSION *session;
};

static struct client
client_new(const struct wish *wish)
{
    struct client client = {.ctx = SSL_CTX_new(TLS_client_method())};

    SSL_CTX_set_session_cache_mode(client.ctx, SSL_SESS_CACHE_CLIENT);
    if (wish->version != 0) {
        SSL_CTX_set_min_proto_version(client.ctx, wish->version);
        SSL_CTX_set_max_proto_version(client.ctx, wish->version);
        SSL_CTX_set_security_level(client.ctx, 0);
    }
    if (wish->ciphers != NULL)
        cr_assert_eq(SSL_CTX_set_cipher_list(client.ctx, wish->ciphers), 1);
    client.ssl = SSL_new(client.ctx);
    if (wish->name != NULL)
        SSL_set_tlsext_host_name(client.ssl, wish->name);
    if (wish->alpn != NULL)
        SSL_set_alpn_protos(client.ssl, (const unsigned char *)wish->alpn,
                            (unsigned)strlen(wish->alpn));
    if (wish->certificate != NULL) {
        BIO *pem = BIO_new_mem_buf(wish->certificate->pem, -1);
        BIO *key = BIO_new_mem_buf(wish->certificate->key, -1);
        X509 *x509 = PEM_read_bio_X509(pem, NULL, NULL, NULL);
        EVP_PKEY *pkey = PEM_read_bio_PrivateKey(key, NULL, NULL, NULL);

        cr_assert_eq(SSL_use_cert_and_key(client.ssl, x509, pkey, NULL, 1), 1);
        X509_free(x509);
        EVP_PKEY_free(pkey);
        BIO_free(pem);
        BIO_free(key);
    }
    if (wish->session != NULL)
        SSL_set_session(client.ssl, wish->session);
    client.in = BIO_new(BIO_s_mem());
    client.out = BIO_new(BIO_s_mem());
    BIO_set_mem_eof_return(client.in, -1);
    SSL_set_bio(client.ssl, client.in, client.out);
    SSL_set_connect_state(client.ssl);
    return client;
}

static void
client_free(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
}

/* What the client has to say, in pieces of step bytes; plaintext is appended to out. */
static enum tls_session_state
carry(struct client *client, struct tls_session *session, size_t step, bool is_done, char *out)
{
    enum tls_session_state state = is_done ? TLS_SESSION_DONE : TLS_SESSION_WAITS;
    char bytes[65536], plain[512];
    int len = BIO_read(client->out, bytes, sizeof(bytes));

    for (size_t at = 0; len > 0 && at < (size_t)len; at += step) {
        size_t n = (size_t)len - at < step ? (size_t)len - at : step;

        tls_session_give(session, slice_of(bytes + at, n));
        if (state == TLS_SESSION_WAITS)
            state = tls_session_handshake(session);
        if (state == TLS_SESSION_FAILED)
            break;
        for (ssize_t got; state == TLS_SESSION_DONE &&
                          (got = tls_session_read(session, plain, sizeof(plain))) > 0;)
            strncat(out, plain, (size_t)got);
    }
    struct slice output = tls_session_take(session);
    if (output.len > 0)
        BIO_write(client->in, output.ptr, (int)output.len);
    return state;
}

static enum tls_session_state
shake_hands(struct client *client, struct tls_session *session, size_t step)
{
    enum tls_session_state state = TLS_SESSION_WAITS;
    char none[64] = "";

    for (int round = 0; round < 6 && state == TLS_SESSION_WAITS; round++) {
        (void)SSL_do_handshake(client->ssl);
        state = carry(client, session, step, false, none);
    }
    (void)SSL_do_handshake(client->ssl);
    return state;
}

static bool
can_connect(struct tls_server *server, const struct wish *wish)
{
    struct client client = client_new(wish);
    struct tls_session *session = tls_session_new(server);
    bool is_done = shake_hands(&client, session, 65536) == TLS_SESSION_DONE &&
                   SSL_is_init_finished(client.ssl);

    tls_session_free(&session);
    client_free(&client);
    return is_done;
}

TestSuite(tls_session, .init = make_certificates);

Test(tls_session, bytes_go_both_ways_however_they_are_cut)
{
    struct tls_material all = material();
    struct tls_server *server = server_new_of(&all);
    static const size_t steps[] = {1, 2, 7, 100, 65536};
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

    for (size_t i = 0; i < 2 * sizeof(steps) / sizeof(steps[0]); i++) {
        struct client client = client_new(&(struct wish){.version = versions[i % 2]});
        struct tls_session *session = tls_session_new(server);
        char got[256] = "", back[64] = "";

        cr_assert_eq(shake_hands(&client, session, steps[i / 2]), TLS_SESSION_DONE);
        cr_assert(SSL_write(client.ssl, "GET / ", 6) == 6 && SSL_write(client.ssl, "more", 4) == 4);
        carry(&client, session, steps[i / 2], true, got);
        cr_expect_str_eq(got, "GET / more");
        cr_assert(tls_session_write(session, SLICE_LIT("an answer")));
        carry(&client, session, steps[i / 2], true, got);
        cr_expect_eq(SSL_read(client.ssl, back, sizeof(back)), 9);
        cr_expect_str_eq(back, "an answer");

        tls_session_say_goodbye(session);
        carry(&client, session, 1, true, got);
        cr_expect(SSL_read(client.ssl, back, sizeof(back)) == 0 &&
                  SSL_get_shutdown(client.ssl) == SSL_RECEIVED_SHUTDOWN);
        tls_session_drop(session);
        tls_session_free(&session);
        client_free(&client);
    }
    tls_server_unref(&server);
}

Test(tls_session, the_certificate_follows_the_name_and_the_first_is_for_all_others)
{
    struct tls_material all = material();
    struct tls_server *server = server_new_of(&all);
    static const struct {
        const char *name, *common_name;
    } cases[] = {{"a.example", "a.example"},   {"x.a.example", "a.example"},
                 {"b.example", "b.example"},   {"B.Example", "b.example"},
                 {"x.b.example", "a.example"}, {NULL, "a.example"},
                 {"c.example", "a.example"}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client client = client_new(&(struct wish){.name = cases[i].name});
        struct tls_session *session = tls_session_new(server);
        char name[64] = "";

        cr_assert_eq(shake_hands(&client, session, 65536), TLS_SESSION_DONE);
        X509 *x509 = SSL_get1_peer_certificate(client.ssl);
        X509_NAME_get_text_by_NID(X509_get_subject_name(x509), NID_commonName, name, sizeof(name));
        cr_expect_str_eq(name, cases[i].common_name, "%s", cases[i].name);
        X509_free(x509);
        tls_session_free(&session);
        client_free(&client);
    }
    tls_server_unref(&server);
}

Test(tls_session, what_is_old_or_weak_or_http_2_alone_is_refused)
{
    struct tls_material all = material();
    struct tls_server *server = server_new_of(&all);
    static const struct {
        struct wish wish;
        bool is_let_in;
    } cases[] = {
        {{.version = TLS1_3_VERSION}, true},
        {{.version = TLS1_2_VERSION}, true},
        {{.version = TLS1_1_VERSION}, false},
        {{.version = TLS1_VERSION}, false},
        {{.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA256"}, false},
        {{.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES256-SHA"}, false},
        {{.version = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-CHACHA20-POLY1305"}, true},
        {{.alpn = "\x08http/1.1"}, true},
        {{.alpn = "\x02h2\x08http/1.1"}, true},
        {{.alpn = "\x02h2"}, false},
        {{.alpn = "\x08http/1.0"}, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        cr_expect_eq(can_connect(server, &cases[i].wish), cases[i].is_let_in, "%zu", i);
    tls_server_unref(&server);
}

/* The ticket of a connection to `from`: is it taken by `to`? */
static bool
resumes(struct tls_server *from, struct tls_server *to, int version)
{
    struct client client = client_new(&(struct wish){.version = version});
    struct tls_session *session = tls_session_new(from);
    char none[64] = "";

    cr_assert_eq(shake_hands(&client, session, 65536), TLS_SESSION_DONE);
    cr_assert(tls_session_write(session, SLICE_LIT("x")));
    carry(&client, session, 1, true, none);
    (void)SSL_read(client.ssl, none, sizeof(none));
    /* A copy: the client's own is void once its context is gone. */
    SSL_SESSION *ticket = SSL_SESSION_dup(SSL_get0_session(client.ssl));
    tls_session_free(&session);
    client_free(&client);

    client = client_new(&(struct wish){.version = version, .session = ticket});
    session = tls_session_new(to);
    cr_assert_eq(shake_hands(&client, session, 65536), TLS_SESSION_DONE);
    bool is_reused = SSL_session_reused(client.ssl) == 1;
    SSL_SESSION_free(ticket);
    tls_session_free(&session);
    client_free(&client);
    return is_reused;
}

Test(tls_session, tickets_are_good_at_every_worker_until_their_key_is_forgotten)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    struct tls_material all = material();
    struct tls_server *one = server_new_of(&all), *other = server_new_of(&all);

    memmove(&keys[1], &keys[0], sizeof(keys) - sizeof(keys[0]));
    memset(&keys[0], 'n', sizeof(keys[0]));
    struct tls_server *rotated = server_new_of(&all);
    memset(keys, 'z', sizeof(keys));
    struct tls_server *stranger = server_new_of(&all);
    memset(keys, 0, sizeof(keys)); /* not made yet: nobody may make tickets for it */
    for (int i = 0; i < 2; i++) {
        cr_expect(resumes(one, other, versions[i]));
        cr_expect(resumes(one, rotated, versions[i]), "the key before is known");
        cr_expect(!resumes(one, stranger, versions[i]));
    }
    tls_server_unref(&one);
    tls_server_unref(&other);
    tls_server_unref(&rotated);
    tls_server_unref(&stranger);
}

Test(tls_session, clients_are_asked_for_certificates_where_that_is_wanted)
{
    struct tls_material all = material();
    struct wish with = {.version = TLS1_2_VERSION, .certificate = &client_certificate};
    struct wish without = {.version = TLS1_2_VERSION};
    struct wish foreign = {.version = TLS1_2_VERSION, .certificate = &second};

    all.client_ca = slice_str(authority.pem);
    all.client_verify = TLS_CLIENT_OPTIONAL;
    struct tls_server *optional = server_new_of(&all), *open = NULL;
    all.client_verify = TLS_CLIENT_REQUIRED;
    struct tls_server *required = server_new_of(&all);
    all = material();
    open = server_new_of(&all);

    cr_expect(can_connect(optional, &with) && can_connect(optional, &without));
    cr_expect(can_connect(required, &with) && !can_connect(required, &without));
    cr_expect(!can_connect(optional, &foreign) && !can_connect(required, &foreign));
    cr_expect(!resumes(open, optional, TLS1_3_VERSION), "nobody comes in with another's ticket");
    tls_server_unref(&optional);
    tls_server_unref(&required);
    tls_server_unref(&open);
}

Test(tls_session, sessions_keep_what_they_began_with)
{
    struct tls_material all = material();
    struct tls_server *server = server_new_of(&all);
    struct client client = client_new(&(struct wish){.name = "b.example"});
    struct tls_session *session = tls_session_new(server);

    tls_server_unref(&server); /* a reload */
    cr_expect_eq(shake_hands(&client, session, 3), TLS_SESSION_DONE);
    tls_session_free(&session);
    client_free(&client);
}

Test(tls_session, bytes_that_are_no_tls_fail_and_say_so)
{
    struct tls_material all = material();
    struct tls_server *server = server_new_of(&all);
    struct tls_session *session = tls_session_new(server);

    tls_session_give(session, SLICE_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    cr_expect_eq(tls_session_handshake(session), TLS_SESSION_FAILED);
    cr_expect_str_eq(tls_session_reason(session), "http request");
    tls_session_free(&session);
    tls_server_unref(&server);
}

Test(tls_session, what_cannot_be_used_is_refused_with_its_file)
{
    struct tls_material all = material();
    struct errmsg why;

    all.certificates[1].key = slice_str(first.key);
    cr_expect_eq(tls_material_check(&all, &why), ERR_CONFIG);
    cr_expect(strstr(why.text, "b.pem: the key is of another certificate") != NULL, "%s", why.text);
    all = material();
    all.certificates[0].chain = SLICE_LIT("no PEM");
    cr_expect_eq(tls_material_check(&all, &why), ERR_CONFIG);
    cr_expect(strstr(why.text, "a.pem: not a certificate") != NULL, "%s", why.text);
    all = material();
    all.certificates[0].key =
        SLICE_LIT("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY--");
    cr_expect_eq(tls_material_check(&all, &why), ERR_CONFIG);
    cr_expect(strstr(why.text, "a.pem: its key") != NULL, "%s", why.text);
    all = material();
    all.client_verify = TLS_CLIENT_REQUIRED;
    cr_expect_eq(tls_material_check(&all, &why), ERR_CONFIG);
    cr_expect(strstr(why.text, "client_ca") != NULL, "%s", why.text);
    all = material();
    cr_expect_eq(tls_material_check(&all, &why), 0);
    cr_expect_eq(ERR_peek_error(), 0, "nothing is left behind for others to trip over");
}

Test(tls_session, a_certificate_says_its_names_and_its_end)
{
    struct tls_material all = material();
    struct tls_certificate_info info;

    cr_assert_eq(tls_material_info(&all.certificates[0], &info), 0);
    cr_expect_str_eq(info.names, "a.example, *.a.example");
    cr_expect(info.not_after_us > INT64_C(1600000000) * 1000000);
    all.certificates[0].chain = SLICE_LIT("");
    cr_expect_eq(tls_material_info(&all.certificates[0], &info), ERR_CONFIG);
}
