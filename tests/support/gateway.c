/* SPDX-License-Identifier: ISC
 *
 * gateway - see gateway.h.
 */
#include "gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "http.h"
#include "json.h"

#define GATEWAY_MAX_WORDS 48

static void gateway_bury(void);
static void gateway_write_config(struct gateway *gateway, const struct gateway_options *options);
static void gateway_unlink_segment(const struct gateway *gateway);
static void gateway_start_mock(struct gateway *gateway, int n);
static void gateway_write_upstreams(const struct gateway *gateway, FILE *file, const char *text);
static void gateway_spawn(struct gateway *gateway);
static bool gateway_is_ready(const struct gateway *gateway, void *data);
static int gateway_n_ready(const cJSON *status, const char *role);

struct gateway *
gateway_start(const struct gateway_options *options)
{
    static const struct gateway_options usual;
    struct gateway *gateway = calloc(1, sizeof *gateway);
    const char *tmp = getenv("TMPDIR");

    /* What loses its master comes to us, and ends with us. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    atexit(gateway_bury);
    snprintf(gateway->dir, sizeof gateway->dir, "%s/relayos-test-XXXXXX",
             tmp == NULL ? "/tmp" : tmp);
    cr_assert(mkdtemp(gateway->dir) != NULL, "mkdtemp: %s", strerror(errno));
    snprintf(gateway->config, sizeof gateway->config, "%s/relayos.yaml", gateway->dir);
    snprintf(gateway->log, sizeof gateway->log, "%s/relayosd.log", gateway->dir);
    snprintf(gateway->database, sizeof gateway->database, "%s/data/relayos.db", gateway->dir);
    snprintf(gateway->control, sizeof gateway->control, "%s/run/control.sock", gateway->dir);
    for (int n = 0; n <= (options == NULL ? 0 : options->n_mocks); n++)
        gateway_start_mock(gateway, n);
    gateway->mock_port = gateway->mock_ports[0];
    gateway->port = gateway_free_port();
    gateway_unlink_segment(gateway);
    gateway_write_config(gateway, options == NULL ? &usual : options);
    gateway_spawn(gateway);
    return gateway;
}

/* Kill every child, and those that they leave behind. */
static void
gateway_bury(void)
{
    char path[64];
    int pid;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    for (int rounds = 0; rounds < 10; rounds++) {
        FILE *children = fopen(path, "r");
        int n = 0;

        for (; children != NULL && fscanf(children, "%d", &pid) == 1; n++) {
            kill(pid, SIGKILL);
            waitpid(pid, NULL, 0);
        }
        if (children != NULL)
            fclose(children);
        if (n == 0)
            return;
    }
}

static void
gateway_write_console(const struct gateway *gateway, const struct gateway_options *options,
                      FILE *file)
{
    fprintf(file, "console: {listen: {address: ");
    if (options->console_socket == NULL)
        fprintf(file, "127.0.0.1:%d", gateway->console_port);
    else
        fprintf(file, "\"unix:%s\"", options->console_socket);
    fprintf(file, "%s}%s}\n", options->console_way == NULL ? "" : options->console_way,
            options->console == NULL ? "" : options->console);
}

static void
gateway_write_config(struct gateway *gateway, const struct gateway_options *options)
{
    FILE *file = fopen(gateway->config, "w");

    cr_assert(file != NULL, "%s: %s", gateway->config, strerror(errno));
    while (options->has_console &&
           (gateway->console_port == 0 || gateway->console_port == gateway->port))
        gateway->console_port = gateway_free_port();
    if (options->has_console)
        gateway_write_console(gateway, options, file);
    else
        fprintf(file, "console: {listen: off}\n");
    gateway->n_workers = options->workers == 0 ? 2 : options->workers;
    fprintf(file,
            "listen:\n  - 127.0.0.1:%d\n%s"
            "run_dir: %s/run\ndata_dir: %s/data\nbackup_dir: %s\ninstance: test-%d\nworkers: %d\n"
            "capacity: {keys: 1024, flights: 1024, quota_cells: 4096, refusals: 1024, recall: %s}\n"
            "%s"
            "upstreams:\n"
            "  canary-openai:\n"
            "    url: http://127.0.0.1:%d/openai/v1\n"
            "    protocols: [openai_chat, openai_responses]\n"
            "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n"
            "  canary-anthropic:\n"
            "    url: http://127.0.0.1:%d/anthropic/v1\n"
            "    protocols: anthropic_messages\n"
            "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n",
            gateway->port, options->listeners == NULL ? "" : options->listeners, gateway->dir,
            gateway->dir, gateway->dir, gateway->port, gateway->n_workers,
            options->recall == NULL ? "4MiB" : options->recall,
            options->settings == NULL ? "" : options->settings, gateway->mock_port,
            gateway->mock_port);
    if (options->upstreams != NULL)
        gateway_write_upstreams(gateway, file, options->upstreams);
    fprintf(file, "models:\n");
    for (const char *const *name = (const char *const[]){"gpt-4.1-mini", "gemini-2.5-pro", NULL};
         *name != NULL; name++)
        fprintf(file,
                "  %s:\n    price: {input: 2.00, output: 8.00, cache_read: 0.50}\n"
                "    max_output_tokens: 1000\n    routes: [{upstream: canary-openai}]\n",
                *name);
    fprintf(file,
            "  claude-sonnet-4:\n    price: {input: 2.00, output: 8.00, cache_read: 0.50}\n"
            "    max_output_tokens: 1000\n"
            "    routes: [{upstream: canary-anthropic}]\n"
            "  flat:\n    price: {input: 0, output: 0, request: 0.01}\n"
            "    routes: [{upstream: canary-openai}, {upstream: canary-anthropic}]\n%s",
            options->models == NULL ? "" : options->models);
    cr_assert(fclose(file) == 0, "cannot write %s", gateway->config);
}

static void
gateway_write_upstreams(const struct gateway *gateway, FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text != '%') {
            fputc(*text, file);
            continue;
        }
        text++;
        fprintf(file, "%d", gateway->mock_ports[*text == 'd' ? 0 : *text - '0']);
    }
}

