/* SPDX-License-Identifier: ISC
 *
 * config - the `config ...` commands, and what other commands want to know of a config file.
 */
#ifndef CTL_CONFIG_H
#define CTL_CONFIG_H

#include <stddef.h>

#include "relayos/conf/conf.h"
#include "verb.h"

verb_run config_run_check;
verb_write config_write_show;
verb_print config_print_show;

/* A config as far as its places go: upstream keys need not be in our environment. NULL, with the
 * reason told, if it cannot be read. */
struct conf *config_read_places(const char *path);
/* Path of the control socket; an exit status. */
int config_socket_path(const char *config_file, char *out, size_t size);

#endif
