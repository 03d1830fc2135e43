/* SPDX-License-Identifier: ISC
 *
 * Who changed what, from a terminal: accounts and admin keys are made, each change of the master's
 * own has its row too, and whatever is done to the rows afterwards shows.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "gateway.h"
#include "json.h"

static const struct gateway_options options = {
    .upstreams = "  left:\n    url: http://127.0.0.1:%d/v1\n    protocols: openai_chat\n"
                 "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n",
    .models = "  pair:\n    price: free\n    routes: [{upstream: left}]\n",
    .has_console = true};

/* Commands that the master itself carries out and that change something; each must be given here.
 */
static const struct {
    const char *command, *words, *target;
} of_master[] = {
    {"route.drain", "route drain pair/left", "route pair/left"},
    {"route.enable", "route enable pair/left", "route pair/left"},
    {"route.disable", "route disable pair/left", "route pair/left"},
    {"reload", "reload", "configuration"},
    {"upgrade", "upgrade", "relayosd"},
};

/* relayosctl with this on stdin; its exit status, what it said in out. */
static int
ctl_with_stdin(const struct gateway *gateway, const char *words, const char *input, char *out,
               size_t size)
{
    char command[1024], program[512];

    gateway_program("relayosctl", program, sizeof program);
    snprintf(command, sizeof command, "printf '%s' | %s -s %s %s 2>&1", input, program,
             gateway->control, words);
    FILE *pipe = popen(command, "r");
    size_t len = fread(out, 1, size - 1, pipe);
    out[len] = '\0';
    return WEXITSTATUS(pclose(pipe));
}

static int
ctl(const struct gateway *gateway, const char *words)
{
    char out[4096];

    return gateway_ctl_raw(gateway, words, out, sizeof out);
}

struct awaited {
    const char *action, *target;
};

/* The newest row is of that command: what the master changes follows when the ledger has time. */
static bool
is_newest(const struct gateway *gateway, void *data)
{
    const struct awaited *awaited = data;
    cJSON *list = gateway_ctl(gateway, "audit list --limit 1");
    bool is_so = strcmp(json_text(list, "entries.0.action"), awaited->action) == 0 &&
                 strcmp(json_text(list, "entries.0.target"), awaited->target) == 0 &&
                 strstr(json_text(list, "entries.0.who"), " by relayosctl") != NULL;

    cJSON_Delete(list);
    return is_so;
}

static bool
has_reloaded_by_signal(const struct gateway *gateway, void *data)
{
    cJSON *list = gateway_ctl(gateway, "audit list --limit 1 --action reload");
    bool is_so = strcmp(json_text(list, "entries.0.who"), "signal HUP") == 0;

    (void)data;
    cJSON_Delete(list);
    return is_so;
}

