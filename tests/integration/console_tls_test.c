/* SPDX-License-Identifier: ISC
 *
 * A console that is served by https without a proxy: cookies that no other host can set, names,
 * renewed certificates, and whose certificates it can see. And one that a proxy reaches by a UNIX
 * socket.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <criterion/criterion.h>

#include "gateway.h"
#include "http.h"
#include "json.h"
#include "memory.h"
#include "notary.h"
#include "tls_client.h"

#define PASSWORD    "correct horse battery"
#define ANSWER_SIZE (1 << 20)

static char way[512], console[256], answer[ANSWER_SIZE];
static struct notary notary;
static struct gateway_options options = {.has_console = true};

static void
set_up(void)
{
    notary_open(&notary);
    notary_sign(&notary, "a", "console.example", 90);
    notary_sign(&notary, "b", "other.example", 90);
    snprintf(way, sizeof way,
             ", certificates: [{cert: %s/a.pem, key: %s/a.key}, {cert: %s/b.pem, key: %s/b.key}]",
             notary.dir, notary.dir, notary.dir, notary.dir);
    snprintf(console, sizeof console, ", public_url: 'https://console.example'");
    options.console_way = way;
    options.console = console;
}

static void
tear_down(void)
{
    notary_close(&notary);
}

TestSuite(console_tls, .init = set_up, .fini = tear_down, .timeout = 100);

static bool
is_there(const struct gateway *gateway, void *data)
{
    pid_t pid;

    (void)data;
    return gateway_pids(gateway, "console", &pid, 1) == 1;
}

static struct tls_client *
visit(const struct gateway *gateway, const char *name)
{
    cr_assert(gateway_wait(gateway, is_there, NULL), "there is no console");
    return tls_client_open(
        gateway->console_port,
        &(struct tls_client_wish){.name = name, .authority = notary.authority.pem}, NULL);
}

static int
ask(struct tls_client *client, const char *line, const char *headers, const char *body)
{
    char text[4096];

    snprintf(text, sizeof text,
             "%s HTTP/1.1\r\nHost: console.example\r\nOrigin: https://console.example\r\n"
             "Content-Type: application/json\r\n%sContent-Length: %zu\r\n\r\n%s",
             line, headers, strlen(body), body);
    return tls_client_send(client, text, answer, sizeof answer);
}

Test(console_tls, people_sign_in_over_https_with_cookies_that_stay_there)
{
    struct gateway *gateway = gateway_start(&options);
    struct tls_client *client = visit(gateway, "console.example");
    cJSON *link = gateway_ctl(gateway, "user setup-link"), *status = gateway_ctl(gateway, "status");
    const char *token = strchr(json_text(link, "url"), '#'), *cookie;
    char body[512], headers[512];

    cr_assert(client != NULL);
    cr_expect_str_eq(json_text(status, "console_url"), "https://console.example");
    cr_assert(token != NULL);
    snprintf(body, sizeof body,
             "{\"token\":\"%s\",\"name\":\"alice\",\"password\":\"" PASSWORD "\"}", token + 1);
    cr_assert_eq(ask(client, "POST /api/v1/setup", "", body), 200, "%s", answer);
    cookie = strcasestr(answer, "\r\nset-cookie: __Host-relayos=");
    cr_assert(cookie != NULL, "%s", answer);
    cookie += strlen("\r\nset-cookie: ");
    cr_expect(memmem(cookie, strcspn(cookie, "\r"), "; Secure", 8) != NULL);
    cr_expect(strcasestr(answer, "\r\nstrict-transport-security: ") != NULL);
    snprintf(headers, sizeof headers, "Cookie: %.*s\r\n", (int)strcspn(cookie, ";"), cookie);
    cr_expect_eq(ask(client, "GET /api/v1/status", headers, ""), 200);
    cr_expect(strstr(answer, "\"listener\":\"127.0.0.1:") != NULL, "its certificates: %s", answer);
    cr_expect_eq(ask(client, "GET /api/v1/session", "Cookie: relayos=x\r\n", ""), 401);
    tls_client_close(&client);
    cJSON_Delete(link);
    cJSON_Delete(status);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* Nor is there a page for who speaks in plain. */
Test(console_tls, each_name_has_its_certificate_and_plain_speech_no_answer)
{
    struct gateway *gateway = gateway_start(&options);
    static const char plain[] = "GET / HTTP/1.1\r\nHost: console.example\r\n\r\n";
    struct tls_client *client = visit(gateway, "other.example");

    cr_expect(client != NULL);
    tls_client_close(&client);
    client = visit(gateway, "third.example");
    cr_expect(client == NULL);
    struct http_reply *reply = http_raw(gateway->console_port, plain, strlen(plain));
    cr_expect_neq(reply->status, 200);
    http_reply_free(&reply);
    cr_expect_eq(gateway_stop(&gateway), 0);
}

