/* SPDX-License-Identifier: ISC
 *
 * Everything that an upstream can do wrong, on translated routes: every client's endpoint, over
 * every protocol of an upstream, plain and streamed. Who is answered is answered by the next route,
 * of yet another protocol, or told of it in his own protocol; never a clean end of half an answer,
 * and never a mark of the route (SE-06).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "books.h"
#include "faults.h"
#include "ways.h"

#define N_WAYS 24

static const struct gateway_options canaries = {
    .settings = "upstream_defaults: {first_byte_timeout: 1s, idle_timeout: 1s,"
                " first_token_timeout: 1500ms}\n"
                "failover: {retry_min: 100000}\n" ROUTES_NO_BREAKER ROUTES_NO_AFFINITY,
    .upstreams = WAYS_UPSTREAMS("canary-a", "canary-b"),
    .models = WAYS_MODELS("canary-a", "canary-b")};

static struct gateway *gateway;
static char *key;

/* What is to come of it: a good answer or an error; 0 = either. */
enum due { EITHER, GOOD, ERROR };

static enum due
due_of(const struct faults_row *row, const struct way *way, bool is_everywhere)
{
    if (row->is_of_streams && !way->is_stream)
        return GOOD;
    switch (row->end) {
    case FAULTS_HARMLESS:
        return GOOD;
    case FAULTS_MOVE:
        return is_everywhere ? ERROR : GOOD;
    case FAULTS_STAY:
        return ERROR;
    case FAULTS_ANYHOW:
        return is_everywhere ? ERROR : EITHER;
    case FAULTS_LATE:
        return way->is_stream && is_everywhere ? ERROR : EITHER;
    }
    return EITHER;
}

static void
look_at(const struct faults_row *row, const struct way *way, bool is_everywhere,
        const struct http_reply *reply)
{
    enum due due = due_of(row, way, is_everywhere);
    bool is_error;
    const char *fault = ways_fault(way, reply, &is_error), *where = is_everywhere ? "all" : "one";
    char *text = is_error ? NULL : ways_text(way, reply);

    cr_expect_null(fault, "%s of %s, %s %s: %s\n%s%s", row->fault, where, way->call->name,
                   way->model, fault, reply->head, reply->body);
    cr_expect(due == EITHER || is_error == (due == ERROR), "%s of %s, %s %s %s: %s\n%s", row->fault,
              where, way->call->name, way->model, way->is_stream ? "streamed" : "plain",
              is_error ? "an error" : "no error", reply->body);
    cr_expect(is_error || row->end == FAULTS_HARMLESS || strlen(text) > 10,
              "%s of %s, %s %s: no text\n%s", row->fault, where, way->call->name, way->model,
              reply->body);
    cr_expect(strcasestr(reply->head, "canary") == NULL &&
                  strcasestr(reply->body, "canary") == NULL,
              "%s of %s, %s %s: %s%s", row->fault, where, way->call->name, way->model, reply->head,
              reply->body);
    cr_expect(reply->status != 401 && reply->status != 402 && reply->status != 403, "%s: %d",
              row->fault, reply->status);
    free(text);
}

/* All ways at once: some faults take their time. */
static void
try_all(const struct faults_row *row, bool is_everywhere)
{
    int fds[N_WAYS];
    struct way way;
    char rules[96];
    size_t n;

    snprintf(rules, sizeof rules, "%s %s", is_everywhere ? "*" : "/canary-a/", row->fault);
    gateway_mock_control(gateway, 0, rules);
    for (n = 0; ways_at(n, &way); n++) {
        cr_assert_lt(n, N_WAYS);
        fds[n] = ways_begin(gateway, &way, key, "hi !mock:chunks=20");
    }
    for (n = 0; ways_at(n, &way); n++) {
        struct http_reply *reply = http_read(fds[n]);

        look_at(row, &way, is_everywhere, reply);
        http_reply_free(&reply);
        http_close(fds[n], false);
    }
    if (row->is_of_credential)
        for (n = 0; ways_at(n, &way); n++)
            routes_heal(gateway, way.model);
}

static void
try_everywhere(bool is_everywhere)
{
    gateway = gateway_start(&canaries);
    key = gateway_key(gateway, "");
    for (size_t i = 0; i < N_FAULTS; i++)
        try_all(&faults[i], is_everywhere);
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE status != 200 AND "
                                      "charge_nusd > 0"),
                 0);
    cr_expect_eq(gateway_stop(&gateway), 0);
    free(key);
}

Test(translate_fault, of_one_route_is_made_good_by_another_protocols, .timeout = 280)
{
    try_everywhere(false);
}

Test(translate_fault, of_all_routes_is_told_in_the_callers_protocol, .timeout = 280)
{
    try_everywhere(true);
}
