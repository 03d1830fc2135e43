/* SPDX-License-Identifier: ISC */
#include "oidc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "console.h"
#include "cookie.h"
#include "errand.h"
#include "oidc_account.h"
#include "oidc_message.h"
#include "relayos/base/clock.h"
#include "relayos/base/log.h"
#include "relayos/base/mem.h"
#include "relayos/base/secret.h"

#define COOKIE    "relayos-oidc"
#define MAX_FLOWS 16   /* that wait for the provider */
#define N_SPENT   1024 /* states that came back */
#define MAX_URL   8192

struct oidc {
    struct console *console;
    const struct conf_oidc *conf;
    struct hash_hmac *key; /* of passages: from the pepper, so that they outlive this process */
    struct provider provider;
    char redirect_uri[CONF_PATH_SIZE + sizeof(OIDC_CALLBACK_PATH)];
    struct flow *flows;
    unsigned n_flows, n_spent;
    uint8_t spent[N_SPENT][PASSAGE_SEED_SIZE]; /* a ring */
};

/* A call that waits for the provider. */
struct flow {
    struct oidc *oidc;
    struct call *call;
    struct errand *errand; /* the one at a time, and what comes then */
    void (*step)(struct flow *flow);
    struct passage passage;
    struct tree *tokens; /* what the code was changed for */
    bool is_back, has_tried;
    struct flow *next;
};

static struct flow *begin(struct call *call);
static void end(struct flow *flow);
static void leave(struct flow *flow);
static bool is_said_once(const struct call *call);
static bool take_passage(struct flow *flow);
static bool spend(struct oidc *oidc, const struct passage *passage);
static bool may_try(struct flow *flow);
static void forgive(const struct flow *flow);
static void change_code(struct flow *flow);
static void on_tokens(void *ctx, const struct errand_answer *answer);
static void check_token(struct flow *flow);
static void with_provider(struct flow *flow, void (*step)(struct flow *flow));
static void on_provider(void *ctx, const struct errand_answer *answer);
static void with_keys(struct flow *flow, void (*step)(struct flow *flow));
static void fetch_keys(struct flow *flow);
static void on_keys(void *ctx, const struct errand_answer *answer);
static void look_up(struct flow *flow, const char *url,
                    void (*on_end)(void *ctx, const struct errand_answer *answer));
