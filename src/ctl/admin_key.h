/* SPDX-License-Identifier: ISC
 *
 * admin_key - keys of the console's API for people at a terminal.
 */
#ifndef CTL_ADMIN_KEY_H
#define CTL_ADMIN_KEY_H

#include "verb.h"

verb_write admin_key_write_create, admin_key_write_revoke;
verb_print admin_key_print_secret, admin_key_print_list, admin_key_print_one;

#endif
