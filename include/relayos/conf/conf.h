/* SPDX-License-Identifier: ISC
 *
 * conf - the configuration: YAML text -> directive table -> one checked struct.
 *
 * Every directive is a row of src/conf/directives.def (path, kind, member, default, bounds, reload
 * or restart, prose), those of upstreams, models, routes and keys too. Parser, validator,
 * `relayosctl config show`, conf_diff() and the test of relayos.yaml(5) all read the table.
 *
 * Process:   master, relayosctl and tests. Children see the parsed struct through fork.
 * Errors:    FILE:LINE:COLUMN: what is wrong; the nearest known key; what to do. A config with any
 *            error yields nothing. Aliases, tags, tabs, duplicate and unknown keys are refused.
 * Secrets:   from the environment (key_env) or files 0600 (key_file); in the YAML only sealed under
 * a master key that is not (key_sealed).
 */
#ifndef RELAYOS_CONF_CONF_H
#define RELAYOS_CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/buf.h"
#include "relayos/base/err.h"
#include "relayos/base/errmsg.h"
#include "relayos/base/period.h"
#include "relayos/base/secret.h"
#include "relayos/conf/conf_key.h"
#include "relayos/conf/conf_listener.h"
#include "relayos/conf/conf_oidc.h"
#include "relayos/conf/conf_receiver.h"
#include "relayos/conf/conf_upstream.h"
#include "relayos/model/capability.h"
#include "relayos/model/catalog.h"
#include "relayos/model/key.h"

struct conf_model {
    struct model_record record;  /* neither id nor fallbacks are set here */
    struct route_record *routes; /* record.n_routes; upstream_id = index in conf.upstreams */
    char fallbacks[LIMIT_FALLBACKS][LIMIT_MODEL_NAME]; /* record.n_fallbacks names */
};

struct conf {
    char file[CONF_PATH_SIZE]; /* "" = the built-in default */
    char text_sha256[65];      /* hex of the file's bytes: shown by status */
    char *text;                /* those bytes: what the file may not hold any more */
    size_t text_len;

    /* Identity and places. */
    char public_url[CONF_PATH_SIZE]; /* what quickstarts print; derived from listen when "" */
    char environment[16];            /* the <env> of sk-<env>- : [a-z0-9]{1,12} */
    size_t n_listeners;
    struct conf_listener listeners[LIMIT_LISTENERS];
    struct conf_listener console;     /* host "" = there is none */
    char console_url[CONF_PATH_SIZE]; /* as browsers see it; "" = by its listener */
    struct conf_networks console_proxies;
    struct conf_networks metrics_from;    /* without an admin key */
    struct conf_networks trusted_proxies; /* of the listeners */
    bool allow_plain_listen;              /* HTTP without TLS beyond loopback */
    char run_dir[CONF_PATH_SIZE];         /* pid file, control socket */
    char data_dir[CONF_PATH_SIZE];        /* relayos.db, pepper */
    char pid_file[CONF_PATH_SIZE];        /* default run_dir/relayosd.pid */
    char user[LIMIT_NAME];                /* "" = stay who we are */
    char sandbox[8];                      /* "enforce", "log", "off", "require" */
    char backup_dir[CONF_PATH_SIZE];
    char instance[32]; /* names the segment: relayos.<instance>; "" = by data_dir */
    char master_key_file[CONF_PATH_SIZE];
    struct conf_oidc oidc;
    char keys_file[CONF_PATH_SIZE]; /* declared keys, "" = none */
    char quota_zone[PERIOD_ZONE_MAX];

    /* Log. */
    char log_file[CONF_PATH_SIZE]; /* "" = stderr */
    char log_level[8];
    bool log_access;                  /* one line a request */
    char access_file[CONF_PATH_SIZE]; /* "" = with the log */
    char access_format[8];            /* "logfmt", "json" */

    /* The master's schedule and the ledger. */
    int64_t settle_interval_us, checkpoint_interval_us, probe_interval_us;
    int64_t trace_retention_us;
    int64_t row_retention_us; /* 0 = for ever */
    int64_t capture_keep_us;  /* 0 = nothing is ever captured */
    int64_t capture_body_bytes, capture_memory, capture_total;
    int64_t stop_timeout_us, drain_timeout_us;
    char durability[16];   /* "process", "power", "strict" */
    int64_t power_wait_us; /* of an answer for its row, at most; 0 = for ever */

    /* Capacities of the segment (restart). Flights and refusals: over all workers that serve. */
    int64_t workers; /* 0 = one per CPU */
    int64_t capacity_keys, capacity_routes, capacity_upstreams, capacity_flights,
        capacity_quota_cells, capacity_refusals, capacity_idempotency, capacity_recall;

    /* Limits of the front. */
    int64_t max_connections;                                /* per worker */
    int64_t max_client_connections, max_client_strangers;   /* of those, of one address */
    int64_t max_connection_requests, max_connection_age_us; /* of one connection */
    int64_t body_rate, write_rate;                          /* bytes a second */
    int64_t max_requests;  /* that ask a model, per worker; 0 = as capacity.flights allows */
    int64_t shed_delay_us; /* of the loop: later than this, new requests are refused; 0 = off */
    int64_t max_body_bytes;
    int64_t max_body_memory; /* of all bodies of a worker */
    int64_t handshake_timeout_us;
    int64_t header_timeout_us, body_timeout_us, keepalive_timeout_us, write_stall_timeout_us;
    int64_t heartbeat_interval_us; /* SSE comment while waiting; 0 = off */
    int64_t stream_buffer_bytes;   /* unsent bytes of one stream before the upstream is paused */

