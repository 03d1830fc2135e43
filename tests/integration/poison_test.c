/* SPDX-License-Identifier: ISC
 *
 * A request that workers die of, again and again: it is refused after the fifth time, others are
 * served, and workers are not started in a storm.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"
#include "json.h"

#define POISON "poison !mock:stall"

static int
status_of(const struct gateway *gateway, const char *key, const char *text)
{
    struct http_reply *reply = call_make(gateway, call_of(OPERATION_CHAT), key, false, text);
    int status = reply->status;

    http_reply_free(&reply);
    return status;
}

static bool
serves(const struct gateway *gateway, void *key)
{
    return status_of(gateway, key, "hi") == 200;
}

/* The worker that has a request in flight, from `top`. */
static bool
has_flight(const struct gateway *gateway, void *slot)
{
    cJSON *top = gateway_ctl(gateway, "top");
    const cJSON *flight = cJSON_GetArrayItem(json_at(top, "flights"), 0);
    bool is_there = flight != NULL && strcmp(json_text(flight, "state"), "dispatched") == 0;

    if (is_there)
        *(int64_t *)slot = json_int(flight, "worker");
    cJSON_Delete(top);
    return is_there;
}

static pid_t
pid_of_worker(const struct gateway *gateway, int64_t slot)
{
    cJSON *status = gateway_ctl(gateway, "status");
    const cJSON *process;
    pid_t pid = 0;

    cJSON_ArrayForEach(process, json_at(status, "processes"))
    {
        if (strcmp(json_text(process, "role"), "worker") == 0 && json_int(process, "slot") == slot)
            pid = (pid_t)json_int(process, "pid");
    }
    cJSON_Delete(status);
    return pid;
}

static bool
is_idle(const struct gateway *gateway, void *data)
{
    cJSON *top = gateway_ctl(gateway, "top");
    bool is_so = top != NULL && cJSON_GetArraySize(json_at(top, "flights")) == 0;

    (void)data;
    cJSON_Delete(top);
    return is_so;
}

/* The request is sent; the worker that has it dies of SIGSEGV. */
static void
crash_once(const struct gateway *gateway, const char *key)
{
    int fd = call_begin(gateway, call_of(OPERATION_CHAT), key, false, POISON);
    int64_t slot = -1;

    cr_assert(gateway_wait(gateway, has_flight, &slot), "it was not sent upstream");
    pid_t pid = pid_of_worker(gateway, slot);

    cr_assert_gt(pid, 0);
    kill(pid, SIGSEGV);
    http_close(fd, false);
    cr_assert(gateway_wait(gateway, is_idle, NULL));
}

Test(poison, a_request_that_ends_workers_is_quarantined_and_no_other, .timeout = 100)
{
    static const struct gateway_options options = {.workers = 1};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), *other = gateway_key(gateway, "");

    for (int i = 0; i < 5; i++) {
        cr_expect_not(gateway_logged(gateway, "poison.quarantined"), "after %d crashes", i);
        crash_once(gateway, key);
        cr_expect(gateway_wait(gateway, serves, key), "after crash %d", i);
    }
    cr_expect(gateway_wait(gateway, gateway_logged, "poison.quarantined"));
    cr_expect_eq(status_of(gateway, key, POISON), 503);
    cr_expect_eq(status_of(gateway, key, "another"), 200);
    int fd = call_begin(gateway, call_of(OPERATION_CHAT), other, false, POISON);
    int64_t slot;

    cr_expect(gateway_wait(gateway, has_flight, &slot), "another key's is refused");
    http_close(fd, false);

    cJSON *status = gateway_ctl(gateway, "status");
    const cJSON *row = cJSON_GetArrayItem(json_at(status, "quarantine"), 0);

    cr_assert_not_null(row, "status does not show it");
    cr_expect_str_eq(json_text(row, "endpoint"), "chat_completions");
    cr_expect_str_eq(json_text(row, "model"), call_of(OPERATION_CHAT)->model);
    cr_expect_gt(json_int(row, "seconds_left"), 500);
    cJSON_Delete(status);
    books_check(gateway);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
    free(other);
}
