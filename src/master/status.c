/* SPDX-License-Identifier: ISC */
#include "status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/report/report_flight.h"
#include "relayos/shm/poison.h"
#include "relayos/shm/tally.h"
#include "state.h"

static void write_listeners(const struct master *master, struct frame_out *out);
static void write_upgrade(const struct master *master, struct frame_out *out);
static void write_reload(const struct master *master, struct frame_out *out);
static void write_console(const struct master *master, struct frame_out *out);
static void write_places(const struct master *master, struct frame_out *out);
static void write_models(const struct master *master, struct frame_out *out);
static void write_process(const struct master *master, uint32_t slot, int64_t now_us,
                          struct frame_out *out);
static void write_quarantine(const struct master *master, int64_t now_us, struct frame_out *out);
static void write_totals(const struct master *master, struct frame_out *out);
static const char *state_name(enum proc_state state);

void
status_answer(struct master *master, struct child_tag client, const struct frame_value *ledger)
{
    struct frame_out *out = control_server_reply_begin(master, client);
    int64_t now_us = clock_mono_us();

    if (out == NULL)
        return;
    frame_cstr(out, "version", RELAYOS_VERSION);
    frame_int(out, "pid", getpid());
    frame_cstr(out, "config_file", master->options.config_file);
    frame_cstr(out, "config_sha256", master->conf->text_sha256);
    frame_cstr(out, "public_url", master->conf->public_url);
    write_listeners(master, out);
    certificates_write(master, out);
    write_console(master, out);
    write_places(master, out);
    write_models(master, out);
    frame_int(out, "started_us", master->started_us);
    frame_bool(out, "is_ready", master->phase == MASTER_SERVES);
    write_upgrade(master, out);
    write_reload(master, out);
    frame_map(out, "segment");
    frame_cstr(out, "name", master->segment_name);
    frame_int(out, "bytes", (int64_t)segment_size(segment_capacity(master->segment)));
    frame_end(out);
    frame_array(out, "processes");
    for (uint32_t slot = 0; slot < proc_slot_count(master->segment); slot++)
        write_process(master, slot, now_us, out);
    frame_end(out);
    write_totals(master, out);
    frame_bool(out, "admission", segment_admission_is_open(master->segment));
    write_quarantine(master, now_us, out);
    frame_bool(out, "uses_mock", master->options.mock != NULL);
    if (ledger != NULL)
        frame_copy(out, "ledger", ledger);
    else
        frame_nil(out, "ledger");
    control_server_reply_end(master, client);
}

static void
write_listeners(const struct master *master, struct frame_out *out)
{
    frame_array(out, "listeners");
    for (size_t n = 0; n < master->boot->n_listeners; n++) {
        const struct conf_listener *listener = &master->boot->listeners[n];
        bool is_v6 = strchr(listener->host, ':') != NULL;
        char text[LIMIT_HOST + 16];

        if (listener->host[0] == '/')
            snprintf(text, sizeof(text), "unix:%s", listener->host);
        else
            snprintf(text, sizeof(text), is_v6 ? "[%s]:%u" : "%s:%u", listener->host,
                     master->listener_ports[n]);
        frame_cstr(out, NULL, text);
    }
    frame_end(out);
}

/* How we came into this process, if somebody was in it before us. */
static void
write_upgrade(const struct master *master, struct frame_out *out)
{
    const struct succession *from = &master->options.succession;

    if (!from->is_there) {
        frame_nil(out, "upgrade");
        return;
    }
    frame_map(out, "upgrade");
    frame_cstr(out, from->is_way_back ? "tried" : "from", from->version);
    frame_cstr(out, "error", from->is_way_back ? from->reason : NULL);
    frame_end(out);
}

/* The last one, by whichever master there was with this segment. */
static void
write_reload(const struct master *master, struct frame_out *out)
{
    int64_t at_us = tally_get(master->segment, TALLY_LAST_RELOAD_US);

    if (at_us == 0) {
        frame_nil(out, "last_reload");
        return;
    }
    frame_map(out, "last_reload");
    frame_int(out, "at_us", at_us);
    frame_bool(out, "is_refused", tally_get(master->segment, TALLY_LAST_RELOAD_FAILED) != 0);
    frame_end(out);
}

