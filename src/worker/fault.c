/* SPDX-License-Identifier: ISC
 *
 * fault - from what happened to a category.
 */
#include "fault.h"

#include <assert.h>
#include <stdio.h>

#include "attempt.h"

struct fault
fault_of_report(const struct upstream_report *report)
{
    struct fault fault = {.category = ERR_CATEGORY_UPSTREAM_TIMEOUT,
                          .outcome = report->was_sent ? ATTEMPT_UNCERTAIN : ATTEMPT_FAILED,
                          .note = slice_str(upstream_result_name(report->result))};

    assert(report->result != UPSTREAM_OK);
    switch (report->result) {
    case UPSTREAM_CONNECT_TIMEOUT:
    case UPSTREAM_TLS_TIMEOUT:
        fault.detail = "no connection to its provider in time";
        break;
    case UPSTREAM_FIRST_BYTE_TIMEOUT:
        fault.detail = "it did not begin to answer";
        break;
    case UPSTREAM_IDLE_TIMEOUT:
        fault.detail = "it stopped before the end of its answer";
        break;
    case UPSTREAM_TOTAL_TIMEOUT:
        fault.detail = "the whole answer took too long";
        break;
    case UPSTREAM_NO_CONNECTION:
        fault.category = ERR_CATEGORY_OVERLOADED;
        break;
    case UPSTREAM_OK:
    case UPSTREAM_RESOLVE:
    case UPSTREAM_CONNECT:
    case UPSTREAM_TLS:
    case UPSTREAM_RESET:
    case UPSTREAM_CUT:
    case UPSTREAM_BAD_ANSWER:
        fault.category = ERR_CATEGORY_UPSTREAM_ERROR;
        break;
    }
    return fault;
}

struct fault
fault_of_reply(const struct reply_facts *facts, enum attempt_outcome outcome)
{
    if (!facts->is_error)
        return (struct fault){.category = ERR_CATEGORY_UPSTREAM_ERROR,
                              .outcome = outcome,
                              .note = SLICE_LIT("not an answer of this protocol, or cut short")};

    struct fault fault = {.category = facts->category,
                          .outcome = ATTEMPT_FAILED,
                          .param = facts->error_param,
                          .note = facts->error_text};
    if (facts->category == ERR_CATEGORY_UPSTREAM_TIMEOUT)
        fault.detail = "its provider gave up";
    return fault;
}

void
fault_describe(const struct fault *fault, char *out, size_t size)
{
    struct slice param = fault->param;

    if (fault->detail != NULL)
        snprintf(out, size, "%s", fault->detail);
    else if (fault->category != ERR_CATEGORY_INVALID_REQUEST)
        snprintf(out, size, "%.*s", (int)param.len, param.len > 0 ? param.ptr : "");
    else if (param.len > 0)
        snprintf(out, size, "the provider rejected %.*s", (int)param.len, param.ptr);
    else
        snprintf(out, size, "the provider rejected it");
}

bool
fault_may_fail_over(enum err_category category)
{
    return attempt_is_route_fault(category) || category == ERR_CATEGORY_OVERLOADED;
}

int
fault_parse_retry_after(struct slice value)
{
    int64_t seconds;

    if (text_int_parse(slice_trim(value), &seconds) != 0 || seconds < 0)
        return 0;
    if (seconds < 1)
        return 1;
    return seconds > FAULT_RETRY_S_MAX ? FAULT_RETRY_S_MAX : (int)seconds;
}
