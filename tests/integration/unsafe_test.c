/* SPDX-License-Identifier: ISC
 *
 * An installation that others could read or write, or that would take secrets in the clear, does
 * not start, and says what to do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "gateway.h"

struct unsafe {
    const char *name;
    const char *file;    /* in the directory, made with this mode; NULL: none */
    const char *content; /* "" = a directory */
    mode_t mode;
    const char *settings; /* %s is the directory */
    const char *words;    /* of the refusal; NULL: it is in order */
};

#define SAFE_LISTEN "listen: 127.0.0.1:0\nconsole: {listen: off}\n"
#define FILE_KEY                                                                                   \
    "    url: https://127.0.0.1:1/v1\n    protocols: openai_chat\n    key_file: %s/key\n"

static const struct unsafe cases[] = {
    {"all is well", "key", "sk-x\n", 0600, SAFE_LISTEN, NULL},
    {"secret_0644", "key", "sk-x\n", 0644, SAFE_LISTEN, "chmod 600"},
    {"secret_0640", "key", "sk-x\n", 0640, SAFE_LISTEN, "chmod 600"},
    {"secret_0602", "key", "sk-x\n", 0602, SAFE_LISTEN, "chmod 600"},
    {"data_dir_0777", "data", "", 0777, SAFE_LISTEN, "chmod o-w"},
    {"pepper_0644", "data/pepper", "0123456789abcdef0123456789abcdef", 0644, SAFE_LISTEN,
     "chmod 600"},
    {"pepper_lost", "data/relayos.db", "books", 0600, SAFE_LISTEN, "put it back"},
    {"config_0666", "r.yaml", NULL, 0666, SAFE_LISTEN, "chmod o-w"},
    {"keys_file_0646", "keys.yaml", "keys: []\n", 0646, SAFE_LISTEN "keys_file: %s/keys.yaml\n",
     "chmod o-w"},
    {"master_key_0644", "mk", "0123456789abcdef0123456789abcdef", 0644,
     SAFE_LISTEN "master_key_file: %s/mk\n", NULL}, /* nothing asks for it */
    {"plain_listener", NULL, NULL, 0, "listen: 0.0.0.0:0\nconsole: {listen: off}\n", "without TLS"},
    {"plain_listener_v6", NULL, NULL, 0, "listen: \"[::]:0\"\nconsole: {listen: off}\n",
     "without TLS"},
    {"plain_console", NULL, NULL, 0, "listen: 127.0.0.1:0\nconsole: {listen: 0.0.0.0:0}\n",
     "without TLS"},
    {"console_behind_nobody", NULL, NULL, 0,
     "listen: 127.0.0.1:0\nallow_plain_listen: true\nconsole: {listen: 0.0.0.0:1}\n", "public_url"},
};

static char dir[64];

static void
write_file(const char *name, const char *text, mode_t mode)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file, "%s", path);
    (void)fputs(text, file);
    (void)fclose(file);
    cr_assert_eq(chmod(path, mode), 0);
}

/* A fresh directory with the configuration and what is wrong with it. */
static void
lay_out(const struct unsafe *is)
{
    char text[4096], settings[1024], key[512], path[256];

    snprintf(dir, sizeof(dir), "/tmp/relayos-unsafe-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/data", dir);
    cr_assert_eq(mkdir(path, 0700), 0);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* ours, in the table above */
    snprintf(settings, sizeof(settings), is->settings, dir);
    snprintf(key, sizeof(key), FILE_KEY, dir);
#pragma GCC diagnostic pop
    snprintf(text, sizeof(text),
             "%srun_dir: %s/run\ndata_dir: %s/data\nupstreams:\n  up:\n%smodels:\n  m:\n"
             "    routes: [{upstream: up, model: m}]\n    price: {input: 1, output: 1}\n",
             settings, dir, dir, key);
    write_file("r.yaml", text, 0600);
    write_file("key", "sk-x\n", 0600);
    snprintf(path, sizeof(path), "%s/%s", dir, is->file == NULL ? "" : is->file);
    if (is->file != NULL && is->content != NULL && is->content[0] != '\0')
        write_file(is->file, is->content, is->mode);
    else if (is->file != NULL)
        cr_assert_eq(chmod(path, is->mode), 0);
}

