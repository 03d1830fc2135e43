/* SPDX-License-Identifier: ISC
 *
 * What a key's calls say is kept where an operator asks for it: of that key, until then, without a
 * secret, for admins alone; and no request ever suffers of it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <sqlite3.h>

#include "browser.h"
#include "json.h"
#include "ways.h"

#define SECRET "sk-prod-Zq8vT3nLw0XyR5uKc2Bd"
#define PERSON "quentin.person@example.org"
#define SAID   "Write to " PERSON ", with " SECRET " please"

static const struct gateway_options options = {.settings = ROUTES_NO_AFFINITY
                                               "ledger: {checkpoint_interval: 1s}\n",
                                               .upstreams = WAYS_UPSTREAMS("a", "b"),
                                               .models = WAYS_MODELS("a", "b")};

static void
folder_of(const struct gateway *gateway, char out[256])
{
    snprintf(out, 256, "%s", gateway->database);
    strcpy(strrchr(out, '/'), "/captures");
}

static int
n_files(const struct gateway *gateway)
{
    char path[256];
    int n = 0;

    folder_of(gateway, path);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        n += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return n;
}

/* All bytes of all files, one after the other. Free it. */
static char *
all_files(const struct gateway *gateway)
{
    char path[256], file[512], *text = calloc(1, 16 << 20);
    size_t len = 0;

    folder_of(gateway, path);
    DIR *folder = opendir(path);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        snprintf(file, sizeof file, "%s/%s", path, entry->d_name);
        FILE *stream = entry->d_name[0] == '.' ? NULL : fopen(file, "r");
        if (stream != NULL) {
            len += fread(text + len, 1, (16 << 20) - 1 - len, stream);
            fclose(stream);
        }
    }
    closedir(folder);
    return text;
}

struct awaited {
    const char *counter;
    int64_t n;
};

static bool
is_counted(const struct gateway *gateway, void *data)
{
    const struct awaited *awaited = data;

    return gateway_total(gateway, awaited->counter) >= awaited->n;
}

static void
expect_counted(const struct gateway *gateway, const char *counter, int64_t n)
{
    cr_expect(gateway_wait(gateway, is_counted, &(struct awaited){counter, n}), "%s is %lld",
              counter, (long long)gateway_total(gateway, counter));
    cr_expect_eq(gateway_total(gateway, counter), n, "%s", counter);
}

/* A reply's capture, NULL where there is none. */
static cJSON *
capture_of(const struct gateway *gateway, const struct http_reply *reply)
{
    char id[64];

    http_header(reply, "x-request-id", id, sizeof id);
    return gateway_ctl(gateway, "request body %s", id);
}

static void
capture(const struct gateway *gateway, const char *words)
{
    cJSON *answer = gateway_ctl(gateway, "key update test-1 --capture %s", words);

    cr_assert_not_null(answer);
    cJSON_Delete(answer);
}

static int64_t
captured_until(const struct gateway *gateway)
{
    cJSON *answer = gateway_ctl(gateway, "key show test-1");
    int64_t until_us = json_int(answer, "key.capture_until_us");

    cJSON_Delete(answer);
    return until_us;
}

static char *
start_captured(struct gateway **gateway, const struct gateway_options *with)
{
    *gateway = gateway_start(with);
    char *secret = gateway_key(*gateway, "--quota 100usd");

    capture(*gateway, "1h");
    cr_assert_gt(captured_until(*gateway), 0);
    return secret;
}

