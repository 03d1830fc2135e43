/* SPDX-License-Identifier: ISC
 *
 * Reloads without number: under load with keys that come and go (RL-01), and of files that are no
 * configuration (RL-02).
 */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "../unit/conf/conf_text.h"
#include "books.h"
#include "calls.h"
#include "crowd.h"
#include "gateway.h"
#include "http.h"
#include "memory.h"

#define RELOADS 100

struct broken {
    const char *name, *text, *where, *words;
};

static const struct broken broken[] = {
#include "../unit/conf/broken.def"
};

static int
status_of(const struct gateway *gateway, const char *key)
{
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, NULL, false, "hi");
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);
    int status = reply->status;

    http_reply_free(&reply);
    free(body);
    return status;
}

/* RL-01 */
Test(reload_storm, a_hundred_under_load_fail_no_call_and_know_each_key_at_once, .timeout = 200)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), *passing[2] = {NULL, NULL};
    struct crowd crowd;

    crowd_start(&crowd, gateway, key);
    for (int i = 0; i < RELOADS; i++) {
        cr_assert_eq(kill(gateway->pid, SIGHUP), 0);
        char *new = gateway_key(gateway, "");
        cr_expect_eq(status_of(gateway, new), 200, "a new key, after reload %d", i);
        if (passing[0] != NULL) {
            cJSON_Delete(gateway_ctl(gateway, "key revoke test-%u", gateway->n_keys - 1));
            cr_expect_eq(status_of(gateway, passing[0]), 401, "a revoked one, after reload %d", i);
        }
        free(passing[0]);
        passing[0] = new;
    }
    crowd_stop(&crowd);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(passing[0]);
    free(key);
}

static int
n_descriptors(pid_t pid)
{
    char path[64];
    int n = 0;

    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    cr_assert_not_null(dir);
    while (readdir(dir) != NULL)
        n++;
    closedir(dir);
    return n;
}

static char *
read_file(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "r");

    cr_assert_not_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void
write_file(const char *path, const char *before, const char *text)
{
    FILE *file = fopen(path, "w");

    cr_assert_not_null(file);
    cr_assert_geq(fprintf(file, "%s%s", before, text), 0);
    cr_assert_eq(fclose(file), 0);
}

static void
try_all(const struct gateway *gateway)
{
    char out[8192];

    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        bool is_added = broken[i].text[0] == '+';

        write_file(gateway->config, is_added ? BROKEN_PROLOGUE : "", broken[i].text + is_added);
        cr_expect_neq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 0, "%s was taken",
                      broken[i].name);
        cr_expect_not_null(strstr(out, "relayos.yaml:"), "%s: %s", broken[i].name, out);
    }
}

/* So many at most, once those who asked are gone. */
static bool
has_descriptors(const struct gateway *gateway, void *n)
{
    return n_descriptors(gateway->pid) <= *(const int *)n;
}

/* RL-02: the old one stays, and nothing of the others is left behind. */
Test(reload_storm, what_is_broken_is_refused_with_its_place_and_leaves_nothing, .timeout = 250)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), *good = strdup(read_file(gateway->config));
    char out[8192];

    try_all(gateway);
    int n_fds = n_descriptors(gateway->pid);
    int64_t resident = memory_resident(gateway->pid);
    try_all(gateway);
    cr_expect(gateway_wait(gateway, has_descriptors, &n_fds));
    if (MEMORY_IS_TELLING)
        cr_expect_lt(memory_resident(gateway->pid), resident + (1 << 20));
    cr_expect_eq(status_of(gateway, key), 200);
    write_file(gateway->config, "", good);
    cr_expect_eq(gateway_ctl_raw(gateway, "reload", out, sizeof out), 0, "%s", out);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(good);
    free(key);
}
