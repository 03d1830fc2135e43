/* SPDX-License-Identifier: ISC */
#include "doctor.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "print.h"
#include "relayos/base/mem.h"
#include "relayos/codec/json_out.h"

#define USUAL_FILE "/etc/relayos/relayos.yaml"

static const char *const state_names[] = {"ok", "warn", "fail"};

static void ask_status(struct doctor *doctor);
static void read_conf(struct doctor *doctor, char usual[CONF_PATH_SIZE]);
static int report(const struct doctor *doctor);
static void write_text(const struct doctor *doctor, struct buf *out);
static void write_json(const struct doctor *doctor, struct buf *out);

int
doctor_run(struct client *client, const struct args *args)
{
    struct doctor *doctor = mem_zalloc(sizeof(*doctor));
    char file[CONF_PATH_SIZE];

    doctor->client = client;
    doctor->args = args;
    ask_status(doctor);
    read_conf(doctor, file);
    doctor_files_check(doctor);
    doctor_system_check(doctor);
    doctor_daemon_check(doctor);
    if (args_has(args, "network"))
        doctor_network_check(doctor);
    if (args_has(args, "deep"))
        doctor_files_check_database(doctor);
    int rc = report(doctor);
    conf_free(&doctor->conf);
    free(doctor);
    return rc;
}

static void
ask_status(struct doctor *doctor)
{
    (void)client_begin(doctor->client, COMMAND_STATUS);
    if (!client_reconnect(doctor->client, 1) || !client_ask(doctor->client, &doctor->status))
        doctor->status = NULL;
}

/* -c, else what the running one has read, else the usual one. */
static void
read_conf(struct doctor *doctor, char file[CONF_PATH_SIZE])
{
    struct slice running = frame_get_str(doctor->status, "config_file");
    struct errmsg why;

    if (doctor->client->config_file != NULL)
        snprintf(file, CONF_PATH_SIZE, "%s", doctor->client->config_file);
    else if (running.len > 0)
        snprintf(file, CONF_PATH_SIZE, "%.*s", (int)running.len, running.ptr);
    else
        snprintf(file, CONF_PATH_SIZE, "%s", USUAL_FILE);
    doctor->file = file;
    if (doctor->client->config_file == NULL && doctor->status != NULL && running.len == 0) {
        doctor->file = "";
        doctor_tell(doctor, "config", DOCTOR_WARN,
                    "the built-in default, which is for trying it: a deployment has a file, as %s",
                    USUAL_FILE);
        return;
    }
    if (conf_load(file, conf_any_env, &doctor->conf, &why) != 0) {
        doctor->conf = NULL;
        doctor_tell(doctor, "config", DOCTOR_FAIL, "%s", why.text);
        return;
    }
    doctor_tell(doctor, "config", DOCTOR_OK, "%s: %zu upstreams, %zu models, %zu declared keys",
                file, doctor->conf->n_upstreams, doctor->conf->n_models, doctor->conf->n_keys);
}

void
doctor_tell(struct doctor *doctor, const char *check, enum doctor_state state, const char *format,
            ...)
{
    va_list args;

    if (doctor->n == DOCTOR_FINDINGS)
        return;
    doctor->findings[doctor->n].check = check;
    doctor->findings[doctor->n].state = state;
    va_start(args, format);
    vsnprintf(doctor->findings[doctor->n].text, DOCTOR_TEXT, format, args);
    va_end(args);
    doctor->n++;
}

static int
report(const struct doctor *doctor)
{
    size_t n_failed = 0;
    struct buf out;

    buf_init(&out, 1 << 20);
    if (doctor->client->is_json)
        write_json(doctor, &out);
    else
        write_text(doctor, &out);
    (void)fwrite(out.ptr, 1, out.len, stdout);
    buf_fini(&out);
    for (size_t n = 0; n < doctor->n; n++)
        n_failed += doctor->findings[n].state == DOCTOR_FAIL;
    return n_failed > 0 ? CTL_REFUSED : CTL_OK;
}

static void
write_text(const struct doctor *doctor, struct buf *out)
{
    size_t n_of[3] = {0};

    for (size_t n = 0; n < doctor->n; n++) {
        n_of[doctor->findings[n].state]++;
        buf_printf(out, "%-5s %-12s ", state_names[doctor->findings[n].state],
                   doctor->findings[n].check);
        print_safe(slice_str(doctor->findings[n].text), out);
        buf_append_byte(out, '\n');
    }
    buf_printf(out, "%zu ok, %zu to look at, %zu to mend\n", n_of[DOCTOR_OK], n_of[DOCTOR_WARN],
               n_of[DOCTOR_FAIL]);
}

static void
write_json(const struct doctor *doctor, struct buf *out)
{
    struct json_out json;

    json_out_init(&json, out);
    json_out_object(&json, NULL);
    json_out_array(&json, "findings");
    for (size_t n = 0; n < doctor->n; n++) {
        json_out_object(&json, NULL);
        json_out_str(&json, "check", doctor->findings[n].check);
        json_out_str(&json, "state", state_names[doctor->findings[n].state]);
        json_out_str(&json, "text", doctor->findings[n].text);
        json_out_end_object(&json);
    }
    json_out_end_array(&json);
    json_out_end_object(&json);
    buf_append_byte(out, '\n');
}