Test(trail, each_change_of_the_masters_own_has_a_row_too, .timeout = 100)
{
    static const struct {
        const char *name, *where, *right;
    } commands[] = {
#define COMMAND(name, NAME, where, right) {name, #where, #right},
#include "relayos/control/commands.def"
#undef COMMAND
    };
    struct gateway *gateway = gateway_start(&options);

    for (size_t n = 0; n < sizeof commands / sizeof commands[0]; n++) {
        size_t i = 0, n_given = sizeof of_master / sizeof of_master[0];

        if (strcmp(commands[n].where, "MASTER") != 0 || strcmp(commands[n].right, "WRITE") != 0)
            continue;
        while (i < n_given && strcmp(of_master[i].command, commands[n].name) != 0)
            i++;
        cr_assert_lt(i, n_given, "%s is not given here", commands[n].name);
        struct awaited awaited = {of_master[i].command, of_master[i].target};
        cr_expect_eq(ctl(gateway, of_master[i].words), 0, "%s", of_master[i].words);
        cr_expect(gateway_wait(gateway, is_newest, &awaited), "%s", commands[n].name);
    }
    cr_expect_eq(ctl(gateway, "route drain pair/nobody"), 4);
    struct awaited upgrade = {"upgrade", "relayosd"};
    cr_expect(gateway_wait(gateway, is_newest, &upgrade), "what was refused has none");
    cr_expect_eq(ctl(gateway, "audit verify"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* Nor does a drain wait for it: an emergency may be that the ledger is ill. */
Test(trail, what_was_changed_while_the_ledger_was_dead_is_told_to_the_next, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    struct awaited drain = {"route.drain", "route pair/left"};
    pid_t ledger;

    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger, 1), 1);
    cr_assert_eq(kill(ledger, SIGSTOP), 0);
    cr_expect_eq(ctl(gateway, "route drain pair/left"), 0);
    cr_assert_eq(kill(ledger, SIGKILL), 0);
    cr_expect(gateway_wait(gateway, is_newest, &drain));
    cr_expect_eq(ctl(gateway, "audit verify"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(trail, a_signal_is_somebody_too, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);

    gateway_reconfigure(gateway, &options);
    cr_expect(gateway_wait(gateway, has_reloaded_by_signal, NULL));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(trail, accounts_are_made_and_kept_at_a_terminal, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char out[4096];

    cr_expect_eq(
        ctl_with_stdin(gateway, "user add alice --role admin", "too short\\n", out, sizeof out), 2);
    cr_expect_not_null(strstr(out, "10 characters"), "%s", out);
    cr_expect_eq(ctl_with_stdin(gateway, "user add alice --role admin", "", out, sizeof out), 2);
    cr_expect_eq(ctl_with_stdin(gateway, "user add alice --role admin", "correct horse battery\\n",
                                out, sizeof out),
                 0, "%s", out);
    cr_expect_eq(
        ctl_with_stdin(gateway, "user add Alice", "correct horse battery", out, sizeof out), 5,
        "%s", out);
    cr_expect_eq(ctl(gateway, "user add carol --issuer https://issuer --subject 17"), 0);
    cr_expect_eq(ctl(gateway, "user setup-link"), 5, "there is somebody");
    cr_expect_eq(ctl(gateway, "user disable alice"), 5, "the last admin");
    cr_expect_eq(ctl(gateway, "user role alice member"), 5);
    cr_expect_eq(ctl(gateway, "user role carol admin"), 0);
    cr_expect_eq(ctl(gateway, "user disable alice"), 0);
    cr_expect_eq(ctl(gateway, "user enable alice"), 0);
    cr_expect_eq(ctl(gateway, "user role nobody admin"), 4);
    cr_expect_eq(
        ctl_with_stdin(gateway, "user passwd alice", "another horse battery\\n", out, sizeof out),
        0, "%s", out);

    cJSON *key = gateway_ctl(gateway, "admin-key create --name ci --role operator --expires 90d");
    cr_expect_eq(strncmp(json_text(key, "secret"), "sk-admin-", 9), 0);
    cJSON_Delete(key);
    cr_expect_eq(ctl(gateway, "admin-key revoke 1"), 0);
    cr_expect_eq(ctl(gateway, "admin-key revoke 1"), 5);
    cJSON *users = gateway_ctl(gateway, "user list");
    cr_expect_str_eq(json_text(users, "users.0.name"), "alice");
    cr_expect_str_eq(json_text(users, "users.1.role"), "admin");
    cJSON_Delete(users);
    snprintf(out, sizeof out, "grep -qE 'argon2|horse|sk-admin-.{20}' %s", gateway->log);
    cr_expect_neq(system(out), 0, "no secret is in the log");
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* As somebody with the file and sqlite3 would. */
static void
touch(const char *copy, const char *touched, const char *sql)
{
    char command[640];
    sqlite3 *handle;

    snprintf(command, sizeof command, "cp %s %s", copy, touched);
    cr_assert_eq(system(command), 0);
    cr_assert_eq(sqlite3_open(touched, &handle), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle,
                              "DROP TRIGGER audit_is_never_updated;"
                              "DROP TRIGGER audit_is_never_deleted_from",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK, "%s", sql);
    sqlite3_close(handle);
}

Test(trail, a_copy_whose_rows_were_touched_is_found_out, .timeout = 100)
{
    static const char *const deeds[] = {
        "UPDATE audit SET who = 'eve' WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)",
        "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3;"
        " UPDATE audit SET seq = 3 WHERE seq = 100",
    };
    struct gateway *gateway = gateway_start(&options);
    char copy[256], touched[300], command[1024], out[4096];

    for (int n = 1; n <= 5; n++)
        free(gateway_key(gateway, ""));
    snprintf(copy, sizeof copy, "%s/copy.db", gateway->dir);
    snprintf(touched, sizeof touched, "%s/touched.db", gateway->dir);
    snprintf(command, sizeof command, "backup %s", copy);
    cr_assert_eq(gateway_ctl_raw(gateway, command, out, sizeof out), 0, "%s", out);
    snprintf(command, sizeof command, "audit verify --database %s", copy);
    cr_expect_eq(gateway_ctl_raw(gateway, command, out, sizeof out), 0, "%s", out);
    for (size_t n = 0; n < sizeof deeds / sizeof deeds[0]; n++) {
        touch(copy, touched, deeds[n]);
        snprintf(command, sizeof command, "audit verify --database %s", touched);
        cr_expect_eq(gateway_ctl_raw(gateway, command, out, sizeof out), 1, "%s: %s", deeds[n],
                     out);
        (void)unlink(touched);
    }
    (void)unlink(copy);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* What relayosctl says of a copy, with these words; its exit status. */
static int
verify(const struct gateway *gateway, const char *file, const char *words, const char *said)
{
    char command[1024], out[4096];

    snprintf(command, sizeof command, "audit verify --database %s%s", file, words);
    int status = gateway_ctl_raw(gateway, command, out, sizeof out);
    cr_expect_not_null(strstr(out, said), "%s: %s", command, out);
    return status;
}

/* The chain anybody can make anew; the seal takes the pepper, the end takes a hash kept elsewhere.
 */
Test(trail, what_the_chain_does_not_show_the_seal_and_a_known_hash_do, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&options);
    char copy[256], touched[300], pepper[300], known[400], command[1024], out[4096];

    for (int n = 1; n <= 5; n++)
        free(gateway_key(gateway, ""));
    snprintf(copy, sizeof copy, "%s/copy.db", gateway->dir);
    snprintf(touched, sizeof touched, "%s/touched.db", gateway->dir);
    snprintf(pepper, sizeof pepper, " --pepper %s/data/pepper", gateway->dir);
    snprintf(command, sizeof command, "backup %s", copy);
    cr_assert_eq(gateway_ctl_raw(gateway, command, out, sizeof out), 0, "%s", out);

    cr_expect_eq(verify(gateway, copy, "", "Without the pepper"), 0);
    cr_expect_eq(verify(gateway, copy, pepper, "none changed"), 0);
    snprintf(command, sizeof command, "audit verify --database %s", copy);
    cr_assert_eq(gateway_ctl_raw(gateway, command, out, sizeof out), 0);
    char *hash = strchr(out, '\n') + 1;
    hash[strcspn(hash, "\n")] = '\0';
    snprintf(known, sizeof known, "%s --known %s", pepper, hash);
    cr_expect_eq(verify(gateway, copy, known, "none changed"), 0);

    touch(copy, touched, "UPDATE audit SET mac = zeroblob(32) WHERE seq = 3");
    cr_expect_eq(verify(gateway, touched, "", "Without the pepper"), 0);
    cr_expect_eq(verify(gateway, touched, pepper, "Entry 3 is not sealed by"), 1);
    touch(copy, touched,
          "DELETE FROM audit WHERE seq > 4;"
          "UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit'");
    cr_expect_eq(verify(gateway, touched, pepper, "none changed"), 0);
    cr_expect_eq(verify(gateway, touched, known, "is not the one that was known"), 1);
    (void)unlink(touched);
    (void)unlink(copy);
    cr_expect_eq(ctl(gateway, "audit verify --known 1:ab"), 2);
    cr_expect_eq(ctl(gateway, "audit verify --pepper /nowhere"), 1);
    cr_expect_eq(ctl(gateway, "audit verify"), 0, "beside the ledger");
    cr_expect_eq(gateway_stop(&gateway), 0);
}