static bool
is_renewed(const struct gateway *gateway, void *name)
{
    struct tls_client *client = visit(gateway, name);
    bool is_so = client != NULL;

    tls_client_close(&client);
    return is_so;
}

Test(console_tls, a_reload_brings_the_console_its_renewed_certificate)
{
    struct gateway *gateway = gateway_start(&options);

    cr_expect_not(is_renewed(gateway, "new.example"));
    notary_sign(&notary, "b", "new.example", 90);
    cJSON *changes = gateway_ctl(gateway, "reload");
    cr_assert_not_null(changes);
    cJSON_Delete(changes);
    cr_expect(gateway_wait(gateway, is_renewed, "new.example"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* What the console cannot read, whoever takes it over cannot either. */
Test(console_tls, no_key_of_the_gateways_listeners_is_in_reach_of_the_console)
{
    char listeners[512], gateway_key[8192] = "", command[256];
    int port = gateway_free_port();
    struct gateway_options both = options;
    pid_t pid;

    notary_sign(&notary, "g", "gateway.example", 90);
    snprintf(listeners, sizeof listeners,
             "  - {address: 127.0.0.1:%d, certificates: [{cert: %s/g.pem, key: %s/g.key}]}\n", port,
             notary.dir, notary.dir);
    both.listeners = listeners;
    struct gateway *gateway = gateway_start(&both);
    cr_assert(gateway_wait(gateway, is_there, NULL));
    snprintf(command, sizeof command, "%s/g.key", notary.dir);
    FILE *file = fopen(command, "r");
    cr_assert(file != NULL && fread(gateway_key, 1, sizeof gateway_key - 1, file) > 100);
    fclose(file);
    gateway_key[120] = '\0'; /* 64 of its letters */
    cr_assert_eq(gateway_pids(gateway, "worker", &pid, 1), 1);
    int n = memory_count(pid, gateway_key + 56);
    if (n >= 0) { /* not dumpable: root alone may look */
        cr_assert_gt(n, 0, "it is found where it must be");
        cr_assert_eq(gateway_pids(gateway, "console", &pid, 1), 1);
        cr_expect_eq(memory_count(pid, gateway_key + 56), 0);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
}

/* In the trail: who was not let in, and from where. */
static bool
is_refused_from(const struct gateway *gateway, void *from)
{
    cJSON *list = gateway_ctl(gateway, "audit list --action session.refused");
    char *text = cJSON_PrintUnformatted(list);
    bool is_so = strstr(text, from) != NULL;

    cJSON_Delete(list);
    free(text);
    return is_so;
}

/* What it says of the client is believed. */
Test(console_tls, on_a_unix_socket_a_proxy_says_who_comes_and_by_https)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct gateway_options local = {.has_console = true,
                                    .console_socket = address.sun_path,
                                    .console_way = ", mode: 0600",
                                    .console = ", public_url: 'http://console.example', "
                                               "trusted_proxies: local"};
    static const char head[] = "POST /api/v1/session HTTP/1.1\r\nHost: console.example\r\n"
                               "Origin: https://console.example\r\n"
                               "Content-Type: application/json\r\nContent-Length: 32\r\n"
                               "X-Forwarded-For: 192.0.2.8\r\nX-Forwarded-Proto: https\r\n\r\n"
                               "{\"name\":\"nobody\",\"password\":\"x\"}";
    struct stat file;

    snprintf(address.sun_path, sizeof address.sun_path, "%s/console.sock", notary.dir);
    struct gateway *gateway = gateway_start(&local);
    cr_assert(gateway_wait(gateway, is_there, NULL));
    cr_assert_eq(stat(address.sun_path, &file), 0);
    cr_expect_eq(file.st_mode & 0777, 0600);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    http_send(fd, head, strlen(head));
    struct http_reply *reply = http_read(fd);
    cr_expect_eq(reply->status, 401, "%s", reply->body);
    cr_expect_eq(http_header_count(reply, "strict-transport-security"), 1);
    http_reply_free(&reply);
    http_close(fd, false);
    cr_expect(gateway_wait(gateway, is_refused_from, "192.0.2.8"));
    cr_expect_eq(gateway_stop(&gateway), 0);
}
