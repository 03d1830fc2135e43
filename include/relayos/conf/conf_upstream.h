/* SPDX-License-Identifier: ISC
 *
 * conf_upstream - one provider and its keys, as a part of struct conf (conf.h), which owns its
 * memory.
 */
#ifndef RELAYOS_CONF_CONF_UPSTREAM_H
#define RELAYOS_CONF_CONF_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "relayos/base/limits.h"
#include "relayos/base/sealed.h"
#include "relayos/conf/conf_listener.h"
#include "relayos/model/catalog.h"

struct conf_credential {
    struct credential_record record;
    struct secret *secret; /* NULL where the upstream wants none */
    char env[LIMIT_NAME];  /* as written */
    char file[CONF_PATH_SIZE];
    char sealed[SEALED_TEXT_SIZE];
};

struct conf_upstream {
    struct upstream_record record;
    uint32_t n_credentials; /* 1 at least */
    struct conf_credential credentials[LIMIT_CREDENTIALS];
    /* As written, for conf_show() and conf_diff(); the record holds what follows from them. */
    char url[LIMIT_HOST + LIMIT_PATH + 32];
    char auth[8]; /* "key", "bearer", "none", "mock" */
    char key_env[LIMIT_NAME];
    char key_file[CONF_PATH_SIZE];
    char key_sealed[SEALED_TEXT_SIZE];
    char family[LIMIT_NAME]; /* "" = the upstream's own name */
    bool allow_plain;        /* http:// to another host */
};

#endif
