/* SPDX-License-Identifier: ISC
 *
 * faults - what upstreams do wrong (tools/mock/fault.h), for tests that try all of it.
 */
#ifndef SUPPORT_FAULTS_H
#define SUPPORT_FAULTS_H

#include <stdbool.h>

enum faults_end {
    FAULTS_HARMLESS, /* an answer like others */
    FAULTS_MOVE,     /* the next route answers */
    FAULTS_STAY,     /* it is the caller's own: he is told */
    FAULTS_ANYHOW,   /* one of these two, as protocols have words for it */
    FAULTS_LATE,     /* streams: before or after content, as protocols have it */
};

static const struct faults_row {
    const char *fault;
    enum faults_end end;
    bool is_of_credential;
    bool is_slow;       /* only a timeout ends it */
    bool is_of_streams; /* a plain answer is like others */
} faults[] = {
    {"comments", FAULTS_HARMLESS, false, false, false},
    {"comments,chunked", FAULTS_HARMLESS, false, false, false},
    {"comments,crlf", FAULTS_HARMLESS, false, false, false},
    {"chunked", FAULTS_HARMLESS, false, false, false},
    {"until-eof", FAULTS_HARMLESS, false, false, false},
    {"reasoning=3", FAULTS_HARMLESS, false, false, false},
    {"tools=2", FAULTS_HARMLESS, false, false, false},
    {"status=400", FAULTS_STAY, false, false, false},
    {"status=400,html", FAULTS_STAY, false, false, false},
    {"status=400,code=canary_code", FAULTS_STAY, false, false, false},
    {"status=400,code=context_length_exceeded", FAULTS_STAY, false, false, false},
    {"status=400,code=content_policy_violation", FAULTS_STAY, false, false, false},
    {"status=400,code=insufficient_quota", FAULTS_ANYHOW, true, false, false},
    {"status=401", FAULTS_MOVE, true, false, false},
    {"status=402", FAULTS_MOVE, true, false, false},
    {"status=403,html", FAULTS_MOVE, true, false, false},
    {"status=404", FAULTS_MOVE, false, false, false},
    {"status=413", FAULTS_STAY, false, false, false},
    {"status=418", FAULTS_MOVE, false, false, false},
    {"status=422", FAULTS_STAY, false, false, false},
    {"status=429,retry-after=3", FAULTS_MOVE, true, false, false},
    {"status=429,retry-after=canary", FAULTS_MOVE, true, false, false},
    {"status=500", FAULTS_MOVE, false, false, false},
    {"status=500,html", FAULTS_MOVE, false, false, false},
    {"status=503,retry-after=3", FAULTS_MOVE, false, false, false},
    {"status=529", FAULTS_MOVE, false, false, false},
    {"redirect", FAULTS_MOVE, false, false, false},
    {"redirect,status=307", FAULTS_MOVE, false, false, false},
    {"error-200", FAULTS_MOVE, false, false, false},
    {"error-event", FAULTS_MOVE, false, false, true},
    {"error-event=1", FAULTS_LATE, false, false, false},
    {"error-event=5", FAULTS_LATE, false, false, false},
    {"garbage", FAULTS_MOVE, false, false, false},
    {"garbage=1", FAULTS_LATE, false, false, false},
    {"garbage=5", FAULTS_LATE, false, false, false},
    {"cut=1", FAULTS_LATE, false, false, false},
    {"cut=5", FAULTS_LATE, false, false, false},
    {"rst=5", FAULTS_LATE, false, false, false},
    {"eof=5", FAULTS_LATE, false, false, false},
    {"plain", FAULTS_MOVE, false, false, true},
    {"gzip", FAULTS_MOVE, false, false, false},
    {"bad-head", FAULTS_MOVE, false, false, false},
    {"big-head", FAULTS_MOVE, false, false, false},
    {"head", FAULTS_MOVE, false, true, false},
    {"stall=5", FAULTS_LATE, false, true, false},
    {"only-comments=50", FAULTS_MOVE, false, true, true},
};
#define N_FAULTS (sizeof faults / sizeof *faults)

#endif
