/* SPDX-License-Identifier: ISC */
#include "relayos/master/certificates.h"

#include <string.h>

#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/shm/tally.h"
#include "state.h"

#define LOOK_US   (3600 * INT64_C(1000000))
#define ROTATE_US (TLS_TICKET_LIFE_S * INT64_C(1000000))
#define DAY_US    (24 * LOOK_US)

static int check_one(const struct conf_listener *listener, const char *directive,
                     struct errmsg *why);
static int rotate(struct certificates *certificates, struct errmsg *why);
static struct tls_material material_of(const struct conf_listener *listener);
static const struct conf_listener *find(const struct conf *conf, const struct conf_listener *like);
static const struct conf_listener *find_console(const struct conf *conf,
                                                const struct conf_listener *like);
static bool is_like(const struct conf_listener *listener, const struct conf_listener *like);
static void watch(struct certificates *certificates, const struct conf_listener *listener);
static void note_first_end(struct master *master);
static int told_before(const struct certificates *old, const struct certificate_watch *watch);
static void look(struct certificates *certificates);

int
certificates_check(const struct conf *conf, struct errmsg *why)
{
    int rc = 0;

    for (size_t n = 0; n < conf->n_listeners && rc == 0; n++)
        rc = check_one(&conf->listeners[n], "listen", why);
    return rc == 0 ? check_one(&conf->console, "console.listen", why) : rc;
}

static int
check_one(const struct conf_listener *listener, const char *directive, struct errmsg *why)
{
    struct tls_material material = material_of(listener);
    int rc = tls_material_check(&material, why);

    if (rc != 0)
        errmsg_prefix(why, "%s %s", directive, listener->text);
    return rc;
}

static struct tls_material
material_of(const struct conf_listener *listener)
{
    struct tls_material material = {.n_certificates = listener->n_certificates,
                                    .client_ca = buf_slice(&listener->client_ca_pem)};

    if (listener->client_ca[0] != '\0')
        material.client_verify = strcmp(listener->client_verify, "optional") == 0
                                     ? TLS_CLIENT_OPTIONAL
                                     : TLS_CLIENT_REQUIRED;
    for (uint32_t n = 0; n < listener->n_certificates; n++) {
        const struct conf_certificate *certificate = &listener->certificates[n];

        material.certificates[n] =
            (struct tls_certificate){.name = certificate->cert,
                                     .chain = buf_slice(&certificate->chain),
                                     .key = secret_expose(certificate->secret)};
    }
    return material;
}

int
certificates_open(struct master *master, struct errmsg *why)
{
    struct certificates *certificates = &master->certificates;
    int rc = certificates_check(master->boot, why);

    if (rc != 0)
        return rc;
    certificates->vault = tls_vault_new();
    certificates->console_vault = tls_vault_new();
    rc = rotate(certificates, why);
    certificates->rotate_us = clock_mono_us() + ROTATE_US;
    if (rc == 0)
        certificates_publish(master, master->boot);
    return rc;
}

static int
rotate(struct certificates *certificates, struct errmsg *why)
{
    int rc = tls_vault_rotate(certificates->vault, why);

    return rc == 0 ? tls_vault_rotate(certificates->console_vault, why) : rc;
}

void
certificates_close(struct master *master)
{
    tls_vault_free(&master->certificates.vault);
    tls_vault_free(&master->certificates.console_vault);
}

const struct tls_vault *
certificates_leave(struct master *master, enum proc_role role)
{
    struct certificates *certificates = &master->certificates;

    if (role != PROC_WORKER)
        tls_vault_free(&certificates->vault);
    if (role != PROC_CONSOLE)
        tls_vault_free(&certificates->console_vault);
    return role == PROC_CONSOLE ? certificates->console_vault : certificates->vault;
}

/* Listeners are what the start has made of them: one that was added, or has become TLS, waits for a
 * restart, as one that is gone keeps what it had. */
void
certificates_publish(struct master *master, const struct conf *conf)
{
    struct certificates *certificates = &master->certificates;
    struct certificates old = *certificates;
    const struct conf_listener *console = find_console(conf, &master->boot->console);
    struct tls_material materials[LIMIT_LISTENERS], console_material = material_of(console);
    size_t n_listeners = master->boot->n_listeners;
    struct errmsg why;

    certificates->n = 0;
    for (size_t n = 0; n < n_listeners; n++) {
        const struct conf_listener *boot = &master->boot->listeners[n];
        const struct conf_listener *listener = find(conf, boot);

        materials[n] = material_of(listener);
        watch(certificates, listener);
    }
    watch(certificates, console);
    note_first_end(master);
    for (size_t n = 0; n < certificates->n; n++)
        certificates->watches[n].told_days = told_before(&old, &certificates->watches[n]);
    certificates->look_us = 0;
    if (tls_vault_publish(certificates->vault, materials, n_listeners, &why) != 0 ||
        tls_vault_publish(certificates->console_vault, &console_material, 1, &why) != 0)
        log_error("certificate.unusable", "reason=\"%s\"", why.text);
}

