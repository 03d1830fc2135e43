/* SPDX-License-Identifier: ISC
 *
 * report_key - a key as commands.def shows it: with what its limits have used and reserved.
 */
#ifndef RELAYOS_REPORT_REPORT_KEY_H
#define RELAYOS_REPORT_REPORT_KEY_H

#include "relayos/control/frame.h"
#include "relayos/model/key.h"
#include "relayos/report/report.h"

/* A KEY map as member `name` (NULL inside an array). */
int report_key_write(const struct report *report, const struct key_record *key, const char *name,
                     struct frame_out *out) MUST_CHECK;
/* Its members, into an open map. */
int report_key_write_members(const struct report *report, const struct key_record *key,
                             struct frame_out *out) MUST_CHECK;
/* "active", "disabled", "expired", "revoked" */
const char *report_key_state(const struct key_record *key, int64_t now_us);

/* Member "allow_from". */
void report_key_write_networks(const struct key_record *key, struct frame_out *out);

/* May the viewer see it? */
bool report_key_is_seen(const struct report *report, const struct key_record *key);
bool report_key_owns(const struct report *report, uint64_t id);

/* The keys that an answer is of: that of an id or exact name, or all (name ""), as far as the
 * viewer sees them: none, if there is no such key. Free with fini, after an error, too. */
#define REPORT_KEYS_MAX 1000 /* of one owner; the newest */
struct report_keys {
    bool any; /* all there are */
    uint64_t *ids;
    size_t n;
};
int report_key_select(const struct report *report, struct slice name,
                      struct report_keys *out) MUST_CHECK;
bool report_key_is_selected(const struct report_keys *keys, uint64_t id); /* keys NULL: all are */
void report_key_select_fini(struct report_keys *keys);

#endif
