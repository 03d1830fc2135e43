/* SPDX-License-Identifier: ISC
 *
 * mock_provider - the bundled mock providers as a child process, for who has no provider key yet.
 */
#ifndef RELAYOS_MASTER_MOCK_PROVIDER_H
#define RELAYOS_MASTER_MOCK_PROVIDER_H

#include <sys/types.h>

#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"

struct mock_provider {
    pid_t pid;
    char url[64]; /* "http://127.0.0.1:PORT" */
};

/*
 * Start `mockprovider` from the directory of program (argv[0]) and wait until it says on which port
 * of 127.0.0.1 it listens. It ends with the process that started it. ERR_IO.
 */
int mock_provider_start(const char *program, struct mock_provider *out,
                        struct errmsg *why) MUST_CHECK;
void mock_provider_stop(const struct mock_provider *mock);

#endif
