/* SPDX-License-Identifier: ISC
 *
 * generationConfig: how Gemini is to answer (protocols.md 7.5, 7.6).
 */
#include "gemini_request.h"

#define MAX_STOPS 5

/* Tokens of thought by effort, and efforts by tokens. */
static const int64_t budgets[] = {
    [NEUTRAL_EFFORT_NONE] = 0,      [NEUTRAL_EFFORT_MINIMAL] = 512, [NEUTRAL_EFFORT_LOW] = 1024,
    [NEUTRAL_EFFORT_MEDIUM] = 8192, [NEUTRAL_EFFORT_HIGH] = 24576,  [NEUTRAL_EFFORT_XHIGH] = 32768,
    [NEUTRAL_EFFORT_MAX] = 32768,
};
#define LEAST_BUDGET 128 /* of a model that cannot but think */

static void write_limits(struct gemini_request *g);
static void write_sampling(struct gemini_request *g);
static void write_number(struct gemini_request *g, const char *key, struct slice number);
static void write_format(struct gemini_request *g);
static void write_thinking(struct gemini_request *g);
static void write_budget(struct gemini_request *g);
static void write_level(struct gemini_request *g);
static enum neutral_effort effort_of(const struct neutral_request *request);

void
gemini_config_write(struct gemini_request *g)
{
    struct buf *buf = g->json.buf;
    const struct json_out before = g->json;
    const size_t start = buf->len;

    json_out_object(&g->json, "generationConfig");
    const size_t empty = buf->len;
    write_limits(g);
    write_sampling(g);
    write_format(g);
    write_thinking(g);
    json_out_end_object(&g->json);
    if (buf->len == empty + 1) { /* nothing but the bracket */
        buf->len = start;
        g->json = before;
    }
}

static void
write_limits(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    int64_t most = g->max_output_tokens, wanted = request->max_tokens;

    if (wanted > 0)
        json_out_int(&g->json, "maxOutputTokens", most > 0 && wanted > most ? most : wanted);
    if (request->n_choices > 1)
        json_out_int(&g->json, "candidateCount", request->n_choices);
    if (request->n_stops == 0)
        return;
    if (request->n_stops > MAX_STOPS)
        translate_drop(g->dropped, "stop");
    json_out_array(&g->json, "stopSequences");
    for (uint32_t i = 0; i < request->n_stops && i < MAX_STOPS; i++)
        json_out_raw_string(&g->json, NULL, request->stops[i]);
    json_out_end_array(&g->json);
}

static void
write_sampling(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;

    write_number(g, "temperature", request->temperature);
    write_number(g, "topP", request->top_p);
    write_number(g, "topK", request->top_k);
    write_number(g, "seed", request->seed);
    write_number(g, "presencePenalty", request->presence_penalty);
    write_number(g, "frequencyPenalty", request->frequency_penalty);
    if (!request->wants_logprobs)
        return;
    json_out_bool(&g->json, "responseLogprobs", true);
    if (request->top_logprobs > 0)
        json_out_int(&g->json, "logprobs", request->top_logprobs);
}

static void
write_number(struct gemini_request *g, const char *key, struct slice number)
{
    if (number.len > 0)
        json_out_raw(&g->json, key, number);
}

/* Its own member for JSON Schema takes schemas as they are. */
static void
write_format(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;

    if (request->format == NEUTRAL_FORMAT_TEXT || gemini_request_asks_in_words(g))
        return;
    json_out_str(&g->json, "responseMimeType", "application/json");
    if (request->format == NEUTRAL_FORMAT_SCHEMA && request->format_schema.len > 0)
        json_out_raw(&g->json, "responseJsonSchema", request->format_schema);
}

static void
write_thinking(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    const bool is_asked = request->effort != NEUTRAL_EFFORT_UNSAID || request->thinking_budget > 0;
    const bool is_shown = request->wants_reasoning_text && request->effort != NEUTRAL_EFFORT_NONE;
    const enum capability_thinking how = g->capability->thinking;

    if (!is_asked && !is_shown)
        return;
    if (how != THINKING_GEMINI_BUDGET && how != THINKING_GEMINI_LEVEL) {
        if (is_asked && request->effort != NEUTRAL_EFFORT_NONE)
            translate_drop(g->dropped, "reasoning_effort");
        return;
    }
    json_out_object(&g->json, "thinkingConfig");
    if (is_shown)
        json_out_bool(&g->json, "includeThoughts", true);
    if (is_asked && how == THINKING_GEMINI_BUDGET)
        write_budget(g);
    else if (is_asked)
        write_level(g);
    json_out_end_object(&g->json);
}

static void
write_budget(struct gemini_request *g)
{
    const struct neutral_request *request = g->request;
    int64_t budget =
        request->thinking_budget > 0 ? request->thinking_budget : budgets[request->effort];
    const int64_t most = budgets[gemini_request_can(g, CAP_EFFORT_XHIGH) ? NEUTRAL_EFFORT_XHIGH
                                                                         : NEUTRAL_EFFORT_HIGH];

    if (budget < LEAST_BUDGET && !gemini_request_can(g, CAP_THINKING_OFF))
        budget = LEAST_BUDGET;
    json_out_int(&g->json, "thinkingBudget", budget > most ? most : budget);
}

static void
write_level(struct gemini_request *g)
{
    static const char *const levels[] = {
        [NEUTRAL_EFFORT_NONE] = "MINIMAL", [NEUTRAL_EFFORT_MINIMAL] = "MINIMAL",
        [NEUTRAL_EFFORT_LOW] = "LOW",      [NEUTRAL_EFFORT_MEDIUM] = "MEDIUM",
        [NEUTRAL_EFFORT_HIGH] = "HIGH",    [NEUTRAL_EFFORT_XHIGH] = "HIGH",
        [NEUTRAL_EFFORT_MAX] = "HIGH",
    };
    enum neutral_effort effort = effort_of(g->request);

    if (effort < NEUTRAL_EFFORT_LOW && !gemini_request_can(g, CAP_THINKING_OFF))
        effort = NEUTRAL_EFFORT_LOW;
    json_out_str(&g->json, "thinkingLevel", levels[effort]);
}

/* What was said, else what the budget comes to. */
static enum neutral_effort
effort_of(const struct neutral_request *request)
{
    enum neutral_effort effort = NEUTRAL_EFFORT_MINIMAL;

    if (request->effort != NEUTRAL_EFFORT_UNSAID)
        return request->effort;
    while (effort < NEUTRAL_EFFORT_MAX && budgets[effort] < request->thinking_budget)
        effort++;
    return effort;
}
