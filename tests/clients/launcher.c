/* SPDX-License-Identifier: ISC
 *
 * launcher [CONSOLE [NAMES]] - a gateway for the client and browser tests: starts one, prints where
 * it is as a line of JSON, and ends it when stdin ends. Each line on stdin is a relayosctl command;
 * its JSON comes back as one line. With CONSOLE it has a console, with these further ", member:
 * value"s of its configuration; with NAMES that speaks TLS, with a certificate of its own for them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "certificate.h"
#include "gateway.h"
#include "routes.h"

/* An upstream that speaks one protocol, and a model that is served by it alone. */
#define NATIVE_UPSTREAM(name, path, protocol)                                                      \
    "  " name ":\n    url: http://127.0.0.1:%d/native/" path "\n    probe: none\n"                 \
    "    protocols: " protocol "\n" ROUTES_KEY
#define NATIVE_MODEL(vendor, model, upstream)                                                      \
    "  " vendor "/" model ":\n    price: {input: 2.00, output: 8.00}\n"                            \
    "    max_output_tokens: 32000\n    routes: [{upstream: " upstream ", model: " model "}]\n"

static const char upstreams[] =
    ROUTES_UPSTREAMS NATIVE_UPSTREAM("native-messages", "anthropic/v1", "anthropic_messages")
        NATIVE_UPSTREAM("native-gemini", "gemini/v1beta", "gemini")
            NATIVE_UPSTREAM("native-chat", "openai/v1", "openai_chat")
                NATIVE_UPSTREAM("native-responses", "openai/v1", "openai_responses");
static const char models[] =
    ROUTES_MODEL NATIVE_MODEL("anthropic", "claude-sonnet-4", "native-messages")
        NATIVE_MODEL("anthropic", "claude-sonnet-4-5", "native-messages")
            NATIVE_MODEL("google", "gemini-2.5-pro", "native-gemini")
                NATIVE_MODEL("openai", "gpt-4.1-mini", "native-chat")
                    NATIVE_MODEL("openai", "gpt-5-mini", "native-responses");

/* What its listener is given, in a directory of its own. */
static void
make_certificate(const char *names, char *way, size_t size)
{
    char dir[] = "/tmp/relayos-launcher-XXXXXX";
    struct certificate certificate =
        certificate_new(&(struct certificate_wish){.names = names, .days = 20});

    if (mkdtemp(dir) == NULL)
        abort();
    certificate_write(&certificate, dir, "console");
    certificate_free(&certificate);
    snprintf(way, size, ", certificates: [{cert: %s/console.pem, key: %s/console.key}]", dir, dir);
}

static void
remove_certificate(const char *way)
{
    const char *dir = strstr(way, "/tmp/");
    char path[64];

    for (size_t i = 0; dir != NULL && i < 3; i++) {
        snprintf(path, sizeof path, "%.*s%s", (int)(strcspn(dir + 5, "/") + 5), dir,
                 (const char *[]){"/console.pem", "/console.key", ""}[i]);
        (void)!remove(path);
    }
}

int
main(int argc, char **argv)
{
    char way[256] = "";
    if (argc > 2)
        make_certificate(argv[2], way, sizeof way);
    const struct gateway_options options = {
        .settings =
            "upstream_defaults: {first_byte_timeout: 1s}\n" ROUTES_NO_BREAKER ROUTES_NO_AFFINITY
            "failover: {retry_min: 1000}\n",
        .upstreams = upstreams,
        .models = models,
        .has_console = argc > 1,
        .console_way = way,
        .console = argc > 1 ? argv[1] : NULL};
    struct gateway *gateway = gateway_start(&options);
    char *key = gateway_key(gateway, ""), line[1024];

    printf("{\"port\":%d,\"mock_port\":%d,\"console_port\":%d,\"key\":\"%s\"}\n", gateway->port,
           gateway->mock_port, gateway->console_port, key);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        cJSON *reply = gateway_ctl(gateway, "%s", line);
        char *text = reply == NULL ? NULL : cJSON_PrintUnformatted(reply);

        puts(text == NULL ? "null" : text);
        fflush(stdout);
        cJSON_free(text);
        cJSON_Delete(reply);
    }
    free(key);
    remove_certificate(way);
    return gateway_stop(&gateway);
}
