/* SPDX-License-Identifier: ISC
 *
 * journal - see journal.h.
 */
#include "journal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LAST_PIECES 4 /* of a stream: no dialect reports its usage earlier than that */

static int journal_fd = -1;

static void write_line(const char *line);

bool
journal_open(const char *path)
{
    journal_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    return journal_fd >= 0;
}

void
journal_begin(const struct ask *ask, struct script *script)
{
    const char *id = ask->request_id[0] == '\0' ? "-" : ask->request_id;
    char line[96];

    script->journal[0] = '\0';
    if (journal_fd < 0 || !script->has_usage)
        return;
    snprintf(line, sizeof line, "begun %s\n", id);
    write_line(line);
    snprintf(script->journal, sizeof script->journal,
             "served %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", id, ask->input,
             ask->cached, ask->cache_write, ask->output);
}

/* Without a pace all pieces go out in one write. */
void
journal_serve(struct script *script, size_t n)
{
    if (script->journal[0] == '\0' || (script->pace_ms > 0 && n + LAST_PIECES < script->n_ends))
        return;
    write_line(script->journal);
    script->journal[0] = '\0';
}

static void
write_line(const char *line)
{
    size_t len = strlen(line);

    if (write(journal_fd, line, len) != (ssize_t)len) {
        perror("mockprovider: journal");
        exit(1); /* better no mock than one whose count is wrong */
    }
}
