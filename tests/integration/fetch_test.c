/* SPDX-License-Identifier: ISC
 *
 * Images and documents that a caller names by URL, for models that take bytes only: they come
 * inline, from where the operator lets them come from, and nothing inside is ever connected to
 * (SE-13): a trap on 127.0.0.2 sees nobody.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "books.h"
#include "calls.h"
#include "http.h"
#include "json.h"
#include "rig.h"

#define UPSTREAM(name, path, more)                                                                 \
    "  " name ":\n    url: http://127.0.0.1:%d/" name path "\n    probe: none\n" more ROUTES_KEY
#define UPSTREAMS                                                                                  \
    UPSTREAM("chat", "/v1", "    protocols: openai_chat\n")                                        \
    UPSTREAM("plain", "/v1", "    protocols: openai_chat\n    flavor: ollama\n")                   \
    UPSTREAM("messages", "/v1", "    protocols: anthropic_messages\n")                             \
    UPSTREAM("google", "/v1beta", "    protocols: gemini\n")                                       \
    UPSTREAM("google2", "/v1beta", "    protocols: gemini\n")
#define MODELS                                                                                     \
    RIG_MODEL("over-chat", "chat", "gpt-4.1-mini")                                                 \
    RIG_MODEL("over-plain", "plain", "llava")                                                      \
    RIG_MODEL("over-messages", "messages", "claude-sonnet-4-5")                                    \
    RIG_MODEL("over-gemini", "google", "gemini-2.5-pro")                                           \
    ROUTES_NAMED("twice", "    policy: ordered\n    routes: [{upstream: google, model: "           \
                          "gemini-2.5-pro}, {upstream: google2, model: gemini-2.5-pro}]\n")        \
    ROUTES_NAMED("either", "    routes: [{upstream: google, model: gemini-2.5-pro}, {upstream: "   \
                           "chat, model: gpt-4.1-mini, tier: 2}]\n")
#define SETTINGS ROUTES_NO_AFFINITY "failover: {retry_min: 100000}\n" ROUTES_NO_BREAKER

static const struct gateway_options open_to_us = {
    .settings = SETTINGS "fetch: {allow: 127.0.0.1/32, file_size: 100KiB, files: 3}\n",
    .upstreams = UPSTREAMS,
    .models = MODELS,
};
static const struct gateway_options as_shipped = {
    .settings = SETTINGS, .upstreams = UPSTREAMS, .models = MODELS};
static const struct gateway_options raced = {
    .settings = SETTINGS "fetch: {allow: 127.0.0.1/32}\n"
                         "hedge: {percent: 20, min_delay: 50ms}\n",
    .upstreams = UPSTREAMS,
    .models = ROUTES_NAMED("raced", "    policy: ordered\n    hedge: true\n    routes: [{upstream: "
                                    "chat, model: gpt-4.1-mini}, {upstream: google, model: "
                                    "gemini-2.5-pro}]\n")};
static const struct gateway_options narrow = {
    .workers = 1,
    .settings = SETTINGS
    "fetch: {allow: 127.0.0.1/32, file_size: 400KiB, total_size: 512KiB, memory: 1MiB}\n",
    .upstreams = UPSTREAMS,
    .models = MODELS};
static const struct gateway_options shut = {.settings = SETTINGS
                                            "fetch: {enabled: false, allow: 127.0.0.0/8}\n",
                                            .upstreams = UPSTREAMS,
                                            .models = MODELS};

/* ---- a host of files, and the trap ---- */

#define PICTURE         "\x89PNG\r\n\x1a\n picture"
#define PICTURE_BASE64  "iVBORw0KGgogcGljdHVyZQ=="
#define DOCUMENT        "%PDF-1.4 a document"
#define DOCUMENT_BASE64 "JVBERi0xLjQgYSBkb2N1bWVudA=="

#define LARGE (300 * 1024)

static struct host {
    int fd, port, trap;
    pthread_t thread;
    atomic_int n_requests, n_gone;
} host;

static void
reply(int fd, const char *type, const char *bytes, size_t len)
{
    char head[256];
    int n =
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, len);

    (void)send(fd, head, (size_t)n, MSG_NOSIGNAL);
    (void)send(fd, bytes, len, MSG_NOSIGNAL);
}

