/* SPDX-License-Identifier: ISC */
#include "high_water.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_SIZE 20 /* digits and a newline: always the same length, so written over in place */

int
high_water_open(const char *database_path)
{
    char path[600];

    snprintf(path, sizeof(path), "%s-seq", database_path);
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
}

int64_t
high_water_read(int fd)
{
    char line[LINE_SIZE + 1] = {0};
    char *end;

    if (fd < 0 || pread(fd, line, LINE_SIZE, 0) != LINE_SIZE)
        return 0;
    long long seq = strtoll(line, &end, 10);
    return *end == '\n' && seq > 0 ? seq : 0;
}

void
high_water_write(int fd, int64_t seq)
{
    char line[LINE_SIZE + 1];

    snprintf(line, sizeof(line), "%019lld\n", (long long)seq);
    /* On a full disk, or none: a gap would go unnoticed, and nothing else. */
    ssize_t n = fd < 0 ? 0 : pwrite(fd, line, LINE_SIZE, 0);
    (void)n;
}