Test(capture, what_every_kind_of_call_says_is_kept_without_its_secrets, .timeout = 100)
{
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options);
    struct way way;
    int64_t n = 0;

    for (; ways_at((size_t)n, &way); n++) {
        struct http_reply *reply =
            call_model(gateway, way.call, secret, way.model, way.is_stream, SAID);
        cr_expect_eq(reply->status, 200, "%s", reply->body);
        expect_counted(gateway, "captures", n + 1);
        cJSON *kept = capture_of(gateway, reply);
        const char *asked = json_text(kept, "request.body"), *told = json_text(kept, "answer.body");

        cr_expect_str_eq(json_text(kept, "model"), way.model);
        cr_expect_str_eq(json_text(kept, "endpoint"), way.call->path);
        cr_expect_eq(json_int(kept, "status"), 200);
        cr_expect_eq(json_int(kept, "answer.bytes"), (int64_t)reply->body_len);
        cr_expect_not_null(strstr(asked, "Write to [e-mail], with [key] please"), "%s", asked);
        cr_expect_not_null(strstr(told, way.is_stream ? "data: {" : "{\""), "%s", told);
        cr_expect(!json_is_true(kept, "answer.is_cut"));
        cJSON_Delete(kept);
        http_reply_free(&reply);
    }
    cr_expect_gt(n, 10);
    char *text = all_files(gateway);
    cr_expect_null(strstr(text, "Zq8vT3"));
    cr_expect_null(strstr(text, "quentin"));
    cr_expect_null(strstr(text, secret + 8), "the caller's own key");
    cr_expect_null(strstr(text, GATEWAY_CREDENTIAL));
    cr_expect_null(strstr(text, "uthorization"));
    free(text);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}

/* The arguments of the tool that it calls, put together from its events. Free it. */
static char *
arguments_of(const char *body)
{
    static const char mark[] = "\"arguments\":\"";
    char *text = calloc(1, strlen(body) + 1);

    while ((body = strstr(body, mark)) != NULL) {
        body += sizeof mark - 1;
        for (; *body != '\0' && *body != '"'; body++) {
            size_t n = body[0] == '\\' && body[1] != '\0' ? 2 : 1;

            strncat(text, body, n);
            body += n - 1;
        }
    }
    return text;
}

Test(capture, what_a_model_says_of_secrets_is_seen_across_its_events, .timeout = 100)
{
    static const char format[] =
        "{\"model\":\"gpt-4.1-mini\",\"stream\":%s,\"tools\":[{\"type\":\"function\","
        "\"function\":{\"name\":\"read_file\",\"parameters\":{\"type\":\"object\",\"properties\":"
        "{\"path\":{\"type\":\"string\"}},\"required\":[\"path\"]}}}],\"messages\":[{\"role\":"
        "\"user\",\"content\":\"use the tool\"}]}";
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options), body[1024];

    gateway_mock_control(gateway, 0, "* tools=1,read=" SECRET);
    for (int n = 0; n < 2; n++) {
        snprintf(body, sizeof body, format, n == 0 ? "false" : "true");
        struct http_reply *reply =
            http_call(gateway->port, "/v1/chat/completions", secret, NULL, body);
        expect_counted(gateway, "captures", n + 1);
        cJSON *kept = capture_of(gateway, reply);
        char *told = arguments_of(reply->body),
             *left = arguments_of(json_text(kept, "answer.body"));

        cr_expect_not_null(strstr(told, SECRET), "%s", reply->body);
        cr_expect_not_null(strstr(left, "[key]"), "%s", left);
        for (size_t at = 8; at + 4 < sizeof SECRET; at++) {
            char part[5] = "";

            memcpy(part, &SECRET[at], 4);
            cr_expect_null(strstr(left, part), "%s in %s", part, left);
        }
        free(told), free(left);
        cJSON_Delete(kept);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}

Test(capture, errors_are_kept_as_they_were_told, .timeout = 100)
{
    static const struct {
        const char *model, *text, *category;
        int status;
    } cases[] = {{"gpt-4.1-mini", "hi !mock:status=400", "invalid_request", 400},
                 {"no-such-model", SAID, "not_found", 404},
                 {"gpt-4.1-mini", "hi !mock:status=500", "upstream_error", 502}};
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options);

    for (int n = 0; n < 3; n++) {
        struct http_reply *reply =
            call_model(gateway, call_at(0), secret, cases[n].model, false, cases[n].text);
        cr_expect_eq(reply->status, cases[n].status);
        expect_counted(gateway, "captures", n + 1);
        cJSON *kept = capture_of(gateway, reply);
        cr_expect_eq(json_int(kept, "status"), cases[n].status);
        cr_expect_str_eq(json_text(kept, "category"), cases[n].category);
        cr_expect_eq(json_int(kept, "answer.bytes"), (int64_t)reply->body_len);
        cJSON_Delete(kept);
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}

