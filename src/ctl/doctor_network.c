/* SPDX-License-Identifier: ISC
 *
 * doctor_network - can this machine reach its upstreams: name, connection, TLS. Nothing is asked of
 * them, and no key is sent.
 */
#include <errno.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"
#include "relayos/base/fdio.h"

#define PATIENCE_S 5

static void check_upstream(struct doctor *doctor, const struct conf_upstream *upstream);
static int dial(const struct addrinfo *address);
static bool shake_hands(int fd, const struct upstream_record *upstream, char *why, size_t size);

void
doctor_network_check(struct doctor *doctor)
{
    if (doctor->conf == NULL)
        return;
    for (size_t n = 0; n < doctor->conf->n_upstreams; n++)
        check_upstream(doctor, &doctor->conf->upstreams[n]);
}

static void
check_upstream(struct doctor *doctor, const struct conf_upstream *upstream)
{
    const struct upstream_record *record = &upstream->record;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    char port[8], why[256];

    snprintf(port, sizeof(port), "%u", record->port);
    int status = getaddrinfo(record->host, port, &hints, &found);
    if (status != 0) {
        doctor_tell(doctor, "network", DOCTOR_FAIL, "%s: %s: %s; look at /etc/resolv.conf",
                    record->name, record->host, gai_strerror(status));
        return;
    }
    int fd = dial(found);
    if (fd < 0)
        doctor_tell(doctor, "network", DOCTOR_FAIL, "%s: %s port %s: %s; a firewall, or the url",
                    record->name, record->host, port, strerror(-fd));
    else if (record->is_tls && !shake_hands(fd, record, why, sizeof(why)))
        doctor_tell(doctor, "network", DOCTOR_FAIL,
                    "%s: %s: TLS: %s; its ca_file, the package ca-certificates, or somebody in "
                    "between",
                    record->name, record->host, why);
    else
        doctor_tell(doctor, "network", DOCTOR_OK, "%s: %s port %s%s", record->name, record->host,
                    port, record->is_tls ? ", TLS" : "");
    if (fd >= 0)
        fdio_close(&fd);
    freeaddrinfo(found);
}

/* To the first address that takes us; or -errno of the last. */
static int
dial(const struct addrinfo *address)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int rc = -EHOSTUNREACH;

    for (; address != NULL; address = address->ai_next) {
        int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0)
            return -errno;
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
            return fd;
        rc = errno == EINPROGRESS ? -ETIMEDOUT : -errno;
        fdio_close(&fd);
    }
    return rc;
}

static bool
shake_hands(int fd, const struct upstream_record *upstream, char *why, size_t size)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = ctx == NULL ? NULL : SSL_new(ctx);
    bool is_done = false;

    snprintf(why, size, "no answer");
    if (ssl != NULL) {
        int has_authorities = upstream->ca_file[0] == '\0'
                                  ? SSL_CTX_set_default_verify_paths(ctx)
                                  : SSL_CTX_load_verify_locations(ctx, upstream->ca_file, NULL);
        SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
        if (X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), upstream->host) != 1)
            (void)(SSL_set_tlsext_host_name(ssl, upstream->host) &&
                   SSL_set1_host(ssl, upstream->host));
        is_done = has_authorities == 1 && SSL_set_fd(ssl, fd) == 1 && SSL_connect(ssl) == 1;
        long verified = SSL_get_verify_result(ssl);
        if (!is_done && verified != X509_V_OK)
            snprintf(why, size, "%s", X509_verify_cert_error_string(verified));
        else if (!is_done && ERR_peek_last_error() != 0)
            ERR_error_string_n(ERR_peek_last_error(), why, size);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    return is_done;
}