/* "/to?URL" sends elsewhere, "/silent" says nothing until the other side goes. */
static void
answer(int fd, const char *path)
{
    char text[1024];

    if (strncmp(path, "/a.png", 6) == 0) {
        reply(fd, "image/png", PICTURE, sizeof PICTURE - 1);
    } else if (strncmp(path, "/a.pdf", 6) == 0) {
        reply(fd, "application/octet-stream", DOCUMENT, sizeof DOCUMENT - 1);
    } else if (strncmp(path, "/a.txt", 6) == 0) {
        reply(fd, "text/markdown; charset=utf-8", "some words", 10);
    } else if (strncmp(path, "/page", 5) == 0) {
        reply(fd, "image/png", "<html>no picture</html>", 23);
    } else if (strncmp(path, "/large", 6) == 0) {
        static char large[LARGE] = "\x89PNG\r\n\x1a\n";

        reply(fd, "image/png", large, sizeof large);
    } else if (strncmp(path, "/long", 5) == 0) {
        (void)send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", 44, MSG_NOSIGNAL);
    } else if (strncmp(path, "/to?", 4) == 0) {
        int n = snprintf(text, sizeof text,
                         "HTTP/1.1 302 Found\r\nLocation: %.*s\r\nContent-Length: 0\r\n\r\n",
                         (int)strcspn(path + 4, " "), path + 4);
        (void)send(fd, text, (size_t)n, MSG_NOSIGNAL);
    } else if (strncmp(path, "/silent", 7) == 0) {
        (void)recv(fd, text, sizeof text, 0);
        host.n_gone++;
    } else {
        (void)send(fd, "HTTP/1.1 404 None\r\nContent-Length: 0\r\n\r\n", 40, MSG_NOSIGNAL);
    }
}

/* One after the other; it ends with its socket. */
static void *
serve(void *data)
{
    char request[4096];
    int fd;

    (void)data;
    while ((fd = accept(host.fd, NULL, NULL)) >= 0) {
        size_t len = 0;
        ssize_t n;

        while (len < sizeof request - 1 &&
               (n = recv(fd, request + len, sizeof request - 1 - len, 0)) > 0) {
            len += (size_t)n;
            request[len] = '\0';
            if (strstr(request, "\r\n\r\n") != NULL)
                break;
        }
        host.n_requests++;
        answer(fd, request + strlen("GET "));
        close(fd);
    }
    return NULL;
}

static int
listen_on(const char *address, int port, int flags)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    inet_pton(AF_INET, address, &at.sin_addr);
    cr_assert(bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 64) == 0);
    return fd;
}

static void
host_start(void)
{
    struct sockaddr_in at;
    socklen_t len = sizeof at;

    host.fd = listen_on("127.0.0.1", 0, 0);
    cr_assert_eq(getsockname(host.fd, (struct sockaddr *)&at, &len), 0);
    host.port = ntohs(at.sin_port);
    host.trap = listen_on("127.0.0.2", host.port, SOCK_NONBLOCK);
    cr_assert_eq(pthread_create(&host.thread, NULL, serve, NULL), 0);
}

static void
host_end(void)
{
    cr_expect(accept(host.trap, NULL, NULL) == -1 && errno == EAGAIN, "somebody was in the trap");
    shutdown(host.fd, SHUT_RDWR);
    pthread_join(host.thread, NULL);
    close(host.fd);
    close(host.trap);
}

/* ---- the gateway ---- */

static void
start(const struct gateway_options *options)
{
    host_start();
    rig_start_strict(options);
}

static void
stop(void)
{
    rig_stop();
    host_end();
}

/* Bodies with one part by URL: "$" is the model, "~" the URL. */
#define CHAT_IMAGE                                                                                 \
    "{\"model\":\"$\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\","           \
    "\"text\":\"look\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"~\"}}]}]}"
#define MESSAGES_PART(type)                                                                        \
    "{\"model\":\"$\",\"max_tokens\":100,\"messages\":[{\"role\":\"user\",\"content\":["           \
    "{\"type\":\"" type "\",\"source\":{\"type\":\"url\",\"url\":\"~\"}},{\"type\":\"text\","      \
    "\"text\":\"look\"}]}]}"
#define RESPONSES_PART(type, field)                                                                \
    "{\"model\":\"$\",\"store\":false,\"input\":[{\"role\":\"user\",\"content\":[{\"type\":"       \
    "\"" type "\",\"" field "\":\"~\"},{\"type\":\"input_text\",\"text\":\"look\"}]}]}"
static const char chat_image[] = CHAT_IMAGE, messages_image[] = MESSAGES_PART("image"),
                  messages_document[] = MESSAGES_PART("document"),
                  responses_image[] = RESPONSES_PART("input_image", "image_url"),
                  responses_file[] = RESPONSES_PART("input_file", "file_url");

