/* SPDX-License-Identifier: ISC
 *
 * Upstreams with TLS: a request, and the credential in it, goes to nobody whose certificate is not
 * good for the name in the URL, by an authority that is trusted, today.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "certificate.h"
#include "gateway.h"
#include "http.h"
#include "tls_front.h"

Test(upstream_tls, only_a_good_certificate_of_that_name_gets_the_request, .timeout = 100)
{
    struct certificate authority = certificate_new(
        &(struct certificate_wish){.names = "authority", .days = 99, .is_authority = true});
    const struct certificate_wish wishes[] = {
        {.names = "localhost", .days = 9, .issuer = &authority},
        {.names = "other.example", .days = 9, .issuer = &authority},
        {.names = "localhost", .days = -3, .issuer = &authority},
        {.names = "localhost", .days = 9}, /* by itself */
    };
    static const char *const names[] = {"good", "misnamed", "expired", "unknown"};
    struct gateway *gateway = gateway_start(NULL); /* whose mock they all lead to */
    struct gateway_options with = {0};
    char upstreams[2048] = "", models[2048] = "", *key = gateway_key(gateway, "");
    struct tls_front *fronts[4];

    certificate_write(&authority, gateway->dir, "ca");
    for (int i = 0; i < 4; i++) {
        struct certificate certificate = certificate_new(&wishes[i]);
        size_t n_up = strlen(upstreams), n_models = strlen(models);

        fronts[i] = tls_front_start(&certificate, gateway->mock_port);
        certificate_free(&certificate);
        snprintf(upstreams + n_up, sizeof upstreams - n_up,
                 "  %s:\n    url: https://localhost:%d/openai/v1\n    protocols: openai_chat\n"
                 "    key_env: GATEWAY_CREDENTIAL\n    probe: none\n    ca_file: %s/ca.pem\n",
                 names[i], tls_front_port(fronts[i]), gateway->dir);
        snprintf(models + n_models, sizeof models - n_models,
                 "  over-%s:\n    price: free\n    routes: [{upstream: %s, model: gpt-4.1-mini}]\n",
                 names[i], names[i]);
    }
    with.upstreams = upstreams;
    with.models = models;
    gateway_reconfigure(gateway, &with);

    const struct call *call = call_of(OPERATION_CHAT);
    for (int i = 0; i < 4; i++) {
        int64_t before = gateway_mock_count(gateway, "requests");
        char model[64];
        struct http_reply *reply = NULL;

        snprintf(model, sizeof model, "over-%s", names[i]);
        for (int tries = 0; tries < 500; tries++) { /* until the reload is there */
            reply = call_model(gateway, call, key, model, i % 2 == 1, "hi");
            if (reply->status != 404)
                break;
            http_reply_free(&reply);
            usleep(10000);
        }
        cr_assert(reply != NULL, "%s", model);
        if (i == 0) {
            cr_expect_eq(reply->status, 200, "%s", reply->body);
            cr_expect_eq(gateway_mock_count(gateway, "requests"), before + 1);
        } else {
            cr_expect(reply->status >= 500, "%s: %d", model, reply->status);
            cr_expect_eq(gateway_mock_count(gateway, "requests"), before, "%s got it", names[i]);
        }
        http_reply_free(&reply);
    }
    cr_expect_eq(gateway_stop(&gateway), 0);
    for (int i = 0; i < 4; i++)
        tls_front_stop(&fronts[i]);
    certificate_free(&authority);
    free(key);
}
