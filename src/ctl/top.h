/* SPDX-License-Identifier: ISC
 *
 * top - requests in flight: once, or refreshed on a terminal.
 */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include "verb.h"

verb_run top_run;

#endif
