/* SPDX-License-Identifier: ISC
 *
 * relayosd - the gateway's daemon: options, a checked configuration, the table of roles; the rest
 * is the master's. See relayosd(8).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relayos/base/log.h"
#include "relayos/base/proc.h"
#include "relayos/conf/conf.h"
#include "relayos/heritage.h"
#include "relayos/master/certificates.h"
#include "relayos/master/daemon.h"
#include "relayos/master/master.h"
#include "relayos/shm/segment.h"
#include "relayos/store/store_reader.h"

#define DEFAULT_SIZE (64 * 1024) /* of the built-in default's text */

struct options {
    const char *config_file;
    const char *fits; /* also ask whether we could take this segment over */
    bool is_check, is_daemon, prints_quickstart, is_repair;
};

/* What each child is; the master calls them after fork. */
static master_role_main *const role_worker = worker_main;
static master_role_main *const role_ledger = ledger_main;
static master_role_main *const role_prober = prober_main;
static master_role_main *const role_console = console_main;

static void parse_options(int argc, char **argv, struct options *out);
static void find_program(char out[CONF_PATH_SIZE]);
static int check(const struct options *options, struct conf *conf);
static int look_at_living(const struct conf *conf, const char *segment_name, bool *out_migrates,
                          struct errmsg *why);
static void usage(FILE *out);
static int load_conf(const struct options *options, const char *program,
                     const struct succession *from, struct conf **out,
                     struct mock_provider *out_mock, struct errmsg *why);
static int load_default(bool is_check, const char *program, struct conf **out,
                        struct mock_provider *out_mock, struct errmsg *why);
static int fail(int *launcher_fd, int exit_status, const char *reason);

int
main(int argc, char **argv)
{
    const char *no_log = "-d needs log.file in the configuration: a daemon has no stderr";
    struct options options;
    struct mock_provider mock = {.pid = 0};
    struct conf *conf = NULL;
    struct errmsg why;
    struct succession succession;
    char program[CONF_PATH_SIZE];
    int launcher_fd = -1;

    succession_take(&succession);
    find_program(program);
    proc_init_title(argc, argv); /* first: it moves argv, which the options point into */
    parse_options(argc, argv, &options);
    log_init("master", LOG_INFO);
    if (options.is_daemon && !options.is_check && !succession.is_there)
        launcher_fd = daemon_detach();
    if (load_conf(&options, argv[0], &succession, &conf, &mock, &why) != 0) {
        succession_go_back(&succession, argv, why.text);
        return fail(&launcher_fd, MASTER_EXIT_CONFIG, why.text);
    }
    if (options.is_check)
        return check(&options, conf);
    if (options.is_daemon && conf->log_file[0] == '\0') {
        succession_go_back(&succession, argv, no_log);
        return fail(&launcher_fd, MASTER_EXIT_CONFIG, no_log);
    }

    proc_set_title("master");
    int exit_status = master_run(&(struct master_options){
        .config_file = options.config_file,
        .conf = conf,
        .mock = mock.pid == 0 ? NULL : &mock,
        .program = program,
        .argv = argv,
        .succession = succession,
        .prints_quickstart =
            !succession.is_there && (options.prints_quickstart || options.config_file == NULL),
        .is_repair = options.is_repair && !succession.is_there,
        .launcher_fd = launcher_fd,
        .worker = role_worker,
        .ledger = role_ledger,
        .prober = role_prober,
        .console = role_console,
    });
    if (mock.pid != 0)
        mock_provider_stop(&mock);
    return exit_status;
}

static void
parse_options(int argc, char **argv, struct options *out)
{
    static const struct option long_names[] = {{"repair", no_argument, NULL, 'R'},
                                               {"fits", required_argument, NULL, 'F'},
                                               {NULL, 0, NULL, 0}};
    int option;

    *out = (struct options){.config_file = NULL};
    while ((option = getopt_long(argc, argv, "c:tdfqRVh", long_names, NULL)) != -1) {
        switch (option) {
        case 'c':
            out->config_file = optarg;
            break;
        case 't':
            out->is_check = true;
            break;
        case 'd':
            out->is_daemon = true;
            break;
        case 'f':
            out->is_daemon = false;
            break;
        case 'q':
            out->prints_quickstart = true;
            break;
        case 'R':
            out->is_repair = true;
            break;
        case 'F':
            out->fits = optarg;
            break;
        case 'V':
            printf("relayosd %s\n", RELAYOS_VERSION);
            exit(MASTER_EXIT_OK);
        case 'h':
            usage(stdout);
            exit(MASTER_EXIT_OK);
        default:
            usage(stderr);
            exit(MASTER_EXIT_USAGE);
        }
    }
    if (optind < argc) {
        fprintf(stderr, "relayosd: \"%s\": unexpected; a config file is given with -c\n",
                argv[optind]);
        usage(stderr);
        exit(MASTER_EXIT_USAGE);
    }
}

