/* SPDX-License-Identifier: ISC
 *
 * The life of a key, through relayosctl and through the file of declared keys: each change is in
 * force at the next request, on every worker.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

static int
status_of(const struct gateway *gateway, const char *key)
{
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, "hi");
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

/* On several connections, so that each worker is asked. */
static void
expect_status(const struct gateway *gateway, const char *key, int expected, const char *when)
{
    for (int i = 0; i < 8; i++)
        cr_expect_eq(status_of(gateway, key), expected, "%s", when);
}

static void
ctl_ok(const struct gateway *gateway, const char *words)
{
    cJSON *reply = gateway_ctl(gateway, "%s", words);

    cr_expect(reply != NULL, "relayosctl %s failed", words);
    cJSON_Delete(reply);
}

Test(keys, each_change_is_in_force_at_the_next_request, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--models gpt-4.1-mini");

    expect_status(gateway, key, 200, "a new key");
    ctl_ok(gateway, "key disable test-1");
    expect_status(gateway, key, 401, "a disabled key");
    ctl_ok(gateway, "key enable test-1");
    expect_status(gateway, key, 200, "an enabled key");
    ctl_ok(gateway, "key update test-1 --models gemini-2.5-pro");
    expect_status(gateway, key, 403, "a key for another model");
    ctl_ok(gateway, "key update test-1 --models all --quota 0.000001usd");
    expect_status(gateway, key, 429, "a key without quota left");
    ctl_ok(gateway, "key update test-1 --quota 0");
    expect_status(gateway, key, 200, "a key without a limit");
    ctl_ok(gateway, "key revoke test-1");
    expect_status(gateway, key, 401, "a revoked key");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(keys, rotation_overlaps_and_shares_the_quota, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *old = gateway_key(gateway, "--quota 0.05usd");
    cJSON *reply = gateway_ctl(gateway, "key rotate test-1 --overlap 1h");
    char *new = strdup(json_text(reply, "secret"));
    int n_ok = 0;

    cr_assert(strncmp(new, "sk-", 3) == 0 && strcmp(new, old) != 0);
    for (int i = 0; i < 10; i++) {
        char *body = call_body(call_of(OPERATION_CHAT), "flat", false, "hi");
        struct http_reply *answer =
            http_call(gateway->port, "/v1/chat/completions", i % 2 == 0 ? old : new, NULL, body);

        n_ok += answer->status == 200;
        http_reply_free(&answer);
        free(body);
    }
    cr_expect_eq(n_ok, 5, "%d of 10 calls for a hundredth of a dollar each from five hundredths",
                 n_ok);
    books_check(gateway);
    cJSON_Delete(reply);
    reply = gateway_ctl(gateway, "key rotate test-1 --overlap 0s");
    cr_assert(reply != NULL);
    expect_status(gateway, new, 401, "a key that was replaced without overlap");
    cJSON_Delete(reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(old);
    free(new);
}

Test(keys, the_secret_is_shown_once_and_quotas_outlive_a_restart, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "--quota 1usd"), out[8192];

    expect_status(gateway, key, 200, "a new key");
    int64_t charged = books_charged_nusd(gateway);

    cr_expect_gt(charged, 0);
    cr_expect_eq(gateway_ctl_raw(gateway, "key show test-1", out, sizeof out), 0);
    cr_expect(strstr(out, key) == NULL && strstr(out, key + strlen(key) - 4) != NULL, "%s", out);
    cr_expect_eq(gateway_end(gateway, SIGTERM), 0);
    gateway_restart(gateway);
    expect_status(gateway, key, 200, "the key after a restart");
    cr_expect_eq(books_charged_nusd(gateway), 2 * charged);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

static void
write_keys(const struct gateway *gateway, const char *text)
{
    char path[256];

    snprintf(path, sizeof path, "%s/keys.yaml", gateway->dir);
    FILE *file = fopen(path, "w");

    cr_assert(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

struct wanted {
    const char *key;
    int status;
};

static bool
has_status(const struct gateway *gateway, void *data)
{
    struct wanted *wanted = data;

    return status_of(gateway, wanted->key) == wanted->status;
}

Test(keys, expire_at_their_moment, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char options[64];
    time_t soon = time(NULL) + 2;

    strftime(options, sizeof options, "--expires %Y-%m-%dT%H:%M:%SZ", gmtime(&soon));
    char *key = gateway_key(gateway, options);

    cr_expect_eq(status_of(gateway, key), 200, "before its moment");
    cr_expect(gateway_wait(gateway, has_status, &(struct wanted){key, 401}), "after it");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    cr_expect_geq(now.tv_sec, soon);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(keys, declared_in_a_file_they_follow_the_file, .timeout = 100)
{
    struct gateway *gateway = gateway_start(NULL);
    char out[4096], keys[4096], settings[256], digest[65] = "";
    char *stored = gateway_key(gateway, "");
    static char secret[] = "sk-prod-0000000000000000000000000000000000000000000";

    /* The line for the file comes from a key made for it. */
    cr_assert_eq(gateway_ctl_raw(gateway, "key hash --new --json", out, sizeof out), 0, "%s", out);
    cJSON *made = cJSON_Parse(out);
    char *declared = strdup(json_text(made, "secret"));

    snprintf(digest, sizeof digest, "%s", json_text(made, "digest"));
    cr_assert_eq(strlen(digest), 64, "%s", out);
    snprintf(settings, sizeof settings, "keys_file: %s/keys.yaml\n", gateway->dir);
    snprintf(keys, sizeof keys, "keys:\n  - {name: declared, owner: team, digest: %s}\n", digest);
    write_keys(gateway, keys);
    gateway_reconfigure(gateway, &(struct gateway_options){.settings = settings});
    cr_expect(gateway_wait(gateway, has_status, &(struct wanted){declared, 200}), "a declared key");
    cr_expect_neq(gateway_ctl_raw(gateway, "key disable declared", out, sizeof out), 0,
                  "a declared key is read-only elsewhere");

    write_keys(gateway, "keys:\n  - {name: broken, digest: 5}\n");
    kill(gateway->pid, SIGHUP);
    cr_expect_neq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 0);
    cr_expect(strstr(out, "keys.yaml:2:") != NULL, "no line in: %s", out);
    expect_status(gateway, declared, 200, "a broken file changes nothing");

    write_keys(gateway, "keys: []\n");
    kill(gateway->pid, SIGHUP);
    cr_expect(gateway_wait(gateway, has_status, &(struct wanted){declared, 401}), "a removed key");
    expect_status(gateway, stored, 200, "a stored key");
    expect_status(gateway, secret, 401, "a key nobody made");
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(stored);
    free(declared);
    cJSON_Delete(made);
}