    /* Defaults of upstreams; each upstream may say its own. */
    int64_t connect_timeout_us, tls_timeout_us, first_byte_timeout_us, first_token_timeout_us,
        idle_timeout_us, total_timeout_us;
    int64_t upstream_max_connections, upstream_max_idle;

    struct routing_settings routing; /* failover.*, health.*, hedge.*, affinity.* */

    bool revoke_cuts_streams;
    char on_client_gone[8]; /* "cancel", "drain" */
    int64_t client_gone_time_us, client_gone_bytes;
    int64_t idempotency_ttl_us, recall_ttl_us;

    /* Files that callers name by a URL. */
    bool fetch_enabled, fetch_plain;
    struct conf_networks fetch_allow, fetch_deny;
    int64_t fetch_files, fetch_file_bytes, fetch_total_bytes; /* of one request */
    int64_t fetch_memory;                                     /* of all of a worker */
    int64_t fetch_timeout_us;
    char fetch_ca_file[LIMIT_PATH];

    /* Alerts and traces that are sent elsewhere. */
    struct conf_receiver alerts;           /* its secret signs them */
    uint32_t alert_kinds;                  /* a bit for each enum alert_kind of the prober */
    struct conf_receiver otlp;             /* its secret: conf_header_next() */
    int64_t otlp_interval_us, otlp_sample; /* per cent */
    bool otlp_upstreams;                   /* names of upstreams and of their models, too */

    /* Estimates. */
    int64_t default_max_output_tokens; /* reserved where request and model say nothing */

    size_t n_upstreams;
    struct conf_upstream *upstreams;
    size_t n_models;
    struct conf_model *models;
    size_t n_capabilities;
    struct capability_row *capabilities; /* as they stand */
    size_t n_keys;                       /* from keys_file */
    struct conf_key **keys;
};

/* Where conf_load finds the environment (tests give their own); NULL = getenv. */
typedef const char *conf_getenv(const char *name);
/* For who wants to know the places that a configuration names and has not its secrets: every
 * variable is set, and nothing sealed is opened. */
const char *conf_any_env(const char *name);

/*
 * Parse and check a file (and its keys_file). On success *out is a new conf.
 * Errors: ERR_CONFIG with FILE:LINE:COLUMN in *why; ERR_IO.
 */
int conf_load(const char *path, conf_getenv *env, struct conf **out, struct errmsg *why) MUST_CHECK;
/* The same from bytes (name is used in messages); keys_file is still read from disk. */
int conf_parse(const char *name, struct slice text, conf_getenv *env, struct conf **out,
               struct errmsg *why) MUST_CHECK;
/* The same for a reload: declared keys that stand in the file as they did in `before` are shared
 * with it, not read again; what is said of an error is the same. Whichever of the two goes first is
 * freed by conf_free_beside() the other. */
int conf_parse_after(const struct conf *before, const char *name, struct slice text,
                     struct conf **out, struct errmsg *why) MUST_CHECK;
void conf_free(struct conf **conf);
void conf_free_beside(struct conf **conf, const struct conf *other);
/* Those keys alone, of one that lives on without them. */
void conf_forget_keys(struct conf *conf, const struct conf *other);
/* Those of upstreams, the environment that they came from, and the keys of certificates: in a child
 * that has no use for them. */
void conf_forget_credentials(struct conf *conf);

/* Whether the user that root's processes are to become is there, which only the machine can tell
 * that relayosd runs on. ERR_CONFIG with the place in *why. */
int conf_check_user(const struct conf *conf, struct errmsg *why) MUST_CHECK;

/*
 * The built-in default of `make run`: SQLite under ./var, 127.0.0.1:8080 (or RELAYOS_PORT),
 * upstreams from OPENAI_API_KEY, ANTHROPIC_API_KEY and GEMINI_API_KEY where set, else the mock
 * providers at mock_url ("http://127.0.0.1:PORT"). Written to out as YAML with comments, to be
 * parsed like any other file. *out_uses_mock says whether any provider is a mock. ERR_CONFIG for a
 * RELAYOS_PORT that is no port.
 */
int conf_write_default(conf_getenv *env, const char *mock_url, struct buf *out, bool *out_uses_mock,
                       struct errmsg *why) MUST_CHECK;

/* Effective configuration as YAML, secrets as "(set)". */
void conf_show(const struct conf *conf, struct buf *out);

/*
 * What a reload from a to b would change, one line each ("models.claude-sonnet-4.price.input: 3.00
 * -> 2.50", "workers: 2 -> 4 (needs a restart)"). Returns the number of changes; *out_n_restart
 * those that need a restart and are not applied.
 */
size_t conf_diff(const struct conf *a, const struct conf *b, struct buf *out,
                 size_t *out_n_restart);
/* The same in a process that was started with another: what only a start reads is compared with
 * that, and so is told as long as it waits, and no longer. */
size_t conf_diff_since(const struct conf *started, const struct conf *a, const struct conf *b,
                       struct buf *out, size_t *out_n_restart);

/* Where a browser on this machine finds a listener that is bound to port. */
void conf_console_url(const struct conf_listener *listener, uint16_t port, char *out, size_t size);

#endif
