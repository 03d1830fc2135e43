/* SPDX-License-Identifier: ISC
 *
 * conf_listener - where callers connect, as a part of struct conf (conf.h), which owns its memory.
 */
#ifndef RELAYOS_CONF_CONF_LISTENER_H
#define RELAYOS_CONF_CONF_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/address.h"
#include "relayos/base/buf.h"
#include "relayos/base/limits.h"
#include "relayos/base/secret.h"

#define CONF_PATH_SIZE 256

struct conf_networks {
    uint32_t n;
    bool has_local; /* and who comes over a UNIX socket */
    struct address_range ranges[LIMIT_NETWORKS];
};

struct conf_certificate {
    char cert[CONF_PATH_SIZE], key[CONF_PATH_SIZE]; /* files, as written */
    struct buf chain;                               /* what was in them, PEM */
    struct secret *secret;
};

#define CONF_FILE_SIZE (8 * 1024 * 1024) /* no configuration is larger */

struct conf_listener {
    char text[CONF_PATH_SIZE]; /* as written: "127.0.0.1:8080", "[::1]:8080", "unix:/run/a.sock" */
    char host[LIMIT_HOST];     /* or the path of a UNIX socket, which begins with '/' */
    uint16_t port;
    uint32_t mode;          /* of a UNIX socket */
    char owner[LIMIT_NAME]; /* "USER", "USER:GROUP"; "" = whoever starts us */
    uint32_t n_certificates;
    struct conf_certificate certificates[LIMIT_CERTIFICATES];
    char client_ca[CONF_PATH_SIZE]; /* "" = no client certificates */
    struct buf client_ca_pem;
    char client_verify[16];       /* "optional", "required" */
    struct conf_networks proxies; /* who sends PROXY headers; none: nobody */
};

#endif
