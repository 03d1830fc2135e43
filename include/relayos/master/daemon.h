/* SPDX-License-Identifier: ISC
 *
 * daemon - into the background: the launcher waits until the daemon serves, or says why it does
 * not.
 */
#ifndef RELAYOS_MASTER_DAEMON_H
#define RELAYOS_MASTER_DAEMON_H

/*
 * Double fork. Returns in the daemon alone, with the descriptor that takes the launcher's exit
 * status as one byte; the launcher ends here, with that status, or 1 when the daemon ends without
 * one.
 */
int daemon_detach(void);
/* The daemon's word to its launcher; standard streams go to /dev/null. Closes *launcher_fd. */
void daemon_report(int *launcher_fd, int exit_status);

#endif
