/* SPDX-License-Identifier: ISC
 *
 * request_query - past requests from the store, running ones from the segment.
 */
#ifndef LEDGER_REQUEST_QUERY_H
#define LEDGER_REQUEST_QUERY_H

#include "dispatch.h"

dispatch_handler request_query_list, request_query_show;

#endif
