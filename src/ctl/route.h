/* SPDX-License-Identifier: ISC
 *
 * route - the route commands for people.
 */
#ifndef CTL_ROUTE_H
#define CTL_ROUTE_H

#include "verb.h"

verb_write route_write_list, route_write_one;
verb_print route_print_list, route_print_one;

#endif