static void send(struct flow *flow, const struct errand_request *request);
static bool is_read(struct flow *flow, const char *what, const struct errand_answer *answer);
static int64_t now_of(const struct oidc *oidc);
static bool is_whole(struct flow *flow, const char *what, const struct errand_answer *answer);
static void fail(struct flow *flow, const char *error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct oidc *
oidc_new(struct console *console)
{
    const struct conf *conf = console->conf;
    uint8_t bytes[HASH_DIGEST_SIZE];
    char base[CONF_PATH_SIZE];
    struct oidc *oidc;

    if (conf->oidc.issuer[0] == '\0')
        return NULL;
    oidc = mem_zalloc(sizeof(*oidc));
    oidc->console = console;
    oidc->conf = &conf->oidc;
    hash_derive(console->heritage->pepper, "console sign-in by a provider", bytes);
    struct secret *key = secret_new(bytes, sizeof(bytes));
    oidc->key = hash_hmac_new(key);
    secret_free(&key);
    secret_wipe(bytes, sizeof(bytes));
    conf_console_url(&conf->console, conf->console.port, base, sizeof(base));
    snprintf(oidc->redirect_uri, sizeof(oidc->redirect_uri), "%s" OIDC_CALLBACK_PATH,
             console->origin[0] != '\0' ? console->origin : base);
    return oidc;
}

void
oidc_free(struct oidc **oidc)
{
    struct oidc *o = *oidc;

    if (o == NULL)
        return;
    while (o->flows != NULL) {
        answer_err(o->flows->call, ERR_BUSY, SLICE_LIT("the console ends"));
        end(o->flows);
    }
    *oidc = NULL;
    provider_fini(&o->provider);
    hash_hmac_free(&o->key);
    free(o);
}

/* NULL: answered. */
static struct flow *
begin(struct call *call)
{
    struct oidc *oidc = call->console->oidc;

    if (oidc == NULL) {
        answer_missing(call);
        return NULL;
    }
    if (oidc->n_flows == MAX_FLOWS) {
        oidc_refuse(call, "busy", "", "many sign in at the moment");
        return NULL;
    }
    struct flow *flow = mem_zalloc(sizeof(*flow));
    flow->oidc = oidc;
    flow->call = call;
    flow->next = oidc->flows;
    oidc->flows = flow;
    oidc->n_flows++;
    call_hold(call);
    return flow;
}

static void
end(struct flow *flow)
{
    struct flow **at = &flow->oidc->flows;

    while (*at != flow)
        at = &(*at)->next;
    *at = flow->next;
    flow->oidc->n_flows--;
    errand_free(&flow->errand);
    tree_free(&flow->tokens);
    call_release(flow->call);
    secret_wipe(&flow->passage, sizeof(flow->passage));
    free(flow);
}

/* ---- away ---- */

void
oidc_start(struct call *call)
{
    struct flow *flow = begin(call);

    if (flow == NULL)
        return;
    if (passage_begin(flow->oidc->key, call_query(call, "to"), clock_real_us(), &flow->passage) !=
        0)
        fail(flow, "failed", "nothing random can be had");
    else
        with_provider(flow, leave);
}

static void
leave(struct flow *flow)
{
    struct oidc *oidc = flow->oidc;
    const struct oidc_message message = {oidc->conf, &oidc->provider, oidc->redirect_uri};
    char sealed[PASSAGE_SEALED_SIZE];
    struct buf url;

    buf_init(&url, MAX_URL);
    oidc_message_authorize(&message, &flow->passage, &url);
    assert(!url.overflow);
    passage_seal(oidc->key, &flow->passage, sealed);
    /* Lax: it has to come back with the browser, which another site sends. */
    cookie_set(flow->call, COOKIE, sealed, PASSAGE_LIFE_US, COOKIE_LAX);
    answer_redirect(flow->call, buf_slice(&url));
    buf_fini(&url);
    end(flow);
}

/* ---- and back ---- */

void
oidc_callback(struct call *call)
{
    struct flow *flow = begin(call);
    struct slice error = call_query(call, "error"), issuer = call_query(call, "iss");

    if (flow == NULL)
        return;
    flow->is_back = true;
    if (!is_said_once(call)) {
        fail(flow, "failed", "the answer says a thing twice");
    } else if (!take_passage(flow)) {
        fail(flow, "failed", "no sign-in of this browser comes back by that, or not any more");
    } else if (issuer.len > 0 && !slice_eq_str(issuer, flow->oidc->conf->issuer)) {
        fail(flow, "failed", "the answer is of another provider");
    } else if (slice_eq_str(error, "access_denied")) {
        fail(flow, "denied", "the provider says access_denied");
    } else if (error.len > 0 || call_query(call, "code").len == 0) {
        fail(flow, "failed", "the provider says \"%.*s\"", (int)(error.len < 64 ? error.len : 64),
             error.len == 0 ? "" : error.ptr);
    } else if (!may_try(flow)) {
        fail(flow, "busy", "too many attempts failed");
    } else {
        with_provider(flow, change_code);
    }
}

static bool
is_said_once(const struct call *call)
{
    static const char *const names[] = {"state", "code", "iss", "error"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        unsigned n = 0;

        for (size_t k = 0; k < call->n_params; k++)
            n += slice_eq_str(call->params[k].name, names[i]);
        if (n > 1)
            return false;
    }
    return true;
}

/* The browser's own, once. */
static bool
take_passage(struct flow *flow)
{
    struct call *call = flow->call;
    struct slice sealed;

    if (!cookie_find(call, COOKIE, &sealed) ||
        !passage_open(flow->oidc->key, sealed, clock_real_us(), &flow->passage) ||
        !passage_is_state(&flow->passage, call_query(call, "state")))
        return false;
    cookie_set(call, COOKIE, "", 0, COOKIE_LAX);
    return spend(flow->oidc, &flow->passage);
}

static bool
spend(struct oidc *oidc, const struct passage *passage)
{
    for (unsigned n = 0; n < N_SPENT && n < oidc->n_spent; n++) {
        if (memcmp(oidc->spent[n], passage->seed, PASSAGE_SEED_SIZE) == 0)
            return false;
    }
    memcpy(oidc->spent[oidc->n_spent++ % N_SPENT], passage->seed, PASSAGE_SEED_SIZE);
    return true;
}

/* A code that is made up costs the provider a question: by address, as guessed passwords. */
static bool
may_try(struct flow *flow)
{
    return throttle_take(flow->oidc->console->throttle, THROTTLE_ADDRESS,
                         slice_str(flow->call->address), now_of(flow->oidc)) <= 0;
}

static void
forgive(const struct flow *flow)
{
    throttle_forgive(flow->oidc->console->throttle, THROTTLE_ADDRESS,
                     slice_str(flow->call->address), now_of(flow->oidc));
}

static void
change_code(struct flow *flow)
{
    struct oidc *oidc = flow->oidc;
    const struct oidc_message message = {oidc->conf, &oidc->provider, oidc->redirect_uri};
    struct buf form, authorization;

    if (oidc->provider.tells_issuer && call_query(flow->call, "iss").len == 0) {
        fail(flow, "failed", "the answer does not say which provider it is of");
        return;
    }
    buf_init(&form, MAX_URL);
    buf_init(&authorization, MAX_URL);
    oidc_message_token(&message, &flow->passage, call_query(flow->call, "code"), &form,
                       &authorization);
    const struct errand_request request = {
        .url = oidc->provider.token_endpoint,
        .ca_file = oidc->conf->ca_file,
        .form = buf_slice(&form),
        .authorization = buf_slice(&authorization),
        .on_end = on_tokens,
        .ctx = flow,
    };
    if (form.overflow || authorization.overflow)
        fail(flow, "failed", "the code is too long");
    else
        send(flow, &request);
    buf_fini(&form);
    buf_fini(&authorization);
}

static void
on_tokens(void *ctx, const struct errand_answer *answer)
{
    struct flow *flow = ctx;

    flow->tokens = tree_parse(answer->body);
    if (answer->failure == NULL && answer->status >= 400 && answer->status < 500) {
        if (strcmp(tree_text(flow->tokens, "error"), "invalid_grant") != 0)
            forgive(flow); /* it does not take us */
        fail(flow, "failed", "the provider does not take the code: %.64s",
             tree_text(flow->tokens, "error"));
        return;
    }
    if (!is_whole(flow, "token endpoint", answer))
        return;
    errand_free(&flow->errand);
    if (tree_text(flow->tokens, "id_token")[0] == '\0')
        fail(flow, "failed", "the provider's answer has no id_token");
    else
        with_keys(flow, check_token);
}

static void
check_token(struct flow *flow)
{
    struct oidc *oidc = flow->oidc;
    const char *access_token = tree_text(flow->tokens, "access_token");
    const struct id_token_wants wants = {
        .issuer = oidc->conf->issuer,
        .client_id = oidc->conf->client_id,
        .nonce = flow->passage.nonce,
        .now_s = clock_real_us() / 1000000,
        .access_token = access_token[0] == '\0' ? NULL : access_token,
        .claim = oidc->conf->claim,
    };
    struct id_token token;
    struct errmsg why;
    int rc = id_token_verify(slice_str(tree_text(flow->tokens, "id_token")), oidc->provider.keys,
                             &wants, &token, &why);

    if (rc == ERR_MISSING && !flow->has_tried &&
        provider_may_ask_again(&oidc->provider, now_of(oidc))) {
        flow->has_tried = true;
        flow->step = check_token;
        fetch_keys(flow);
    } else if (rc != 0) {
        fail(flow, "failed", "%s", why.text);
    } else {
        forgive(flow);
        oidc_account_enter(flow->call, &token, flow->passage.to);
        end(flow);
    }
}

/* ---- the provider ---- */

static void
with_provider(struct flow *flow, void (*step)(struct flow *flow))
{
    struct oidc *oidc = flow->oidc;
    struct buf url;

    flow->step = step;
    if (provider_is_known(&oidc->provider, now_of(oidc))) {
        step(flow);
        return;
    }
    buf_init(&url, PROVIDER_URL_SIZE);
    provider_write_url(oidc->conf->issuer, &url);
    buf_append_byte(&url, '\0');
    look_up(flow, url.ptr, on_provider);
    buf_fini(&url);
}

static void
on_provider(void *ctx, const struct errand_answer *answer)
{
    struct flow *flow = ctx;
    struct oidc *oidc = flow->oidc;
    struct errmsg why;

    if (!is_read(flow, "discovery", answer))
        return;
    int rc = provider_take(&oidc->provider, oidc->conf->issuer, answer->body, now_of(oidc), &why);
    errand_free(&flow->errand);
    if (rc != 0)
        fail(flow, "failed", "%s", why.text);
    else
        flow->step(flow);
}

static void
with_keys(struct flow *flow, void (*step)(struct flow *flow))
{
    flow->step = step;
    if (provider_has_keys(&flow->oidc->provider, now_of(flow->oidc)))
        step(flow);
    else
        fetch_keys(flow);
}

static void
fetch_keys(struct flow *flow)
{
    look_up(flow, flow->oidc->provider.jwks_uri, on_keys);
}

static void
on_keys(void *ctx, const struct errand_answer *answer)
{
    struct flow *flow = ctx;
    struct errmsg why;

    if (!is_read(flow, "keys", answer))
        return;
    int rc = provider_take_keys(&flow->oidc->provider, answer->body, now_of(flow->oidc), &why);
    errand_free(&flow->errand);
    if (rc != 0)
        fail(flow, "failed", "%s", why.text);
    else
        flow->step(flow);
}

/* What all sign-ins need: one that fails at it asks for a while for all of them. */
static void
look_up(struct flow *flow, const char *url,
        void (*on_end)(void *ctx, const struct errand_answer *answer))
{
    const struct oidc *oidc = flow->oidc;

    if (provider_is_resting(&oidc->provider, now_of(oidc)))
        fail(flow, "busy", "the provider has failed a moment ago");
    else
        send(flow, &(struct errand_request){
                       .url = url, .ca_file = oidc->conf->ca_file, .on_end = on_end, .ctx = flow});
}

static void
send(struct flow *flow, const struct errand_request *request)
{
    assert(flow->errand == NULL);
    if ((flow->errand = errand_start(flow->oidc->console, request)) == NULL)
        fail(flow, "failed", "%s cannot be asked", request->url);
}

static int64_t
now_of(const struct oidc *oidc)
{
    return loop_now_us(oidc->console->loop);
}

static bool
is_read(struct flow *flow, const char *what, const struct errand_answer *answer)
{
    if (answer->failure != NULL || answer->status != 200)
        flow->oidc->provider.failed_us = now_of(flow->oidc);
    return is_whole(flow, what, answer);
}

/* false: failed, by no fault of the browser's. */
static bool
is_whole(struct flow *flow, const char *what, const struct errand_answer *answer)
{
    if (answer->failure == NULL && answer->status == 200)
        return true;
    if (flow->is_back)
        forgive(flow);
    if (answer->failure != NULL)
        fail(flow, "failed", "the provider's %s: %s", what, answer->failure);
    else
        fail(flow, "failed", "the provider's %s answers %d", what, answer->status);
    return false;
}

/* ---- the end of those that lead nowhere ---- */

static void
fail(struct flow *flow, const char *error, const char *format, ...)
{
    struct errmsg reason;
    va_list args;

    va_start(args, format);
    vsnprintf(reason.text, sizeof(reason.text), format, args);
    va_end(args);
    oidc_refuse(flow->call, error, flow->passage.to, reason.text);
    end(flow);
}

void
oidc_refuse(struct call *call, const char *error, const char *to, const char *reason)
{
    struct buf path;

    log_warn("console.sign_in_failed", "address=%s provider=\"%s\" reason=\"%s\"", call->address,
             call->console->conf->oidc.issuer, reason);
    buf_init(&path, 4 * PASSAGE_TO_SIZE);
    oidc_message_add(&path, "/signin?error", slice_str(error));
    if (to[0] != '\0')
        oidc_message_add(&path, "&to", slice_str(to));
    answer_redirect(call, buf_slice(&path));
    buf_fini(&path);
}
