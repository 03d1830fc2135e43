/* SPDX-License-Identifier: ISC
 *
 * gateway - a real relayosd with its mock providers, in a temporary directory, for one test.
 *
 * Ownership: gateway_start() never returns NULL; it fails the test instead. Whatever way the test
 * ends, both processes end with it.
 *
 * Models: gpt-4.1-mini and gemini-2.5-pro (chat, completions, embeddings, Responses),
 * claude-sonnet-4 (chat and Messages), flat (all; GATEWAY_FLAT_NUSD a request, tokens free), and
 * what the test adds.
 */
#ifndef SUPPORT_GATEWAY_H
#define SUPPORT_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cjson/cJSON.h>

/* Prices of the models above, nano-USD a token. */
#define GATEWAY_INPUT_NUSD  2000
#define GATEWAY_CACHED_NUSD 500
#define GATEWAY_OUTPUT_NUSD 8000
/* A request to "flat". */
#define GATEWAY_FLAT_NUSD 10000000
/* Credential that the mock must get and nobody else may see. */
#define GATEWAY_CREDENTIAL "sk-canary-credential-0123456789abcdef"

struct gateway_options {
    int workers;                /* 0 = 2 */
    const char *settings;       /* further YAML lines at the top level, or NULL */
    const char *listeners;      /* further items of `listen`, as "  - ..." lines, or NULL */
    const char *upstreams;      /* further lines below "upstreams:"; %d is the mock's port, %1 .. %3
                                   those of the further ones */
    const char *models;         /* further lines below "models:" */
    const char *recall;         /* capacity.recall; NULL = 4MiB */
    int n_mocks;                /* further mock providers */
    const char *console_socket; /* where it listens instead, or NULL */
    bool has_console;           /* at console_port */
    const char *console_way;    /* ", member: value" of its listener, or NULL */
    const char *console;        /* ", member: value" of it, or NULL */
};
#define GATEWAY_MAX_MOCKS 3

struct gateway {
    char dir[128], config[160], log[160], database[160], control[160];
    int port, mock_port; /* mock_port = mock_ports[0] */
    int console_port;    /* 0 = there is none */
    int n_workers;       /* as configured */
    int mock_ports[GATEWAY_MAX_MOCKS + 1];
    pid_t pid, mock_pids[GATEWAY_MAX_MOCKS + 1];
    unsigned n_keys;
    const char *option; /* one more for relayosd's next start, or NULL */
};

struct gateway *gateway_start(const struct gateway_options *options);
/* SIGTERM, wait; returns relayosd's exit status (128 + signal if killed). Removes the directory. */
int gateway_stop(struct gateway **gateway);
/* Start relayosd once more in the same directory (it must have ended). */
void gateway_restart(struct gateway *gateway);
/* Signal the master and wait for its end; the exit status as above. */
int gateway_end(struct gateway *gateway, int signo);

/* relayosctl with these words (split at spaces) and --json; its result, or NULL if it failed. */
cJSON *gateway_ctl(const struct gateway *gateway, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A counter of `status`, summed over all workers; -1: there is none of that name. */
int64_t gateway_total(const struct gateway *gateway, const char *counter);
/* Exit status, what it printed on stdout and stderr in out. */
int gateway_ctl_raw(const struct gateway *gateway, const char *words, char *out, size_t size);
/* A new key with these options of `key create` ("" = none), the owner "tester" unless they name
 * one; the secret. Free it. */
char *gateway_key(struct gateway *gateway, const char *options);

/* A port that nobody has now. */
int gateway_free_port(void);

/* Path of a built program, whatever the build directory is. */
void gateway_program(const char *name, char *out, size_t size);

/* Replace the config file and send SIGHUP. */
void gateway_reconfigure(struct gateway *gateway, const struct gateway_options *options);
/* Pids of a role ("worker", "ledger"), from status; the number found. */
int gateway_pids(const struct gateway *gateway, const char *role, pid_t *out, int max);

/* GET /mock/stats, one number; POST /mock/reset. */
int64_t gateway_mock_count(const struct gateway *gateway, const char *path);
void gateway_mock_reset(const struct gateway *gateway);
/* The same of mock n; all of it (free it with cJSON_Delete). */
int64_t gateway_mock_count_of(const struct gateway *gateway, int n, const char *path);
cJSON *gateway_mock_stats(const struct gateway *gateway, int n);
/* What mock n does wrong from now on: rules as in tools/mock/control.h, "" = nothing. */
void gateway_mock_control(const struct gateway *gateway, int n, const char *rules);
/* Its port refuses; it listens there again, with all counts at zero. */
void gateway_mock_kill(struct gateway *gateway, int n);
void gateway_mock_revive(struct gateway *gateway, int n);
/* The last request the mock got, head and body. Free it. */
char *gateway_mock_last(const struct gateway *gateway);

/* Ask again until it is true, at most 10 s: waiting for an event that nobody announces. */
typedef bool gateway_claim(const struct gateway *gateway, void *data);
bool gateway_wait(const struct gateway *gateway, gateway_claim *claim, void *data);
/* A claim, too: a line of its log matches the basic regular expression `text`. */
bool gateway_logged(const struct gateway *gateway, void *text);

#endif
