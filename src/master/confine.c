/* SPDX-License-Identifier: ISC */
#include "confine.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "relayos/base/log.h"
#include "relayos/base/secret.h"
#include "relayos/conf/conf_sealed.h"
#include "relayos/model/capture.h"
#include "state.h"

#define N_NOTES   (MASTER_N_SINGLE + LIMIT_WORKERS)
#define MAX_PATHS 256

/* The paths of one child; strings that are ours are in text. */
struct paths {
    struct sandbox_path list[MAX_PATHS];
    size_t n;
    char text[MAX_PATHS / 4][CONF_PATH_SIZE];
    size_t n_text;
};

static void list_paths(const struct conf *conf, enum sandbox_role role, struct paths *paths);
static void add(struct paths *paths, const char *path, enum sandbox_access access);
static void add_directory_of(struct paths *paths, const char *file, enum sandbox_access access);
static void add_captures(struct paths *paths, const struct conf *conf);
static void add_authorities(struct paths *paths, const struct conf *conf);
static bool is_covered(const struct paths *paths, const char *file);
static enum sandbox_role role_of(enum proc_role role);
static void forget_variables(const struct conf *conf);
static void forget_variable(const char *name);

int
confine_prepare(struct master *master, struct errmsg *why)
{
    struct confine *confine = &master->confine;
    const char *wanted = master->boot->sandbox;
    enum sandbox_mode mode = sandbox_mode_parse(wanted);

    sandbox_trim();
    sandbox_probe(&confine->means);
    confine->notes = mmap(NULL, N_NOTES * sizeof(*confine->notes), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (confine->notes == MAP_FAILED) {
        confine->notes = NULL;
        errmsg_set(why, "mmap: %s", strerror(errno));
        return ERR_IO;
    }
    for (size_t n = 0; n < N_NOTES; n++)
        atomic_init(&confine->notes[n], SANDBOX_NO_CALL);
    if (mode == SANDBOX_REQUIRE && confine->means.missing[0] != '\0') {
        errmsg_set(why, "sandbox: require, but there is no %s here; 'enforce' takes what there is",
                   confine->means.missing);
        return ERR_UNSAFE;
    }
    log_info("sandbox.state", "mode=%s seccomp=%s landlock_abi=%d", wanted,
             mode == SANDBOX_OFF || !confine->means.has_seccomp ? "no" : "yes",
             mode < SANDBOX_ENFORCE ? 0 : confine->means.landlock_abi);
    if (mode != SANDBOX_OFF && confine->means.missing[0] != '\0')
        log_warn("sandbox.partial", "missing=\"%s\"", confine->means.missing);
    return 0;
}

void
confine_fini(struct confine *confine)
{
    if (confine->notes != NULL)
        (void)munmap(confine->notes, N_NOTES * sizeof(*confine->notes));
    confine->notes = NULL;
}

int
confine_child(const struct master *master, const struct child *child, struct errmsg *why)
{
    const struct conf *conf = master->boot;
    const struct sandbox_means *means = &master->confine.means;
    static struct paths paths; /* a page or twenty, of a process that is about to begin */
    struct sandbox_wish wish = {
        .role = role_of(child->role),
        .mode = sandbox_mode_parse(conf->sandbox),
        .note = &master->confine.notes[child - master->children],
    };

    forget_variables(conf);
    list_paths(conf, wish.role, &paths);
    if (master->conf != conf) { /* since the start a reload has named others */
        forget_variables(master->conf);
        if (wish.role != SANDBOX_LEDGER)
            add_authorities(&paths, master->conf);
    }
    wish.paths = paths.list;
    wish.n_paths = paths.n;
    if (sandbox_enter(&wish, why) == 0)
        return 0;
    if (wish.mode == SANDBOX_REQUIRE)
        return ERR_IO;
    /* What the start has told is not told again, and the rest by the first of us. */
    if (child->role == PROC_LEDGER && strcmp(means->missing, why->text) != 0)
        log_warn("sandbox.partial", "missing=\"%s\"", why->text);
    return 0;
}

static enum sandbox_role
role_of(enum proc_role role)
{
    switch (role) {
    case PROC_WORKER:
        return SANDBOX_WORKER;
    case PROC_LEDGER:
        return SANDBOX_LEDGER;
    case PROC_PROBER:
        return SANDBOX_PROBER;
    case PROC_CONSOLE:
        return SANDBOX_CONSOLE;
    case PROC_MASTER:
    case PROC_N_ROLES:
        break;
    }
    assert(!"a child of a role that there is not");
    return SANDBOX_WORKER;
}

/* ---- files ---- */

void
confine_check_reload(const struct master *master, const struct conf *conf)
{
    static struct paths paths;

    if (master->confine.means.landlock_abi < 1 ||
        sandbox_mode_parse(master->boot->sandbox) < SANDBOX_ENFORCE)
        return;
    list_paths(master->boot, SANDBOX_WORKER, &paths);
    for (size_t n = 0; n < conf->n_upstreams; n++) {
        const char *file = conf->upstreams[n].record.ca_file;

        if (file[0] != '\0' && !is_covered(&paths, file))
            log_warn("sandbox.out_of_reach",
                     "upstream=%s file=%s remedy=\"restart, or put it beside the configuration\"",
                     conf->upstreams[n].record.name, file);
    }
}

static bool
is_covered(const struct paths *paths, const char *file)
{
    for (size_t n = 0; n < paths->n; n++) {
        size_t len = strlen(paths->list[n].path);

        if (strncmp(file, paths->list[n].path, len) == 0 && file[len] == '/')
            return true;
    }
    return false;
}

static void
list_paths(const struct conf *conf, enum sandbox_role role, struct paths *paths)
{
    /* Names, authorities, zones, and what libc loads for them when first asked. */
    static const char *const readable[] = {"/etc",
                                           "/usr",
                                           "/lib",
                                           "/lib64",
                                           "/proc/self",
                                           "/proc/sys",
                                           "/sys/devices/system/cpu",
                                           "/dev/urandom",
                                           "/dev/random",
                                           "/run/systemd/resolve",
                                           "/run/resolvconf",
                                           "/run/NetworkManager",
                                           "/run/nscd",
                                           "/var/lib/ca-certificates"};

    paths->n = paths->n_text = 0;
    for (size_t n = 0; n < sizeof(readable) / sizeof(readable[0]); n++)
        add(paths, readable[n], SANDBOX_READS);
    add(paths, "/dev/null", SANDBOX_ADDS);
    add_directory_of(paths, conf->log_file, SANDBOX_ADDS);
    add_directory_of(paths, conf->access_file, SANDBOX_ADDS);
    if (role != SANDBOX_LEDGER)
        add_authorities(paths, conf);
    if (role == SANDBOX_WORKER && conf->capture_keep_us != 0)
        add_captures(paths, conf);
    if (role == SANDBOX_LEDGER) {
        add(paths, "/proc", SANDBOX_READS); /* does that worker live? */
        add(paths, conf->data_dir, SANDBOX_OWNS);
        add(paths, conf->backup_dir, SANDBOX_OWNS);
    }
    if (role == SANDBOX_CONSOLE || role == SANDBOX_PROBER)
        add(paths, conf->data_dir, SANDBOX_ADDS); /* a reader of a WAL has its index to write */
    if (role == SANDBOX_CONSOLE) {
        add(paths, "/var/tmp", SANDBOX_OWNS); /* where it sorts what is too much for memory */
        add(paths, "/tmp", SANDBOX_OWNS);
        add(paths, getenv("TMPDIR"), SANDBOX_OWNS);
        add(paths, getenv("SQLITE_TMPDIR"), SANDBOX_OWNS);
    }
}

/* What a worker writes of calls of a key, where one may be asked for. */
static void
add_captures(struct paths *paths, const struct conf *conf)
{
    char file[CONF_PATH_SIZE];

    if ((size_t)snprintf(file, sizeof(file), "%s/" CAPTURE_DIRECTORY "/", conf->data_dir) <
        sizeof(file))
        add_directory_of(paths, file, SANDBOX_LEAVES);
}

/* A reload may name another ca_file: beside the configuration or the ones of now, it can be read.
 */
static void
add_authorities(struct paths *paths, const struct conf *conf)
{
    add_directory_of(paths, conf->file, SANDBOX_READS);
    add_directory_of(paths, conf->fetch_ca_file, SANDBOX_READS);
    for (size_t n = 0; n < conf->n_upstreams; n++)
        add_directory_of(paths, conf->upstreams[n].record.ca_file, SANDBOX_READS);
    add_directory_of(paths, conf->alerts.ca_file, SANDBOX_READS);
    add_directory_of(paths, conf->otlp.ca_file, SANDBOX_READS);
    add_directory_of(paths, conf->oidc.ca_file, SANDBOX_READS);
    add_directory_of(paths, getenv("SSL_CERT_FILE"), SANDBOX_READS);
    add(paths, getenv("SSL_CERT_DIR"), SANDBOX_READS);
}

static void
add_directory_of(struct paths *paths, const char *file, enum sandbox_access access)
{
    const char *slash = file == NULL ? NULL : strrchr(file, '/');

    if (file == NULL || file[0] == '\0' || paths->n_text == sizeof(paths->text) / CONF_PATH_SIZE)
        return;
    char *directory = paths->text[paths->n_text];
    int len = slash == NULL ? 1 : slash == file ? 1 : (int)(slash - file);

    snprintf(directory, CONF_PATH_SIZE, "%.*s", len, slash == NULL ? "." : file);
    for (size_t n = 0; n < paths->n; n++) {
        if (paths->list[n].access == access && strcmp(paths->list[n].path, directory) == 0)
            return; /* as many upstreams have one */
    }
    paths->n_text++;
    add(paths, directory, access);
}

static void
add(struct paths *paths, const char *path, enum sandbox_access access)
{
    if (path != NULL && path[0] != '\0' && paths->n < MAX_PATHS)
        paths->list[paths->n++] = (struct sandbox_path){path, access};
}

/* ---- the environment ---- */

/* What the configuration has read from it is in memory that is not dumped; the master keeps its
 * own, for an upgrade. */
static void
forget_variables(const struct conf *conf)
{
    forget_variable(CONF_SEALED_MASTER_ENV);
    forget_variable(conf->alerts.secret_env);
    forget_variable(conf->otlp.secret_env);
    forget_variable(conf->oidc.secret_env);
    for (size_t n = 0; n < conf->n_upstreams; n++) {
        const struct conf_upstream *upstream = &conf->upstreams[n];

        for (uint32_t i = 0; i < upstream->n_credentials; i++)
            forget_variable(upstream->credentials[i].env);
    }
}

static void
forget_variable(const char *name)
{
    char *value = name[0] == '\0' ? NULL : getenv(name);

    if (value == NULL)
        return; /* or another credential's too, and gone already */
    secret_wipe(value, strlen(value));
    (void)unsetenv(name);
}

/* ---- its end ---- */

void
confine_log_end(struct master *master, const struct child *child, int status)
{
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
        return;
    _Atomic int32_t *note = &master->confine.notes[child - master->children];
    int32_t number = atomic_exchange_explicit(note, SANDBOX_NO_CALL, memory_order_relaxed);
    const char *role = proc_role_name(child->role);

    if (number == SANDBOX_NO_CALL)
        log_error("sandbox.killed",
                  "role=%s child=%d call=unknown remedy=\"it was one that is never allowed: the "
                  "kernel's log has it (type=1326); look for an intruder\"",
                  role, (int)child->pid);
    else
        log_error("sandbox.killed",
                  "role=%s child=%d call=%d name=%s remedy=\"report it; until it is mended, "
                  "'sandbox: log' and a restart go on without\"",
                  role, (int)child->pid, number,
                  sandbox_call_name(number)[0] == '\0' ? "-" : sandbox_call_name(number));
}
