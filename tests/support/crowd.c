/* SPDX-License-Identifier: ISC */
#include "crowd.h"

#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "calls.h"
#include "http.h"

static void *
crowd_run(void *data)
{
    struct crowd *crowd = data;
    const struct call *call = call_of(OPERATION_CHAT);
    char *body = call_body(call, NULL, false, "hi !mock:slow=10");

    while (!atomic_load(&crowd->is_over)) {
        int fd = http_connect(crowd->gateway->port);

        if (fd < 0) {
            crowd->n_refused++;
            continue;
        }
        struct http_reply *reply = NULL;

        if (http_request(fd, call->path, crowd->key, NULL, body))
            reply = http_read(fd);
        if (reply == NULL || reply->status == 0)
            crowd->n_unanswered++;
        else if (reply->status == 200)
            crowd->n_ok++;
        else
            crowd->n_other++;
        if (reply != NULL)
            http_reply_free(&reply);
        http_close(fd, false);
    }
    free(body);
    return NULL;
}

void
crowd_start(struct crowd *crowd, const struct gateway *gateway, const char *key)
{
    *crowd = (struct crowd){.gateway = gateway, .key = key};
    cr_assert_eq(pthread_create(&crowd->thread, NULL, crowd_run, crowd), 0);
}

void
crowd_stop(struct crowd *crowd)
{
    atomic_store(&crowd->is_over, true);
    pthread_join(crowd->thread, NULL);
    cr_expect_eq(crowd->n_refused, 0, "%d connects were refused", (int)crowd->n_refused);
    cr_expect_eq(crowd->n_unanswered, 0, "%d calls got no answer", (int)crowd->n_unanswered);
    cr_expect_eq(crowd->n_other, 0, "%d calls got an error", (int)crowd->n_other);
    cr_expect_gt(crowd->n_ok, 0);
}

void
crowd_open_streams(const struct gateway *gateway, const char *key, const char *text, int *fds)
{
    for (int i = 0; i < CROWD_STREAMS; i++) {
        fds[i] = call_begin(gateway, call_of(i % 2 == 0 ? OPERATION_CHAT : OPERATION_MESSAGE), key,
                            true, text);
        struct http_reply *reply = http_read_until(fds[i], "data: ");

        cr_assert_eq(reply->status, 200);
        http_reply_free(&reply);
    }
}

int
crowd_finish_streams(int *fds)
{
    int n_whole = 0;

    for (int i = 0; i < CROWD_STREAMS; i++) {
        const char *end = i % 2 == 0 ? "[DONE]" : "message_stop";
        char *rest = http_drain(fds[i], end);

        n_whole += strstr(rest, end) != NULL && strstr(rest, "\"error\"") == NULL;
        free(rest);
        http_close(fds[i], false);
    }
    return n_whole;
}