/* Makes the end of it so long ago. */
static void
expire(struct gateway *gateway)
{
    sqlite3 *database;

    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    cr_assert_eq(sqlite3_open(gateway->database, &database), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(database,
                              "UPDATE keys SET capture_until_us = 1700000000000000"
                              " WHERE capture_until_us > 0",
                              NULL, NULL, NULL),
                 SQLITE_OK);
    cr_assert_eq(sqlite3_changes(database), 1);
    sqlite3_close(database);
    gateway_restart(gateway);
}

static void
ask(const struct gateway *gateway, const char *secret)
{
    struct http_reply *reply = call_make(gateway, call_at(0), secret, false, "hi");

    cr_expect_eq(reply->status, 200);
    http_reply_free(&reply);
}

Test(capture, it_is_of_one_key_until_its_end_and_outlives_a_restart, .timeout = 100)
{
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options), out[512];
    char *other = gateway_key(gateway, "");
    int64_t until_us = captured_until(gateway);

    ask(gateway, other);
    ask(gateway, secret);
    expect_counted(gateway, "captures", 1);
    ask(gateway, other);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(n_files(gateway), 1);
    gateway_restart(gateway);
    cr_expect_eq(captured_until(gateway), until_us);
    ask(gateway, secret);
    expire(gateway);
    cr_expect_eq(n_files(gateway), 2);
    ask(gateway, secret);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(n_files(gateway), 2, "its time is over");
    gateway_restart(gateway);

    cr_expect_eq(gateway_ctl_raw(gateway, "key update test-1 --capture 25h", out, sizeof out), 1);
    capture(gateway, "1h");
    cJSON *rotated = gateway_ctl(gateway, "key rotate test-1 --overlap 1h");
    cr_expect_eq(json_int(rotated, "key.capture_until_us"), 0);
    cr_expect_gt(json_int(rotated, "old.capture_until_us"), 0);
    cJSON_Delete(rotated);
    cr_expect_eq(gateway_ctl_raw(gateway, "key update 1 --capture off", out, sizeof out), 0);
    ask(gateway, secret);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect_eq(n_files(gateway), 2);
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret), free(other);
}

static bool
has_one_file(const struct gateway *gateway, void *data)
{
    (void)data;
    return n_files(gateway) == 1;
}

Test(capture, what_is_old_goes_and_what_is_half_is_not_shown, .timeout = 100)
{
    static const char id[] = "018c0000-0000-7000-8000-000000000001"; /* of 2023 */
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options), folder[256], path[512], words[128],
         out[2048];
    struct stat st;

    folder_of(gateway, folder);
    cr_expect_eq(stat(folder, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0700);
    struct http_reply *reply = call_make(gateway, call_at(0), secret, false, "hi");
    expect_counted(gateway, "captures", 1);
    snprintf(path, sizeof path, "%s/%s", folder, id);
    close(open(path, O_WRONLY | O_CREAT, 0600));
    snprintf(words, sizeof words, "request body %s", id);
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 4);
    cr_expect(gateway_wait(gateway, has_one_file, NULL), "what is too old stays");

    char name[64];
    http_header(reply, "x-request-id", name, sizeof name);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_eq(st.st_mode & 0777, 0600);
    snprintf(words, sizeof words, "request body %s", name);
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 0, "%s", out);
    cr_expect_not_null(strstr(out, "\nRequest, "), "%s", out);
    cr_expect_eq(gateway_ctl_raw(gateway, "key show test-1", out, sizeof out), 0);
    cr_expect_not_null(strstr(out, "captured to"), "%s", out);
    cr_expect_eq(gateway_ctl_raw(gateway, "key list", out, sizeof out), 0);
    cr_expect_not_null(strstr(out, "active, captured"), "%s", out);
    snprintf(words, sizeof words, "request body %s", name);
    cr_assert_eq(truncate(path, st.st_size - 1), 0);
    cr_expect_eq(gateway_ctl_raw(gateway, words, out, sizeof out), 4);
    cr_expect_not_null(strstr(out, "never whole"), "%s", out);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}