/* Where an upgrade will find the next one, even if this file has been replaced since we started. */
static void
find_program(char out[CONF_PATH_SIZE])
{
    static const char gone[] = " (deleted)";
    ssize_t len = readlink("/proc/self/exe", out, CONF_PATH_SIZE - 1);
    ssize_t end = sizeof(gone) - 1;

    out[len < 0 ? 0 : len] = '\0';
    if (len > end && strcmp(out + len - end, gone) == 0)
        out[len - end] = '\0';
}

static int
check(const struct options *options, struct conf *conf)
{
    const char *file = options->config_file;
    bool migrates = false;
    struct errmsg why;
    int rc = certificates_check(conf, &why);

    if (rc == 0)
        rc = conf_check_user(conf, &why);
    if (rc == 0 && options->fits != NULL)
        rc = look_at_living(conf, options->fits, &migrates, &why);
    conf_free(&conf);
    if (rc != 0) {
        fprintf(stderr, "relayosd: %s\n", why.text);
        return MASTER_EXIT_CONFIG;
    }
    if (options->fits != NULL)
        printf(SUCCESSION_FITS "\n", RELAYOS_VERSION, migrates);
    else
        printf("%s: ok\n", file == NULL ? "built-in default" : file);
    return MASTER_EXIT_OK;
}

/* Of the gateway that runs: is its shared memory laid out as ours, and do we know its database? */
static int
look_at_living(const struct conf *conf, const char *segment_name, bool *out_migrates,
               struct errmsg *why)
{
    struct segment *segment = NULL;
    char path[CONF_PATH_SIZE + 16];
    int rc = segment_attach(segment_name, &segment, why);

    if (rc != 0)
        return rc;
    segment_detach(&segment);
    snprintf(path, sizeof(path), "%s/relayos.db", conf->data_dir);
    return store_reader_look(path, out_migrates, why);
}

static void
usage(FILE *out)
{
    fprintf(out, "usage: relayosd [-c FILE] [-t] [-d | -f] [-q] [-R] [-V] [-h]\n"
                 "  -c FILE  configuration; without it a built-in default that needs nothing\n"
                 "  -t       check the configuration and exit\n"
                 "  -d       run in the background; returns when it serves, or says why not\n"
                 "  -f       run in the foreground (the default)\n"
                 "  -q       print the quickstart when ready\n"
                 "  --fits NAME  with -t: also whether it could take over that shared segment\n"
                 "  -R, --repair  make the usage sums anew from the ledger rows, then start\n"
                 "  -V, -h   version, this text\n");
}

static int
load_conf(const struct options *options, const char *program, const struct succession *from,
          struct conf **out, struct mock_provider *out_mock, struct errmsg *why)
{
    struct buf text;
    int rc;

    if (options->config_file == NULL)
        return load_default(options->is_check, program, out, out_mock, why);
    buf_init(&text, CONF_FILE_SIZE);
    if (succession_read_conf(from, &text) == 0)
        rc = conf_parse(options->config_file, buf_slice(&text), NULL, out, why);
    else
        rc = conf_load(options->config_file, NULL, out, why);
    buf_fini(&text);
    return rc;
}

/* Where a provider's key is missing from the environment, the bundled mock takes its place. */
static int
load_default(bool is_check, const char *program, struct conf **out, struct mock_provider *out_mock,
             struct errmsg *why)
{
    const char *url = "http://127.0.0.1:1"; /* of nobody, until we know that one is needed */
    bool uses_mock;
    struct buf text;

    buf_init(&text, DEFAULT_SIZE);
    int rc = conf_write_default(NULL, url, &text, &uses_mock, why);
    if (rc == 0 && uses_mock && !is_check) {
        rc = mock_provider_start(program, out_mock, why);
        buf_clear(&text);
        if (rc == 0)
            rc = conf_write_default(NULL, out_mock->url, &text, &uses_mock, why);
    }
    if (rc == 0)
        rc = conf_parse("", buf_slice(&text), NULL, out, why);
    buf_fini(&text);
    return rc;
}

static int
fail(int *launcher_fd, int exit_status, const char *reason)
{
    fprintf(stderr, "relayosd: %s\n", reason);
    if (*launcher_fd >= 0)
        daemon_report(launcher_fd, exit_status);
    return exit_status;
}
