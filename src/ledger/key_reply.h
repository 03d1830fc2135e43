/* SPDX-License-Identifier: ISC
 *
 * key_reply - a key as commands answer it.
 */
#ifndef LEDGER_KEY_REPLY_H
#define LEDGER_KEY_REPLY_H

#include "ledger.h"
#include "relayos/report/report_key.h"

/* A KEY map as member `name` of the reply (NULL inside an array). */
static inline int
key_reply_write(struct ledger *ledger, const struct key_record *key, const char *name,
                struct frame_out *out)
{
    struct report report = ledger_report(ledger);

    return report_key_write(&report, key, name, out);
}

#endif