/* The port is free now; relayosd takes it a moment later. It is none that the kernel would give to
 * somebody's connection meanwhile. */
int
gateway_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timespec now;
    bool is_free = false;
    int port = 0;

    clock_gettime(CLOCK_MONOTONIC, &now);
    for (unsigned n = (unsigned)now.tv_nsec / 1000 + (unsigned)getpid() * 7919; !is_free; n++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        port = 10000 + (int)(n % 20000);
        address.sin_port = htons((in_port_t)port);
        is_free = bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
        close(fd);
    }
    return port;
}

/* Of a test that was killed, and had this port. */
static void
gateway_unlink_segment(const struct gateway *gateway)
{
    char path[64];

    snprintf(path, sizeof path, "/dev/shm/relayos.test-%d", gateway->port);
    unlink(path);
}

/* A child that ends with this test, its stdout and stderr on fd. */
static pid_t
gateway_fork(int fd)
{
    pid_t pid = fork();

    cr_assert(pid >= 0, "fork: %s", strerror(errno));
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
    }
    return pid;
}

/* On the port that it had, or on a free one. */
static void
gateway_start_mock(struct gateway *gateway, int n)
{
    char program[512], line[128] = "", port[16];
    int ends[2];

    gateway_program("mockprovider", program, sizeof program);
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    snprintf(port, sizeof port, "%d", gateway->mock_ports[n]);
    gateway->mock_pids[n] = gateway_fork(ends[1]);
    if (gateway->mock_pids[n] == 0) {
        execl(program, "mockprovider", "-d", "-p", port, NULL);
        _exit(127);
    }
    close(ends[1]);
    cr_assert(read(ends[0], line, sizeof line - 1) > 0, "%s does not start", program);
    close(ends[0]);
    cr_assert(sscanf(line, "listening 127.0.0.1:%d", &gateway->mock_ports[n]) == 1, "mock: %s",
              line);
}

void
gateway_mock_kill(struct gateway *gateway, int n)
{
    kill(gateway->mock_pids[n], SIGKILL);
    waitpid(gateway->mock_pids[n], NULL, 0);
}

void
gateway_mock_revive(struct gateway *gateway, int n)
{
    gateway_start_mock(gateway, n);
}

