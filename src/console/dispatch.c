/* SPDX-License-Identifier: ISC */
#include "dispatch.h"

#include "answer.h"
#include "assets.h"
#include "body.h"
#include "console.h"
#include "identity.h"
#include "metrics.h"

static void dispatch(struct call *call);
static void dispatch_api(struct call *call, struct slice path);
static bool find_row(struct call *call, struct slice path);
static void answer_methods(struct call *call, struct slice path);
static bool may(struct call *call);
static bool is_reading(struct slice method);

void
dispatch_request(void *ctx, struct exchange *exchange, const struct http_request *http)
{
    struct call *call = call_new(ctx, exchange, http);

    call_hold(call); /* an answer may end it */
    dispatch(call);
    call_release(call);
}

static void
dispatch(struct call *call)
{
    struct slice path = call->http.path;

    identity_place(call);
    if (!identity_host(call))
        return;
    if (slice_eq_str(path, API_PREFIX) || slice_starts_with(path, SLICE_LIT(API_PREFIX "/")))
        dispatch_api(call, slice_sub(path, sizeof(API_PREFIX) - 1, path.len));
    else if (slice_eq_str(path, METRICS_PATH))
        dispatch_api(call, path);
    else if (is_reading(call->http.method))
        assets_answer(call);
    else
        answer_problem(call, 405, "method", NULL, "pages are only read");
}

/* In this order: what there is, who asks, whether they may, whether they mean it, what they say. */
static void
dispatch_api(struct call *call, struct slice path)
{
    if (!find_row(call, path) || !identity_find(call) || !may(call))
        return;
    if (!is_reading(call->http.method) && (!identity_is_intended(call) || !call_read_body(call)))
        return;
    if (!call_read_query(call) || (call->body != NULL && !body_check(call)))
        return;
    if (is_reading(call->http.method) || repeat_begin(call))
        call->row->handler(call);
}

static bool
find_row(struct call *call, struct slice path)
{
    struct slice method = call->http.method;
    bool has_path;

    if (slice_eq_str(method, "HEAD"))
        method = SLICE_LIT("GET");
    call->row = api_find(method, path, call->ids, &has_path);
    if (call->row != NULL)
        return true;
    if (has_path)
        answer_methods(call, path);
    else
        answer_missing(call);
    return false;
}

static void
answer_methods(struct call *call, struct slice path)
{
    char methods[API_METHODS_SIZE];

    api_methods(path, methods);
    answer_header(call, "allow", "%s", methods);
    if (slice_eq_str(call->http.method, "OPTIONS"))
        answer_out(call, 204, NULL);
    else
        answer_problem(call, 405, "method", NULL, "that cannot be done with it");
}

static bool
may(struct call *call)
{
    if (call->role >= call->row->role || (call->role == USER_NOBODY && metrics_is_open_to(call)))
        return true;
    if (call->role == USER_NOBODY)
        answer_problem(call, 401, "signed_out", NULL,
                       "sign in first; scripts send an admin key, as Authorization: Bearer");
    else
        answer_problem(call, 403, "forbidden", NULL, "that is for %ss",
                       call->row->role == USER_ADMIN ? "admin" : "operator");
    return false;
}

static bool
is_reading(struct slice method)
{
    return slice_eq_str(method, "GET") || slice_eq_str(method, "HEAD");
}
