/* SPDX-License-Identifier: ISC
 *
 * Bodies are read of good keys only, and only so many at a time: what is refused is refused on its
 * head, in the caller's own protocol, with a trace, and takes no memory.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"
#include "memory.h"
#include "relayos/base/err.h"

#define MIB       (1024 * 1024)
#define N_FLOOD   40
#define HELD_SIZE (3 * MIB / 2)

static const struct gateway_options narrow = {
    .workers = 1, .settings = "limits: {body: 4MiB, body_memory: 4MiB}\n"};

/* Ways to announce a body that is still to come. */
static const char *const announcements[] = {
    "Content-Length: 1000000\r\n",
    "Content-Length: 33000000\r\n",
    "Content-Length: 1000\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Length: 50\r\nExpect: 100-continue\r\n",
    "Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n",
};
#define N_ANNOUNCEMENTS (sizeof announcements / sizeof *announcements)

static char *
head_of(const char *method, const char *path, const char *key, const char *announcement)
{
    char *head = NULL;

    cr_assert(asprintf(&head, "%s %s HTTP/1.1\r\nHost: a\r\nX-Api-Key: %s\r\n%s\r\n", method, path,
                       key, announcement) > 0);
    return head;
}

/* One answer in the protocol of the call, the connection's last. */
static void
expect_refusal(const struct call *call, const char *what, int fd, enum err_category category)
{
    const struct err_info *info = err_info(category);
    bool is_anthropic = call->protocol == PROTOCOL_ANTHROPIC_MESSAGES;
    struct http_reply *reply = http_read(fd);
    cJSON *body = json_body(reply);
    char id[64] = "?", value[64];

    cr_expect_eq(reply->status, is_anthropic ? info->anthropic_status : info->openai_status,
                 "%s, %s: %d %s", call->name, what, reply->status, reply->body);
    cr_expect_str_eq(json_text(body, "error.type"),
                     is_anthropic ? info->anthropic_type : info->openai_type);
    cr_expect_str_eq(json_text(body, "type"), is_anthropic ? "error" : "");
    http_header(reply, "x-request-id", id, sizeof id);
    cr_expect(strstr(reply->body, id) != NULL, "%s, %s: no %s in %s", call->name, what, id,
              reply->body);
    cr_expect_eq(http_header(reply, "retry-after", value, sizeof value),
                 info->retry == RETRY_AFTER);
    cr_expect(http_header(reply, "connection", value, sizeof value) && strcmp(value, "close") == 0);
    cJSON_Delete(body);
    http_reply_free(&reply);

    reply = http_read(fd);
    cr_expect_eq(reply->status, 0, "%s, %s: a second answer", call->name, what);
    cr_expect_neq(reply->end, HTTP_END_SILENT, "%s, %s: stays open", call->name, what);
    http_reply_free(&reply);
}

struct traces {
    const char *which;
    int64_t n;
};

static bool
is_traced(const struct gateway *gateway, void *data)
{
    const struct traces *traces = data;
    char sql[256];

    snprintf(sql, sizeof sql, "SELECT count(*) FROM trace WHERE is_refusal AND %s", traces->which);
    return books_query(gateway, sql) == traces->n;
}