static void
gateway_spawn(struct gateway *gateway)
{
    char program[512];
    int fd = open(gateway->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    gateway_program("relayosd", program, sizeof program);
    gateway->pid = gateway_fork(fd);
    if (gateway->pid == 0) {
        setenv("GATEWAY_CREDENTIAL", GATEWAY_CREDENTIAL, 1);
        execl(program, "relayosd", "-c", gateway->config, gateway->option, NULL);
        _exit(127);
    }
    close(fd);
    if (gateway_wait(gateway, gateway_is_ready, NULL))
        return;

    char command[256];

    snprintf(command, sizeof command, "tail -n 20 %s >&2", gateway->log);
    int shown = system(command);

    cr_assert_fail("relayosd does not become ready (log %s)", shown == 0 ? "above" : "missing");
}

static bool
gateway_is_ready(const struct gateway *gateway, void *data)
{
    (void)data;
    struct http_reply *reply = http_call(gateway->port, "/readyz", NULL, NULL, NULL);
    bool is_ready = reply->status == 200;

    http_reply_free(&reply);
    if (!is_ready)
        return false;
    /* Workers of a dead master answer too: is it this one? */
    cJSON *status = gateway_ctl(gateway, "status");

    is_ready = status != NULL && json_int(status, "pid") == gateway->pid &&
               gateway_n_ready(status, "worker") >= gateway->n_workers;
    cJSON_Delete(status);
    return is_ready;
}

static int
gateway_n_ready(const cJSON *status, const char *role)
{
    const cJSON *process;
    int n = 0;

    cJSON_ArrayForEach(process, json_at(status, "processes")) n +=
        strcmp(json_text(process, "role"), role) == 0 &&
        strcmp(json_text(process, "state"), "ready") == 0;
    return n;
}

void
gateway_restart(struct gateway *gateway)
{
    gateway_spawn(gateway);
}

int
gateway_end(struct gateway *gateway, int signo)
{
    int status = 0;

    kill(gateway->pid, signo);
    for (int tries = 0; tries < 1500; tries++) {
        if (waitpid(gateway->pid, &status, WNOHANG) == gateway->pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    kill(gateway->pid, SIGKILL);
    waitpid(gateway->pid, &status, 0);
    cr_assert_fail("relayosd did not end within 15 s");
    return -1;
}

int
gateway_stop(struct gateway **gateway)
{
    char command[256];
    int status = gateway_end(*gateway, SIGTERM);

    snprintf(command, sizeof command,
             "grep -E 'runtime error:|Sanitizer|Assertion|sandbox.killed .* call=[0-9]' %s >&2",
             (*gateway)->log);
    cr_expect_neq(system(command), 0, "a process complained or aborted");
    gateway_bury();
    snprintf(command, sizeof command, "rm -rf %s", (*gateway)->dir);
    cr_assert(system(command) == 0);
    free(*gateway);
    *gateway = NULL;
    return status;
}

/* The programs stand in the build directory, two above tests/integration/. */
void
gateway_program(const char *name, char *out, size_t size)
{
    char self[400] = "";
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

    cr_assert(len > 0);
    for (int i = 0; i < 2 && strrchr(self, '/') != NULL; i++)
        *strrchr(self, '/') = '\0';
    if (strrchr(self, '/') != NULL && strcmp(strrchr(self, '/'), "/tests") == 0)
        *strrchr(self, '/') = '\0';
    snprintf(out, size, "%s/%s", self, name);
}

int
gateway_ctl_raw(const struct gateway *gateway, const char *words, char *out, size_t size)
{
    char program[512], *copy = strdup(words);
    const char *argv[GATEWAY_MAX_WORDS + 5] = {"relayosctl", "-s", gateway->control};
    int n = 3, ends[2], status = 0;
    size_t len = 0;
    ssize_t got;

    gateway_program("relayosctl", program, sizeof program);
    for (char *rest = copy, *word; n < GATEWAY_MAX_WORDS && (word = strsep(&rest, " ")) != NULL;) {
        if (*word != '\0')
            argv[n++] = word;
    }
    cr_assert(pipe2(ends, O_CLOEXEC) == 0);
    pid_t pid = gateway_fork(ends[1]);

    if (pid == 0) {
        execv(program, (char *const *)argv);
        _exit(127);
    }
    close(ends[1]);
    while (len < size - 1 && (got = read(ends[0], out + len, size - 1 - len)) > 0)
        len += (size_t)got;
    out[len] = '\0';
    close(ends[0]);
    waitpid(pid, &status, 0);
    free(copy);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

cJSON *
gateway_ctl(const struct gateway *gateway, const char *format, ...)
{
    static char out[8 << 20];
    char words[1024], all[1040];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(words, sizeof words, format, args);

    va_end(args);
    cr_assert(len > 0 && (size_t)len < sizeof words);
    snprintf(all, sizeof all, "%s --json", words);
    return gateway_ctl_raw(gateway, all, out, sizeof out) == 0 ? cJSON_Parse(out) : NULL;
}

int64_t
gateway_total(const struct gateway *gateway, const char *counter)
{
    cJSON *status = gateway_ctl(gateway, "status");
    char path[64];

    snprintf(path, sizeof path, "totals.%s", counter);
    int64_t total = json_int(status, path);
    cJSON_Delete(status);
    return total;
}

char *
gateway_key(struct gateway *gateway, const char *options)
{
    const char *owner = strstr(options, "--owner") == NULL ? "--owner tester" : "";
    cJSON *reply = gateway_ctl(gateway, "key create --name test-%u --tool script %s %s",
                               ++gateway->n_keys, owner, options);
    char *secret = strdup(json_text(reply, "secret"));

    cr_assert(strncmp(secret, "sk-", 3) == 0, "key create %s failed", options);
    cJSON_Delete(reply);
    return secret;
}

void
gateway_reconfigure(struct gateway *gateway, const struct gateway_options *options)
{
    gateway_write_config(gateway, options);
    kill(gateway->pid, SIGHUP);
}

int
gateway_pids(const struct gateway *gateway, const char *role, pid_t *out, int max)
{
    cJSON *status = gateway_ctl(gateway, "status");
    const cJSON *process;
    int n = 0;

    cJSON_ArrayForEach(process, json_at(status, "processes"))
    {
        if (n < max && strcmp(json_text(process, "role"), role) == 0 &&
            json_int(process, "pid") > 0)
            out[n++] = (pid_t)json_int(process, "pid");
    }
    cJSON_Delete(status);
    return n;
}

int64_t
gateway_mock_count(const struct gateway *gateway, const char *path)
{
    return gateway_mock_count_of(gateway, 0, path);
}

int64_t
gateway_mock_count_of(const struct gateway *gateway, int n, const char *path)
{
    cJSON *stats = gateway_mock_stats(gateway, n);
    int64_t count = json_int(stats, path);

    cJSON_Delete(stats);
    return count;
}

cJSON *
gateway_mock_stats(const struct gateway *gateway, int n)
{
    struct http_reply *reply = http_call(gateway->mock_ports[n], "/mock/stats", NULL, NULL, NULL);
    cJSON *stats = json_body(reply);

    http_reply_free(&reply);
    return stats;
}

void
gateway_mock_control(const struct gateway *gateway, int n, const char *rules)
{
    struct http_reply *reply =
        http_call(gateway->mock_ports[n], "/mock/control", NULL, NULL, rules);

    cr_assert(reply->status == 200);
    http_reply_free(&reply);
}

void
gateway_mock_reset(const struct gateway *gateway)
{
    struct http_reply *reply = http_call(gateway->mock_port, "/mock/reset", NULL, NULL, "");

    cr_assert(reply->status == 200);
    http_reply_free(&reply);
}

char *
gateway_mock_last(const struct gateway *gateway)
{
    struct http_reply *reply = http_call(gateway->mock_port, "/mock/last", NULL, NULL, NULL);
    char *last = strndup(reply->body, reply->body_len);

    http_reply_free(&reply);
    return last;
}

bool
gateway_wait(const struct gateway *gateway, gateway_claim *claim, void *data)
{
    struct timespec now, end;

    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += 60; /* patience, not a measure: machines are busy */
    do {
        if (claim(gateway, data))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec);
    return false;
}

bool
gateway_logged(const struct gateway *gateway, void *text)
{
    char command[512];

    snprintf(command, sizeof command, "grep -q '%s' %s", (const char *)text, gateway->log);
    return system(command) == 0;
}
