/* SPDX-License-Identifier: ISC
 *
 * relayosd - the gateway's daemon: options, a checked configuration, the table of roles; the rest
 * is the master's. See relayosd(8).
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "relayos/base/log.h"
#include "relayos/base/proc.h"
#include "relayos/conf/conf.h"
#include "relayos/heritage.h"
#include "relayos/master/daemon.h"
#include "relayos/master/master.h"

#define DEFAULT_SIZE (64 * 1024) /* of the built-in default's text */

struct options {
    const char *config_file;
    bool is_check, is_daemon, prints_quickstart, is_repair;
};

/* What each child is; the master calls them after fork. */
static master_role_main *const role_worker = worker_main;
static master_role_main *const role_ledger = ledger_main;
static master_role_main *const role_prober = prober_main;
static master_role_main *const role_console = console_main;

static void parse_options(int argc, char **argv, struct options *out);
static void usage(FILE *out);
static int load_conf(const struct options *options, const char *program, struct conf **out,
                     struct mock_provider *out_mock, struct errmsg *why);
static int load_default(bool is_check, const char *program, struct conf **out,
                        struct mock_provider *out_mock, struct errmsg *why);
static int fail(int *launcher_fd, int exit_status, const char *reason);

int
main(int argc, char **argv)
{
    struct options options;
    struct mock_provider mock = {.pid = 0};
    struct conf *conf = NULL;
    struct errmsg why;
    int launcher_fd = -1;

    proc_init_title(argc, argv); /* first: it moves argv, which the options point into */
    parse_options(argc, argv, &options);
    log_init("master", LOG_INFO);
    if (options.is_daemon && !options.is_check)
        launcher_fd = daemon_detach();
    if (load_conf(&options, argv[0], &conf, &mock, &why) != 0)
        return fail(&launcher_fd, MASTER_EXIT_CONFIG, why.text);
    if (options.is_check) {
        printf("%s: ok\n", options.config_file == NULL ? "built-in default" : options.config_file);
        conf_free(&conf);
        return MASTER_EXIT_OK;
    }
    if (options.is_daemon && conf->log_file[0] == '\0')
        return fail(&launcher_fd, MASTER_EXIT_CONFIG,
                    "-d needs log.file in the configuration: a daemon has no stderr");

    proc_set_title("master");
    int exit_status = master_run(&(struct master_options){
        .config_file = options.config_file,
        .conf = conf,
        .mock = mock.pid == 0 ? NULL : &mock,
        .prints_quickstart = options.prints_quickstart || options.config_file == NULL,
        .is_repair = options.is_repair,
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

static void
usage(FILE *out)
{
    fprintf(out, "usage: relayosd [-c FILE] [-t] [-d | -f] [-q] [-R] [-V] [-h]\n"
                 "  -c FILE  configuration; without it a built-in default that needs nothing\n"
                 "  -t       check the configuration and exit\n"
                 "  -d       run in the background; returns when it serves, or says why not\n"
                 "  -f       run in the foreground (the default)\n"
                 "  -q       print the quickstart when ready\n"
                 "  -R, --repair  make the usage sums anew from the ledger rows, then start\n"
                 "  -V, -h   version, this text\n");
}

static int
load_conf(const struct options *options, const char *program, struct conf **out,
          struct mock_provider *out_mock, struct errmsg *why)
{
    if (options->config_file != NULL)
        return conf_load(options->config_file, NULL, out, why);
    return load_default(options->is_check, program, out, out_mock, why);
}

/* Where a provider's key is missing from the environment, the bundled mock takes its place. */
static int
load_default(bool is_check, const char *program, struct conf **out, struct mock_provider *out_mock,
             struct errmsg *why)
{
    const char *url = "http://127.0.0.1:1"; /* of nobody, until we know that one is needed */
    bool uses_mock;
    struct buf text;
    int rc = 0;

    buf_init(&text, DEFAULT_SIZE);
    conf_write_default(NULL, url, &text, &uses_mock);
    if (uses_mock && !is_check) {
        rc = mock_provider_start(program, out_mock, why);
        buf_clear(&text);
        if (rc == 0)
            conf_write_default(NULL, out_mock->url, &text, &uses_mock);
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
