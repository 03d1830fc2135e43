/* SPDX-License-Identifier: ISC
 *
 * report_user - accounts and admin keys as answers have them (USER, ADMIN_KEY in commands.def).
 *
 * Pages go on after an id; "next" is nil at the end.
 */
#ifndef RELAYOS_REPORT_REPORT_USER_H
#define RELAYOS_REPORT_REPORT_USER_H

#include "relayos/control/frame.h"
#include "relayos/model/user.h"
#include "relayos/store/store.h"

/* As member `name` (NULL inside an array). Never the password. */
void report_user_write(const struct user_record *user, const char *name, struct frame_out *out);
void report_user_write_key(const struct admin_key_record *key, const char *name,
                           struct frame_out *out);

void report_user_write_members(const struct user_record *user, struct frame_out *out);

/* A page and what it is called. */
struct report_user_page {
    const char *name;
    struct slice text; /* a part of the name, in whatever case; "" = all */
    uint64_t after;
    int64_t limit; /* 0 = 100 */
};
/* The page and "next". */
int report_user_list(struct store *store, const struct report_user_page *page,
                     struct frame_out *out) MUST_CHECK;
int report_user_list_keys(struct store *store, const struct report_user_page *page,
                          struct frame_out *out) MUST_CHECK;

#endif