static const char *
path_of(const char *body)
{
    if (strstr(body, "\"input\"") != NULL)
        return "/v1/responses";
    return strstr(body, "max_tokens") != NULL ? "/v1/messages" : "/v1/chat/completions";
}

/* "#" of the URL is the host's port. */
static void
fill(const char *text, const char *model, const char *url, char *out, size_t size)
{
    size_t len = 0;

    out[0] = '\0';
    for (; *text != '\0' && len < size - 1; text++) {
        if (*text == '$')
            len += (size_t)snprintf(out + len, size - len, "%s", model);
        else if (*text == '~')
            fill(url, "", "", out + len, size - len), len = strlen(out);
        else if (*text == '#')
            len += (size_t)snprintf(out + len, size - len, "%d", host.port);
        else
            out[len++] = *text, out[len] = '\0';
    }
}

static struct http_reply *
ask(const char *body, const char *model, const char *url)
{
    char filled[16384];

    fill(body, model, url, filled, sizeof filled);
    return http_call(gateway->port, path_of(body), key,
                     path_of(body)[4] == 'm' ? "anthropic-version: 2023-06-01\r\n" : "", filled);
}

static void
expect_sent(const char *body, const char *model, const char *url, const char *sent)
{
    struct http_reply *got = ask(body, model, url);
    char *last = gateway_mock_last(gateway);

    cr_expect_eq(got->status, 200, "%s %s: %s", model, url, got->body);
    cr_expect(strstr(last, sent) != NULL, "%s %s: no %s in %s", model, url, sent, last);
    free(last);
    http_reply_free(&got);
}

static void
expect_refused(const char *body, const char *url, const char *words)
{
    struct http_reply *got = ask(body, "over-gemini", url);
    cJSON *error = json_body(got);

    cr_expect_eq(got->status, 400, "%s: %d %s", url, got->status, got->body);
    cr_expect_str_eq(json_text(error, "error.code"), "invalid_image_url", "%s: %s", url, got->body);
    cr_expect_str_eq(json_text(error, "error.param"), "messages", "%s", url);
    cr_expect(strstr(json_text(error, "error.message"), words) != NULL, "%s: %s", url, got->body);
    cJSON_Delete(error);
    http_reply_free(&got);
}

#define HERE "http://127.0.0.1:#"

Test(fetch, what_is_named_by_url_is_sent_inline_where_only_bytes_are_taken, .timeout = 60)
{
    static const struct {
        const char *body, *model, *path, *sent;
    } cases[] = {
        {chat_image, "over-gemini", HERE "/a.png",
         "{\"inlineData\":{\"mimeType\":\"image/png\",\"data\":\"" PICTURE_BASE64 "\"}}"},
        {messages_image, "over-gemini", HERE "/to?/a.png", PICTURE_BASE64},
        {responses_image, "over-gemini", "http:\\/\\/127.0.0.1:#\\/a.png", PICTURE_BASE64},
        {messages_document, "over-gemini", HERE "/a.pdf",
         "{\"mimeType\":\"application/pdf\",\"data\":\"" DOCUMENT_BASE64 "\"}"},
        {messages_document, "over-chat", HERE "/a.pdf",
         "\"file_data\":\"data:application/pdf;base64," DOCUMENT_BASE64},
        {responses_file, "over-chat", HERE "/a.pdf", DOCUMENT_BASE64},
        {responses_file, "over-chat", HERE "/a.txt", "\"text\":\"some words\""},
        {chat_image, "over-plain", HERE "/a.png", "data:image/png;base64," PICTURE_BASE64},
        {messages_image, "over-plain", HERE "/a.png", "data:image/png;base64," PICTURE_BASE64},
    };

    start(&open_to_us);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_sent(cases[i].body, cases[i].model, cases[i].path, cases[i].sent);
    stop();
}

Test(fetch, what_takes_urls_gets_them_and_nothing_is_fetched, .timeout = 60)
{
    start(&open_to_us);
    expect_sent(chat_image, "over-messages", HERE "/a.png", "/a.png\"");
    expect_sent(messages_image, "over-chat", HERE "/a.png", "/a.png\"");
    expect_sent(chat_image, "over-chat", HERE "/a.png", "/a.png\"");
    cr_expect_eq(host.n_requests, 0);
    stop();
}