Test(capture, a_worker_killed_in_mid_request_leaves_nothing_that_looks_whole, .timeout = 100)
{
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options);
    pid_t workers[8];

    int fd = call_begin(gateway, call_at(0), secret, true, "hi !mock:stall=2");
    struct http_reply *reply = http_read_until(fd, "data: ");
    int n = gateway_pids(gateway, "worker", workers, 8);
    for (int i = 0; i < n; i++)
        kill(workers[i], SIGKILL);
    cJSON *kept = capture_of(gateway, reply);
    cr_expect_null(kept);
    cr_expect_eq(n_files(gateway), 0);
    close(fd);
    http_reply_free(&reply);
    (void)gateway_stop(&gateway);
    free(secret);
}

Test(capture, no_request_suffers_where_there_is_no_room_for_it, .timeout = 100)
{
    static const struct gateway_options narrow = {.settings =
                                                      "capture: {body: 1MiB, memory: 1MiB}\n"};
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options), folder[256];

    folder_of(gateway, folder);
    cr_assert_eq(rmdir(folder), 0);
    close(open(folder, O_WRONLY | O_CREAT, 0600));
    ask(gateway, secret);
    expect_counted(gateway, "captures_lost", 1);
    cr_expect_eq(gateway_total(gateway, "captures"), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);

    secret = start_captured(&gateway, &narrow);
    ask(gateway, secret);
    expect_counted(gateway, "captures_lost", 1);
    cr_expect_eq(n_files(gateway), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}

/* A disk of one page, seen by this test and its gateway alone. */
static bool
mount_small(const char *folder)
{
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("none", folder, "tmpfs", 0, "size=4k,mode=0700") == 0;
}

/* Where nobody may mount, nothing is tested. */
Test(capture, a_full_disk_costs_a_capture_and_no_request, .timeout = 100)
{
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &options), folder[256], text[8192];

    folder_of(gateway, folder);
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    bool is_mounted = mount_small(folder);
    gateway_restart(gateway);
    if (is_mounted) {
        memset(text, 'x', sizeof text);
        for (size_t n = 9; n < sizeof text; n += 10)
            text[n] = ' ';
        text[sizeof text - 1] = '\0';
        struct http_reply *reply = call_make(gateway, call_at(0), secret, false, text);
        cr_expect_eq(reply->status, 200);
        http_reply_free(&reply);
        expect_counted(gateway, "captures_lost", 1);
        ask(gateway, secret); /* a short one: what the long one had taken is there again */
        expect_counted(gateway, "captures", 1);
    }
    cr_assert_eq(gateway_end(gateway, SIGTERM), 0);
    cr_expect(!is_mounted || umount(folder) == 0);
    gateway_restart(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}

Test(capture, a_long_body_is_cut_and_a_picture_leaves_room_for_its_question, .timeout = 100)
{
    static const struct gateway_options short_ones = {.settings = "capture: {body: 2KiB}\n",
                                                      .has_console = true};
    struct gateway *gateway;
    char *secret = start_captured(&gateway, &short_ones), *body = calloc(1, 1 << 20);

    strcpy(body, "{\"model\":\"gpt-4.1-mini\",\"messages\":[{\"role\":\"user\",\"content\":[{"
                 "\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,iVBORw0K");
    memset(body + strlen(body), 'A', 100000);
    strcat(body, "\"}},{\"type\":\"text\",\"text\":\"What is it? ");
    memset(body + strlen(body), ' ', 4000);
    strcat(body, SECRET "\"}]}]}");
    struct http_reply *reply = http_call(gateway->port, "/v1/chat/completions", secret, NULL, body);
    cr_expect_eq(reply->status, 200, "%s", reply->body);
    expect_counted(gateway, "captures", 1);
    cJSON *kept = capture_of(gateway, reply);
    cr_expect(json_is_true(kept, "request.is_cut"));
    cr_expect_eq(json_int(kept, "request.bytes"), (int64_t)strlen(body));
    cr_expect_not_null(strstr(json_text(kept, "request.body"), "base64,[image/png, 75006 bytes]"));
    cr_expect_not_null(strstr(json_text(kept, "request.body"), "What is it?"));
    cJSON_Delete(kept);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret), free(body);
}

