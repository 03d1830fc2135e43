/* SPDX-License-Identifier: ISC */
#include "memory.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
memory_count(pid_t pid, const char *word)
{
#ifdef __SANITIZE_ADDRESS__ /* which keeps what was freed, in a memory of terabytes */
    return -1;
#endif
    char path[64], line[256];
    size_t room = 1 << 20, len = strlen(word);
    char *bytes = malloc(room);
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    int fd = open(path, O_RDONLY);
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "r");
    while (fd >= 0 && maps != NULL && fgets(line, sizeof line, maps) != NULL) {
        unsigned long start, end;

        if (sscanf(line, "%lx-%lx r", &start, &end) != 2)
            continue;
        for (unsigned long at = start; at < end; at += room) {
            ssize_t got = pread(fd, bytes, end - at < room ? end - at : room, (off_t)at);

            for (char *from = bytes; got >= (ssize_t)len;) {
                char *hit = memmem(from, (size_t)(bytes + got - from), word, len);
                if (hit == NULL)
                    break;
                n++;
                from = hit + 1;
            }
        }
    }
    if (maps != NULL)
        fclose(maps);
    bool can_look = fd >= 0;
    if (can_look)
        close(fd);
    free(bytes);
    return can_look ? n : -1;
}

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