Test(fetch, what_cannot_be_had_is_told_by_its_field, .timeout = 60)
{
    static const char three[] =
        HERE "/a.png?1\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"" HERE
             "/a.png?2\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"" HERE
             "/a.png?3\"}},{\"type\":\"image_url\",\"image_url\":{\"url\":\"" HERE "/a.png?4";

    start(&open_to_us);
    expect_refused(chat_image, HERE "/none", "did not answer with a file");
    expect_refused(chat_image, HERE "/page", "not of a type");
    expect_refused(chat_image, HERE "/a.pdf", "not of a type");
    expect_refused(chat_image, HERE "/long", "too large");
    expect_refused(chat_image, HERE "/to?/to?/to?/to?/a.png", "redirected too often");
    expect_refused(chat_image, "ftp://127.0.0.1:#/a.png", "it does not begin with https://");
    expect_refused(chat_image, "gs://bucket/a.png", "it does not begin with https://");
    expect_refused(chat_image, "http://127.0.0.1:1/a.png?secret", "(http://127.0.0.1:1/a.png)");
    expect_refused(chat_image, "http://me:secret@127.0.0.1:#/a.png", "(127.0.0.1:");
    expect_refused(chat_image, "http://me:secret@127.0.0.1:#/a.png", "has a user name or password");
    expect_refused(chat_image, three, "too many");
    stop();
}

/* The trap is asked for in every way; the answer is the same as for a host that is not there. */
Test(fetch, nothing_inside_is_ever_connected_to, .timeout = 60)
{
    static const char *const urls[] = {
        "http://127.0.0.2:#/",
        "https://127.0.0.2:#/",
        "http://[::1]:#/",
        "http://[::ffff:127.0.0.2]:#/",
        "http://[::ffff:7f00:2]:#/",
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        HERE "/to?http://127.0.0.2:#/",
        HERE "/to?//127.0.0.2:#/",
        HERE "/to?/to?http://127.0.0.2:#/",
        HERE "/to?http://169.254.169.254/",
    };
    static const char *const bad[] = {
        "http://127.0.0.1:#@127.0.0.2:#/",
        "http://2130706434:#/",
        "http://0x7f000002:#/",
        "http://0177.0.0.2:#/",
        "http://127.2:#/",
        "http://127.0.0.2.:#/",
        "http://localhost:#/",
        "http://127.0.0.1\\\\@127.0.0.2:#/",
        "http://127.0.0.2%00.example:#/",
        "http://\\u2460\\u2461\\u2466.0.0.2:#/",
        HERE "/to?http://2130706434:#/",
        HERE "/to?file:///etc/passwd",
    };

    start(&open_to_us);
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
        expect_refused(chat_image, urls[i], "cannot be reached over https, or is not public");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_refused(chat_image, bad[i], "from its URL: it ");
    stop();
}

Test(fetch, as_shipped_this_machine_is_inside_too, .timeout = 60)
{
    start(&as_shipped);
    expect_refused(chat_image, HERE "/a.png", "not public");
    expect_refused(chat_image, "https://127.0.0.1:#/a.png", "not public");
    cr_expect_eq(host.n_requests, 0);
    stop();
}

Test(fetch, switched_off_it_refuses_as_before, .timeout = 60)
{
    start(&shut);
    struct http_reply *got = ask(chat_image, "over-gemini", HERE "/a.png");
    cr_expect_eq(got->status, 400);
    cr_expect(strstr(got->body, "unsupported_parameter") != NULL, "%s", got->body);
    http_reply_free(&got);
    cr_expect_eq(host.n_requests, 0);
    stop();
}

Test(fetch, a_later_attempt_has_what_came_for_the_first, .timeout = 60)
{
    start(&open_to_us);
    gateway_mock_control(gateway, 0, "* strict\n/google/ status=500");
    expect_sent(chat_image, "twice", HERE "/a.png", PICTURE_BASE64);
    cr_expect_eq(routes_calls(gateway, "google"), 1);
    cr_expect_eq(routes_calls(gateway, "google2"), 1);
    cr_expect_eq(host.n_requests, 1);
    /* Another request fetches for itself. */
    expect_sent(chat_image, "twice", HERE "/a.png", PICTURE_BASE64);
    cr_expect_eq(host.n_requests, 2);
    stop();
}

/* What no bytes are had of may still be taken by its URL. */
Test(fetch, a_route_that_takes_the_url_is_left_when_the_file_is_not_to_be_had, .timeout = 60)
{
    start(&open_to_us);
    expect_sent(chat_image, "either", HERE "/a.png", PICTURE_BASE64);
    expect_sent(chat_image, "either", HERE "/none", "/none\"");
    cr_expect_eq(routes_calls(gateway, "google"), 1);
    cr_expect_eq(routes_calls(gateway, "chat"), 1);
    stop();
}