Test(capture, where_the_configuration_forbids_it_nothing_is_captured, .timeout = 100)
{
    static const struct gateway_options none = {.settings = "capture: {keep: 0}\n"};
    struct gateway *gateway = gateway_start(&none);
    char *secret = gateway_key(gateway, ""), out[512], folder[256];

    cr_expect_neq(gateway_ctl_raw(gateway, "key update test-1 --capture 1h", out, sizeof out), 0);
    cr_expect_not_null(strstr(out, "capture.keep"), "%s", out);
    folder_of(gateway, folder);
    cr_expect_neq(access(folder, F_OK), 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}

/* ---- who may ---- */

Test(capture, operators_ask_for_it_admins_read_it_and_it_is_noted_who_did, .timeout = 100)
{
    static const struct gateway_options with = {.has_console = true, .workers = 1};
    struct gateway *gateway = gateway_start(&with);
    struct browser admin = browser_set_up(gateway);
    struct browser carol = browser_join(&admin, "carol", "member");
    struct browser oscar = browser_join(&admin, "oscar", "operator");
    char *secret = gateway_key(gateway, "--owner carol"), line[128], id[64];

    cr_expect_eq(browser_status(&carol, "PATCH /keys/1", "{\"capture_us\":60000000}"), 403);
    cr_expect_eq(browser_status(&oscar, "PATCH /keys/1", "{\"capture_us\":90000000000}"), 422);
    cr_expect_eq(browser_status(&oscar, "PATCH /keys/1", "{\"capture_us\":3600000000}"), 200);
    cJSON *key = browser_call(&carol, "GET /keys/1", NULL, NULL);
    cr_expect_null(json_at(key, "capture_until_us"));
    cJSON_Delete(key);
    key = browser_call(&oscar, "GET /keys/1", NULL, NULL);
    cr_expect_gt(json_int(key, "capture_until_us"), 0);
    cJSON_Delete(key);
    struct http_reply *told = browser_send(&carol, "GET /keys/1/audit", NULL, NULL);
    cr_expect_null(strstr(told->body, "capture"), "%s", told->body);
    http_reply_free(&told);

    struct http_reply *reply = call_make(gateway, call_at(0), secret, false, SAID);
    expect_counted(gateway, "captures", 1);
    http_header(reply, "x-request-id", id, sizeof id);
    snprintf(line, sizeof line, "POST /requests/%s/capture", id);
    cr_expect_eq(browser_status(&carol, line, "{}"), 403);
    cr_expect_eq(browser_status(&oscar, line, "{}"), 403);
    struct http_reply *kept = browser_send(&admin, line, NULL, "{}");
    char cache[64];
    cr_expect_eq(kept->status, 200);
    cr_expect(http_header(kept, "cache-control", cache, sizeof cache));
    cr_expect_str_eq(cache, "no-store");
    cr_expect_not_null(strstr(kept->body, "with [key] please"), "%s", kept->body);
    http_reply_free(&kept);
    cr_expect_eq(browser_status(&admin, "POST /requests/nobody/capture", "{}"), 404);
    cr_expect_eq(
        browser_status(&admin, "POST /requests/018c0000-0000-7000-8000-000000000001/capture", "{}"),
        404);

    snprintf(line, sizeof line, "GET /audit?action=request.body");
    cJSON *rows = browser_call(&admin, line, NULL, NULL);
    cr_expect_eq(cJSON_GetArraySize(json_at(rows, "data")), 1);
    snprintf(line, sizeof line, "request %s", id);
    cr_expect_str_eq(json_text(rows, "data.0.target"), line);
    cr_expect_not_null(strstr(json_text(rows, "data.0.who"), "alice"));
    cJSON_Delete(rows);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(secret);
}