/* What it said; it is ended once it serves. */
static void
start(char *out, size_t size)
{
    char program[512], command[2048];
    size_t len = 0;

    gateway_program("relayosd", program, sizeof(program));
    /* In the background, so that it returns: with the reason, or serving. */
    snprintf(
        command, sizeof(command),
        "exec 2>&1; timeout 60 %s -t -c %s/r.yaml && { timeout -s TERM 3 %s -c %s/r.yaml; :; }",
        program, dir, program, dir);
    FILE *said = popen(command, "r");
    cr_assert_not_null(said);
    while (len < size - 1) {
        size_t n = fread(out + len, 1, size - 1 - len, said);
        if (n == 0)
            break;
        len += n;
    }
    out[len] = '\0';
    (void)pclose(said);
}

Test(unsafe, an_installation_that_is_open_to_others_does_not_start, .timeout = 200)
{
    static char said[1 << 16];

    for (size_t n = 0; n < sizeof(cases) / sizeof(cases[0]); n++) {
        char command[128];

        lay_out(&cases[n]);
        start(said, sizeof(said));
        bool serves = strstr(said, " ready version=") != NULL;
        cr_expect_eq(serves, cases[n].words == NULL, "%s: %s", cases[n].name, said);
        cr_expect(cases[n].words == NULL || strstr(said, cases[n].words) != NULL, "%s: %s",
                  cases[n].name, said);
        snprintf(command, sizeof(command), "rm -rf %s", dir);
        cr_assert_eq(system(command), 0);
    }
}

/* The master opens the log as root first; its children must be able to. */
Test(unsafe, started_by_root_children_become_the_user_and_have_the_log, .timeout = 100)
{
    static const struct unsafe ordinary = {
        "user", NULL, NULL, 0, SAFE_LISTEN "user: nobody\nlog: {file: %s/log}\n", NULL};
    static char said[1 << 16];
    char command[128];

    if (geteuid() != 0)
        cr_skip_test("only root can become another");
    lay_out(&ordinary);
    cr_assert_eq(chmod(dir, 0711), 0);
    start(said, sizeof(said));
    snprintf(command, sizeof(command), "grep -q ' ready version=' %s/log", dir);
    cr_expect_eq(system(command), 0, "%s", said);
    snprintf(command, sizeof(command), "grep -q 'worker.ready' %s/log", dir);
    cr_expect_eq(system(command), 0);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

Test(unsafe, a_user_that_there_is_not_is_found_by_the_check_already, .timeout = 60)
{
    static const struct unsafe nobody = {"user", NULL, NULL, 0, SAFE_LISTEN "user: no-such-user\n",
                                         NULL};
    char program[512], command[2048];

    if (geteuid() != 0)
        cr_skip_test("only root can become another");
    gateway_program("relayosd", program, sizeof(program));
    lay_out(&nobody);
    snprintf(command, sizeof(command), "%s -t -c %s/r.yaml 2>&1 | grep -q 'no user no-such-user'",
             program, dir);
    cr_expect_eq(system(command), 0);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}

/* Who runs the init script in a pipe, or over ssh, waits until nobody has its streams any more. */
Test(unsafe, in_the_background_nobody_keeps_the_streams_of_who_started_it, .timeout = 100)
{
    static const struct unsafe ordinary = {
        "background", NULL, NULL, 0, SAFE_LISTEN "log: {file: %s/log}\n", NULL};
    char program[512], command[2048];

    gateway_program("relayosd", program, sizeof(program));
    lay_out(&ordinary);
    snprintf(command, sizeof(command), "%s -d -c %s/r.yaml 2>&1 | timeout 60 cat >&2", program,
             dir);
    int status = system(command);
    snprintf(command, sizeof(command),
             "pid=$(cat %s/run/relayosd.pid) && kill $pid && tail --pid=$pid -f /dev/null", dir);
    cr_expect_eq(system(command), 0, "it does not serve");
    cr_expect_eq(status, 0, "a process of it holds the launcher's stdout or stderr");
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    cr_assert_eq(system(command), 0);
}
