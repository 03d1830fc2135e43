/* SPDX-License-Identifier: ISC
 *
 * Streams that the provider itself breaks off, and says what they used: its figures are noted, and
 * charged as relayos-api(7) says. The provider is a thread here, since it answers byte for byte.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "gateway.h"
#include "http.h"

#define N_INPUT  100
#define N_OUTPUT 50

#define HEAD "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
#define CREATED                                                                                    \
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,"         \
    "\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\","          \
    "\"model\":\"m\",\"output\":[],\"usage\":null}}\n\n"
#define DELTA                                                                                      \
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\","           \
    "\"sequence_number\":1,\"item_id\":\"i\",\"output_index\":0,\"content_index\":0,"              \
    "\"delta\":\"some words of an answer\"}\n\n"
#define FAILED                                                                                     \
    "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":2,"           \
    "\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"failed\","               \
    "\"model\":\"m\",\"output\":[],\"error\":{\"code\":\"server_error\",\"message\":\"no\"},"      \
    "\"usage\":{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":0},"              \
    "\"output_tokens\":50,\"output_tokens_details\":{\"reasoning_tokens\":0},"                     \
    "\"total_tokens\":150}}}\n\n"

struct provider {
    int fd, port;
    const char *answer;
    pthread_t thread;
};

/* One connection: whatever is asked, the answer; then the end. */
static void *
serve(void *data)
{
    const struct provider *provider = data;
    char request[65536];
    size_t len = 0;
    int fd = accept(provider->fd, NULL, NULL);

    /* Its body is JSON and comes last: the request is whole when the braces are closed. */
    while (len + 1 < sizeof(request)) {
        ssize_t n = recv(fd, request + len, sizeof(request) - 1 - len, 0);

        if (n <= 0)
            break;
        len += (size_t)n;
        request[len] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL && request[len - 1] == '}')
            break;
    }
    (void)send(fd, HEAD, strlen(HEAD), MSG_NOSIGNAL);
    (void)send(fd, provider->answer, strlen(provider->answer), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void
provider_start(struct provider *provider, const char *answer)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);

    provider->answer = answer;
    provider->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(bind(provider->fd, (struct sockaddr *)&address, len) == 0 &&
              listen(provider->fd, 4) == 0 &&
              getsockname(provider->fd, (struct sockaddr *)&address, &len) == 0);
    provider->port = ntohs(address.sin_port);
    cr_assert_eq(pthread_create(&provider->thread, NULL, serve, provider), 0);
}

static void
provider_end(struct provider *provider)
{
    pthread_join(provider->thread, NULL);
    close(provider->fd);
}

/* A streamed Responses call to a provider that answers so; what the caller got, the books checked.
 */
static struct http_reply *
ask(struct gateway **out, const char *answer)
{
    char upstreams[256];
    struct provider provider;

    provider_start(&provider, answer);
    snprintf(upstreams, sizeof(upstreams),
             "  frail:\n    url: http://127.0.0.1:%d/v1\n    protocols: openai_responses\n"
             "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n",
             provider.port);
    const struct gateway_options options = {
        .upstreams = upstreams,
        .models = "  frail-model:\n    price: {input: 2.00, output: 8.00}\n"
                  "    max_output_tokens: 1000\n    routes: [{upstream: frail}]\n"};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, "--quota 1usd");
    const struct call *call = call_of(OPERATION_RESPONSE);
    char *body = call_body(call, "frail-model", true, "hi");
    struct http_reply *reply = http_call(gateway->port, call->path, key, NULL, body);

    provider_end(&provider);
    books_check(gateway);
    free(key);
    free(body);
    *out = gateway;
    return reply;
}

Test(interrupted, a_response_that_fails_after_content_costs_what_it_reports, .timeout = 60)
{
    struct gateway *gateway;
    struct http_reply *reply = ask(&gateway, CREATED DELTA FAILED);

    cr_expect_eq(reply->status, 200);
    cr_expect_not_null(strstr(reply->body, "some words"));
    cr_expect_not_null(strstr(reply->body, "event: response.failed"), "%s", reply->body);
    http_reply_free(&reply);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM ledger WHERE provenance = 'reported'"
                                      " AND category = 'stream_interrupted'"),
                 1);
    cr_expect_eq(books_query(gateway, "SELECT input FROM ledger"), N_INPUT);
    cr_expect_eq(books_query(gateway, "SELECT output FROM ledger"), N_OUTPUT);
    cr_expect_eq(books_charged_nusd(gateway),
                 N_INPUT * GATEWAY_INPUT_NUSD + N_OUTPUT * GATEWAY_OUTPUT_NUSD);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

Test(interrupted, one_that_fails_before_content_is_an_error_and_free_whatever_it_reports,
     .timeout = 60)
{
    struct gateway *gateway;
    struct http_reply *reply = ask(&gateway, CREATED FAILED);

    cr_expect_geq(reply->status, 500);
    cr_expect_null(strstr(reply->body, "resp_1"), "%s", reply->body);
    http_reply_free(&reply);
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM trace WHERE status >= 500"), 1);
    cr_expect_eq(gateway_stop(&gateway), 0);
}
