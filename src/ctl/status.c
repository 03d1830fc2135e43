/* SPDX-License-Identifier: ISC */
#include "status.h"

#include <stdio.h>

#include "print.h"
#include "relayos/base/clock.h"
#include "relayos/base/text.h"

static void print_head(const struct frame_value *result, struct buf *out);
static void print_reload(const struct frame_value *reload, struct buf *out);
static void print_certificates(const struct frame_value *certificates, struct buf *out);
static void print_ledger(const struct frame_value *ledger, struct buf *out);
static void print_processes(const struct frame_value *processes, struct buf *out);
static void print_quarantine(const struct frame_value *rows, struct buf *out);
static void print_totals(const struct frame_value *totals, struct buf *out);

int
status_write(const struct args *args, struct frame_out *out, struct errmsg *why)
{
    (void)args;
    (void)out;
    (void)why;
    return 0;
}

void
status_print(const struct frame_value *result, const struct args *args, struct buf *out)
{
    const struct frame_value *processes = frame_get(result, "processes");

    (void)args;
    print_head(result, out);
    print_ledger(frame_get(result, "ledger"), out);
    buf_append_byte(out, '\n');
    print_processes(processes, out);
    print_quarantine(frame_get(result, "quarantine"), out);
    buf_append_byte(out, '\n');
    print_totals(frame_get(result, "totals"), out);
}

static void
print_head(const struct frame_value *result, struct buf *out)
{
    struct slice version = frame_get_str(result, "version"),
                 file = frame_get_str(result, "config_file"),
                 url = frame_get_str(result, "public_url"),
                 name = frame_get_str(frame_get(result, "segment"), "name");
    const struct frame_value *listeners = frame_get(result, "listeners");
    char uptime[32], size[32];

    print_elapsed(clock_real_us() - frame_get_int(result, "started_us", 0), uptime);
    text_size_format(frame_get_int(frame_get(result, "segment"), "bytes", 0), size);
    print_line(out, "relayosd", "%.*s, process %lld, up %s", (int)version.len, version.ptr,
               (long long)frame_get_int(result, "pid", 0), uptime);
    print_line(out, "config", "%.*s", file.len == 0 ? 16 : (int)file.len,
               file.len == 0 ? "built-in default" : file.ptr);
    print_reload(frame_get(result, "last_reload"), out);
    print_line(out, "url", "%.*s", (int)url.len, url.ptr);
    for (size_t n = 0; n < frame_length(listeners); n++) {
        struct slice listener = frame_as_str(frame_at(listeners, n));
        print_line(out, "listening", "%.*s", (int)listener.len, listener.ptr);
    }
    print_certificates(frame_get(result, "certificates"), out);
    struct slice console = frame_get_str(result, "console_url");
    print_line(out, "console", "%.*s", console.len == 0 ? 3 : (int)console.len,
               console.len == 0 ? "off" : console.ptr);
    print_line(out, "segment", "%.*s, %s", (int)name.len, name.ptr, size);
    print_line(out, "admission", "%s",
               frame_get_bool(result, "admission", false) ? "open" : "CLOSED by the ledger");
    if (frame_get_bool(result, "uses_mock", false))
        print_line(out, "upstreams", "bundled MOCK providers stand in for missing API keys");
}

static void
print_reload(const struct frame_value *reload, struct buf *out)
{
    char when[32];

    if (reload == NULL || frame_type(reload) != FRAME_MAP)
        return;
    print_time(frame_get_int(reload, "at_us", 0), when);
    print_line(out, "last reload", "%s%s", when,
               frame_get_bool(reload, "is_refused", false) ? ": REFUSED" : "");
}

static void
print_certificates(const struct frame_value *certificates, struct buf *out)
{
    int64_t now_us = clock_real_us();

    for (size_t n = 0; n < frame_length(certificates); n++) {
        const struct frame_value *row = frame_at(certificates, n);
        struct slice file = frame_get_str(row, "file");
        int64_t expires_us = frame_get_int(row, "expires_us", 0);
        char when[32];

        print_time(expires_us, when);
        print_line(out, "certificate", "%.*s, %s %s%s", (int)file.len, file.ptr,
                   expires_us > now_us ? "good until" : "EXPIRED on", when,
                   expires_us > now_us && frame_get_bool(row, "warns", false) ? ": RENEW IT" : "");
    }
}

static void
print_ledger(const struct frame_value *ledger, struct buf *out)
{
    struct slice database = frame_get_str(ledger, "database");
    char wal[32], settled[32];

    if (ledger == NULL || frame_type(ledger) != FRAME_MAP) {
        print_line(out, "ledger", "DOES NOT ANSWER");
        return;
    }
    text_size_format(frame_get_int(ledger, "wal_bytes", 0), wal);
    print_time(frame_get_int(ledger, "last_settle_us", 0), settled);
    print_line(out, "ledger", "%.*s (wal %s)", (int)database.len, database.ptr, wal);
    print_line(out, "", "%lld keys, %lld to settle, last settled %s",
               (long long)frame_get_int(ledger, "n_keys", 0),
               (long long)frame_get_int(ledger, "outbox", 0), settled);
}

static void
print_processes(const struct frame_value *processes, struct buf *out)
{
    struct print_table *table =
        print_table_new("ROLE >SLOT >PID STATE >HEARTBEAT >CONNECTIONS >REQUESTS >FAILED");

    for (size_t n = 0; n < frame_length(processes); n++) {
        const struct frame_value *process = frame_at(processes, n);
        const struct frame_value *counters = frame_get(process, "counters");
        char age[32];

        print_elapsed(frame_get_int(process, "heartbeat_age_us", 0), age);
        print_cell_text(table, frame_get_str(process, "role"));
        print_cell(table, "%lld", (long long)frame_get_int(process, "slot", 0));
        print_cell(table, "%lld", (long long)frame_get_int(process, "pid", 0));
        print_cell_text(table, frame_get_str(process, "state"));
        print_cell(table, "%s", age);
        print_cell_count(table, frame_get_int(counters, "connections_open", 0));
        print_cell_count(table, frame_get_int(counters, "requests", 0));
        print_cell_count(table, frame_get_int(counters, "requests_failed", 0));
    }
    print_table_end(&table, "No process has claimed a slot.", out);
}

/* Requests that are refused for what happened when they were served. */
static void
print_quarantine(const struct frame_value *rows, struct buf *out)
{
    if (frame_length(rows) == 0)
        return;
    struct print_table *table = print_table_new("QUARANTINED ENDPOINT >KEY >BODY >SECONDS-LEFT");

    for (size_t n = 0; n < frame_length(rows); n++) {
        const struct frame_value *row = frame_at(rows, n);

        print_cell_text(table, frame_get_str(row, "model"));
        print_cell_text(table, frame_get_str(row, "endpoint"));
        print_cell(table, "%lld", (long long)frame_get_int(row, "key_id", 0));
        print_cell_count(table, frame_get_int(row, "body_bytes", 0));
        print_cell_count(table, frame_get_int(row, "seconds_left", 0));
    }
    buf_append_byte(out, '\n');
    print_table_end(&table, "", out);
}

/* Of all processes, those that are gone included; what is zero is left out. */
static void
print_totals(const struct frame_value *totals, struct buf *out)
{
    struct print_table *table = print_table_new("COUNTER >TOTAL");

    for (size_t n = 0; n < frame_length(totals); n++) {
        struct slice name = {0};
        int64_t total = frame_as_int(frame_member(totals, n, &name));

        if (total == 0)
            continue;
        print_cell_text(table, name);
        print_cell_count(table, total);
    }
    print_table_end(&table, "No request has come yet.", out);
}
