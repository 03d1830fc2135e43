/* SPDX-License-Identifier: ISC
 *
 * doctor - `relayosctl doctor`: looks over an installation, a line a finding, each with what mends
 * it.
 *
 * Nothing is changed. It needs no running relayosd: what only that one knows is then left out. It
 * may see no more than who runs it: run it as root or as relayosd's user.
 */
#ifndef CTL_DOCTOR_H
#define CTL_DOCTOR_H

#include "args.h"
#include "client.h"
#include "doctor_judge.h"
#include "relayos/conf/conf.h"

#define DOCTOR_FINDINGS 256
#define DOCTOR_TEXT     512

struct doctor {
    struct client *client;
    const struct args *args;
    const char *file;                 /* of the configuration */
    struct conf *conf;                /* NULL: it cannot be read */
    const struct frame_value *status; /* NULL: there is no relayosd */
    size_t n;
    struct {
        const char *check;
        enum doctor_state state;
        char text[DOCTOR_TEXT];
    } findings[DOCTOR_FINDINGS];
};

int doctor_run(struct client *client, const struct args *args);
/* One more finding. */
void doctor_tell(struct doctor *doctor, const char *check, enum doctor_state state,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- the checks: doctor_files.c, doctor_system.c, doctor_daemon.c, doctor_network.c ---- */

void doctor_files_check(struct doctor *doctor);
void doctor_files_check_database(struct doctor *doctor);
void doctor_system_check(struct doctor *doctor);
void doctor_daemon_check(struct doctor *doctor);
void doctor_network_check(struct doctor *doctor);

#endif
