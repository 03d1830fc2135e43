/* SPDX-License-Identifier: ISC
 *
 * What each process may still do, what is told of one that wanted more, where secrets lie, and what
 * relayosctl doctor makes of it all.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

/* A build under AddressSanitizer has no sandbox. */
static bool
is_confined(const struct gateway *gateway)
{
    char line[512];
    FILE *log = fopen(gateway->log, "r");
    bool is_there = false;

    cr_assert_not_null(log);
    while (fgets(line, sizeof(line), log) != NULL) {
        if (strstr(line, "sandbox.state mode=enforce seccomp=yes") != NULL)
            is_there = true;
    }
    (void)fclose(log);
    return is_there;
}

static bool
is_logged(const struct gateway *gateway, void *data)
{
    char line[1024];
    FILE *log = fopen(gateway->log, "r");
    bool is_there = false;

    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        is_there = is_there || strstr(line, data) != NULL;
    if (log != NULL)
        (void)fclose(log);
    return is_there;
}

static bool
has_line(pid_t pid, const char *name, const char *wanted)
{
    char path[64], line[512];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    FILE *file = fopen(path, "r");
    bool is_there = false;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        is_there = is_there || strncmp(line, wanted, strlen(wanted)) == 0;
    if (file != NULL)
        (void)fclose(file);
    return is_there;
}

