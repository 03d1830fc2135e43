/* SPDX-License-Identifier: ISC
 *
 * The promise of the README: relayosd without any configuration serves, mints a key and prints a
 * quickstart whose curl line works as it stands; and each model answers over each protocol.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "gateway.h"
#include "http.h"
#include "json.h"

struct default_run {
    char dir[64], output[96];
    int port;
    pid_t pid;
};

static bool
is_ready(const struct gateway *gateway, void *data)
{
    (void)gateway;
    struct default_run *run = data;
    char command[256];

    snprintf(command, sizeof command, "grep -q 'curl ' %s", run->output);
    return system(command) == 0;
}

static void
start(struct default_run *run)
{
    char program[512], port[16];

    gateway_program("relayosd", program, sizeof program);
    snprintf(port, sizeof port, "%d", run->port);
    run->pid = fork();
    if (run->pid == 0) {
        int fd = open(run->output, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        setenv("RELAYOS_PORT", port, 1);
        unsetenv("OPENAI_API_KEY");
        unsetenv("ANTHROPIC_API_KEY");
        unsetenv("GEMINI_API_KEY");
        cr_assert(chdir(run->dir) == 0);
        execl(program, program, NULL);
        _exit(127);
    }
}

/* From its first line to its last, with no line of a log between. */
static bool
is_whole(const char *output)
{
    const char *first = strstr(output, "RelayOS is ready.");
    const char *last = first == NULL ? NULL : strstr(first, "good once, for 24 hours\n");

    return last != NULL && memmem(first, (size_t)(last - first), "Z info ", 7) == NULL;
}

/* The first command of the quickstart that begins with curl, continuation lines joined. */
static void
run_its_curl(const struct default_run *run, char *out, size_t size)
{
    char command[512];

    snprintf(command, sizeof command,
             "cd %s && sed -n '/^ *curl /,/[^\\\\]$/p' output | sed '/[^\\\\]$/q' >curl.sh &&"
             " sh curl.sh 2>/dev/null",
             run->dir);
    FILE *pipe = popen(command, "r");

    cr_assert_not_null(pipe);
    out[fread(out, 1, size - 1, pipe)] = '\0';
    pclose(pipe);
}

/* The mocks of upstreams that speak one vendor's protocol each. */
static void
ask_each_model_over_each_protocol(int port, const char *output)
{
    static const char *const models[] = {"claude-sonnet-4", "gpt-4.1-mini", "gemini-2.5-pro"};
    static const struct {
        const char *path, *rest;
    } protocols[] = {
        {"/v1/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"},
        {"/v1/responses", "\"input\":\"hello\""},
        {"/v1/messages",
         "\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"},
    };
    char key[128] = "", body[256];

    cr_assert_not_null(strstr(output, "API key"));
    cr_assert_eq(sscanf(strstr(output, "API key"), "API key %127s", key), 1);
    for (size_t i = 0; i < 2 * 3 * 3; i++) {
        const char *model = models[i % 3], *path = protocols[i / 3 % 3].path;

        snprintf(body, sizeof body, "{\"model\":\"%s\",\"stream\":%s,%s}", model,
                 i < 9 ? "false" : "true", protocols[i / 3 % 3].rest);
        struct http_reply *reply = http_call(port, path, key, NULL, body);

        cr_expect_eq(reply->status, 200, "%s %s: %s", path, body, reply->body);
        cr_expect(strstr(reply->body, model) != NULL, "%s %s: %s", path, body, reply->body);
        cr_expect(strstr(reply->body, i < 9 ? "You said: hello" : "You") != NULL, "%s %s: %s", path,
                  body, reply->body);
        http_reply_free(&reply);
    }
}

Test(default_run, its_quickstart_works_as_printed, .timeout = 100)
{
    static const char *const expected[] = {"/v1", "sk-", "MOCK", "Cursor", "Claude Code", "OpenAI"};
    static char output[65536];
    struct default_run run = {.dir = "/tmp/relayos-default-XXXXXX"};
    char answer[8192], command[2048], program[512];
    int status = 0;

    run.port = gateway_free_port();
    cr_assert_not_null(mkdtemp(run.dir));
    snprintf(run.output, sizeof run.output, "%s/output", run.dir);
    start(&run);
    cr_assert(gateway_wait(NULL, is_ready, &run), "no quickstart in %s", run.output);

    FILE *file = fopen(run.output, "r");

    output[fread(output, 1, sizeof output - 1, file)] = '\0';
    fclose(file);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        cr_expect(strstr(output, expected[i]) != NULL, "no %s in: %s", expected[i], output);
    cr_expect(is_whole(output), "%s", output);
    run_its_curl(&run, answer, sizeof answer);
    cr_expect(strstr(answer, "You said") != NULL, "the curl line answers: %s\n%s", answer, output);
    ask_each_model_over_each_protocol(run.port, output);
    gateway_program("relayosctl", program, sizeof program);
    snprintf(command, sizeof command,
             "%s -s %s/var/run/control.sock doctor | grep -q '^warn  config .*built-in default'",
             program, run.dir);
    cr_expect_eq(system(command), 0, "doctor asks for a file that nobody wants");
    snprintf(command, sizeof command,
             "! %s -s %s/var/run/control.sock reload && %s -s %s/var/run/control.sock metrics | "
             "grep -q '^relayos_config_last_reload_failed 0$'",
             program, run.dir, program, run.dir);
    cr_expect_eq(system(command), 0, "a file that is not there is no failed reload");

    kill(run.pid, SIGTERM);
    waitpid(run.pid, &status, 0);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    snprintf(command, sizeof command, "rm -rf %s", run.dir);
    cr_assert_eq(system(command), 0);
}
