/* SPDX-License-Identifier: ISC
 *
 * config_rollback - the `config rollback` command. The file that was is kept beside it.
 */
#ifndef CTL_CONFIG_ROLLBACK_H
#define CTL_CONFIG_ROLLBACK_H

#include "verb.h"

verb_run config_rollback_run;

#endif
