/* SPDX-License-Identifier: ISC */
#include "quickstart.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/control/tool_settings.h"
#include "setup_link.h"
#include "state.h"

#define TIMEOUT_US INT64_C(30000000)
#define FIRST_KEY_NUSD                                                                             \
    INT64_C(50000000000) /* 50 USD a month: so that there is a quota to look at */
#define FIRST_KEY_NAME  "first-key"
#define FIRST_KEY_OWNER "me"

static void on_listed(struct master *master, struct child_tag tag, const struct frame_value *reply);
static void mint(struct master *master);
static void on_minted(struct master *master, struct child_tag tag, const struct frame_value *reply);
static void ctl_path(char out[PATH_MAX]);
static void compose(struct master *master, struct slice secret);
static void write_mocked(const struct master *master, struct buf *out);
static void write_key_variable(const char *upstream, struct buf *out);
static const char *example_model(const struct master *master);
static void base_url(const struct master *master, char out[CONF_PATH_SIZE]);

void
quickstart_begin(struct master *master)
{
    struct child_call call = {
        .command = COMMAND_KEY_LIST,
        .timeout_us = TIMEOUT_US,
        .on_reply = on_listed,
    };
    struct frame_out *out = child_link_begin(&master->ledger_link, COMMAND_KEY_LIST);

    if (out == NULL)
        return;
    frame_int(out, "limit", 1);
    if (child_link_send(&master->ledger_link, &call, clock_mono_us()) != 0)
        log_warn("quickstart.failed", "reason=\"the ledger is behind\"");
}

static void
on_listed(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    (void)tag;
    if (!frame_get_bool(reply, "ok", false))
        log_warn("quickstart.failed", "reason=\"the keys could not be listed\"");
    else if (frame_length(frame_get(frame_get(reply, "result"), "keys")) > 0)
        compose(master, slice_of(NULL, 0));
    else
        mint(master);
}

static void
mint(struct master *master)
{
    struct child_call call = {
        .command = COMMAND_KEY_CREATE,
        .timeout_us = TIMEOUT_US,
        .on_reply = on_minted,
    };
    struct frame_out *out = child_link_begin(&master->ledger_link, COMMAND_KEY_CREATE);

    if (out == NULL)
        return;
    frame_cstr(out, "who", "relayosd, first start");
    frame_cstr(out, "name", FIRST_KEY_NAME);
    frame_cstr(out, "tool", "other");
    frame_cstr(out, "owner", FIRST_KEY_OWNER);
    frame_int(out, "quota_nusd", FIRST_KEY_NUSD);
    frame_cstr(out, "quota_period", "month");
    if (child_link_send(&master->ledger_link, &call, clock_mono_us()) != 0)
        log_warn("quickstart.failed", "reason=\"the ledger is behind\"");
}

static void
on_minted(struct master *master, struct child_tag tag, const struct frame_value *reply)
{
    struct slice error = frame_get_str(reply, "error");

    (void)tag;
    if (frame_get_bool(reply, "ok", false))
        compose(master, frame_get_str(frame_get(reply, "result"), "secret"));
    else
        log_warn("quickstart.failed", "reason=\"no first key: %.*s\"", (int)error.len, error.ptr);
}

/* The relayosctl that stands beside us (after `make run` it is in no PATH), else just its name. */
static void
ctl_path(char out[PATH_MAX])
{
    static const char name[] = "relayosctl";
    ssize_t len = readlink("/proc/self/exe", out, PATH_MAX - sizeof(name) - 1);
    char *slash = len < 0 ? NULL : memrchr(out, '/', (size_t)len);

    if (slash != NULL)
        memcpy(slash + 1, name, sizeof(name));
    if (slash == NULL || access(out, X_OK) != 0)
        memcpy(out, name, sizeof(name));
}

static void
compose(struct master *master, struct slice secret)
{
    struct buf *out = &master->greeting;
    char url[CONF_PATH_SIZE];
    char ctl[PATH_MAX];
    struct tool_settings settings = {
        .url = url,
        .key = secret.len > 0 ? secret : SLICE_LIT("$RELAYOS_KEY"),
        .model = example_model(master),
    };
    struct buf text;

    base_url(master, url);
    ctl_path(ctl);
    buf_init(&text, 16384);
    tool_settings_write(&settings, &text);
    buf_append_str(out, "\nRelayOS is ready.\n\n");
    write_mocked(master, out);
    buf_printf(out, "  Base URL   %s/v1\n", url);
    if (secret.len > 0)
        buf_printf(out,
                   "  API key    %.*s\n             shown this once: " FIRST_KEY_NAME
                   ", all models, $50 a month\n\n",
                   (int)secret.len, secret.ptr);
    else
        buf_printf(out, "  API key    one of yours; another with: %s key create --name NAME\n\n",
                   ctl);
    buf_append_slice(out, buf_slice(&text));
    buf_printf(out, "  Watch it   %s top\n\n", ctl);
    secret_wipe(text.ptr, text.len);
    buf_fini(&text);
    setup_link_begin(master);
}

/* What answers is said before anything else: nobody should take a mock for a model. */
static void
write_mocked(const struct master *master, struct buf *out)
{
    const struct conf *conf = master->conf;
    bool has_mock = false;

    for (size_t n = 0; n < conf->n_models; n++) {
        uint32_t upstream = conf->models[n].routes[0].upstream_id;

        if (upstream >= conf->n_upstreams || !conf->upstreams[upstream].record.is_mock)
            continue;
        buf_append_str(out, "  ");
        if (master->options.config_file == NULL)
            write_key_variable(conf->upstreams[upstream].record.name, out);
        buf_printf(out, "%s is served by the bundled MOCK provider\n", conf->models[n].record.name);
        has_mock = true;
    }
    if (has_mock)
        buf_append_str(out, "\n");
}

/* The built-in default names its upstreams after the variables that hold their keys. */
static void
write_key_variable(const char *upstream, struct buf *out)
{
    buf_append_str(out, "no ");
    for (; *upstream != '\0'; upstream++)
        buf_append_byte(out, (char)toupper((unsigned char)*upstream));
    buf_append_str(out, "_API_KEY: ");
}

static const char *
example_model(const struct master *master)
{
    return master->conf->n_models > 0 ? master->conf->models[0].record.name : "MODEL";
}

/* The configured one; where the config let the kernel choose the port, with that. */
static void
base_url(const struct master *master, char out[CONF_PATH_SIZE])
{
    snprintf(out, CONF_PATH_SIZE, "%s", master->conf->public_url);
    size_t len = strlen(out);

    if (len > 2 && strcmp(out + len - 2, ":0") == 0)
        snprintf(out + len - 1, CONF_PATH_SIZE - len + 1, "%u", master->listener_ports[0]);
}