static const char chat_stream[] = "{\"stream\":true,\"model\":\"$\",\"messages\":[{\"role\":"
                                  "\"user\",\"content\":[{\"type\":\"image_url\",\"image_url\":{"
                                  "\"url\":\"~\"}},{\"type\":\"text\",\"text\":\"look\"}]}]}";

Test(fetch, a_stream_begins_when_the_files_are_there, .timeout = 60)
{
    start(&open_to_us);
    expect_sent(chat_stream, "over-gemini", HERE "/a.png", PICTURE_BASE64);
    struct http_reply *got = ask(chat_stream, "over-gemini", HERE "/none");
    cr_expect_eq(got->status, 400, "%s", got->body);
    http_reply_free(&got);
    stop();
}

/* The first takes the URL and says nothing; plain calls, which are never hedged, make room. */
Test(fetch, a_second_call_beside_the_first_waits_for_its_files, .timeout = 60)
{
    start(&raced);
    for (int i = 0; i < 6; i++)
        expect_sent(chat_image, "raced", HERE "/a.png", "/a.png\"");
    cr_expect_eq(host.n_requests, 0);
    gateway_mock_control(gateway, 0, "* strict\n/chat/ stall");
    expect_sent(chat_stream, "raced", HERE "/a.png", PICTURE_BASE64);
    cr_expect_eq(host.n_requests, 1);
    cr_expect_eq(routes_calls(gateway, "google"), 1);
    gateway_mock_control(gateway, 0, "* strict\n/chat/ slow=500");
    for (int i = 0; i < 6; i++)
        expect_sent(chat_image, "raced", HERE "/a.png", "/a.png\"");
    struct http_reply *got = ask(chat_stream, "raced", HERE "/silent");
    cr_expect_eq(got->status, 200, "%s", got->body);
    http_reply_free(&got);
    cr_expect_eq(routes_calls(gateway, "google"), 1, "the first was faster");
    stop();
}

static bool
is_asked(const struct gateway *g, void *data)
{
    (void)g;
    return *(atomic_int *)data > 0;
}

/* Nothing is sent, nothing is owed, and the host is let go. */
Test(fetch, a_caller_who_goes_is_not_fetched_for, .timeout = 60)
{
    char body[4096];

    start(&open_to_us);
    fill(chat_image, "over-gemini", HERE "/silent", body, sizeof body);
    int fd = http_connect(gateway->port);
    http_request(fd, "/v1/chat/completions", key, "", body);
    cr_assert(gateway_wait(gateway, is_asked, &host.n_requests));
    http_close(fd, false);
    cr_expect(gateway_wait(gateway, is_asked, &host.n_gone));
    cr_expect_eq(books_charged_nusd(gateway), 0);
    cr_expect_eq(routes_calls(gateway, "google"), 0);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE outcome = 'failed'"), 1);
    stop();
}

Test(fetch, the_trace_says_what_was_waited_for, .timeout = 60)
{
    start(&open_to_us);
    expect_sent(chat_image, "over-gemini", HERE "/a.png", PICTURE_BASE64);
    expect_refused(chat_image, "http://127.0.0.2:#/a.png", "not public");
    books_check(gateway);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE note LIKE "
                                      "'waited % ms for 1 files'"),
                 1);
    cr_expect_eq(books_query(gateway, "SELECT count(*) FROM attempt WHERE note LIKE "
                                      "'forbidden: http://127.0.0.2%'"),
                 1);
    stop();
}

static bool
is_upstream(const struct gateway *g, void *data)
{
    (void)data;
    return gateway_mock_count(g, "requests") > 0;
}

/* As of all that a worker has: there is room for who comes next. */
Test(fetch, one_key_holds_half_of_the_memory_at_most, .timeout = 60)
{
    char body[4096];

    start(&narrow);
    char *first = key, *other = gateway_key(gateway, "--quota 100usd --owner other");

    gateway_mock_control(gateway, 0, "* strict,stall");
    fill(chat_image, "over-gemini", HERE "/large", body, sizeof body);
    int fd = http_connect(gateway->port);
    http_request(fd, "/v1/chat/completions", key, "", body);
    cr_assert(gateway_wait(gateway, is_upstream, NULL));
    gateway_mock_control(gateway, 0, "* strict");
    struct http_reply *got = ask(chat_image, "over-gemini", HERE "/large");
    cr_expect_eq(got->status, 503, "%d %s", got->status, got->body);
    http_reply_free(&got);
    key = other;
    for (int i = 0; i < 4; i++)
        expect_sent(chat_image, "over-gemini", HERE "/large", "iVBORw0KGgoAAAAAAAAA");
    key = first;
    http_close(fd, false);
    free(other);
    stop();
}