/* Where it is reached from here. */
static void
write_console(const struct master *master, struct frame_out *out)
{
    char url[STATUS_URL_SIZE];

    status_console_url(master, url);
    frame_cstr(out, "console_url", url[0] == '\0' ? NULL : url);
}

void
status_console_url(const struct master *master, char out[STATUS_URL_SIZE])
{
    const struct conf_listener *listener = &master->boot->console;

    out[0] = '\0';
    if (listener->host[0] != '\0' && master->boot->console_url[0] != '\0')
        snprintf(out, STATUS_URL_SIZE, "%s", master->boot->console_url);
    else if (listener->host[0] != '\0')
        conf_console_url(listener, master->console_port, out, STATUS_URL_SIZE);
}

/* For `relayosctl key hash`, which needs the pepper and the keys' environment. */
static void
write_places(const struct master *master, struct frame_out *out)
{
    char *data_dir = realpath(master->boot->data_dir, NULL);

    frame_cstr(out, "data_dir", data_dir == NULL ? master->boot->data_dir : data_dir);
    frame_cstr(out, "environment", master->boot->environment);
    free(data_dir);
}

static void
write_models(const struct master *master, struct frame_out *out)
{
    frame_array(out, "models");
    for (size_t n = 0; n < master->conf->n_models; n++)
        frame_cstr(out, NULL, master->conf->models[n].record.name);
    frame_end(out);
}

static void
write_process(const struct master *master, uint32_t slot, int64_t now_us, struct frame_out *out)
{
    struct proc_view view;

    proc_slot_view(master->segment, slot, &view);
    if (view.state == PROC_VACANT) /* the pid of who was there last may be anybody's by now */
        return;
    frame_map(out, NULL);
    frame_cstr(out, "role", proc_role_name(view.role));
    frame_int(out, "slot", slot);
    frame_int(out, "pid", view.pid);
    frame_cstr(out, "state", state_name(view.state));
    frame_int(out, "generation", view.generation);
    frame_int(out, "heartbeat_age_us", view.heartbeat_us == 0 ? 0 : now_us - view.heartbeat_us);
    frame_map(out, "counters");
    for (unsigned i = 0; i < PROC_N_COUNTERS; i++)
        frame_int(out, proc_counter_name((enum proc_counter)i), (int64_t)view.counters[i]);
    frame_end(out);
    frame_end(out);
}

static void
write_quarantine(const struct master *master, int64_t now_us, struct frame_out *out)
{
    struct poison_view rows[POISON_ROWS];
    size_t n_rows = poison_list(master->segment, now_us, rows);

    frame_array(out, "quarantine");
    for (size_t n = 0; n < n_rows; n++) {
        frame_map(out, NULL);
        frame_int(out, "fingerprint", (int64_t)(rows[n].fingerprint >> 1));
        frame_int(out, "key_id", (int64_t)rows[n].key_id);
        frame_cstr(out, "model", rows[n].model);
        frame_cstr(out, "endpoint", report_flight_endpoint(rows[n].endpoint));
        frame_int(out, "body_bytes", rows[n].body_bytes);
        frame_int(out, "seconds_left", (rows[n].until_us - now_us) / 1000000);
        frame_end(out);
    }
    frame_end(out);
}

/* Over all slots, those of processes that are gone included: since the segment was made. */
static void
write_totals(const struct master *master, struct frame_out *out)
{
    uint64_t totals[PROC_N_COUNTERS] = {0};

    for (uint32_t slot = 0; slot < proc_slot_count(master->segment); slot++) {
        struct proc_view view;
        proc_slot_view(master->segment, slot, &view);
        for (unsigned i = 0; i < PROC_N_COUNTERS; i++)
            totals[i] += view.counters[i];
    }
    frame_map(out, "totals");
    for (unsigned i = 0; i < PROC_N_COUNTERS; i++)
        frame_int(out, proc_counter_name((enum proc_counter)i), (int64_t)totals[i]);
    frame_end(out);
}

static const char *
state_name(enum proc_state state)
{
    switch (state) {
    case PROC_VACANT:
        return "vacant";
    case PROC_CLAIMED:
        return "starting";
    case PROC_READY:
        return "ready";
    case PROC_DRAINING:
        return "draining";
    case PROC_DEAD:
        return "dead";
    }
    return "unknown";
}
