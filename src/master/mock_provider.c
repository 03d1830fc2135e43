/* SPDX-License-Identifier: ISC */
#include "relayos/master/mock_provider.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asked.h"

#define START_TIMEOUT_MS 10000
#define PATH_SIZE        4096

static int find_beside(const char *program, char out[PATH_SIZE], struct errmsg *why);
static void run(const void *path, int out_fd);
static int read_port(int fd, unsigned *out_port);

int
mock_provider_start(const char *program, struct mock_provider *out, struct errmsg *why)
{
    char path[PATH_SIZE];
    unsigned port = 0;
    pid_t pid;
    int fd;
    int rc = find_beside(program, path, why);

    if (rc != 0)
        return rc;
    rc = asked_fork(run, path, &pid, &fd, why);
    if (rc != 0)
        return rc;
    rc = read_port(fd, &port);
    close(fd);
    if (rc == 0) {
        out->pid = pid;
        snprintf(out->url, sizeof(out->url), "http://127.0.0.1:%u", port);
        return 0;
    }
    errmsg_set(why, "%s: did not start", path);
    kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
    return ERR_IO;
}

static int
find_beside(const char *program, char out[PATH_SIZE], struct errmsg *why)
{
    char self[PATH_SIZE];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[len < 0 ? 0 : len] = '\0';
    const char *path = len > 0 ? self : program; /* argv[0] is what the caller likes it to be */
    const char *slash = strrchr(path, '/');
    int dir_len = slash == NULL ? 0 : (int)(slash - path) + 1;
    int n = snprintf(out, PATH_SIZE, "%.*smockprovider", dir_len, path);
    if (n > 0 && n < PATH_SIZE && access(out, X_OK) == 0)
        return 0;
    errmsg_set(why,
               "no provider key is set and the mock provider is not at %.900s; set OPENAI_API_KEY, "
               "ANTHROPIC_API_KEY or GEMINI_API_KEY, or give a config file with -c",
               out);
    return ERR_IO;
}

static void
run(const void *path, int out_fd)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    (void)setpgid(0, 0); /* a ^C ends the gateway, which then ends this */
    (void)dup2(out_fd, STDOUT_FILENO);
    execl(path, "mockprovider", "-d", (char *)NULL);
    _exit(127);
}

/* "listening 127.0.0.1:PORT" */
static int
read_port(int fd, unsigned *out_port)
{
    char line[128];
    size_t len = 0;

    while (len < sizeof(line) - 1) {
        struct pollfd out = {.fd = fd, .events = POLLIN};
        if (poll(&out, 1, START_TIMEOUT_MS) <= 0)
            return ERR_IO;
        ssize_t n = read(fd, line + len, sizeof(line) - 1 - len);
        if (n <= 0)
            return ERR_IO;
        len += (size_t)n;
        line[len] = '\0';
        if (strchr(line, '\n') != NULL)
            return sscanf(line, "listening 127.0.0.1:%u", out_port) == 1 ? 0 : ERR_IO;
    }
    return ERR_IO;
}

void
mock_provider_stop(const struct mock_provider *mock)
{
    if (kill(mock->pid, SIGTERM) == 0)
        (void)waitpid(mock->pid, NULL, 0);
}
