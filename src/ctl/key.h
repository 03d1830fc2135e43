/* SPDX-License-Identifier: ISC
 *
 * key - the `key ...` commands that are one request each.
 */
#ifndef CTL_KEY_H
#define CTL_KEY_H

#include "verb.h"

verb_write key_write_create, key_write_list, key_write_one, key_write_update, key_write_rotate,
    key_write_revoke;
verb_print key_print_secret, key_print_list, key_print_one, key_print_revoked;

#endif
