/* SPDX-License-Identifier: ISC
 *
 * user - the console's accounts for people at a terminal.
 */
#ifndef CTL_USER_H
#define CTL_USER_H

#include "verb.h"

verb_write user_write_list, user_write_role, user_write_link, user_write_disable, user_write_enable;
verb_print user_print_list, user_print_one;
verb_run user_run_add, user_run_passwd, user_run_setup_link;

#endif