Test(sandbox, every_child_is_confined_and_the_master_gains_nothing, .timeout = 100)
{
    static const char *const roles[] = {"worker", "ledger", "prober", "console"};
    struct gateway *gateway = gateway_start(&(struct gateway_options){.has_console = true});
    pid_t pids[8];

    if (!is_confined(gateway)) {
        gateway_stop(&gateway);
        cr_skip_test("no sandbox here");
    }
    cr_assert(gateway_wait(gateway, is_logged, (void *)"console.ready"));
    for (size_t n = 0; n < 4; n++) {
        int n_pids = gateway_pids(gateway, roles[n], pids, 8);
        cr_expect_gt(n_pids, 0, "%s", roles[n]);
        for (int i = 0; i < n_pids; i++) {
            cr_expect(has_line(pids[i], "status", "Seccomp:\t2"), "%s", roles[n]);
            cr_expect(has_line(pids[i], "status", "NoNewPrivs:\t1"), "%s", roles[n]);
            cr_expect(has_line(pids[i], "status", "CapEff:\t0000000000000000"), "%s", roles[n]);
            cr_expect(has_line(pids[i], "status", "CapPrm:\t0000000000000000"), "%s", roles[n]);
            cr_expect(has_line(pids[i], "limits", "Max core file size        0 "), "%s", roles[n]);
        }
    }
    cr_expect(has_line(gateway->pid, "status", "NoNewPrivs:\t1"));
    cr_expect(!is_logged(gateway, (void *)"sandbox.killed"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(sandbox, who_runs_into_its_walls_is_told_of_and_replaced, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&(struct gateway_options){.workers = 1});
    pid_t pid;

    cr_assert_eq(gateway_pids(gateway, "worker", &pid, 1), 1);
    cr_assert_eq(kill(pid, SIGSYS), 0); /* as the kernel ends who wants what nobody may */
    cr_expect(gateway_wait(gateway, is_logged, (void *)"sandbox.killed role=worker"));
    cr_expect(gateway_wait(gateway, is_logged, (void *)"child.ready role=worker slot=1"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* As some containers and filters of systemd's do: for this test and all that it starts. */
static bool
forbid_confinement(void)
{
    static const struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_seccomp, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof(filter) / sizeof(filter[0]),
                                       .filter = (struct sock_filter *)filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int
count_logged(const struct gateway *gateway, const char *words)
{
    char line[1024];
    FILE *log = fopen(gateway->log, "r");
    int n = 0;

    while (log != NULL && fgets(line, sizeof(line), log) != NULL)
        n += strstr(line, words) != NULL;
    if (log != NULL)
        (void)fclose(log);
    return n;
}

Test(sandbox, where_it_is_forbidden_that_is_told_once_and_all_goes_on_but_not_if_required,
     .timeout = 100)
{
    if (!forbid_confinement())
        cr_skip_test("no seccomp here");

    struct gateway *gateway = gateway_start(&(struct gateway_options){.has_console = true});
    char *key = gateway_key(gateway, "");
    char program[512], command[2048], said[4096] = "";
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");

    cr_expect_eq(reply->status, 200);
    cr_expect_eq(count_logged(gateway, "sandbox.partial"), 1);
    http_reply_free(&reply);
    free(key);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);

    gateway_program("relayosd", program, sizeof(program));
    snprintf(command, sizeof(command),
             "sed -i '1i sandbox: require' %s; GATEWAY_CREDENTIAL=x timeout 20 %s -c %s 2>&1; "
             "echo status $?; sed -i 1d %s; cat %s",
             gateway->config, program, gateway->config, gateway->config, gateway->log);
    FILE *output = popen(command, "r");
    size_t len = 0;
    for (size_t n; output != NULL && len < sizeof(said) - 1; len += n) {
        n = fread(said + len, 1, sizeof(said) - 1 - len, output);
        if (n == 0)
            break;
    }
    (void)pclose(output);
    cr_expect_not_null(strstr(said, "sandbox: require, but there is no"), "%s", said);
    cr_expect_null(strstr(said, "status 0"), "%s", said);
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(sandbox, off_and_log_are_what_they_say, .timeout = 100)
{
    struct gateway *gateway =
        gateway_start(&(struct gateway_options){.workers = 1, .settings = "sandbox: off\n"});
    pid_t pid;

    cr_assert_eq(gateway_pids(gateway, "worker", &pid, 1), 1);
    cr_expect(has_line(pid, "status", "Seccomp:\t0"));
    cr_expect(has_line(pid, "status", "NoNewPrivs:\t1"));
    cr_expect(has_line(pid, "status", "CapEff:\t0000000000000000"));
    cr_expect_eq(gateway_stop(&gateway), 0);
    gateway = gateway_start(&(struct gateway_options){.workers = 1, .settings = "sandbox: log\n"});
    cr_expect(is_logged(gateway, (void *)"sandbox.state mode=log"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(sandbox, a_reload_that_names_authorities_out_of_reach_is_told_of, .timeout = 100)
{
    static const char upstream[] =
        "  far: {url: \"https://localhost:1/v1\", protocols: openai_chat, "
        "auth: none, ca_file: /sys/kernel/uevent_seqnum}\n";
    struct gateway *gateway = gateway_start(&(struct gateway_options){.workers = 1});

    if (!is_confined(gateway)) {
        gateway_stop(&gateway);
        cr_skip_test("no sandbox here");
    }
    gateway_reconfigure(gateway, &(struct gateway_options){.workers = 1, .upstreams = upstream});
    cr_expect(gateway_wait(gateway, is_logged, (void *)"sandbox.out_of_reach upstream=far"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* ---- secrets ---- */

/* One line of smaps that begins a mapping. */
struct mapping {
    unsigned long first, end;
    char rights[5], rest[256];
};

static bool
begins_mapping(const char *line, struct mapping *out)
{
    return sscanf(line, "%lx-%lx %4s", &out->first, &out->end, out->rights) == 3 &&
           snprintf(out->rest, sizeof(out->rest), "%s", line) > 0;
}

/* How often the secret is in what a core dump of the process would hold. */
static int
count_dumped(int memory, const struct mapping *mapping, const char *flags, const char *secret)
{
    size_t size = mapping->end - mapping->first;
    int n = 0;

    if (mapping->rights[0] != 'r' || strstr(flags, " dd") != NULL || size > (64UL << 20) ||
        strstr(mapping->rest, "[v") != NULL)
        return 0;
    char *bytes = malloc(size);
    ssize_t len = pread(memory, bytes, size, (off_t)mapping->first);
    for (char *at = bytes; len > 0 && at != NULL; n++) {
        at = memmem(at, (size_t)(bytes + len - at), secret, strlen(secret));
        if (at == NULL)
            break;
        at++;
    }
    free(bytes);
    return n;
}

static int
count_in_core(pid_t pid, const char *secret)
{
    char path[64], line[1024];
    struct mapping mapping = {.first = 0};
    int n = 0;

    snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
    int memory = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
    FILE *maps = fopen(path, "r");
    if (memory < 0 || maps == NULL)
        return -1;
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (strncmp(line, "VmFlags:", 8) == 0)
            n += count_dumped(memory, &mapping, line, secret);
        else
            (void)begins_mapping(line, &mapping);
    }
    (void)fclose(maps);
    (void)close(memory);
    return n;
}

Test(sandbox, secrets_are_neither_in_environ_nor_where_a_dump_would_have_them, .timeout = 100)
{
    static const char *const roles[] = {"ledger", "prober", "worker"};
    struct gateway *gateway = gateway_start(&(struct gateway_options){.workers = 1});
    pid_t pids[4] = {gateway->pid};
    char environ[65536];

    if (geteuid() != 0 || !is_confined(gateway)) { /* ASan's memory is another */
        gateway_stop(&gateway);
        cr_skip_test("only root may look");
    }
    for (size_t n = 0; n < 3; n++)
        cr_assert_eq(gateway_pids(gateway, roles[n], &pids[n + 1], 1), 1, "%s", roles[n]);
    for (size_t n = 0; n < 4; n++) {
        char path[64];

        snprintf(path, sizeof(path), "/proc/%d/environ", (int)pids[n]);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t len = read(fd, environ, sizeof(environ));
        (void)close(fd);
        cr_expect(len >= 0 && memmem(environ, (size_t)len, GATEWAY_CREDENTIAL,
                                     strlen(GATEWAY_CREDENTIAL)) == NULL,
                  "process %zu", n);
        cr_expect_eq(count_in_core(pids[n], GATEWAY_CREDENTIAL), 0, "process %zu", n);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* ---- doctor ---- */

/* State of the first finding of a check whose text has these words; "" = there is none. */
static const char *
state_of(const cJSON *findings, const char *check, const char *words)
{
    const cJSON *finding;

    cJSON_ArrayForEach(finding, findings)
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(finding, "check"));
        const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(finding, "text"));

        if (strcmp(name, check) == 0 && strstr(text, words) != NULL)
            return cJSON_GetStringValue(cJSON_GetObjectItem(finding, "state"));
    }
    return "";
}

static cJSON *
ask_doctor(const struct gateway *gateway, const char *words, int *out_status)
{
    static char out[1 << 18];
    char command[512];

    snprintf(command, sizeof(command), "-c %s --json doctor %s", gateway->config, words);
    *out_status = gateway_ctl_raw(gateway, command, out, sizeof(out));
    return cJSON_Parse(out);
}

Test(doctor, a_gateway_that_is_well_has_nothing_to_mend, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    int status;
    cJSON *json = ask_doctor(gateway, "--network --deep", &status);
    const cJSON *findings = cJSON_GetObjectItem(json, "findings");

    cr_expect_eq(status, 0);
    cr_expect_str_eq(state_of(findings, "config", "upstreams"), "ok");
    cr_expect_str_eq(state_of(findings, "secrets", "pepper"), "ok");
    cr_expect_str_eq(state_of(findings, "data_dir", "0700"), "ok");
    cr_expect_str_eq(state_of(findings, "daemon", "process"), "ok");
    cr_expect_str_eq(state_of(findings, "database", "sound"), "ok");
    cr_expect_str_eq(state_of(findings, "network", "canary-openai"), "ok");
    if (is_confined(gateway)) {
        cr_expect_str_eq(state_of(findings, "sandbox", "worker"), "ok");
        cr_expect_str_eq(state_of(findings, "sandbox", "ledger"), "ok");
    }
    cJSON_Delete(json);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(doctor, what_is_wrong_is_said_with_its_remedy, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char path[256], words[512];
    int status;

    gateway_mock_kill(gateway, 0);
    snprintf(path, sizeof(path), "%s/data", gateway->dir);
    cr_assert_eq(chmod(path, 0777), 0);
    snprintf(path, sizeof(path), "%s/data/pepper", gateway->dir);
    cr_assert_eq(chmod(path, 0644), 0);
    cJSON *json = ask_doctor(gateway, "--network", &status);
    const cJSON *findings = cJSON_GetObjectItem(json, "findings");
    cr_expect_eq(status, 1);
    snprintf(words, sizeof(words), "run chmod 600 %s", path);
    cr_expect_str_eq(state_of(findings, "secrets", words), "fail");
    cr_expect_str_eq(state_of(findings, "data_dir", "run chmod 700"), "fail");
    cr_expect_str_eq(state_of(findings, "network", "refused"), "fail");
    cJSON_Delete(json);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    json = ask_doctor(gateway, "", &status);
    findings = cJSON_GetObjectItem(json, "findings");
    cr_expect_eq(status, 1);
    cr_expect_str_eq(state_of(findings, "daemon", "start it"), "fail");
    cr_expect_str_eq(state_of(findings, "listen", "free"), "ok");
    cJSON_Delete(json);
    cr_assert_eq(chmod(path, 0600), 0);
    snprintf(path, sizeof(path), "%s/data", gateway->dir);
    cr_assert_eq(chmod(path, 0700), 0);
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
