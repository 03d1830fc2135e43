/* SPDX-License-Identifier: ISC */
#include "probe.h"

#include <string.h>

#include "findings.h"
#include "prober.h"
#include "relayos/base/clock.h"
#include "relayos/base/secret.h"
#include "relayos/codec/dialect.h"
#include "relayos/codec/flavor.h"

static void cap_timeouts(struct upstream_record *upstream);
static const struct dialect *dialect_for(const struct upstream_record *upstream);
static void append_host(const struct upstream_record *upstream, struct buf *out);
static void on_head(void *data, int status, const struct http_header *headers, size_t n_headers);
static void on_body(void *data, struct slice bytes);
static void on_end(void *data, const struct upstream_report *report);
static void end(struct probe *probe, const struct upstream_report *report,
                enum upstream_result result);
static void wipe(struct buf *buf);

static const struct upstream_events events = {
    .on_head = on_head, .on_body = on_body, .on_end = on_end};

int
probe_start(struct probe *probe, struct prober *prober, uint64_t epoch,
            const struct upstream_record *upstream, uint32_t n_credential)
{
    struct upstream_request request = {
        .target = &probe->upstream,
        .deadline_us = loop_now_us(prober->loop) + PROBE_TIMEOUT_US,
    };
    struct buf credential;

    probe->prober = prober;
    probe->upstream = *upstream;
    probe->status = 0;
    probe->n_body = 0;
    retry_hint_init(&probe->hint);
    cap_timeouts(&probe->upstream);
    buf_init(&credential, LIMIT_CREDENTIAL);
    int rc = catalog_get_credential(prober->catalog, epoch, upstream->id, n_credential,
                                    &probe->credential);
    if (rc == 0)
        rc = catalog_append_credential(prober->catalog, epoch, upstream->id, n_credential,
                                       &credential);
    if (rc == 0)
        probe_write_head(upstream, buf_slice(&credential), &probe->head);
    wipe(&credential);
    buf_fini(&credential);
    if (rc != 0)
        return rc;
    request.head = buf_slice(&probe->head);
    probe->call = upstream->probe == PROBE_CONNECT
                      ? upstream_connect(prober->pool, &request, &events, probe)
                      : upstream_start(prober->pool, &request, &events, probe);
    return 0;
}

/* A connection of its own each time: what is to be known is whether there is one to be had. */
static void
cap_timeouts(struct upstream_record *upstream)
{
    int64_t *timeouts_us[] = {&upstream->connect_timeout_us, &upstream->tls_timeout_us,
                              &upstream->first_byte_timeout_us, &upstream->idle_timeout_us};

    for (size_t n = 0; n < sizeof(timeouts_us) / sizeof(timeouts_us[0]); n++) {
        if (*timeouts_us[n] > PROBE_TIMEOUT_US || *timeouts_us[n] == 0)
            *timeouts_us[n] = PROBE_TIMEOUT_US;
    }
    upstream->max_idle_connections = 0;
}

/* ---- the question ---- */

void
probe_write_head(const struct upstream_record *upstream, struct slice credential, struct buf *out)
{
    const struct dialect *dialect = dialect_for(upstream);

    buf_append_slice(out, SLICE_LIT("GET "));
    buf_append_str(out, upstream->path);
    buf_append_slice(out, SLICE_LIT("/models"));
    if (upstream->api_version[0] != '\0')
        buf_printf(out, "?api-version=%s", upstream->api_version);
    buf_append_slice(out, SLICE_LIT(" HTTP/1.1\r\nhost: "));
    append_host(upstream, out);
    if (credential.len > 0) {
        buf_append_slice(out, SLICE_LIT("\r\n"));
        buf_append_str(out, flavor_auth_header(upstream, dialect));
        buf_append_slice(out, credential);
    }
    if (dialect->default_header_name != NULL) {
        buf_append_slice(out, SLICE_LIT("\r\n"));
        buf_append_str(out, dialect->default_header_name);
        buf_append_slice(out, SLICE_LIT(": "));
        buf_append_str(out, dialect->default_header_value);
    }
    buf_append_slice(out, SLICE_LIT("\r\naccept: application/json\r\naccept-encoding: identity"
                                    "\r\nuser-agent: relayos\r\nconnection: close\r\n\r\n"));
}

/* The first of its protocols: where it speaks several, each knows the way to show a key. */
static const struct dialect *
dialect_for(const struct upstream_record *upstream)
{
    int protocol = PROTOCOL_OPENAI_CHAT;

    while (protocol < PROTOCOL_GEMINI && (upstream->protocols & PROTOCOL_BIT(protocol)) == 0)
        protocol++;
    return dialect_of((enum protocol)protocol);
}

static void
append_host(const struct upstream_record *upstream, struct buf *out)
{
    bool is_ipv6 = strchr(upstream->host, ':') != NULL;

    buf_append_str(out, is_ipv6 ? "[" : "");
    buf_append_str(out, upstream->host);
    buf_append_str(out, is_ipv6 ? "]" : "");
    if (upstream->port != (upstream->is_tls ? 443 : 80)) {
        buf_append_byte(out, ':');
        buf_append_int(out, upstream->port);
    }
}

/* ---- the answer ---- */

static void
on_head(void *data, int status, const struct http_header *headers, size_t n_headers)
{
    struct probe *probe = data;

    probe->status = status;
    for (size_t n = 0; n < n_headers; n++)
        retry_hint_header(&probe->hint, headers[n].name, headers[n].value, clock_real_us());
}

static void
on_body(void *data, struct slice bytes)
{
    struct probe *probe = data;
    struct upstream_report report;

    probe->n_body += bytes.len;
    if (probe->n_body <= PROBE_BODY_MAX)
        return;
    upstream_cancel(probe->call, &report);
    end(probe, &report, UPSTREAM_OK); /* it answers, at length */
}

static void
on_end(void *data, const struct upstream_report *report)
{
    end(data, report, report->result);
}

static void
end(struct probe *probe, const struct upstream_report *report, enum upstream_result result)
{
    struct prober *prober = probe->prober;
    int64_t answered_us = report->first_byte_us != 0 ? report->first_byte_us : report->connected_us;
    struct findings findings = {
        .upstream = &probe->upstream,
        .credential = &probe->credential,
        .meaning = meaning_of(result, probe->status),
        .result = result,
        .probe = {.status = (uint16_t)probe->status,
                  .latency_us = answered_us == 0 ? 0 : answered_us - report->start_us,
                  .now_us = loop_now_us(prober->loop)},
        .retry_s = retry_hint_seconds(&probe->hint),
    };

    findings.probe.is_ok = findings.meaning.is_ok;
    probe->call = NULL;
    wipe(&probe->head);
    findings_report(prober, &findings);
    round_on_probe_end(&prober->round);
}

void
probe_cancel(struct probe *probe)
{
    if (probe->call != NULL)
        upstream_cancel(probe->call, NULL);
    probe->call = NULL;
    wipe(&probe->head);
}

static void
wipe(struct buf *buf)
{
    if (buf->len > 0)
        secret_wipe(buf->ptr, buf->len);
    buf_clear(buf);
}
