/* SPDX-License-Identifier: ISC
 *
 * viewer - to whom something is shown.
 */
#ifndef RELAYOS_REPORT_VIEWER_H
#define RELAYOS_REPORT_VIEWER_H

#include <stdbool.h>

#include "relayos/base/slice.h"

struct viewer {
    bool sees_routes;   /* and upstreams, costs, attempts, credentials, choices: an operator */
    struct slice owner; /* only what is theirs; "" = all */
};

#endif
