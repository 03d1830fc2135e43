/* SPDX-License-Identifier: ISC
 *
 * browser - somebody who uses the console of a gateway: signs in, and calls its API as its pages
 * do.
 */
#ifndef SUPPORT_BROWSER_H
#define SUPPORT_BROWSER_H

#include <cjson/cJSON.h>

#include "gateway.h"
#include "http.h"

#define BROWSER_PASSWORD "correct horse battery"

struct browser {
    const struct gateway *gateway;
    char cookie[512], csrf[128];
    char etag[128]; /* of the last answer, "" = it had none */
    int status;     /* of the last answer */
};

/* The first account, alice, an admin; once there is a console. */
struct browser browser_set_up(struct gateway *gateway);
/* Another account, made by the admin, signed in. */
struct browser browser_join(struct browser *admin, const char *name, const char *role);

/* "GET /keys?q=a" or the like, below /api/v1; body: JSON or NULL; headers: whole lines or NULL.
 * What was answered, NULL if that was no JSON; free it. */
cJSON *browser_call(struct browser *browser, const char *line, const char *headers,
                    const char *body);
/* The whole answer. */
struct http_reply *browser_send(struct browser *browser, const char *line, const char *headers,
                                const char *body);
/* Its status alone. */
int browser_status(struct browser *browser, const char *line, const char *body);

#endif
