/* SPDX-License-Identifier: ISC
 *
 * doctor_daemon - the relayosd that runs, or could: its version, sandbox, limits, listeners and
 * certificates.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor.h"
#include "relayos/base/fdio.h"
#include "relayos/base/sandbox.h"

#define SMALL_FILE 8192

static void check_processes(struct doctor *doctor);
static void check_confinement(struct doctor *doctor, int pid, struct slice role);
static void check_descriptors(struct doctor *doctor, int pid);
static bool read_proc(int pid, const char *name, struct buf *out);
static void check_listeners(struct doctor *doctor);
static void check_listener(struct doctor *doctor, const struct conf_listener *listener);
static void check_certificates(struct doctor *doctor);
static void check_certificates_of(struct doctor *doctor, const struct conf_listener *listener);
static void check_certificate(struct doctor *doctor, const struct conf_certificate *certificate);

void
doctor_daemon_check(struct doctor *doctor)
{
    if (doctor->status == NULL) {
        doctor_tell(doctor, "daemon", DOCTOR_FAIL,
                    "no relayosd answers; start it, run this as root, or name its control socket "
                    "with -s");
        if (doctor->conf != NULL)
            check_listeners(doctor);
    } else {
        struct slice version = frame_get_str(doctor->status, "version");

        if (slice_eq_str(version, RELAYOS_VERSION))
            doctor_tell(doctor, "daemon", DOCTOR_OK, "%s, process %lld", RELAYOS_VERSION,
                        (long long)frame_get_int(doctor->status, "pid", 0));
        else
            doctor_tell(doctor, "daemon", DOCTOR_WARN,
                        "runs %.*s, this is relayosctl %s; run relayosctl upgrade",
                        (int)version.len, version.ptr, RELAYOS_VERSION);
        check_processes(doctor);
    }
    if (doctor->conf != NULL)
        check_certificates(doctor);
}

/* ---- processes ---- */

static void
check_processes(struct doctor *doctor)
{
    const struct frame_value *processes = frame_get(doctor->status, "processes");
    int master = (int)frame_get_int(doctor->status, "pid", 0);

    check_confinement(doctor, master, SLICE_LIT("master"));
    for (size_t n = 0; n < frame_length(processes); n++) {
        const struct frame_value *process = frame_at(processes, n);

        check_confinement(doctor, (int)frame_get_int(process, "pid", 0),
                          frame_get_str(process, "role"));
    }
    check_descriptors(doctor, master);
}

static void
check_confinement(struct doctor *doctor, int pid, struct slice role)
{
    const char *sandbox = doctor->conf == NULL ? "enforce" : doctor->conf->sandbox;
    struct doctor_confinement is;
    struct sandbox_means means;
    struct buf text;

    sandbox_probe(&means);
    if (!means.has_seccomp)
        sandbox = "off"; /* as the kernel's line has told */
    buf_init(&text, SMALL_FILE);
    if (pid > 0 && read_proc(pid, "status", &text)) {
        doctor_judge_parse(text.ptr, &is);
        enum doctor_state state =
            doctor_judge_confinement(&is, sandbox, slice_eq_str(role, "master"));
        doctor_tell(doctor, "sandbox", state, "%.*s %d: seccomp %s, %s, %s%s", (int)role.len,
                    role.ptr, pid, is.seccomp == 2 ? "on" : "off",
                    is.no_new_privs ? "no new privileges" : "may gain privileges",
                    is.has_capabilities ? "has capabilities" : "no capabilities",
                    state == DOCTOR_OK     ? ""
                    : state == DOCTOR_WARN ? "; 'sandbox: enforce' and a restart confine it"
                                           : "; look for sandbox.partial in the log");
    }
    buf_fini(&text);
}

