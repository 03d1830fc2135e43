/* SPDX-License-Identifier: ISC
 *
 * crash - named points at which a test can have the process killed: CRASH_POINT("flight.hold").
 *
 * In a normal build they are nothing. In one with -DRELAYOS_CRASH_POINTS the process kills itself
 * (SIGKILL) when it comes to the point whose name stands in the file that RELAYOS_CRASH_FILE names;
 * the file is removed first, so that exactly one process dies of it. With a '=' before the name it
 * stops (SIGSTOP) instead, and comes late. `make chaos-points` visits them all.
 */
#ifndef RELAYOS_BASE_CRASH_H
#define RELAYOS_BASE_CRASH_H

#ifdef RELAYOS_CRASH_POINTS
#define CRASH_POINT(name) crash_here(name)
#else
#define CRASH_POINT(name) ((void)0)
#endif

/* Any process, async-signal-safe. Dies here if a test has asked for it. */
void crash_here(const char *name);

#endif