Test(body, without_a_good_key_none_is_read_on_any_endpoint, .timeout = 200)
{
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, ""), *good = NULL;
    const struct call *call;
    struct traces refused = {
        "category = 'invalid_key' AND user_agent = 'knocker' AND endpoint <> 'none'", 0};

    for (size_t n = 0; (call = call_at(n)) != NULL; n++) {
        char *json = call_body(call, NULL, false, "smuggled");

        cr_assert(asprintf(&good,
                           "POST %s HTTP/1.1\r\nHost: a\r\nX-Api-Key: %s\r\n"
                           "Content-Length: %zu\r\n\r\n%s",
                           call->path, key, strlen(json), json) > 0);
        for (size_t i = 0; i < 2 * N_ANNOUNCEMENTS; i++) {
            char *head = head_of("POST", call->path,
                                 i % 2 == 0 ? "sk-prod-nonsense\r\nUser-Agent: knocker"
                                            : "\r\nUser-Agent: knocker",
                                 announcements[i / 2]);
            int fd = http_connect(gateway->port);

            /* In one go with what follows, and alone. */
            cr_assert(http_send(fd, head, strlen(head)));
            if (n % 2 == 0)
                http_send(fd, good, strlen(good));
            expect_refusal(call, announcements[i / 2], fd, ERR_CATEGORY_INVALID_KEY);
            refused.n++;
            http_close(fd, false);
            free(head);
        }
        free(good);
        free(json);
    }
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 0, "a request behind it ran");
    books_check(gateway);
    cr_expect(gateway_wait(gateway, is_traced, &refused));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(body, a_path_that_takes_none_says_so_without_reading_but_not_without_a_key, .timeout = 60)
{
    static const struct {
        const char *method, *path;
        enum err_category category;
    } cases[] = {
        {"POST", "/v1/nonsense", ERR_CATEGORY_NOT_FOUND},
        {"POST", "/v1/models", ERR_CATEGORY_METHOD_NOT_ALLOWED},
        {"PATCH", "/v1/chat/completions", ERR_CATEGORY_METHOD_NOT_ALLOWED},
    };
    struct gateway *gateway = gateway_start(NULL);
    char *key = gateway_key(gateway, "");
    const struct call *call = call_of(OPERATION_CHAT);

    for (size_t i = 0; i < 2 * (sizeof cases / sizeof *cases) * N_ANNOUNCEMENTS; i++) {
        size_t row = i / 2 / N_ANNOUNCEMENTS;
        const char *announcement = announcements[i / 2 % N_ANNOUNCEMENTS];
        char *head = head_of(cases[row].method, cases[row].path, i % 2 == 0 ? key : "sk-prod-no",
                             announcement);
        int fd = http_connect(gateway->port);

        cr_assert(http_send(fd, head, strlen(head)));
        expect_refusal(call, announcement, fd,
                       i % 2 == 0 ? cases[row].category : ERR_CATEGORY_INVALID_KEY);
        http_close(fd, false);
        free(head);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(body, a_flood_with_bad_keys_takes_no_memory, .timeout = 100)
{
    static const struct gateway_options options = {.workers = 1};
    struct gateway *gateway = gateway_start(&options);
    const struct call *call = call_of(OPERATION_CHAT);
    char *head = head_of("POST", call->path, "sk-prod-nonsense", "Content-Length: 33554432\r\n");
    char *bytes = calloc(1, MIB);
    int fds[N_FLOOD];
    pid_t pid;

    cr_assert_eq(gateway_pids(gateway, "worker", &pid, 1), 1);
    int64_t before = memory_resident(pid);

    for (size_t i = 0; i < N_FLOOD; i++) {
        fds[i] = http_connect(gateway->port);
        cr_assert(http_send(fds[i], head, strlen(head)));
        http_send(fds[i], bytes, MIB); /* it may have hung up already */
    }
    for (size_t i = 0; i < N_FLOOD; i++) {
        expect_refusal(call, "flood", fds[i], ERR_CATEGORY_INVALID_KEY);
        http_close(fds[i], false);
    }
    if (MEMORY_IS_TELLING)
        cr_expect_lt(memory_peak(pid) - before, MEMORY_SLACK, "%ld bytes",
                     (long)(memory_peak(pid) - before));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(head);
    free(bytes);
}

/* ---- limits.body_memory ---- */

static bool
holds(const struct gateway *gateway, void *data)
{
    cJSON *status = gateway_ctl(gateway, "status");
    bool is_so = json_int(status, "totals.body_bytes") == *(int64_t *)data;

    cJSON_Delete(status);
    return is_so;
}

/* A good request padded with white space to size, n_sent bytes of its body sent. */
static int
begin(const struct gateway *gateway, const char *key, const char *json, size_t size, size_t n_sent)
{
    char announcement[64], *body = malloc(size);
    const struct call *call = call_of(OPERATION_CHAT);
    int fd = http_connect(gateway->port);

    snprintf(announcement, sizeof announcement, "Content-Length: %zu\r\n", size);
    memset(body, ' ', size);
    memcpy(body, json, strlen(json));
    char *head = head_of("POST", call->path, key, announcement);

    cr_assert(http_send(fd, head, strlen(head)) && http_send(fd, body, n_sent));
    free(head);
    free(body);
    return fd;
}

static void
expect_served(int fd)
{
    struct http_reply *reply = http_read(fd);

    cr_expect_eq(reply->status, 200, "%d %s", reply->status, reply->body);
    http_reply_free(&reply);
    http_close(fd, false);
}

Test(body, over_the_budget_large_ones_are_503_small_ones_served_and_it_recovers, .timeout = 100)
{
    struct gateway *gateway = gateway_start(&narrow);
    char *key = gateway_key(gateway, ""), *spaces = malloc(MIB);
    const struct call *call = call_of(OPERATION_CHAT), *last = call_of(OPERATION_MESSAGE);
    char *json = call_body(call, NULL, false, "hi");

    /* Two good keys' bodies on their way, three of four MiB held. */
    int held[] = {begin(gateway, key, json, 2 * MIB, HELD_SIZE),
                  begin(gateway, key, json, 2 * MIB, HELD_SIZE)};
    cr_assert(gateway_wait(gateway, holds, &(int64_t){2 * HELD_SIZE}));

    int fd = begin(gateway, key, json, 2 * MIB, 0);
    expect_refusal(call, "by its length", fd, ERR_CATEGORY_OVERLOADED);
    http_close(fd, false);

    char *head = head_of("POST", last->path, key, "Transfer-Encoding: chunked\r\n");
    memset(spaces, ' ', MIB);
    fd = http_connect(gateway->port);
    cr_assert(http_send(fd, head, strlen(head)) && http_send(fd, "200000\r\n", 8));
    http_send(fd, spaces, MIB);
    http_send(fd, spaces, MIB); /* one byte too many was in it */
    expect_refusal(last, "by what came", fd, ERR_CATEGORY_OVERLOADED);
    http_close(fd, false);
    free(head);

    expect_served(call_begin(gateway, call, key, false, "hi"));
    expect_served(begin(gateway, key, json, 65536, 65536));
    for (size_t i = 0; i < 2; i++)
        cr_assert(http_send(held[i], spaces, 2 * MIB - HELD_SIZE));
    for (size_t i = 0; i < 2; i++)
        expect_served(held[i]);
    cr_expect(gateway_wait(gateway, holds, &(int64_t){0}));
    expect_served(begin(gateway, key, json, 4 * MIB, 4 * MIB));
    cr_expect_eq(gateway_mock_count(gateway, "requests"), 5);
    cr_expect_eq(books_n_rows(gateway), 5);
    books_check(gateway);
    cr_expect(gateway_wait(gateway, is_traced,
                           &(struct traces){"category = 'overloaded' AND key_id > 0", 2}));
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(spaces);
    free(json);
    free(key);
}

/* Whoever promises much and sends nothing takes nothing from others. */
Test(body, promises_alone_do_not_use_the_budget_up, .timeout = 60)
{
    struct gateway *gateway = gateway_start(&narrow);
    char *key = gateway_key(gateway, "");
    char *json = call_body(call_of(OPERATION_CHAT), NULL, false, "hi");
    int promised[16];

    for (size_t i = 0; i < 16; i++)
        promised[i] = begin(gateway, key, json, 4 * MIB, 1);
    expect_served(begin(gateway, key, json, 3 * MIB, 3 * MIB));
    for (size_t i = 0; i < 16; i++)
        http_close(promised[i], false);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(json);
    free(key);
}
