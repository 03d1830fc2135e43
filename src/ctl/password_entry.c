/* SPDX-License-Identifier: ISC */
#include "password_entry.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "relayos/base/secret.h"

static int ask_unseen(const char *prompt, const char *name, char out[PASSWORD_ENTRY_SIZE],
                      struct errmsg *why);
static int read_line(char out[PASSWORD_ENTRY_SIZE], struct errmsg *why);

int
password_entry_read(const char *name, char out[PASSWORD_ENTRY_SIZE], struct errmsg *why)
{
    char again[PASSWORD_ENTRY_SIZE];

    if (!isatty(STDIN_FILENO))
        return read_line(out, why);
    int rc = ask_unseen("Password for", name, out, why);
    if (rc == 0)
        rc = ask_unseen("Once more, for", name, again, why);
    if (rc == 0 && strcmp(out, again) != 0) {
        errmsg_set(why, "those were two different passwords");
        rc = ERR_SYNTAX;
    }
    secret_wipe(again, sizeof(again));
    return rc;
}

/* Signals wait until the terminal shows again what is typed. */
static int
ask_unseen(const char *prompt, const char *name, char out[PASSWORD_ENTRY_SIZE], struct errmsg *why)
{
    struct termios seen, unseen;
    sigset_t all, before;

    if (tcgetattr(STDIN_FILENO, &seen) != 0) {
        errmsg_set(why, "terminal: %s", strerror(errno));
        return ERR_IO;
    }
    unseen = seen;
    unseen.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen);
    fprintf(stderr, "%s %s: ", prompt, name);
    int rc = read_line(out, why);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &seen);
    fputc('\n', stderr);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static int
read_line(char out[PASSWORD_ENTRY_SIZE], struct errmsg *why)
{
    size_t len = 0;

    while (len < PASSWORD_ENTRY_SIZE - 1 && memchr(out, '\n', len) == NULL) {
        ssize_t n = read(STDIN_FILENO, out + len, PASSWORD_ENTRY_SIZE - 1 - len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    bool is_text = memchr(out, '\0', len) == NULL;
    out[len] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    if (is_text && out[0] != '\0')
        return 0;
    errmsg_set(why, "there is no password on stdin");
    return ERR_SYNTAX;
}