static void
check_descriptors(struct doctor *doctor, int pid)
{
    const char *line;
    struct buf text;

    if (doctor->conf == NULL) /* said already */
        return;
    buf_init(&text, SMALL_FILE);
    if (pid > 0 && read_proc(pid, "limits", &text) &&
        (line = strstr(text.ptr, "Max open files")) != NULL) {
        int64_t limit = strtoll(line + strlen("Max open files"), NULL, 10);
        int64_t connections = doctor->conf->max_connections;
        enum doctor_state state = doctor_judge_descriptors(limit, connections);

        doctor_tell(doctor, "limits", state, "%lld descriptors for %lld callers of each worker%s",
                    (long long)limit, (long long)connections,
                    state == DOCTOR_OK ? ""
                                       : "; raise LimitNOFILE (systemd) or ulimit -n, or lower "
                                         "limits.connections");
    }
    buf_fini(&text);
}

/* As a C string. */
static bool
read_proc(int pid, const char *name, struct buf *out)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    if (fdio_read_file(path, out, NULL) != 0)
        return false;
    buf_append_byte(out, '\0');
    return !out->overflow;
}

/* ---- listeners ---- */

/* Only where nobody of ours listens: is the address free? */
static void
check_listeners(struct doctor *doctor)
{
    for (size_t n = 0; n < doctor->conf->n_listeners; n++)
        check_listener(doctor, &doctor->conf->listeners[n]);
    if (doctor->conf->console.host[0] != '\0')
        check_listener(doctor, &doctor->conf->console);
}

static void
check_listener(struct doctor *doctor, const struct conf_listener *listener)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    char port[8];
    int on = 1;

    snprintf(port, sizeof(port), "%u", listener->port);
    if (listener->host[0] == '/' || listener->port == 0 ||
        getaddrinfo(listener->host, port, &hints, &found) != 0)
        return;
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd >= 0 && bind(fd, found->ai_addr, found->ai_addrlen) == 0)
        doctor_tell(doctor, "listen", DOCTOR_OK, "%s: free", listener->text);
    else if (errno == EADDRINUSE)
        doctor_tell(doctor, "listen", DOCTOR_FAIL,
                    "%s: another program listens there (ss -ltnp); end it, or choose another port",
                    listener->text);
    else
        doctor_tell(doctor, "listen", errno == EACCES ? DOCTOR_WARN : DOCTOR_FAIL, "%s: %s%s",
                    listener->text, strerror(errno),
                    errno == EACCES ? "; ports below 1024 need root or CAP_NET_BIND_SERVICE" : "");
    fdio_close(&fd);
    freeaddrinfo(found);
}

/* ---- certificates ---- */

static void
check_certificates(struct doctor *doctor)
{
    for (size_t n = 0; n < doctor->conf->n_listeners; n++)
        check_certificates_of(doctor, &doctor->conf->listeners[n]);
    check_certificates_of(doctor, &doctor->conf->console);
}

static void
check_certificates_of(struct doctor *doctor, const struct conf_listener *listener)
{
    for (uint32_t i = 0; i < listener->n_certificates; i++)
        check_certificate(doctor, &listener->certificates[i]);
}

static void
check_certificate(struct doctor *doctor, const struct conf_certificate *certificate)
{
    BIO *bio = BIO_new_mem_buf(certificate->chain.ptr, (int)certificate->chain.len);
    X509 *x509 = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
    int days, seconds;

    if (x509 == NULL) {
        doctor_tell(doctor, "certificate", DOCTOR_FAIL, "%s: holds no certificate in PEM",
                    certificate->cert);
    } else if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x509)) == 1) {
        enum doctor_state state =
            doctor_judge_expiry((INT64_C(86400) * days + seconds) * INT64_C(1000000));

        doctor_tell(doctor, "certificate", state, "%s: %s %d days%s", certificate->cert,
                    state == DOCTOR_FAIL ? "over since" : "good for", abs(days),
                    state == DOCTOR_OK ? "" : "; renew it, then relayosctl reload");
    }
    X509_free(x509);
    BIO_free(bio);
}
