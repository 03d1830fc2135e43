/* SPDX-License-Identifier: ISC
 *
 * A file of declared keys, read again and again: the ledger is told what has changed, and has the
 * whole of it whatever became of the message, or of the ledger.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define N_KEYS 12

static struct gateway *gateway;
static char settings[256], secrets[N_KEYS][80], digests[N_KEYS][65];

/* A line of the file for each letter: '.' = none, else how many requests at a time; and one of that
 * name, or NULL. */
static void
write_lines(const char *lines, const char *name)
{
    char path[256];

    snprintf(path, sizeof path, "%s/keys.yaml", gateway->dir);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL && fchmod(fileno(file), 0600) == 0);
    fputs("keys:\n", file);
    for (int n = 0; lines[n] != '\0'; n++) {
        if (lines[n] != '.')
            fprintf(file, "  - {name: declared %d, owner: o, digest: %s, max_concurrent: %c}\n", n,
                    digests[n], lines[n]);
    }
    if (name != NULL)
        fprintf(file, "  - {name: %s, owner: o, digest: %064d}\n", name, 7);
    cr_assert_eq(fclose(file), 0);
}

static void
write_keys(const char *lines)
{
    write_lines(lines, NULL);
}

static void
start(void)
{
    char out[1024];

    gateway = gateway_start(NULL);
    for (int n = 0; n < N_KEYS; n++) {
        cr_assert_eq(gateway_ctl_raw(gateway, "key hash --new --json", out, sizeof out), 0);
        cJSON *made = cJSON_Parse(out);

        snprintf(secrets[n], sizeof secrets[n], "%s", json_text(made, "secret"));
        snprintf(digests[n], sizeof digests[n], "%s", json_text(made, "digest"));
        cJSON_Delete(made);
    }
    write_keys("111111111111");
    snprintf(settings, sizeof settings, "keys_file: %s/keys.yaml\n", gateway->dir);
    gateway_reconfigure(gateway, &(struct gateway_options){.settings = settings});
}

static void
stop(void)
{
    cr_expect_eq(gateway_stop(&gateway), 0);
}

static int
status_of(const char *key)
{
    return call_status(gateway, key, "flat", false, "hi");
}

static bool
is_reloaded(const struct gateway *of, void *data)
{
    return gateway_ctl_raw(of, "reload", data, 2048) == 0;
}

/* The gateway has come to have what the file says, no more and no less. */
static void
expect_keys(const char *lines)
{
    char out[2048] = "";

    cr_expect(gateway_wait(gateway, is_reloaded, out), "%s", out);
    cJSON *list = gateway_ctl(gateway, "key list");
    for (int n = 0; lines[n] != '\0'; n++) {
        char name[32];
        const cJSON *row;
        int max_concurrent = 0;

        snprintf(name, sizeof name, "declared %d", n);
        cJSON_ArrayForEach(row, json_at(list, "keys"))
        {
            if (strcmp(json_text(row, "name"), name) == 0 && json_int(row, "revoked_us") == 0)
                max_concurrent = (int)json_int(row, "max_concurrent");
        }
        cr_expect_eq(max_concurrent, lines[n] == '.' ? 0 : lines[n] - '0', "%s: %d in %s", name,
                     max_concurrent, lines);
    }
    cJSON_Delete(list);
}

static void
try(const char *lines)
{
    write_keys(lines);
    expect_keys(lines);
}

Test(reload_keys, what_has_changed_holds_and_nothing_else, .init = start, .fini = stop,
     .timeout = 100)
{
    expect_keys("111111111111");
    try("211111111113");
    cr_expect_eq(status_of(secrets[5]), 200);
    try("21111.111113");
    cr_expect_eq(status_of(secrets[5]), 401, "taken out is revoked");
    try("211114111113");
    cr_expect_eq(status_of(secrets[5]), 200, "and is back");
    try("1...........");
    cr_expect_eq(status_of(secrets[0]), 200);
    cr_expect_eq(status_of(secrets[11]), 401);
}

/* Refused, the ledger has what it had: what comes next is not measured by what it was merely sent.
 */
Test(reload_keys, what_the_ledger_refused_is_told_again, .init = start, .fini = stop,
     .timeout = 100)
{
    char out[2048], *stored = gateway_key(gateway, "");

    expect_keys("111111111111");
    write_lines("2111.1111111", "test-1");
    cr_expect_neq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 0);
    cr_expect_not_null(strstr(out, "an active key of the store has that name"), "%s", out);
    cr_expect_eq(status_of(secrets[4]), 200, "not taken out");
    try("2111.1111111");
    cr_expect_eq(status_of(secrets[4]), 401);
    cr_expect_eq(status_of(stored), 200);
    free(stored);
}

/* A new ledger has what the file said when it was loaded, and then what it says now. */
Test(reload_keys, a_new_ledger_is_told_all, .init = start, .fini = stop, .timeout = 100)
{
    pid_t ledger = 0;

    expect_keys("111111111111");
    cr_assert_eq(gateway_pids(gateway, "ledger", &ledger, 1), 1);
    write_keys("1.2111111111");
    cr_assert_eq(kill(ledger, SIGKILL), 0);
    expect_keys("1.2111111111");
    cr_expect_eq(status_of(secrets[1]), 401);
    try("1.2111111.11");
    cr_expect_eq(status_of(secrets[1]), 401);
    cr_expect_eq(status_of(secrets[9]), 401);
}
