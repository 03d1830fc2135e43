/* SPDX-License-Identifier: ISC
 *
 * fetch - a file from a URL that a caller gave: GET, with nothing of the caller's or of ours but
 * the URL itself; a few redirects, each of which is looked at as the first URL was; bounded bytes
 * and time. Connections are its own, are made only to addresses that the guard allows, and are not
 * used twice.
 *
 * Process:   worker. Ownership: a fetch is the client's until fetch_free(), with its bytes.
 * Failure:   a result. What went wrong behind a host's name is told apart for the operator only.
 */
#ifndef RELAYOS_NET_FETCH_H
#define RELAYOS_NET_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "relayos/base/slice.h"
#include "relayos/net/loop.h"
#include "relayos/net/upstream.h"

struct fetcher;
struct fetch;

/* RESULT(name, NAME, what a caller is told) */
#define FETCH_RESULTS(RESULT)                                                                      \
    RESULT(running, RUNNING, "")                                                                   \
    RESULT(ok, OK, "")                                                                             \
    RESULT(bad_url, BAD_URL, "it is no https URL of a public host")                                \
    RESULT(forbidden, FORBIDDEN, UNREACHABLE_TEXT)                                                 \
    RESULT(unreachable, UNREACHABLE, UNREACHABLE_TEXT)                                             \
    RESULT(timeout, TIMEOUT, "its host took too long")                                             \
    RESULT(bad_status, BAD_STATUS, "its host did not answer with a file")                          \
    RESULT(bad_answer, BAD_ANSWER, "its host's answer is broken or compressed")                    \
    RESULT(redirects, REDIRECTS, "it is redirected too often")                                     \
    RESULT(too_large, TOO_LARGE, "the file is too large")                                          \
    RESULT(no_room, NO_ROOM, "the gateway is busy")
/* One sentence for both: which names exist inside is nobody's business. */
#define UNREACHABLE_TEXT "its host cannot be reached over https, or is not public"

enum fetch_result {
#define RESULT(name, NAME, text) FETCH_##NAME,
    FETCH_RESULTS(RESULT)
#undef RESULT
        FETCH_N_RESULTS
};
const char *fetch_result_name(enum fetch_result result);
const char *fetch_result_text(enum fetch_result result);

struct fetcher_conf {
    struct loop *loop;
    upstream_guard *guard; /* may this address be connected to? */
    bool (*takes_name)(struct slice host);
    void *guard_ctx;
    const char *ca_file;  /* "" = the system's authorities */
    size_t max_bytes;     /* of all files that are held */
    uint32_t max_running; /* fetches at a time */
};
/* Nothing is opened before the first fetch. */
struct fetcher *fetcher_new(const struct fetcher_conf *conf);
/* All fetches must be freed. */
void fetcher_free(struct fetcher **fetcher);

struct fetch_request {
    struct slice url; /* copied */
    size_t max_bytes;
    size_t *left; /* what several fetches may have together: bytes are taken from it */
    int64_t deadline_us;
    /* May so many bytes more be held for data? False: FETCH_NO_ROOM. NULL: whatever there is. */
    bool (*may_hold)(void *data, size_t n);
    /* Once, when a running fetch has its result; it may be freed from here. */
    void (*on_end)(void *data);
    void *data;
};

/* Its result may be there at once: no on_end comes then. */
struct fetch *fetch_start(struct fetcher *fetcher, const struct fetch_request *request);
/* Stops it if it runs; no event follows. */
void fetch_free(struct fetch **fetch);

enum fetch_result fetch_result(const struct fetch *fetch);
/* Of FETCH_OK; good until fetch_free(). The type is what the host says it is, lower case, without
 * parameters; may be empty. */
struct slice fetch_bytes(const struct fetch *fetch);
const char *fetch_type(const struct fetch *fetch);

#endif
