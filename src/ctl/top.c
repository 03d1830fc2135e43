/* SPDX-License-Identifier: ISC */
#include "top.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "print.h"
#include "relayos/base/limits.h"
#include "value.h"

#define REFRESH_S 1

static int draw(struct client *client, int64_t limit, bool is_live);
static void print_picture(const struct frame_value *result, struct buf *out);
static void print_flight(const struct frame_value *flight, struct print_table *table);

int
top_run(struct client *client, const struct args *args)
{
    bool is_live = isatty(STDOUT_FILENO) && !args_has(args, "once") && !client->is_json;
    struct errmsg why;
    int64_t limit = 0;
    int rc;

    if (args_has(args, "limit") && value_count(args_get(args, "limit"), &limit, &why) != 0)
        return client_fail(CTL_USAGE, "--limit: %s", why.text);
    do {
        rc = draw(client, limit, is_live);
        if (is_live && rc == CTL_OK)
            (void)nanosleep(&(struct timespec){.tv_sec = REFRESH_S}, NULL);
    } while (is_live && rc == CTL_OK);
    return rc;
}

static int
draw(struct client *client, int64_t limit, bool is_live)
{
    const struct frame_value *result = NULL;
    struct frame_out *request = client_begin(client, COMMAND_TOP);
    struct buf out;

    frame_int(request, "limit", limit);
    int rc = client_call(client, &result);
    if (rc != CTL_OK)
        return rc;
    buf_init(&out, 2 * LIMIT_CONTROL_FRAME);
    if (is_live)
        buf_append_str(&out, "\033[H\033[2J"); /* home, clear */
    if (client->is_json) {
        frame_to_json(result, 2, &out);
        buf_append_byte(&out, '\n');
    } else {
        print_picture(result, &out);
    }
    (void)fwrite(out.ptr, 1, out.len, stdout);
    (void)fflush(stdout);
    buf_fini(&out);
    return CTL_OK;
}

static void
print_picture(const struct frame_value *result, struct buf *out)
{
    const struct frame_value *flights = frame_get(result, "flights");
    int64_t n = frame_get_int(result, "n_flights", 0);
    struct print_table *table =
        print_table_new("REQUEST >KEY MODEL ENDPOINT STATE STAGE >AGE >TOKENS >RESERVED >WORKER");

    for (size_t i = 0; i < frame_length(flights); i++)
        print_flight(frame_at(flights, i), table);
    print_table_end(&table, "No request is in flight.", out);
    if (n > (int64_t)frame_length(flights))
        buf_printf(out, "and %lld more\n", (long long)(n - (int64_t)frame_length(flights)));
}

static void
print_flight(const struct frame_value *flight, struct print_table *table)
{
    char age[32];

    print_elapsed(frame_get_int(flight, "age_us", 0), age);
    print_cell_text(table, frame_get_str(flight, "request_id"));
    print_cell(table, "%lld", (long long)frame_get_int(flight, "key_id", 0));
    print_cell_text(table, frame_get_str(flight, "model"));
    print_cell_text(table, frame_get_str(flight, "endpoint"));
    print_cell_text(table, frame_get_str(flight, "state"));
    print_cell_text(table, frame_get_str(flight, "stage"));
    print_cell(table, "%s", age);
    print_cell_count(table, frame_get_int(flight, "tokens_out", 0));
    print_cell_usd(table, frame_get_int(flight, "reserved_nusd", 0));
    print_cell(table, "%lld", (long long)frame_get_int(flight, "worker", 0));
}
