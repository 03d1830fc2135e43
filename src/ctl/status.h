/* SPDX-License-Identifier: ISC
 *
 * status - the `status` command.
 */
#ifndef CTL_STATUS_H
#define CTL_STATUS_H

#include "verb.h"

verb_write status_write;
verb_print status_print;

#endif
