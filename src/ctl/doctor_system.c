/* SPDX-License-Identifier: ISC
 *
 * doctor_system - what the machine offers: shared memory, the kernel's means, the clock, how we are
 * started.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "doctor.h"
#include "relayos/base/proc.h"
#include "relayos/base/sandbox.h"
#include "relayos/base/text.h"

#define BORN_S INT64_C(1735689600) /* 2025: no clock that goes right is before it */

static void check_kernel(struct doctor *doctor);
static void check_shared_memory(struct doctor *doctor);
static void check_clock(struct doctor *doctor);
static void check_start(struct doctor *doctor);

void
doctor_system_check(struct doctor *doctor)
{
    check_kernel(doctor);
    check_shared_memory(doctor);
    check_clock(doctor);
    check_start(doctor);
}

static void
check_kernel(struct doctor *doctor)
{
    struct sandbox_means means;
    int fd = proc_pidfd_open(getpid());

    if (fd < 0)
        doctor_tell(doctor, "kernel", DOCTOR_FAIL, "pidfd_open: %s; Linux 5.3 or later is needed",
                    strerror(-fd));
    else
        close(fd);
    sandbox_probe(&means);
    if (means.missing[0] == '\0')
        doctor_tell(doctor, "kernel", DOCTOR_OK, "seccomp, Landlock (ABI %d)", means.landlock_abi);
    else
        doctor_tell(doctor, "kernel", DOCTOR_WARN,
                    "no %s: children are confined the less; a newer kernel, lsm=landlock, or a "
                    "container that allows them",
                    means.missing);
}

/* The segment of the one that runs is there, and allocated. */
static void
check_shared_memory(struct doctor *doctor)
{
    int64_t wanted = frame_get_int(frame_get(doctor->status, "segment"), "bytes", 0);
    struct statvfs memory;
    char left[32];

    if (statvfs("/dev/shm", &memory) != 0) {
        doctor_tell(doctor, "memory", DOCTOR_FAIL, "/dev/shm: %s; mount a tmpfs there",
                    strerror(errno));
        return;
    }
    int64_t free_bytes = (int64_t)(memory.f_bavail * memory.f_frsize);
    if (wanted == 0 && doctor->conf != NULL) /* its greatest parts, and some */
        wanted = doctor->conf->capacity_flights * 6 * 1024 + doctor->conf->capacity_recall +
                 doctor->conf->capacity_idempotency * 16 * 1024 +
                 doctor->conf->capacity_keys * 2048 + (8 << 20);
    else
        wanted = 0;
    text_size_format(free_bytes, left);
    if (free_bytes < wanted)
        doctor_tell(
            doctor, "memory", DOCTOR_FAIL,
            "/dev/shm has %s left, which the capacities do not fit in; enlarge it (mount -o "
            "remount,size=..., docker --shm-size) or lower capacity.*",
            left);
    else
        doctor_tell(doctor, "memory", DOCTOR_OK, "/dev/shm has %s left", left);
}

static void
check_clock(struct doctor *doctor)
{
    struct timex timex = {.modes = 0};
    int state = adjtimex(&timex);

    if (time(NULL) < BORN_S)
        doctor_tell(doctor, "clock", DOCTOR_FAIL,
                    "it is years behind; set it: quotas and expiries go by it");
    else if (state == TIME_ERROR || (state >= 0 && (timex.status & STA_UNSYNC) != 0))
        doctor_tell(
            doctor, "clock", DOCTOR_WARN,
            "nothing keeps it right; run chrony or systemd-timesyncd: months of quotas, and "
            "expiries, go by it");
    else
        doctor_tell(doctor, "clock", DOCTOR_OK, "kept right");
}

static void
check_start(struct doctor *doctor)
{
    static const char *const files[] = {
        "/etc/systemd/system/relayos.service", "/lib/systemd/system/relayos.service",
        "/usr/lib/systemd/system/relayos.service", "/usr/local/lib/systemd/system/relayos.service",
        "/etc/init.d/relayos"};

    for (size_t n = 0; n < sizeof(files) / sizeof(files[0]); n++) {
        if (access(files[n], F_OK) != 0)
            continue;
        doctor_tell(doctor, "start", DOCTOR_OK, "%s", files[n]);
        return;
    }
    doctor_tell(doctor, "start", DOCTOR_WARN,
                "neither a systemd unit nor an init script: nothing starts it with the machine; "
                "make install, or the package, brings both");
}