static const struct conf_listener *
find(const struct conf *conf, const struct conf_listener *like)
{
    for (size_t n = 0; n < conf->n_listeners; n++) {
        if (is_like(&conf->listeners[n], like))
            return &conf->listeners[n];
    }
    return like;
}

static const struct conf_listener *
find_console(const struct conf *conf, const struct conf_listener *like)
{
    return is_like(&conf->console, like) ? &conf->console : like;
}

static bool
is_like(const struct conf_listener *listener, const struct conf_listener *like)
{
    return strcmp(listener->text, like->text) == 0 &&
           (listener->n_certificates > 0) == (like->n_certificates > 0);
}

static void
watch(struct certificates *certificates, const struct conf_listener *listener)
{
    struct tls_material material = material_of(listener);

    for (uint32_t n = 0; n < material.n_certificates; n++) {
        struct certificate_watch *row = &certificates->watches[certificates->n];

        *row = (struct certificate_watch){.listener = listener,
                                          .file = material.certificates[n].name,
                                          .told_days = CERTIFICATE_FINE};
        if (tls_material_info(&material.certificates[n], &row->info) == 0)
            certificates->n++;
    }
}

/* For metrics and alerts. */
static void
note_first_end(struct master *master)
{
    const struct certificates *certificates = &master->certificates;
    int64_t first_us = 0;

    for (size_t n = 0; n < certificates->n; n++) {
        int64_t ends_us = certificates->watches[n].info.not_after_us;

        if (first_us == 0 || ends_us < first_us)
            first_us = ends_us;
    }
    tally_set(master->segment, TALLY_CERTIFICATE_EXPIRES_US, first_us);
}

/* The rows of the configuration before are pointers into what may be gone: only times are looked
 * at. */
static int
told_before(const struct certificates *old, const struct certificate_watch *watch)
{
    for (size_t n = 0; n < old->n; n++) {
        if (old->watches[n].info.not_after_us == watch->info.not_after_us &&
            strcmp(old->watches[n].info.names, watch->info.names) == 0)
            return old->watches[n].told_days;
    }
    return CERTIFICATE_FINE;
}

void
certificates_work(struct master *master, int64_t now_us)
{
    struct certificates *certificates = &master->certificates;
    struct errmsg why;

    if (certificates->n == 0)
        return;
    if (now_us >= certificates->rotate_us) {
        if (rotate(certificates, &why) != 0)
            log_warn("ticket_key.not_made", "reason=\"%s\"", why.text);
        certificates->rotate_us = now_us + ROTATE_US;
    }
    if (now_us >= certificates->look_us) {
        look(certificates);
        certificates->look_us = now_us + LOOK_US;
    }
}

static void
look(struct certificates *certificates)
{
    for (size_t n = 0; n < certificates->n; n++) {
        struct certificate_watch *row = &certificates->watches[n];
        int64_t left_us = row->info.not_after_us - clock_real_us();
        int days = certificates_warning(left_us);

        if (days >= row->told_days)
            continue;
        row->told_days = days;
        if (days == 0)
            log_error("certificate.expired", "listen=%s file=%s names=\"%s\"", row->listener->text,
                      row->file, row->info.names);
        else
            log_warn("certificate.expiring", "listen=%s file=%s names=\"%s\" hours_left=%lld",
                     row->listener->text, row->file, row->info.names,
                     (long long)(left_us / (3600 * INT64_C(1000000))));
    }
}

int
certificates_warning(int64_t left_us)
{
    static const int days[] = {1, 7, 14, 30};

    if (left_us <= 0)
        return 0;
    for (size_t n = 0; n < sizeof(days) / sizeof(days[0]); n++) {
        if (left_us <= days[n] * DAY_US)
            return days[n];
    }
    return CERTIFICATE_FINE;
}

void
certificates_write(const struct master *master, struct frame_out *out)
{
    frame_array(out, "certificates");
    for (size_t n = 0; n < master->certificates.n; n++) {
        const struct certificate_watch *row = &master->certificates.watches[n];

        frame_map(out, NULL);
        frame_cstr(out, "listener", row->listener->text);
        frame_cstr(out, "file", row->file);
        frame_cstr(out, "names", row->info.names);
        frame_int(out, "expires_us", row->info.not_after_us);
        frame_bool(out, "warns",
                   certificates_warning(row->info.not_after_us - clock_real_us()) <
                       CERTIFICATE_FINE);
        frame_end(out);
    }
    frame_end(out);
}
