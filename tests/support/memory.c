/* SPDX-License-Identifier: ISC
 *
 * memory - see memory.h.
 */
#include "memory.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int64_t
memory_resident(pid_t pid)
{
    char path[64];
    long total, resident = -1;

    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return -1;
    if (fscanf(file, "%ld %ld", &total, &resident) != 2)
        resident = -1;
    fclose(file);
    return resident < 0 ? -1 : resident * sysconf(_SC_PAGESIZE);
}

int64_t
memory_peak(pid_t pid)
{
    char path[64], line[256];
    long peak_kib = -1;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");

    if (file == NULL)
        return -1;
    while (peak_kib < 0 && fgets(line, sizeof line, file) != NULL)
        sscanf(line, "VmHWM: %ld", &peak_kib);
    fclose(file);
    return peak_kib < 0 ? -1 : (int64_t)peak_kib * 1024;
}
