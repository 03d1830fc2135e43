/* SPDX-License-Identifier: ISC
 *
 * fault - from what happened to a category.
 */
#include "fault.h"

#include <assert.h>
#include <stdio.h>

#include "redact.h"
#include "verdict.h"

struct fault
fault_of_report(const struct upstream_report *report)
{
    static const enum err_category categories[] = {
        [UPSTREAM_RESOLVE] = ERR_CATEGORY_UPSTREAM_ERROR,
        [UPSTREAM_CONNECT] = ERR_CATEGORY_UPSTREAM_ERROR,
        [UPSTREAM_FORBIDDEN] = ERR_CATEGORY_UPSTREAM_ERROR,
        [UPSTREAM_CONNECT_TIMEOUT] = ERR_CATEGORY_CONNECT_TIMEOUT,
        [UPSTREAM_TLS] = ERR_CATEGORY_UPSTREAM_ERROR,
        [UPSTREAM_TLS_TIMEOUT] = ERR_CATEGORY_TLS_TIMEOUT,
        [UPSTREAM_NO_CONNECTION] = ERR_CATEGORY_OVERLOADED,
        [UPSTREAM_RESET] = ERR_CATEGORY_UPSTREAM_ERROR,
        [UPSTREAM_FIRST_BYTE_TIMEOUT] = ERR_CATEGORY_FIRST_BYTE_TIMEOUT,
        [UPSTREAM_IDLE_TIMEOUT] = ERR_CATEGORY_IDLE_TIMEOUT,
        [UPSTREAM_TOTAL_TIMEOUT] = ERR_CATEGORY_TOTAL_TIMEOUT,
        [UPSTREAM_CUT] = ERR_CATEGORY_UPSTREAM_ERROR,
        [UPSTREAM_BAD_ANSWER] = ERR_CATEGORY_UPSTREAM_ERROR,
    };

    assert(report->result != UPSTREAM_OK);
    return (struct fault){.category = categories[report->result],
                          .outcome = report->was_sent ? ATTEMPT_UNCERTAIN : ATTEMPT_FAILED,
                          .note = slice_str(upstream_result_name(report->result))};
}

struct fault
fault_of_silence(const struct upstream_report *report)
{
    return (struct fault){.category = ERR_CATEGORY_FIRST_TOKEN_TIMEOUT,
                          .outcome = report->was_sent ? ATTEMPT_UNCERTAIN : ATTEMPT_FAILED,
                          .note = SLICE_LIT("no content in time")};
}

struct fault
fault_of_reply(const struct reply_facts *facts, enum attempt_outcome outcome)
{
    /* A stream that was cut: whether a caller's is, too, only relay.c knows. */
    if (!facts->is_error || facts->category == ERR_CATEGORY_STREAM_INTERRUPTED)
        return (struct fault){.category = ERR_CATEGORY_UPSTREAM_ERROR,
                              .outcome = outcome,
                              .note = SLICE_LIT("not an answer of this protocol, or cut short")};

    struct fault fault = {.category = facts->category,
                          .outcome = ATTEMPT_FAILED,
                          .refusal = facts->refusal,
                          .is_askers_own = facts->is_askers_own,
                          .param = facts->error_param,
                          .note = facts->error_text};
    if (facts->category == ERR_CATEGORY_UPSTREAM_TIMEOUT)
        fault.detail = "its provider gave up";
    return fault;
}

void
fault_describe(const struct fault *fault, const struct slice *credential,
               struct refusal_reason *out)
{
    const char *param = out->param;

    out->param[0] = '\0';
    if (credential != NULL)
        redact_copy_without(out->param, sizeof(out->param), fault->param, *credential);
    if (fault->detail != NULL)
        snprintf(out->detail, sizeof(out->detail), "%s", fault->detail);
    else if (fault->category != ERR_CATEGORY_INVALID_REQUEST)
        snprintf(out->detail, sizeof(out->detail), "%s", param);
    else
        snprintf(out->detail, sizeof(out->detail), "the provider rejected %s",
                 param[0] != '\0' ? param : "it");
}

void
fault_note(const struct fault *fault, const struct slice *credential, unsigned status, char *out,
           size_t size)
{
    if (credential != NULL)
        redact_copy_without(out, size, fault->note, *credential);
    else
        snprintf(out, size, "status %u; its words may hold a credential of before two reloads",
                 status);
}

bool
fault_may_fail_over(enum err_category category)
{
    return verdict_is_route_fault(category) || category == ERR_CATEGORY_UPSTREAM_RATE_LIMITED ||
           category == ERR_CATEGORY_UPSTREAM_UNAVAILABLE || category == ERR_CATEGORY_OVERLOADED ||
           category == ERR_CATEGORY_NOT_FOUND; /* an endpoint that it has not (relay.c) */
}

bool
fault_may_fall_back(enum err_category category)
{
    return fault_may_fail_over(category) || category == ERR_CATEGORY_CONTEXT_LENGTH_EXCEEDED ||
           category == ERR_CATEGORY_CONTENT_REFUSED;
}
