/* SPDX-License-Identifier: ISC
 *
 * fault - what a request asks the mock to do wrong, or to report: a list of NAME[=VALUE] separated
 * by ',' or '!'. It may stand in three places:
 *
 *     the model name        "gpt-4.1-mini!status=429,retry-after=7"
 *     the last user text    "hello !mock:status=500"       (up to white space)
 *     a header              x-mock-fault: cut=3
 *
 * Unless said otherwise an N counts stream events; without N the fault comes before the first.
 *
 *   status=CODE         error of that status in the provider's shape; with retry-after=TEXT
 *                       ('+' for a space, ';' for a comma), code=TEXT (error.code), html (a body no
 *                       API would send), echo-key (its message repeats the key it was asked with)
 *   reset, close        the connection ends before any answer
 *   stall[=N]           silence (the connection stays open)
 *   head                the head of an answer, then silence
 *   only-comments=MS    a stream of SSE comments so far apart, and nothing else
 *   cut=N, rst=N        the connection ends (FIN, RST) after N events; plain: in mid-body
 *   eof=N               the stream ends cleanly after N events, without its final events
 *   garbage[=N]         bytes that are not what the protocol says
 *   error-event[=N]     an error event; error-200: an error body inside a 200
 *   slow=MS, pace=MS    before the first byte, between events
 *   token=MS            between the start frames of a stream and the first piece of its text
 *   split=BYTES         written in pieces of so many bytes, a millisecond (or pace) apart
 *   crlf, comments      line ends; SSE comments, ids and empty data between the events, a trailer,
 *                       and another spelling of the content type
 *   chunked, until-eof  a plain body without Content-Length
 *   plain               a plain answer, though events were asked for
 *   drop                the connection closes after the answer without having said so
 *   redirect, gzip, bad-head, big-head   answers that no gateway should pass on
 *   no-usage, bad-usage=negative|huge|text|float|null|2^63|1e300|list|object|true|twice|parts|half
 *   in=N out=N cached=N cache-write=N reasoning=N      the usage reported
 *   chunks=N, size=BYTES  pieces and length of the text; tools=N calls that many tools
 *   flex                was served in that service tier (chat, Responses)
 *   floats, packed      vectors are written so, whatever was asked for (embeddings)
 *   strict              what the real API would refuse is refused (validate.h)
 *   long-id             a response's id is far too long in the end (Responses)
 *   open                it thinks in the open (chat: reasoning_content)
 *   read=PATH           of the tools that is called which reads files, for that one (reading.h)
 */
#ifndef MOCK_FAULT_H
#define MOCK_FAULT_H

#include <stddef.h>

/* FAULT(name as written, member): whole numbers; -1 = not said, 0 = said without a value. */
#define FAULTS(FAULT)                                                                              \
    FAULT("echo-key", echo_key)                                                                    \
    FAULT("status", status)                                                                        \
    FAULT("html", html)                                                                            \
    FAULT("reset", reset)                                                                          \
    FAULT("close", close)                                                                          \
    FAULT("percent", percent)                                                                      \
    FAULT("head", head)                                                                            \
    FAULT("only-comments", only_comments)                                                          \
    FAULT("token", token)                                                                          \
    FAULT("stall", stall)                                                                          \
    FAULT("cut", cut)                                                                              \
    FAULT("rst", rst)                                                                              \
    FAULT("eof", eof)                                                                              \
    FAULT("garbage", garbage)                                                                      \
    FAULT("error-event", error_event)                                                              \
    FAULT("error-200", error_200)                                                                  \
    FAULT("slow", slow)                                                                            \
    FAULT("pace", pace)                                                                            \
    FAULT("split", split)                                                                          \
    FAULT("crlf", crlf)                                                                            \
    FAULT("comments", comments)                                                                    \
    FAULT("chunked", chunked)                                                                      \
    FAULT("plain", plain)                                                                          \
    FAULT("until-eof", until_eof)                                                                  \
    FAULT("drop", drop)                                                                            \
    FAULT("redirect", redirect)                                                                    \
    FAULT("gzip", gzip)                                                                            \
    FAULT("bad-head", bad_head)                                                                    \
    FAULT("big-head", big_head)                                                                    \
    FAULT("no-usage", no_usage)                                                                    \
    FAULT("in", in)                                                                                \
    FAULT("out", out)                                                                              \
    FAULT("cached", cached)                                                                        \
    FAULT("cache-write", cache_write)                                                              \
    FAULT("reasoning", reasoning)                                                                  \
    FAULT("chunks", chunks)                                                                        \
    FAULT("size", size)                                                                            \
    FAULT("tools", tools)                                                                          \
    FAULT("flex", flex)                                                                            \
    FAULT("floats", floats)                                                                        \
    FAULT("packed", packed)                                                                        \
    FAULT("strict", strict)                                                                        \
    FAULT("long-id", long_id)                                                                      \
    FAULT("open", open)

struct fault {
#define FAULT(name, member) long member;
    FAULTS(FAULT)
#undef FAULT
    char retry_after[64]; /* "" = not said */
    char code[64];
    char bad_usage[16];
    char read[256];
};

void fault_init(struct fault *fault);
/* Add what a list says; unknown names are ignored. */
void fault_parse(struct fault *fault, const char *list, size_t len);

#endif
