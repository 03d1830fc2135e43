/* SPDX-License-Identifier: ISC */
#include "doctor_judge.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MIB    (INT64_C(1) << 20)
#define DAY_US (INT64_C(86400) * 1000000)

static const char *find_field(const char *status, const char *name);

enum doctor_state
doctor_judge_space(int64_t free_bytes, int64_t total_bytes)
{
    if (free_bytes < 64 * MIB)
        return DOCTOR_FAIL;
    return free_bytes < 1024 * MIB && free_bytes < total_bytes / 10 ? DOCTOR_WARN : DOCTOR_OK;
}

/* A caller may need another one, to an upstream; some hundred are the worker's own. */
enum doctor_state
doctor_judge_descriptors(int64_t limit, int64_t max_connections)
{
    if (limit < 1024)
        return DOCTOR_FAIL;
    return limit < 2 * max_connections + 256 ? DOCTOR_WARN : DOCTOR_OK;
}

enum doctor_state
doctor_judge_expiry(int64_t left_us)
{
    if (left_us <= 0)
        return DOCTOR_FAIL;
    return left_us < 30 * DAY_US ? DOCTOR_WARN : DOCTOR_OK;
}

enum doctor_state
doctor_judge_rights(const struct doctor_rights *rights)
{
    if ((rights->mode & S_IWOTH) != 0 || (rights->is_secret && (rights->mode & 077) != 0))
        return DOCTOR_FAIL;
    if (!rights->is_ours)
        return DOCTOR_FAIL;
    return (rights->mode & S_IWGRP) != 0 ? DOCTOR_WARN : DOCTOR_OK;
}

void
doctor_judge_parse(const char *status, struct doctor_confinement *out)
{
    const char *seccomp = find_field(status, "Seccomp:");
    const char *privs = find_field(status, "NoNewPrivs:");
    const char *capabilities = find_field(status, "CapEff:");

    *out = (struct doctor_confinement){
        .seccomp = seccomp == NULL ? -1 : (int)strtol(seccomp, NULL, 10),
        .no_new_privs = privs != NULL && strtol(privs, NULL, 10) == 1,
        .has_capabilities = capabilities != NULL && strtoull(capabilities, NULL, 16) != 0,
    };
}

/* At the beginning of a line; what follows the name. */
static const char *
find_field(const char *status, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = status; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, len) == 0)
            return line + len;
        if (*line == '\0')
            break;
    }
    return NULL;
}

enum doctor_state
doctor_judge_confinement(const struct doctor_confinement *is, const char *sandbox, bool is_master)
{
    bool wants_filter = strcmp(sandbox, "off") != 0 && !is_master;

    if (is->has_capabilities && !is_master)
        return DOCTOR_FAIL;
    if (wants_filter && is->seccomp != 2)
        return DOCTOR_FAIL;
    if (!is->no_new_privs && !is_master)
        return DOCTOR_FAIL;
    return is_master || (wants_filter && strcmp(sandbox, "log") != 0) ? DOCTOR_OK : DOCTOR_WARN;
}
